#include "nas/scale/output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "hw_models/api/npu.h"
#include "nas/search/output.h"
#include "sim/base/error.h"
#include "sim/trace/format.h"
#include "workloads/onnx/export.h"

namespace npusim::scale {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAnyWidth = 4096;

double millions(std::int64_t count) { return static_cast<double>(count) / 1e6; }

/// By variant its place on the front from 1, or 0.
std::vector<std::size_t> ranks_of(const Scaled& scaled) {
  std::vector<std::size_t> ranks(scaled.variants.size(), 0);
  for (std::size_t r = 0; r < scaled.front.size(); ++r) ranks[scaled.front[r]] = r + 1;
  return ranks;
}

Json variant_json(const Identity& identity, const Variant& one, std::size_t rank) {
  Json json{{"rank", rank},
            {"depths", one.extent.depths},
            {"width", one.extent.width},
            {"image", {one.extent.image.h, one.extent.image.w}},
            {"rule", one.rule},
            {"macs", one.measured.macs},
            {"params", one.measured.params}};
  if (one.estimate_ms) json["estimate_ms"] = *one.estimate_ms;
  if (!one.runs()) {
    json["refusal"] = one.on_chip().refusal;
    return json;
  }
  json["latency_ms"] = one.latency_ms();
  json["cycles"] = one.on_chip().cycles;
  json["dram_bytes"] = one.on_chip().dram_bytes;
  if (identity.latency_ms > 0) json["share_of_target"] = one.latency_ms() / identity.latency_ms;
  if (one.scored && one.measured.score_failure.empty()) json["score"] = one.measured.score;
  if (!one.measured.score_failure.empty()) json["score_failure"] = one.measured.score_failure;
  if (rank > 0) {
    json["onnx"] = fmt::format("{}.onnx", rank);
    json["report"] = fmt::format("{}.json", rank);
  }
  return json;
}

Json families_json(const Scaled& scaled) {
  Json json = Json::array();
  for (const Family& family : scaled.families) {
    const Coefficients& c = family.coefficients;
    Json one{{"depth", c.depth}, {"width", c.width}, {"image", c.image}};
    if (family.largest) one["largest"] = *family.largest;
    json.push_back(std::move(one));
  }
  return json;
}

std::string score_text(const Variant& one) {
  const bool known = one.scored && one.measured.score_failure.empty();
  return known ? fmt::format("{:.6g}", one.measured.score) : "none";
}

std::string share_text(const Identity& identity, const Variant& one) {
  return identity.latency_ms > 0 ? trace::percent(one.latency_ms() / identity.latency_ms) : "";
}

/// What a grid search by training would choose from: networks of one latency.
std::string families_text(const Identity& identity, const Scaled& scaled) {
  if (scaled.families.size() < 2) return "";
  using trace::Table;
  Table table({{"family: depth"},
               {"width"},
               {"image"},
               {"largest within the target", Table::Align::left},
               {"ms"},
               {"of target"},
               {identity.measure}});
  for (const Family& family : scaled.families) {
    const Coefficients& c = family.coefficients;
    std::vector<std::string> cells{fmt::format("{:.3f}", c.depth),
                                   fmt::format("{:.3f}", c.width),
                                   fmt::format("{:.3f}", c.image),
                                   "none",
                                   "",
                                   "",
                                   ""};
    if (family.largest) {
      const Variant& one = scaled.variants[*family.largest];
      cells[3] = to_string(one.extent);
      cells[4] = fmt::format("{:.4f}", one.latency_ms());
      cells[5] = share_text(identity, one);
      cells[6] = score_text(one);
    }
    table.row(std::move(cells));
  }
  return "\n" + table.text(kAnyWidth);
}

Json screen_json(const Screen& screen) {
  return {{"combinations", screen.combinations},
          {"within_reach", screen.within_reach},
          {"full", screen.full},
          {"checked", screen.checked},
          {"wrong_side", screen.wrong_side},
          {"mean_error", screen.mean_error},
          {"worst_error", screen.worst_error}};
}

std::string screen_text(const Screen& screen) {
  if (screen.combinations == 0) return "";
  std::string text = fmt::format(
      "sums: {} combinations of depths, {} within reach; {} of those simulated can take no further block\n",
      screen.combinations, screen.within_reach, screen.full);
  if (screen.checked == 0) return text;
  return text + fmt::format(
                    "sums against the simulator: {} checked, off by {:.3f} % on average, {:.3f} % at worst; "
                    "{} on the wrong side of the target\n",
                    screen.checked, 100 * screen.mean_error, 100 * screen.worst_error, screen.wrong_side);
}

Json finish_json(const FinishOptions& options, const Finished& finished) {
  Json json{{"h_swish", options.hard_swish}, {"squeeze_excite", options.squeeze_excite}};
  if (options.squeeze_excite) json["ratio"] = options.ratio;
  json["removed"] = options.removed;
  json["steps"] = Json::array();
  for (const FinishStep& step : finished.steps) {
    json["steps"].push_back(
        {{"what", step.what}, {"latency_ms", step.on.latency_ms}, {"cycles", step.on.cycles}});
  }
  json["excitations"] = Json::array();
  for (const ExcitationCost& cost : finished.costs) {
    Json one{{"block", cost.block}, {"gate", cost.gate},   {"channels", cost.channels},
             {"cost_ms", cost.ms},  {"share", cost.share}, {"kept", cost.kept}};
    if (cost.deviation) one["deviation"] = *cost.deviation;
    json["excitations"].push_back(std::move(one));
  }
  return json;
}

std::string finish_text(const Finished& finished) {
  using trace::Table;
  Table steps({{"chosen network", Table::Align::left}, {"ms"}, {"more"}});
  for (const FinishStep& step : finished.steps) {
    const double first = finished.steps.front().on.latency_ms;
    steps.row({step.what, fmt::format("{:.4f}", step.on.latency_ms),
               trace::percent(step.on.latency_ms / first - 1)});
  }
  std::string text = "\n" + steps.text(kAnyWidth);
  if (finished.costs.empty()) return text;
  Table table({{"Squeeze-and-Excitation of", Table::Align::left},
               {"channels"},
               {"costs"},
               {"of the network"},
               {"deviation"},
               {"kept", Table::Align::left}});
  for (const ExcitationCost& cost : finished.costs) {
    table.row({cost.block, std::to_string(cost.channels), trace::si(cost.ms / 1e3, "s"),
               trace::percent(cost.share), cost.deviation ? fmt::format("{:.4g}", *cost.deviation) : "",
               cost.kept ? "yes" : "no"});
  }
  return text + "\n" + table.text(kAnyWidth);
}

}  // namespace

