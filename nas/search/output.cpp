#include "nas/search/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hw_models/api/npu.h"
#include "nas/search/driver_genes.h"
#include "sim/base/error.h"
#include "sim/trace/format.h"
#include "workloads/onnx/export.h"

namespace npusim::search {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAnyWidth = 4096;

std::string column(const std::string& name, const SearchChip& chip) { return name + "." + chip.name; }

Json chip_json(const OnChip& on) {
  Json json{{"latency_ms", on.latency_ms}, {"simulated", on.simulated}};
  if (on.simulated) {
    json["cycles"] = on.cycles;
    json["dram_bytes"] = on.dram_bytes;
  }
  return json;
}

Json limits_json(const Limits& limits) {
  Json json = Json::object();
  const auto add = [&](const char* name, const std::optional<double>& limit) {
    if (limit) json[name] = *limit;
  };
  add("latency_ms", limits.latency_ms);
  add("macs", limits.macs);
  add("params", limits.params);
  add("dram_mb", limits.dram_mb);
  json["kind"] = limits.soft ? "soft" : "hard";
  if (limits.soft) json["exponent"] = limits.exponent;
  return json;
}

std::string report_name(std::size_t rank, const std::vector<SearchChip>& chips, std::size_t chip) {
  return chips.size() == 1 ? fmt::format("{}.json", rank) : fmt::format("{}.{}.json", rank, chips[chip].name);
}

Json network_json(const SearchIdentity& identity, const std::vector<SearchChip>& chips, const Seen& one,
                  std::size_t rank) {
  Json json{{"rank", rank},
            {"network", identity.space + ":" + one.encoding},
            {"score", one.measured.score},
            {"evaluator", identity.evaluator},
            {"macs", one.measured.macs},
            {"params", one.measured.params},
            {"onnx", fmt::format("{}.onnx", rank)}};
  for (std::size_t c = 0; c < chips.size(); ++c) {
    Json on = chip_json(one.measured.chips[c]);
    on["report"] = report_name(rank, chips, c);
    if (!identity.genes.empty()) {
      on["set"] = one.overrides;
      on["hw_hash"] = one.hw_hash;
      on["area_proxy"] = one.measured.area_proxy;
    }
    json["chips"][chips[c].name] = on;
  }
  return json;
}

bool is_judged(const Seen& one) { return one.measured.scored && one.measured.score_failure.empty(); }

struct Counts {
  std::size_t simulated = 0, predicted = 0, failed = 0;
  std::size_t over = 0;  ///< of the first two, beyond a hard limit
};
Counts counts_of(const SearchResult& result) {
  Counts counts;
  for (const Seen& one : result.seen) {
    if (!one.evaluation.failure.empty()) {
      ++counts.failed;
    } else if (one.simulated()) {
      ++counts.simulated;
    } else {
      ++counts.predicted;
    }
    if (one.evaluation.failure.empty() && one.evaluation.violation > 0) ++counts.over;
  }
  return counts;
}

/// Keys of the hardware genes, in the order of Seen::overrides.
std::vector<std::string> keys_of(const SearchIdentity& identity) {
  std::vector<std::string> keys;
  for (const sweep::Axis& axis : identity.genes) keys.insert(keys.end(), axis.keys.begin(), axis.keys.end());
  return keys;
}

std::string value_of(const std::string& override_text) {
  return override_text.substr(override_text.find('=') + 1);
}

std::string header(const SearchIdentity& identity, const std::vector<SearchChip>& chips) {
  std::string text = "network," + csv_cell(identity.evaluator);
  for (const std::string& key : keys_of(identity)) text += "," + key;
  if (!identity.genes.empty()) text += ",area_proxy";
  for (const SearchChip& chip : chips) {
    for (const char* name : {"latency_ms", "cycles", "dram_bytes", "simulated"}) {
      text += "," + column(name, chip);
    }
  }
  return text + ",macs,params,violation,failure\n";
}

std::string row(const SearchIdentity& identity, const Seen& one) {
  std::string text = fmt::format("{}:{},{}", identity.space, one.encoding,
                                 is_judged(one) ? fmt::format("{}", one.measured.score) : "");
  for (const std::string& text_of : one.overrides) text += "," + csv_cell(value_of(text_of));
  if (!identity.genes.empty()) text += fmt::format(",{}", one.measured.area_proxy);
  for (const OnChip& on : one.measured.chips) {
    text += fmt::format(",{},{},{},{}", on.latency_ms, on.cycles, on.dram_bytes, on.simulated ? 1 : 0);
  }
  return text + fmt::format(",{},{},{},{}\n", one.measured.macs, one.measured.params,
                            one.evaluation.violation, csv_cell(one.evaluation.failure));
}

void write_networks(const fs::path& folder, const space::Space& space, const std::vector<SearchChip>& chips,
                    const SearchResult& result, bool weights) {
  onnx::ExportOptions how;
  how.with_weights = weights;
  for (std::size_t r = 0; r < result.front.size(); ++r) {
    const ir::Graph graph = space.build(space.decode(result.seen[result.front[r]].encoding));
    onnx::export_onnx(graph, (folder / fmt::format("{}.onnx", r + 1)).string(), how);
  }
  for (std::size_t c = 0; c < chips.size(); ++c) {
    std::unique_ptr<hw::Evaluator> evaluator;
    const std::vector<std::string>* overrides = nullptr;
    for (std::size_t r = 0; r < result.front.size(); ++r) {
      const Seen& one = result.seen[result.front[r]];
      if (overrides == nullptr || *overrides != one.overrides) {
        evaluator = std::make_unique<hw::Evaluator>(description_of(chips[c], one.overrides),
                                                    kernel::KernelKind::run_ahead);
        overrides = &one.overrides;
      }
      hw::EvaluateOptions options;
      options.dtype = chips[c].dtype;
      const trace::Report report = evaluator->evaluate(space.build(space.decode(one.encoding)), options);
      if (report.total_cycles != one.measured.chips[c].cycles) {
        throw InternalError(fmt::format("{} on {} took {} cycles in the search and {} afresh", one.encoding,
                                        chips[c].name, one.measured.chips[c].cycles, report.total_cycles));
      }
      write_text(folder / report_name(r + 1, chips, c), trace::to_json(report, false));
    }
  }
}

}  // namespace

