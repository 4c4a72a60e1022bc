#include "sim/trace/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
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

constexpr auto kDependency = static_cast<std::size_t>(Stall::dependency);

/// What mappers say that holds up the engines that wait for others, if one thing causes half of that or more:
/// " (60.1 % of it in layers that the link bounds)"; else "".
std::string main_cause(const Report& report, std::int64_t waited) {
  std::map<std::string, std::int64_t> causes;
  for (const LayerReport& layer : report.layers) {
    causes[mapped_bound(layer)] += layer.stalls.by_reason[kDependency];
  }
  causes.erase("");
  const auto most = std::max_element(causes.begin(), causes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == causes.end() || 2 * most->second < waited) return "";
  return fmt::format(" ({} of it in layers that the {} bounds)", percent(share(most->second, waited)),
                     most->first);
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

std::string mapped_bound(const LayerReport& layer) {
  constexpr std::string_view kEnd = "-bound";
  const std::string first = layer.mapping.substr(0, layer.mapping.find(';'));
  return first.ends_with(kEnd) ? first.substr(0, first.size() - kEnd.size()) : "";
}

std::string bound_of(const LayerReport& layer) {
  const std::size_t reason = worst(layer.stalls);
  if (layer.busy_cycles >= layer.stalls.by_reason.at(reason)) return layer.engine;
  const std::string other = reason == kDependency ? mapped_bound(layer) : "";
  return other.empty() ? std::string(to_string(static_cast<Stall>(reason))) : "waits for " + other;
}

std::string advice(const Report& report) {
  const Sums sums = sums_of(report);
  const std::int64_t whole = sums.busy + sums.stalls.total();
  if (whole == 0) return "No layer took any time.";
  const std::size_t reason = worst(sums.stalls);
  const std::int64_t lost = sums.stalls.by_reason.at(reason);
  const std::string stall =
      fmt::format("{} goes to '{}'{}: {}", percent(share(lost, whole)), to_string(static_cast<Stall>(reason)),
                  reason == kDependency ? main_cause(report, lost) : "", kRemedies.at(reason));
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

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 10;
constexpr std::size_t kLongest = 5;  ///< layers shown

std::string item(std::string_view label, std::string_view text) {
  return labelled(label, text, kIndent, kWidth);
}

/// What only some runs have, a line each: links, co-runners, the parts of the time, notes.
std::string others(const Report& report) {
  const double seconds = report.latency_ms() / 1e3;
  std::string text;
  for (const LinkReport& link : report.links) {
    const auto side = [&report](const LinkTrafficReport& one, const char* way) {
      return fmt::format("{} {} (busy {})", si(static_cast<double>(one.bytes), "B"), way,
                         percent(share(one.busy_cycles, report.total_cycles)));
    };
    text +=
        item("link", fmt::format("{}: {}, {}", link.name, side(link.read, "in"), side(link.write, "out")));
  }
  for (const CoRunnerReport& one : report.corunners) {
    const double moved = static_cast<double>(one.read_bytes + one.write_bytes);
    text += item("beside", fmt::format("{} moves {} at {}", one.name, si(moved, "B"),
                                       si(seconds > 0 ? moved / seconds : 0, "B/s")));
  }
  if (report.alone_cycles > 0) {
    const std::int64_t cost = report.total_cycles - report.alone_cycles;
    text += item("cost", fmt::format("{} cycles more than alone ({:+.1f} %)", grouped(cost),
                                     100 * share(cost, report.alone_cycles)));
  }
  std::string parts;
  for (const TimeShare& part : report.time_shares) {
    if (part.cycles == 0) continue;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", part.name,
                         percent(share(part.cycles, report.total_cycles)));
  }
  if (!parts.empty()) text += item("time", parts);
  if (report.coverage.host > 0)
    text += item(
        "host", fmt::format("{} of {} operators run there", report.coverage.host, report.coverage.operators));
  for (const std::string& note : report.notes) text += item("note", note);
  return text;
}

std::string longest_layers(const Report& report) {
  std::vector<std::size_t> order(report.layers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return report.layers[a].cycles() > report.layers[b].cycles();
  });
  order.resize(std::min(order.size(), kLongest));
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
  return table.text(kWidth);
}

}  // namespace

std::string to_summary(const Report& report) {
  const double seconds = report.latency_ms() / 1e3;
  std::string text = shorten_middle(fmt::format("{}: {}, batch {}, {}", report.hw, report.network,
                                                report.batch, report.dtype),
                                    kWidth) +
                     "\n\n";
  text += item("latency", fmt::format("{}, {} cycles at {} MHz, {} of {:g} MACs a cycle", si(seconds, "s"),
                                      grouped(report.total_cycles), report.clock_mhz,
                                      percent(report.mac_utilization()), report.peak_macs_per_cycle));
  if (const std::int64_t bytes = report.dram_read_bytes + report.dram_write_bytes; bytes > 0 && seconds > 0) {
    text += item("DRAM",
                 fmt::format("{} moved, {} on average, {} row hits", si(static_cast<double>(bytes), "B"),
                             si(static_cast<double>(bytes) / seconds, "B/s"), percent(report.row_hit_rate)));
  }
  text += others(report);
  if (!report.layers.empty()) text += "\n" + longest_layers(report);
  return text + "\n" + item("advice", advice(report)) +
         item("more", "--format text: all layers and engines; --html FILE: timeline, roofline");
}

}  // namespace npusim::trace