std::string scaled_text(const Identity& identity, const Bench& bench, const Scaled& scaled) {
  using trace::Table;
  Table table({{"rank"},
               {"depths", Table::Align::left},
               {"width"},
               {"image"},
               {"MACs M"},
               {"weights M"},
               {"ms"},
               {"of target"},
               {identity.measure},
               {"scaled by", Table::Align::left}});
  for (std::size_t r = 0; r < scaled.front.size(); ++r) {
    const Variant& one = scaled.variants[scaled.front[r]];
    table.row({std::to_string(r + 1), fmt::format("{}", fmt::join(one.extent.depths, "-")),
               fmt::format("{:.3f}", one.extent.width),
               fmt::format("{}x{}", one.extent.image.h, one.extent.image.w),
               fmt::format("{:.1f}", millions(one.measured.macs)),
               fmt::format("{:.2f}", millions(one.measured.params)), fmt::format("{:.4f}", one.latency_ms()),
               share_text(identity, one), score_text(one), one.rule});
  }
  std::string text =
      fmt::format("{} on {}: {} variants simulated, {} on the front, 1 chosen by {}\n\n", identity.network,
                  bench.options().chip.name, scaled.variants.size(), scaled.front.size(), identity.evaluator);
  text += table.text(kAnyWidth) + families_text(identity, scaled) + screen_text(scaled.screen);
  if (scaled.finished) text += finish_text(*scaled.finished);
  for (const std::string& note : scaled.notes) text += "note: " + note + "\n";
  return text;
}

