// MidapSim's DRAM as a memory domain: one bus, a latency formula, weights before features, free writes.
#pragma once

#include <cstdint>
#include <memory>

#include "hw_models/midap/spec.h"
#include "sim/mem/memory.h"

namespace npusim::midap {

/// The memory ports, in the order of MemorySpec::ports.
enum class Port : std::uint8_t { wmem, fmem, bmmem, write };

/// Cycles from a request of `bytes` to its first data. Source: MidapSim's virtual_memory_manager.
std::int64_t request_latency(const LatencyModel& model, std::int64_t bytes);

/// The bus as MidapSim keeps it. A request for weights goes to the bus as soon as its latency is over and the
/// weights requested before are there, and pushes every feature or bias transfer that would end later; those
/// take the bus in the order of their requests.
///
/// A command's first cycle reads its operands at its end: a buffer that is valid at cycle V lets a command
/// start at V-1, which a flag set at V-2 does. And a request that a flag starts at cycle s+1 was made at
/// cycle s. So completions are reported two cycles before data is valid and latencies count from the cycle
/// before `at`, and MidapSim's totals come out to the cycle on a machine whose flags take a cycle.
///
/// Writes take one cycle and no place on the bus (MidapSim's INCLUDE_DRAM_WRITE = False).
std::unique_ptr<mem::MemoryDomain> make_published_memory(const LatencyModel& model, std::int64_t rate);

}  // namespace npusim::midap
