// The report for people: at most 100 columns, aligned, SI units.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "sim/trace/format.h"
#include "sim/trace/report.h"
#include "sim/trace/summary.h"

namespace npusim::trace {
namespace {

constexpr std::size_t kWidth = 100;

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A percentage without its sign; "-" for exactly nothing.
std::string percent_cell(std::int64_t part, std::int64_t whole) {
  return part == 0 ? "-" : fmt::format("{:.1f}", 100 * share(part, whole));
}

/// Bytes in each direction with their average bandwidth.
std::string traffic(std::int64_t read, std::int64_t written, double seconds) {
  const auto side = [&](std::int64_t bytes, const char* verb) {
    const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
    return fmt::format("{} {} ({})", si(static_cast<double>(bytes), "B"), verb, si(rate, "B/s"));
  };
  return side(read, "read") + ", " + side(written, "written");
}

/// One line of the summary, or more where it is long.
std::string item(std::string_view label, std::string_view text) { return labelled(label, text, 11, kWidth); }

/// Host links and co-runners, where there are any.
std::string others(const Report& report, double seconds) {
  std::string text;
  for (const LinkReport& link : report.links) {
    const auto share_of = [&report](const LinkTrafficReport& one) {
      return fmt::format("{} busy, {} cycles waited", percent(share(one.busy_cycles, report.total_cycles)),
                         grouped(one.wait_cycles));
    };
    text +=
        item(link.name, fmt::format("{}; in {}; out {}", traffic(link.read.bytes, link.write.bytes, seconds),
                                    share_of(link.read), share_of(link.write)));
  }
  for (const CoRunnerReport& one : report.corunners) {
    const std::string asked =
        one.asked_gb_s > 0
            ? fmt::format(", {} of what it asks", percent(report.achieved_gb_s(one) / one.asked_gb_s))
            : "";
    text += item("beside",
                 fmt::format("{}: {}{}", one.name, traffic(one.read_bytes, one.write_bytes, seconds), asked));
  }
  if (report.alone_cycles > 0) {
    const std::int64_t cost = report.total_cycles - report.alone_cycles;
    text += item("cost", fmt::format("{} cycles more than alone ({:+.1f} %)", grouped(cost),
                                     100 * share(cost, report.alone_cycles)));
  }
  return text;
}

std::string totals(const Report& report) {
  const double seconds = report.latency_ms() / 1e3;
  std::string latency = fmt::format("{}, {} cycles at {} MHz", si(seconds, "s"), grouped(report.total_cycles),
                                    report.clock_mhz);
  if (seconds > 0) {
    const double rate = static_cast<double>(report.batch) / seconds;
    latency += rate < 1000 ? fmt::format(", {:.1f} inferences/s", rate)
                           : fmt::format(", {} inferences/s", grouped(static_cast<std::int64_t>(rate)));
  }
  std::string text = item("latency", latency);
  text +=
      item("MACs", fmt::format("{}, {} of the peak of {:g} a cycle", si(static_cast<double>(report.macs), ""),
                               percent(report.mac_utilization()), report.peak_macs_per_cycle));
  if (report.dram_read_bytes + report.dram_write_bytes > 0) {
    text += item("DRAM", fmt::format("{}, {} row hits, {} refreshes",
                                     traffic(report.dram_read_bytes, report.dram_write_bytes, seconds),
                                     percent(report.row_hit_rate), grouped(report.refreshes)));
  }
  text += waits_text(report);
  text += others(report, seconds);
  if (report.sram_read_bytes + report.sram_write_bytes > 0) {
    text += item("L2", traffic(report.sram_read_bytes, report.sram_write_bytes, seconds));
  }
  return text;
}

std::string engines(const Report& report) {
  std::vector<Table::Column> columns{{"engine", Table::Align::left}, {"commands"}, {"busy%"}};
  for (std::size_t r = 0; r < kStallReasons; ++r) {
    columns.push_back({fmt::format("{}%", to_string(static_cast<Stall>(r)))});
  }
  Table table(std::move(columns));
  for (const EngineReport& engine : report.engines) {
    std::vector<std::string> row{engine.name, grouped(engine.commands),
                                 percent_cell(engine.busy_cycles, report.total_cycles)};
    for (const std::int64_t cycles : engine.stalls.by_reason) {
      row.push_back(percent_cell(cycles, report.total_cycles));
    }
    table.row(std::move(row));
  }
  return table.text(kWidth);
}

/// Cycles of its own engine that are a layer's. Its duration, unless it overlaps other layers.
std::int64_t engine_cycles(const LayerReport& layer) { return layer.busy_cycles + layer.stalls.total(); }

/// The largest stall of a layer: "dram 45.2".
std::string main_stall(const LayerReport& layer) {
  const auto& stalls = layer.stalls.by_reason;
  const auto most = std::max_element(stalls.begin(), stalls.end());
  if (*most == 0) return "-";
  return fmt::format("{} {:.1f}", to_string(static_cast<Stall>(most - stalls.begin())),
                     100 * share(*most, engine_cycles(layer)));
}

std::string layers(const Report& report) {
  const bool bounds = std::any_of(report.layers.begin(), report.layers.end(),
                                  [](const LayerReport& layer) { return !mapped_bound(layer).empty(); });
  std::vector<Table::Column> columns = {{"layer", Table::Align::left},
                                        {"op", Table::Align::left, 10},
                                        {"engine", Table::Align::left, 12},
                                        {"cycles"},
                                        {"time"},
                                        {"all%"},
                                        {"peak%"},
                                        {"busy%"},
                                        {"most stalled%", Table::Align::left}};
  if (bounds) columns.insert(columns.end() - 1, {"bound", Table::Align::left});
  Table table(std::move(columns), 1);
  for (const LayerReport& layer : report.layers) {
    const double possible = static_cast<double>(layer.cycles()) * report.peak_macs_per_cycle;
    const double seconds =
        report.clock_mhz > 0 ? static_cast<double>(layer.cycles()) / (report.clock_mhz * 1e6) : 0;
    std::vector<std::string> row = {
        layer.name,
        layer.op,
        layer.engine,
        grouped(layer.cycles()),
        si(seconds, "s"),
        percent_cell(layer.cycles(), report.total_cycles),
        layer.macs == 0 || possible <= 0
            ? "-"
            : fmt::format("{:.1f}", 100 * static_cast<double>(layer.macs) / possible),
        percent_cell(layer.busy_cycles, engine_cycles(layer)),
        main_stall(layer)};
    if (bounds) row.insert(row.end() - 1, mapped_bound(layer));
    table.row(std::move(row));
  }
  return table.text(kWidth);
}

std::string time_shares(const Report& report) {
  std::string text;
  for (const TimeShare& part : report.time_shares) {
    text += fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", part.name,
                        100 * share(part.cycles, report.total_cycles));
    if (part.busy_cycles != part.cycles)
      text += fmt::format(" (at work {:.1f})", 100 * share(part.busy_cycles, report.total_cycles));
  }
  return text.empty() ? text : item("time", text);
}

std::string coverage(const Coverage& coverage) {
  return item(
      "coverage",
      fmt::format("{} operators: {} modelled, {} on the host, {} folded away; engines do {:.1f} % of the "
                  "MACs; {:.1f} % of the bytes accounted for",
                  coverage.operators, coverage.modelled, coverage.host, coverage.folded,
                  coverage.macs_percent, coverage.bytes_percent));
}

std::string effort(const Report& report) {
  if (report.wall_s <= 0) return "";
  const double rate = static_cast<double>(report.total_cycles) / report.wall_s;
  return item("simulated",
              fmt::format("in {} ({} cycles/s), compiled in {}; {} events", si(report.wall_s, "s"),
                          si(rate, ""), si(report.compile_s, "s"), grouped(report.events)));
}

}  // namespace

std::string to_text(const Report& report) {
  const std::string title =
      fmt::format("{}: {}, batch {}, {}", report.hw, report.network, report.batch, report.dtype);
  std::string text = shorten_middle(title, kWidth) + "\n\n" + totals(report) + "\n" + engines(report) + "\n" +
                     layers(report) + "\n" + time_shares(report) + coverage(report.coverage);
  for (const std::string& note : report.notes) text += item("note", note);
  return text + effort(report);
}

}  // namespace npusim::trace