std::string scaled_csv(const Identity& identity, const Bench& bench, const Scaled& scaled) {
  std::string text = fmt::format(
      "rank,depths,width,image_h,image_w,scaled_by,macs,params,estimate_ms,latency_ms.{0},cycles.{0},"
      "share_of_target,{1},refusal\n",
      bench.options().chip.name, search::csv_cell(identity.evaluator));
  const std::vector<std::size_t> ranks = ranks_of(scaled);
  for (std::size_t i = 0; i < scaled.variants.size(); ++i) {
    const Variant& one = scaled.variants[i];
    const search::Measured& m = one.measured;
    const bool target = one.runs() && identity.latency_ms > 0;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", ranks[i],
                        fmt::join(one.extent.depths, "-"), one.extent.width, one.extent.image.h,
                        one.extent.image.w, one.rule, m.macs, m.params,
                        one.estimate_ms ? fmt::format("{}", *one.estimate_ms) : "",
                        one.runs() ? fmt::format("{}", one.latency_ms()) : "", one.on_chip().cycles,
                        target ? fmt::format("{}", one.latency_ms() / identity.latency_ms) : "",
                        one.scored && m.score_failure.empty() ? fmt::format("{}", m.score) : "",
                        search::csv_cell(one.on_chip().refusal));
  }
  return text;
}

std::string scaled_json(const Identity& identity, const Bench& bench, const Scaled& scaled) {
  const search::SearchChip& chip = bench.options().chip;
  const Scalable& network = bench.network();
  Json json{{"schema", "npusim.scale/1"},
            {"version", identity.version},
            {"network", identity.network},
            {"how", identity.how},
            {"chip", {{"name", chip.name}, {"hw_hash", chip.hash}, {"dtype", ir::to_string(chip.dtype)}}}};
  if (identity.latency_ms > 0) json["latency_ms"] = identity.latency_ms;
  json["evaluator"] = identity.evaluator;
  json["measure"] = identity.measure;
  json["seed"] = identity.seed;
  json["divisor"] = bench.options().divisor;
  json["stages"] = network.stages();
  json["fixed"] = {
      {"depth", network.fixed().depth}, {"width", network.fixed().width}, {"image", network.fixed().image}};
  json["chosen"] = 1;
  json["notes"] = scaled.notes;
  if (scaled.screen.combinations > 0) json["sums"] = screen_json(scaled.screen);
  if (scaled.finished) json["finish"] = finish_json(identity.finish, *scaled.finished);
  if (!scaled.families.empty()) json["families"] = families_json(scaled);
  json["variants"] = Json::array();
  const std::vector<std::size_t> ranks = ranks_of(scaled);
  for (std::size_t i = 0; i < scaled.variants.size(); ++i) {
    json["variants"].push_back(variant_json(identity, scaled.variants[i], ranks[i]));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_scaled(const std::string& folder, const Identity& identity, const Bench& bench,
                  const Scaled& scaled, bool weights) {
  const fs::path path(folder);
  search::remove_ranked(path);
  const search::SearchChip& chip = bench.options().chip;
  hw::Evaluator evaluator(*chip.description, kernel::KernelKind::run_ahead);
  hw::EvaluateOptions options;
  options.dtype = chip.dtype;
  onnx::ExportOptions how;
  how.with_weights = weights;
  for (std::size_t r = 0; r < scaled.front.size(); ++r) {
    const Variant& one = scaled.variants[scaled.front[r]];
    const ir::Graph graph = bench.build(one.extent);
    onnx::export_onnx(graph, (path / fmt::format("{}.onnx", r + 1)).string(), how);
    const trace::Report report = evaluator.evaluate(graph, options);
    if (report.total_cycles != one.on_chip().cycles) {
      throw InternalError(fmt::format("{} took {} cycles before and {} afresh", graph.name,
                                      one.on_chip().cycles, report.total_cycles));
    }
    search::write_text(path / fmt::format("{}.json", r + 1), trace::to_json(report, false));
  }
  search::write_text(path / "scale.json", scaled_json(identity, bench, scaled));
  search::write_text(path / "scale.csv", scaled_csv(identity, bench, scaled));
}

}  // namespace npusim::scale
