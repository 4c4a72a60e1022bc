#include "sim/trace/report.h"

#include <fmt/format.h>

#include <numeric>

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

double Report::mac_utilization() const {
  const double possible = static_cast<double>(total_cycles) * peak_macs_per_cycle;
  return possible > 0 ? static_cast<double>(macs) / possible : 0;
}

namespace {

/// Throws unless busy and stall cycles are not negative and add up to `span`.
void check_span(const std::string& what, std::int64_t busy, const StallCycles& stalls, std::int64_t span) {
  bool negative = busy < 0;
  for (const std::int64_t cycles : stalls.by_reason) negative = negative || cycles < 0;
  if (negative || busy + stalls.total() != span) {
    throw InternalError(fmt::format("report: {}: {} busy + {} stalled cycles, expected {} in all{}", what,
                                    busy, stalls.total(), span, negative ? " and none negative" : ""));
  }
}

void check_equal(const std::string& what, std::int64_t sum, std::int64_t expected) {
  if (sum != expected) {
    throw InternalError(fmt::format("report: {} add up to {}, expected {}", what, sum, expected));
  }
}

void check_layer(const LayerReport& layer, const std::vector<EngineReport>& engines) {
  const std::string what = fmt::format("layer '{}'", layer.name);
  check_span(what, layer.busy_cycles, layer.stalls, layer.cycles());
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
    check_span(where, engine.busy_cycles, engine.stalls, layer.cycles());
    if (engine.name == layer.engine &&
        (engine.busy_cycles != layer.busy_cycles || engine.stalls.by_reason != layer.stalls.by_reason)) {
      throw InternalError(
          fmt::format("report: {} differs from the layer's own busy and stall cycles", where));
    }
  }
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
    check_layer(layer, report.engines);
    sum.macs += layer.macs;
    sum.dram_read_bytes += layer.dram_read_bytes;
    sum.dram_write_bytes += layer.dram_write_bytes;
    sum.sram_read_bytes += layer.sram_read_bytes;
    sum.sram_write_bytes += layer.sram_write_bytes;
  }
  check_equal("the layers' cycles", at, report.total_cycles);
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
