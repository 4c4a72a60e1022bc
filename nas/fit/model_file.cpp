// Models as files and as text.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "nas/fit/model.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
constexpr const char* kSchema = "npusim.model/1";

Json json_of(const Errors& errors) {
  return {{"networks", errors.count},
          {"r2", errors.r2},
          {"mape", errors.mape},
          {"rmse_ns", errors.rmse},
          {"worst", errors.worst},
          {"within_5_percent", errors.within5},
          {"within_10_percent", errors.within10},
          {"spearman", errors.spearman},
          {"kendall", errors.kendall}};
}

Errors errors_from(const Json& json) {
  return {json.at("networks"),          json.at("r2"),       json.at("mape"),
          json.at("rmse_ns"),           json.at("worst"),    json.at("within_5_percent"),
          json.at("within_10_percent"), json.at("spearman"), json.at("kendall")};
}

/// What pictures need besides; models of before have neither.
void add_pictures(const Model& model, Json& json) {
  for (const auto& [how, judged] : model.judged) {
    json["judged"][how] = {{"simulated_ns", judged.simulated_ns}, {"predicted_ns", judged.predicted_ns}};
  }
  for (const LearningStep& step : model.learning) {
    json["learning"].push_back({{"networks", step.networks}, {"errors", json_of(step.errors)}});
  }
}

void read_pictures(const Json& json, Model& model) {
  if (json.contains("judged")) {
    for (const auto& [how, judged] : json.at("judged").items()) {
      model.judged[how] = {judged.at("simulated_ns").get<std::vector<std::int64_t>>(),
                           judged.at("predicted_ns").get<std::vector<std::int64_t>>()};
    }
  }
  if (!json.contains("learning")) return;
  for (const Json& step : json.at("learning")) {
    model.learning.push_back({step.at("networks"), errors_from(step.at("errors"))});
  }
}

Model model_from(const Json& json) {
  Model model;
  model.model = json.at("model");
  model.hw = json.at("hw");
  model.hw_hash = json.at("hw_hash");
  model.dtype = json.at("dtype");
  model.ns_per_cycle = json.at("ns_per_cycle");
  model.data_hash = json.at("data").at("hash");
  model.data_source = json.at("data").at("source");
  model.networks = json.at("data").at("networks");
  model.features = json.at("features").get<std::vector<std::string>>();
  const Json& errors = json.at("errors");
  model.training = errors_from(errors.at("training"));
  model.cross_validation = errors_from(errors.at("cross_validation"));
  if (errors.contains("held_out")) model.held_out = errors_from(errors.at("held_out"));
  const Json& interval = json.at("interval");
  model.coverage = interval.at("coverage");
  model.relative_interval = interval.at("relative");
  if (interval.contains("held_out_coverage")) model.held_out_coverage = interval.at("held_out_coverage");
  read_pictures(json, model);
  model.domain = Domain::from(json.at("domain"));
  model.core = core_from(model.model, json.at("parameters"));
  return model;
}

std::string line(const char* what, const Errors& errors) {
  return fmt::format("{:<17} {} ({} networks)\n", what, describe(errors), errors.count);
}

}  // namespace

std::string to_json(const Model& model) {
  Json errors{{"training", json_of(model.training)}, {"cross_validation", json_of(model.cross_validation)}};
  if (model.held_out) errors["held_out"] = json_of(*model.held_out);
  Json interval{{"coverage", model.coverage}, {"relative", model.relative_interval}};
  if (model.held_out_coverage) interval["held_out_coverage"] = *model.held_out_coverage;
  Json json{
      {"schema", kSchema},
      {"model", model.model},
      {"hw", model.hw},
      {"hw_hash", model.hw_hash},
      {"dtype", model.dtype},
      {"ns_per_cycle", model.ns_per_cycle},
      {"data", {{"hash", model.data_hash}, {"source", model.data_source}, {"networks", model.networks}}},
      {"features", model.features},
      {"errors", errors},
      {"interval", interval},
      {"domain", model.domain.to_json()},
      {"parameters", model.core->to_json()}};
  add_pictures(model, json);
  return json.dump(1) + "\n";
}

Model parse_model(const std::string& text, const std::string& file) {
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("schema", "") != kSchema) {
      throw UserError(fmt::format("no model of this npusim, which reads schema {}", kSchema));
    }
    return model_from(json);
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("{}: no model file: {}", file, error.what()));
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", file, error.what()));
  }
}

void check_chip(const Model& model, const Config& chip, const std::string& file) {
  const std::string hash = hw::hardware_hash(chip);
  if (hash == model.hw_hash) return;
  throw UserError(
      fmt::format("{} is a model of {} (hardware {}), not of {} (hardware {}){}", file, model.hw,
                  model.hw_hash, chip.text("chip"), hash,
                  model.hw == chip.text("chip") ? ": its description has changed, fit again" : ""));
}

std::string to_text(const FitResult& result) {
  const Model& model = result.model;
  std::string text =
      fmt::format("model {} of {} ({}), {}\n", model.model, model.hw, model.dtype, model.data_source);
  text += line("training", model.training);
  text += line("cross-validation", model.cross_validation);
  if (model.held_out) text += line("held out", *model.held_out);
  text += fmt::format("{:.0f} % interval    +-{:.2f} %", model.coverage * 100, model.relative_interval * 100);
  if (model.held_out_coverage) {
    text += fmt::format(", held {:.1f} % of the networks held out", *model.held_out_coverage * 100);
  }
  text += "\n\nlearning from     MAPE %   RMSE us  worst %\n";
  for (const LearningStep& step : model.learning) {
    text += fmt::format("{:>8} networks {:>7.2f} {:>9.1f} {:>8.1f}\n", step.networks, step.errors.mape * 100,
                        step.errors.rmse / 1e3, step.errors.worst * 100);
  }
  if (!result.kinds.empty()) text += "\noperators            layers  cycles %   bias %  error %\n";
  for (const KindErrors& kind : result.kinds) {
    text += fmt::format("{:<18} {:>8} {:>9.1f} {:>8.1f} {:>8.1f}\n", kind.kind, kind.layers, kind.share * 100,
                        kind.bias * 100, kind.mape * 100);
  }
  const auto coefficients = model.core->coefficients();
  if (!coefficients.empty()) text += "\ncoefficient                cycles     inflation (VIF)\n";
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    text += fmt::format("{:<22} {:>10.4g}", coefficients[i].first, coefficients[i].second);
    if (i > 0 && i <= result.inflation.size())
      text += fmt::format("     {:>10.3g}", result.inflation[i - 1].factor);
    text += "\n";
  }
  if (!result.dropped.empty()) {
    text += fmt::format("\nthe same for all networks, not used: {}\n", fmt::join(result.dropped, ", "));
  }
  return text;
}

}  // namespace npusim::fit
