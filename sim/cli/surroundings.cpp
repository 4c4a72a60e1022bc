#include "sim/cli/surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sim/base/error.h"
#include "sim/cli/output.h"
#include "sim/kernel/tlm_plugin.h"
#include "sim/trace/format.h"

namespace npusim::cli {

void add_surrounding_options(CLI::App& command, SurroundingOptions& options) {
  command
      .add_option("--corunner", options.corunners,
                  "profile of traffic beside the chip on its memory (docs/dram.md); may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command
      .add_option("--corunner-load", options.loads,
                  "percentages of the co-runners' rates, such as 0,25,50,75,100: prints latency against load")
      ->type_name("LIST");
  command
      .add_option("--tlm-memory", options.tlm_memory,
                  "shared library with a TLM-2.0 memory in place of npusim's DRAM (docs/dram.md)")
      ->type_name("FILE");
  command
      .add_option("--dram-trace", options.dram_trace,
                  "write the chip's DRAM requests as CSV, which a co-runner of kind trace replays")
      ->type_name("FILE");
}

std::string trace_csv(std::vector<mem::TracedAccess> requests) {
  std::stable_sort(requests.begin(), requests.end(),
                   [](const auto& a, const auto& b) { return a.cycle < b.cycle; });
  std::string text = "cycle,address,bytes,direction\n";
  for (const mem::TracedAccess& one : requests) {
    text += fmt::format("{},{},{},{}\n", one.cycle, one.address, one.bytes, one.write ? "write" : "read");
  }
  return text;
}

std::vector<std::int64_t> corunner_loads(const SurroundingOptions& options) {
  std::vector<std::int64_t> loads;
  if (options.loads.empty()) return loads;
  if (options.corunners.empty()) throw UserError("--corunner-load: expected a --corunner, too");
  std::string text = options.loads + ",";
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t comma = text.find(',', from);
    std::int64_t value = -1;
    const auto [stop, status] = std::from_chars(text.data() + from, text.data() + comma, value);
    if (status != std::errc() || stop != text.data() + comma || value < 0 || value > 1000) {
      throw UserError(fmt::format("--corunner-load {}: expected percentages from 0 to 1000, such as 0,50,100",
                                  options.loads));
    }
    loads.push_back(value);
    from = comma + 1;
  }
  return loads;
}

hw::Surroundings surroundings_of(const SurroundingOptions& options, std::int64_t clock_hz,
                                 std::int64_t load_percent) {
  hw::Surroundings around;
  for (const std::string& path : options.corunners) {
    const mem::CoRunnerProfile profile = mem::read_corunner(path);
    if (load_percent > 0) around.corunners.push_back(mem::corunner_port(profile, clock_hz, load_percent));
  }
  if (!options.tlm_memory.empty()) around.memory = kernel::load_tlm_memory(options.tlm_memory);
  return around;
}

namespace {

struct Point {
  std::int64_t load = 0;
  double asked = 0, achieved = 0;  ///< GB/s, all co-runners
  std::int64_t cycles = 0;
  double latency_ms = 0, slowdown = 1, row_hit_rate = 0;
};

std::string curve_text(const std::vector<Point>& points) {
  using trace::Table;
  Table table({{"load%"},
               {"asked GB/s"},
               {"achieved GB/s"},
               {"cycles"},
               {"latency ms"},
               {"slowdown"},
               {"row hits%"}});
  for (const Point& p : points) {
    table.row({std::to_string(p.load), fmt::format("{:.3f}", p.asked), fmt::format("{:.3f}", p.achieved),
               trace::grouped(p.cycles), fmt::format("{:.4f}", p.latency_ms),
               fmt::format("{:.3f}", p.slowdown), fmt::format("{:.1f}", 100 * p.row_hit_rate)});
  }
  return table.text(kAnyWidth);
}

std::string curve_csv(const std::vector<Point>& points) {
  std::string text = "load_percent,asked_gb_s,achieved_gb_s,cycles,latency_ms,slowdown,row_hit_rate\n";
  for (const Point& p : points) {
    text += fmt::format("{},{:.6f},{:.6f},{},{:.6f},{:.6f},{:.6f}\n", p.load, p.asked, p.achieved, p.cycles,
                        p.latency_ms, p.slowdown, p.row_hit_rate);
  }
  return text;
}

std::string curve_json(const trace::Report& first, const std::vector<Point>& points) {
  nlohmann::ordered_json json;
  json["schema"] = "npusim.load/1";
  json["hw"] = first.hw;
  json["network"] = first.network;
  for (const Point& p : points) {
    json["points"].push_back({{"load_percent", p.load},
                              {"asked_gb_s", p.asked},
                              {"achieved_gb_s", p.achieved},
                              {"cycles", p.cycles},
                              {"latency_ms", p.latency_ms},
                              {"slowdown", p.slowdown},
                              {"row_hit_rate", p.row_hit_rate}});
  }
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string latency_curve(const std::vector<std::int64_t>& loads, std::size_t format,
                          const std::function<trace::Report(std::int64_t)>& run) {
  const trace::Report alone = run(0);
  std::vector<Point> points;
  for (const std::int64_t load : loads) {
    const trace::Report report = load == 0 ? alone : run(load);
    Point point;
    point.load = load;
    for (const trace::CoRunnerReport& one : report.corunners) {
      point.asked += one.asked_gb_s;
      point.achieved += report.achieved_gb_s(one);
    }
    point.cycles = report.total_cycles;
    point.latency_ms = report.latency_ms();
    point.slowdown = static_cast<double>(report.total_cycles) / static_cast<double>(alone.total_cycles);
    point.row_hit_rate = report.row_hit_rate;
    points.push_back(point);
  }
  return format == 0 ? curve_text(points) : format == 1 ? curve_json(alone, points) : curve_csv(points);
}

}  // namespace npusim::cli
