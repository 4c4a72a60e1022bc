#include "sim/trace/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "sim/base/error.h"

namespace npusim::trace {

std::string_view to_string(Stall reason) {
  switch (reason) {
    case Stall::dependency:
      return "dependency";
    case Stall::dram:
      return "dram";
    case Stall::bank_conflict:
      return "bank_conflict";
    case Stall::queue_full:
      return "queue_full";
    case Stall::launch:
      return "launch";
    case Stall::idle:
      return "idle";
  }
  throw InternalError("a stall reason out of range");
}

std::int64_t StallCycles::total() const {
  return std::accumulate(by_reason.begin(), by_reason.end(), std::int64_t{0});
}

StallCycles& StallCycles::operator+=(const StallCycles& other) {
  for (std::size_t i = 0; i < kStallReasons; ++i) by_reason[i] += other.by_reason[i];
  return *this;
}

double Report::latency_ms() const {
  return clock_mhz > 0 ? static_cast<double>(total_cycles) / (clock_mhz * 1e3) : 0;
}

double Report::achieved_gb_s(const CoRunnerReport& corunner) const {
  const double seconds = latency_ms() / 1e3;
  const auto bytes = static_cast<double>(corunner.read_bytes + corunner.write_bytes);
  return seconds > 0 ? bytes / seconds / 1e9 : 0;
}

double Report::mac_utilization() const {
  const double possible = static_cast<double>(total_cycles) * peak_macs_per_cycle;
  return possible > 0 ? static_cast<double>(macs) / possible : 0;
}

namespace {

void check_not_negative(const std::string& what, std::int64_t busy, const StallCycles& stalls) {
  const auto least = *std::min_element(stalls.by_reason.begin(), stalls.by_reason.end());
  if (std::min(busy, least) < 0) {
    throw InternalError(fmt::format("report: {}: {} busy + {} stalled cycles, expected none negative", what,
                                    busy, stalls.total()));
  }
}

/// Throws unless busy and stall cycles are not negative and add up to `span`.
void check_span(const std::string& what, std::int64_t busy, const StallCycles& stalls, std::int64_t span) {
  check_not_negative(what, busy, stalls);
  if (busy + stalls.total() != span) {
    throw InternalError(fmt::format("report: {}: {} busy + {} stalled cycles, expected {} in all", what, busy,
                                    stalls.total(), span));
  }
}

void check_equal(const std::string& what, std::int64_t sum, std::int64_t expected) {
  if (sum != expected) {
    throw InternalError(fmt::format("report: {} add up to {}, expected {}", what, sum, expected));
  }
}

/// A layer by itself: its engines are the chip's, its own engine's cycles are given twice, alike.
void check_layer(const LayerReport& layer, const std::vector<EngineReport>& engines) {
  const std::string what = fmt::format("layer '{}'", layer.name);
  check_not_negative(what, layer.busy_cycles, layer.stalls);
  if (!layer.engines.empty() && layer.engines.size() != engines.size()) {
    throw InternalError(
        fmt::format("report: {} has {} engines, the chip {}", what, layer.engines.size(), engines.size()));
  }
  for (std::size_t e = 0; e < layer.engines.size(); ++e) {
    const EngineReport& engine = layer.engines[e];
    const std::string where = fmt::format("{}, engine '{}'", what, engine.name);
    if (engine.name != engines[e].name) {
      throw InternalError(fmt::format("report: {} stands where '{}' is expected", where, engines[e].name));
    }
    check_not_negative(where, engine.busy_cycles, engine.stalls);
    if (engine.name == layer.engine &&
        (engine.busy_cycles != layer.busy_cycles || engine.stalls.by_reason != layer.stalls.by_reason)) {
      throw InternalError(
          fmt::format("report: {} differs from the layer's own busy and stall cycles", where));
    }
  }
}

/// The layers of one segment: every engine's cycles add up to the segment's.
void check_segment(std::span<const LayerReport> layers, const std::vector<EngineReport>& engines) {
  const std::int64_t cycles = layers.back().end_cycle - layers.front().start_cycle;
  const std::string what = layers.size() == 1
                               ? fmt::format("layer '{}'", layers.front().name)
                               : fmt::format("layers '{}' to '{}'", layers.front().name, layers.back().name);
  if (layers.size() == 1) check_span(what, layers[0].busy_cycles, layers[0].stalls, cycles);
  for (const LayerReport& layer : layers) check_layer(layer, engines);
  for (std::size_t e = 0; e < engines.size(); ++e) {
    EngineReport sum;
    for (const LayerReport& layer : layers) {
      if (layer.engines.empty()) return;
      sum.busy_cycles += layer.engines[e].busy_cycles;
      sum.stalls += layer.engines[e].stalls;
    }
    check_span(fmt::format("{}, engine '{}'", what, engines[e].name), sum.busy_cycles, sum.stalls, cycles);
  }
}

/// The layers of the segment that starts at `layers[0]`.
std::span<const LayerReport> segment_of(std::span<const LayerReport> layers) {
  std::size_t count = 1;
  while (count < layers.size() && layers[count].joined) ++count;
  return layers.first(count);
}

/// What the layers give one engine must be what the engine has in all.
void check_engine_over_layers(const Report& report, std::size_t index) {
  const EngineReport& engine = report.engines[index];
  EngineReport sum;
  for (const LayerReport& layer : report.layers) {
    if (layer.engines.empty()) return;
    sum.busy_cycles += layer.engines[index].busy_cycles;
    sum.stalls += layer.engines[index].stalls;
    sum.commands += layer.engines[index].commands;
  }
  if (report.layers.empty()) return;
  const std::string what = fmt::format("engine '{}': the layers'", engine.name);
  check_equal(what + " busy cycles", sum.busy_cycles, engine.busy_cycles);
  check_equal(what + " commands", sum.commands, engine.commands);
  for (std::size_t r = 0; r < kStallReasons; ++r) {
    check_equal(fmt::format("{} {} stalls", what, to_string(static_cast<Stall>(r))), sum.stalls.by_reason[r],
                engine.stalls.by_reason[r]);
  }
}

}  // namespace

void check_sums(const Report& report) {
  std::int64_t at = 0;
  LayerReport sum;
  for (const LayerReport& layer : report.layers) {
    if (layer.start_cycle != at || layer.end_cycle < at) {
      throw InternalError(fmt::format("report: layer '{}' runs from {} to {}, expected to start at {}",
                                      layer.name, layer.start_cycle, layer.end_cycle, at));
    }
    at = layer.end_cycle;
    sum.macs += layer.macs;
    sum.dram_read_bytes += layer.dram_read_bytes;
    sum.dram_write_bytes += layer.dram_write_bytes;
    sum.sram_read_bytes += layer.sram_read_bytes;
    sum.sram_write_bytes += layer.sram_write_bytes;
  }
  for (std::span<const LayerReport> rest(report.layers); !rest.empty();) {
    const auto segment = segment_of(rest);
    check_segment(segment, report.engines);
    rest = rest.subspan(segment.size());
  }
  check_equal("the layers' cycles", at, report.total_cycles);
  if (!report.time_shares.empty()) {
    std::int64_t cycles = 0;
    for (const TimeShare& share : report.time_shares) cycles += share.cycles;
    check_equal("the parts of the time", cycles, report.total_cycles);
  }
  check_equal("the layers' MACs", sum.macs, report.macs);
  check_equal("the layers' DRAM bytes read", sum.dram_read_bytes, report.dram_read_bytes);
  check_equal("the layers' DRAM bytes written", sum.dram_write_bytes, report.dram_write_bytes);
  check_equal("the layers' SRAM bytes read", sum.sram_read_bytes, report.sram_read_bytes);
  check_equal("the layers' SRAM bytes written", sum.sram_write_bytes, report.sram_write_bytes);
  for (std::size_t e = 0; e < report.engines.size(); ++e) {
    const EngineReport& engine = report.engines[e];
    check_span(fmt::format("engine '{}'", engine.name), engine.busy_cycles, engine.stalls,
               report.total_cycles);
    check_engine_over_layers(report, e);
  }
}

}  // namespace npusim::trace
