// The memory domain whose channels answer late, as one object with its own event loop.
#pragma once

#include <memory>

#include "sim/mem/memory.h"

namespace npusim::mem {

/// Whether any port is a co-runner's.
bool has_corunners(const MemorySpec& spec);

/// Whether the domain below must run the spec: a memory answers late, or there are co-runners.
bool answers_late(const MemorySpec& spec);

/// Whether its shared SRAM does.
bool sram_answers_late(const MemorySpec& spec);

/// Runs ports and late targets ahead. The loop turns to whatever comes first: a port whose next request's
/// cycle is known issues it; where a port waits for an unknown response, its target takes decisions up to the
/// cycle before which nothing new can reach it. `spec` must have passed check().
std::unique_ptr<MemoryDomain> make_late_domain(const MemorySpec& spec);

}  // namespace npusim::mem
