#include "sim/trace/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "sim/trace/format.h"

namespace npusim::trace {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// Index of the largest stall.
std::size_t worst(const StallCycles& stalls) {
  const auto& all = stalls.by_reason;
  return static_cast<std::size_t>(std::max_element(all.begin(), all.end()) - all.begin());
}

/// The layers' own engines' cycles, summed over layers.
struct Sums {
  std::int64_t busy = 0;
  StallCycles stalls;
};

Sums sums_of(const Report& report) {
  Sums sums;
  for (const LayerReport& layer : report.layers) {
    sums.busy += layer.busy_cycles;
    sums.stalls += layer.stalls;
  }
  return sums;
}

/// What to do about each reason, in its order.
constexpr std::array<const char*, kStallReasons> kRemedies{
    "engines wait for one another's data: fuse layers, or choose shapes that tile into more pieces",
    "memory is the limit: fewer bytes (int8, smaller batch or maps, fused layers) or more bandwidth help",
    "accesses collide in banks: other channel counts or strides help",
    "commands are issued too slowly: fewer, larger pieces (wider layers, larger batch) help",
    "launching tasks costs most: fewer and larger layers, or a larger batch, spread it",
    "engines have nothing to do: layers are too small or unsplittable for all of them"};

}  // namespace

std::string bound_of(const LayerReport& layer) {
  const std::size_t reason = worst(layer.stalls);
  if (layer.busy_cycles >= layer.stalls.by_reason.at(reason)) return layer.engine;
  return std::string(to_string(static_cast<Stall>(reason)));
}

std::string advice(const Report& report) {
  const Sums sums = sums_of(report);
  const std::int64_t whole = sums.busy + sums.stalls.total();
  if (whole == 0) return "No layer took any time.";
  const std::size_t reason = worst(sums.stalls);
  const std::int64_t lost = sums.stalls.by_reason.at(reason);
  const std::string stall = fmt::format("{} goes to '{}': {}", percent(share(lost, whole)),
                                        to_string(static_cast<Stall>(reason)), kRemedies.at(reason));
  const double busy = share(sums.busy, whole);
  // Engines at work nearly always are the limit themselves.
  if (busy > 0.8) {
    return fmt::format("Engines work {} of the layers' time, at {} of the peak rate in all: {}.",
                       percent(busy), percent(report.mac_utilization()),
                       report.mac_utilization() < 0.4
                           ? "channels and maps that fill the arithmetic units would gain most"
                           : "only fewer MACs or a faster engine gain much");
  }
  return fmt::format("Engines work {} of the layers' time; {}.", percent(busy), stall);
}

std::string to_summary(const Report& report) {
  constexpr std::size_t kWidth = 80;
  constexpr std::size_t kIndent = 10;
  const double seconds = report.latency_ms() / 1e3;
  std::string text = shorten_middle(fmt::format("{}: {}, batch {}, {}", report.hw, report.network,
                                                report.batch, report.dtype),
                                    kWidth) +
                     "\n\n";
  text += labelled("latency",
                   fmt::format("{}, {} cycles at {} MHz, {} of the peak of {:g} MACs a cycle",
                               si(seconds, "s"), grouped(report.total_cycles), report.clock_mhz,
                               percent(report.mac_utilization()), report.peak_macs_per_cycle),
                   kIndent, kWidth);
  if (const std::int64_t bytes = report.dram_read_bytes + report.dram_write_bytes; bytes > 0) {
    text += labelled("DRAM",
                     fmt::format("{} in {} layers, {} on average", si(static_cast<double>(bytes), "B"),
                                 report.layers.size(), si(static_cast<double>(bytes) / seconds, "B/s")),
                     kIndent, kWidth);
  }
  std::vector<std::size_t> order(report.layers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return report.layers[a].cycles() > report.layers[b].cycles();
  });
  order.resize(std::min<std::size_t>(order.size(), 5));
  Table table({{"longest layers", Table::Align::left},
               {"op", Table::Align::left, 10},
               {"time"},
               {"share"},
               {"of peak"},
               {"most of it", Table::Align::left, 16}});
  for (const std::size_t i : order) {
    const LayerReport& layer = report.layers[i];
    const double possible = static_cast<double>(layer.cycles()) * report.peak_macs_per_cycle;
    table.row({layer.name, layer.op, si(static_cast<double>(layer.cycles()) / (report.clock_mhz * 1e6), "s"),
               percent(share(layer.cycles(), report.total_cycles)),
               possible > 0 && layer.macs > 0 ? percent(static_cast<double>(layer.macs) / possible) : "-",
               bound_of(layer)});
  }
  text += "\n" + table.text(kWidth) + "\n";
  return text + labelled("advice", advice(report), kIndent, kWidth);
}

}  // namespace npusim::trace