std::string csv_cell(std::string text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2))
    text.insert(at, 1, '"');
  return "\"" + text + "\"";
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw UserError(fmt::format("{}: cannot be written", path.string()));
}

void remove_ranked(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    const bool ranked =
        !name.empty() && name.find_first_not_of("0123456789") == name.find('.') && name[0] != '.';
    if (ranked && (extension == ".onnx" || extension == ".json")) fs::remove(entry.path());
  }
}

std::string front_text(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                       const SearchResult& result) {
  using trace::Table;
  std::vector<Table::Column> columns{{"rank"}, {identity.measure}};
  for (const SearchChip& chip : chips) columns.push_back({chip.name + " ms"});
  for (const std::string& key : keys_of(identity)) columns.push_back({key});
  if (!identity.genes.empty()) columns.push_back({"area proxy mm2"});
  for (const char* title : {"MACs M", "weights M"}) columns.push_back({title});
  columns.push_back({"network", Table::Align::left});
  Table table(columns);
  for (std::size_t r = 0; r < result.front.size(); ++r) {
    const Seen& one = result.seen[result.front[r]];
    std::vector<std::string> cells{std::to_string(r + 1), fmt::format("{:.6g}", one.measured.score)};
    for (const OnChip& on : one.measured.chips) cells.push_back(fmt::format("{:.4f}", on.latency_ms));
    for (const std::string& text_of : one.overrides) cells.push_back(value_of(text_of));
    if (!identity.genes.empty()) cells.push_back(fmt::format("{:.3f}", one.measured.area_proxy));
    cells.push_back(fmt::format("{:.1f}", static_cast<double>(one.measured.macs) / 1e6));
    cells.push_back(fmt::format("{:.2f}", static_cast<double>(one.measured.params) / 1e6));
    cells.push_back(one.encoding);
    table.row(std::move(cells));
  }
  const Counts counts = counts_of(result);
  std::string text =
      fmt::format("{} of {} networks of {} on the front: {} simulated, {} predicted, {} failed{}\n\n",
                  result.front.size(), result.seen.size(), identity.space, counts.simulated, counts.predicted,
                  counts.failed,
                  counts.over > 0 ? fmt::format("; {} exceed a limit and were not judged", counts.over) : "");
  return text + table.text(kAnyWidth);
}

std::string front_csv(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                      const SearchResult& result) {
  std::string text = "rank," + header(identity, chips);
  for (std::size_t r = 0; r < result.front.size(); ++r) {
    text += fmt::format("{},{}", r + 1, row(identity, result.seen[result.front[r]]));
  }
  return text;
}

std::string evaluated_csv(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                          const SearchResult& result) {
  std::string text = header(identity, chips);
  for (const Seen& one : result.seen) text += row(identity, one);
  return text;
}

std::string search_json(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                        const SearchResult& result) {
  std::vector<std::string> names;
  Json machines = Json::array();
  for (const SearchChip& chip : chips) {
    names.push_back(chip.name);
    machines.push_back({{"name", chip.name}, {"hw_hash", chip.hash}, {"dtype", ir::to_string(chip.dtype)}});
  }
  Json history = Json::array();
  for (const Step& step : result.history) {
    history.push_back(
        {{"evaluated", step.evaluated}, {"front", step.front}, {"hypervolume", step.hypervolume}});
  }
  Json genes = Json::array();
  for (const sweep::Axis& axis : identity.genes)
    genes.push_back({{"keys", axis.keys}, {"values", axis.points}});
  const Counts counts = counts_of(result);
  Json json{{"schema", "npusim.search/1"},
            {"version", identity.version},
            {"space", identity.space},
            {"evaluator", identity.evaluator},
            {"measure", identity.measure},
            {"strategy", identity.strategy},
            {"aim", identity.aim},
            {"screen", identity.screen},
            {"seed", identity.seed},
            {"budget", identity.budget},
            {"chips", machines},
            {"genes", genes},
            {"objectives", objective_names(identity.goals, names)},
            {"limits", limits_json(identity.goals.limits)},
            {"evaluated", result.seen.size()},
            {"simulated", counts.simulated},
            {"predicted", counts.predicted},
            {"failed", counts.failed},
            {"over_limits", counts.over},
            {"reference", result.reference},
            {"history", history},
            {"front", Json::array()}};
  for (std::size_t r = 0; r < result.front.size(); ++r) {
    json["front"].push_back(network_json(identity, chips, result.seen[result.front[r]], r + 1));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_search(const std::string& folder, const SearchIdentity& identity, const space::Space& space,
                  const std::vector<SearchChip>& chips, const SearchResult& result, bool weights) {
  const fs::path path(folder);
  remove_ranked(path);
  write_networks(path, space, chips, result, weights);
  write_text(path / "search.json", search_json(identity, chips, result));
  write_text(path / "front.csv", front_csv(identity, chips, result));
  write_text(path / "evaluated.csv", evaluated_csv(identity, chips, result));
  write_text(path / "front.svg", front_svg(identity, chips, result));
}

}  // namespace npusim::search
