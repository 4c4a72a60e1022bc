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
  model.spread = Spread::from(interval);
  if (interval.contains("held_out_coverage")) {
    // Files of before know no thirds.
    const double all = interval.at("held_out_coverage");
    model.held = {all, interval.value("held_out_coverage_by_third", std::array<double, 3>{all, all, all})};
  }
  read_pictures(json, model);
  model.domain = Domain::from(json.at("domain"));
  model.core = core_from(model.model, json.at("parameters"));
  return model;
}

}  // namespace

std::string to_json(const Model& model) {
  Json errors{{"training", json_of(model.training)}, {"cross_validation", json_of(model.cross_validation)}};
  if (model.held_out) errors["held_out"] = json_of(*model.held_out);
  Json interval = model.spread.to_json();
  interval["coverage"] = model.coverage;
  if (model.held) {
    interval["held_out_coverage"] = model.held->all;
    interval["held_out_coverage_by_third"] = model.held->thirds;
  }
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

}  // namespace npusim::fit
