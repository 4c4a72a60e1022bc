#include "hw_models/api/insight.h"

#include <fmt/format.h>

#include <cstdlib>

#include "sim/base/error.h"

namespace npusim::hw {
namespace {

/// A key of some chip's description and what is done to it.
struct Knob {
  const char* key;
  double factor;  ///< 0: the value becomes zero
};

struct Idea {
  const char* label;
  std::vector<Knob> knobs;  ///< those that the description has are turned together
};

/// Keys of all chips: a description has those of its own.
const std::vector<Idea>& ideas() {
  static const std::vector<Idea> all = {
      {"double DRAM bandwidth", {{"dram.channels", 2}, {"dma.bytes_per_cycle", 2}}},
      {"double the DMA engines' rate", {{"dma.bytes_per_cmx_clock", 2}, {"mte2.dram_bytes_per_cycle", 2}}},
      {"double host link", {{"link.in_mb_s", 2}, {"link.out_mb_s", 2}}},
      {"double arithmetic", {{"cube.m", 2}, {"cims", 2}, {"tiles.dot", 2}, {"dpu.int8_macs_per_cycle", 2}}},
      {"launches that cost nothing",
       {{"launch.host_us", 0},
        {"launch.task_us", 0},
        {"launch.inference_ns", 0},
        {"launch.layer_ns", 0},
        {"link.fixed_us", 0}}},
  };
  return all;
}

/// "key=value" for each knob that the description has, and the same in words. A chip on a memory formula has
/// DRAM channels that nothing reads.
std::pair<std::vector<std::string>, std::string> turn(const Config& description,
                                                      const std::vector<Knob>& knobs, bool formula) {
  std::vector<std::string> overrides;
  std::string text;
  for (const Knob& knob : knobs) {
    if (!description.has(knob.key) || (formula && std::string_view(knob.key) == "dram.channels")) continue;
    const std::string now = description.raw(knob.key);
    const std::string then = fmt::format("{:g}", std::strtod(now.c_str(), nullptr) * knob.factor);
    if (then == now) continue;
    overrides.push_back(fmt::format("{}={}", knob.key, then));
    text += fmt::format("{}{}: {} to {}", text.empty() ? "" : ", ", knob.key, now, then);
  }
  return {overrides, text};
}

}  // namespace

std::vector<look::Ceiling> ceilings(const Npu& npu, const Config& description) {
  using Memory = look::Ceiling::Memory;
  const kernel::MachineSpec& machine = npu.machine();
  const mem::MemorySpec& memory = machine.memory;
  std::vector<look::Ceiling> found;
  if (memory.make) {
    // A published formula: its rate is the DMA's.
    if (description.has("dma.bytes_per_cycle"))
      found.push_back({Memory::dram, "DRAM", description.number("dma.bytes_per_cycle", 0, 1e9)});
  } else if (memory.links.empty() && memory.dram.timing.burst_clocks > 0) {
    const mem::DramTiming& timing = memory.dram.timing;
    const double a_clock = static_cast<double>(timing.burst_bytes) / static_cast<double>(timing.burst_clocks);
    found.push_back({Memory::dram, "DRAM",
                     a_clock * static_cast<double>(memory.dram.channels) *
                         static_cast<double>(timing.clock_hz) / static_cast<double>(machine.clock_hz)});
  }
  if (memory.sram.bytes > 0)
    found.push_back({Memory::sram, "L2", static_cast<double>(memory.sram.read_bytes_per_cycle)});
  for (const mem::HostLinkSpec& link : memory.links) {
    found.push_back({Memory::link, link.name,
                     static_cast<double>(link.read.rate_num) / static_cast<double>(link.read.rate_den)});
  }
  return found;
}

std::vector<look::WhatIf> what_ifs(const Config& description, const ir::Graph& graph, ir::DType dtype) {
  std::vector<look::WhatIf> rows;
  const bool formula = bool(make_npu(description)->machine().memory.make);
  for (const Idea& idea : ideas()) {
    const auto [overrides, text] = turn(description, idea.knobs, formula);
    if (overrides.empty()) continue;
    look::WhatIf row{idea.label, text, 0, 0, ""};
    try {
      Config changed = description;
      for (const std::string& one : overrides) changed.set(one);
      Evaluator evaluator(changed, kernel::KernelKind::run_ahead);
      EvaluateOptions options;
      options.dtype = dtype;
      options.time_shares = false;
      const trace::Report report = evaluator.evaluate(graph, options);
      row.cycles = report.total_cycles;
      row.clock_mhz = report.clock_mhz;
    } catch (const UserError& error) {
      row.failure = error.what();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace npusim::hw
