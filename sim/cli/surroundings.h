// What runs beside a chip on its memory, or replaces that memory: options of `npusim run`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "sim/mem/corunner.h"

namespace npusim::cli {

struct SurroundingOptions {
  std::vector<std::string> corunners;  ///< profiles' paths
  std::string loads;                   ///< "0,25,50"; empty: one run at 100 %
  std::string tlm_memory;              ///< a shared library
  std::string dram_trace;              ///< where to write the chip's DRAM requests
};
void add_surrounding_options(CLI::App& command, SurroundingOptions& options);

/// The percentages of --corunner-load, none when it was not given. Throws UserError for anything but a list
/// of integers from 0 to 1000, and when there is no co-runner.
std::vector<std::int64_t> corunner_loads(const SurroundingOptions& options);

/// The requests as a CSV in order of cycles, which mem::read_traffic_trace() reads.
std::string trace_csv(std::vector<mem::TracedAccess> requests);

/// Co-runners at `load_percent` of their rates (none at 0) and the memory for a chip of that clock. Throws
/// UserError for faulty profiles and libraries.
hw::Surroundings surroundings_of(const SurroundingOptions& options, std::int64_t clock_hz,
                                 std::int64_t load_percent);

/// Latency against load as a table (format 0: text, 1: JSON, 2: CSV); `run` gives the report at a load.
std::string latency_curve(const std::vector<std::int64_t>& loads, std::size_t format,
                          const std::function<trace::Report(std::int64_t load_percent)>& run);

}  // namespace npusim::cli
