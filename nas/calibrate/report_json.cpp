#include <nlohmann/json.hpp>

#include "nas/calibrate/report.h"

namespace npusim::calibrate {
namespace {

using Json = nlohmann::ordered_json;

/// A value as --set takes it: a number where it is one.
Json value_json(const Parameter& key, const std::string& value) {
  if (value.empty()) return nullptr;
  return key.numeric() ? Json(number_of(value)) : Json(value);
}

std::string_view known_text(Known known) {
  switch (known) {
    case Known::determined:
      return "determined";
    case Known::open:
      return "open";
    case Known::no_influence:
      return "no influence";
  }
  return "?";
}

Json keys_json(const Problem& problem, const Calibration& done) {
  Json all = Json::array();
  for (std::size_t j = 0; j < problem.free.size(); ++j) {
    const Parameter& one = problem.free[j];
    const KeyKnowledge& known = done.knowledge.keys[j];
    Json json{{"key", one.key()},
              {"before", value_json(one, one.start())},
              {"fitted", value_json(one, done.fitted[j])},
              {"known", known_text(known.known)},
              {"low95", value_json(one, known.low)},
              {"high95", value_json(one, known.high)}};
    json["elasticity"] = known.elasticity ? Json(*known.elasticity) : Json(nullptr);
    json["bounds"] = one.describe();
    const std::string bound = one.bound_hit(done.fitted[j]);
    json["at_bound"] = bound.empty() ? Json(nullptr) : Json(bound);
    all.push_back(std::move(json));
  }
  return all;
}

Json accuracy_json(const Accuracy& one) {
  const fit::Errors& e = one.errors;
  return {{"rows", e.count},        {"mape", e.mape},         {"median", one.median}, {"worst", e.worst},
          {"within10", e.within10}, {"spearman", e.spearman}, {"kendall", e.kendall}, {"r2", e.r2}};
}

Json errors_json(const Calibration& done) {
  const auto of = [](const std::optional<Accuracy>& one) {
    return one ? accuracy_json(*one) : Json(nullptr);
  };
  Json json{{"before", accuracy_json(done.train_before)}, {"fitted", accuracy_json(done.train_after)}};
  json["cross_validation"] = of(done.cross);
  if (done.cross) {
    json["cross_validation"]["folds"] = done.folds;
    json["cross_validation"]["left_out"] = done.whole_networks ? "networks" : "rows";
  }
  json["test_before"] = of(done.test_before);
  json["test_fitted"] = of(done.test_after);
  return json;
}

Json rows_json(const Problem& problem, const Calibration& done) {
  Json all = Json::array();
  for (std::size_t i = 0; i < problem.measured.rows.size(); ++i) {
    const Row& row = problem.measured.rows[i];
    const bool train = !row.test && row.weight > 0;
    Json json{{"line", row.line}, {"network", row.network}};
    json["batch"] = row.batch == 0 ? Json(nullptr) : Json(row.batch);
    json["dtype"] = ir::to_string(problem.targets[i].dtype);
    json["used"] = row.test ? "test" : train ? "fit" : "no";
    json["weight"] = row.weight;
    json["measured"] = row.measured;
    json["before"] = done.before[i];
    json["fitted"] = done.after[i];
    json["crossed"] = train && done.folds > 0 ? Json(done.crossed[i]) : Json(nullptr);
    all.push_back(std::move(json));
  }
  return all;
}

}  // namespace

std::string to_json(const std::string& hw, const Problem& problem, const Calibration& done) {
  Json json{{"schema", "npusim.calibration/1"},
            {"hw", hw},
            {"measured",
             {{"file", problem.measured.file},
              {"hash", problem.measured.hash},
              {"unit", to_string(problem.measured.unit)},
              {"ignored_columns", problem.measured.ignored}}},
            {"keys", keys_json(problem, done)},
            {"condition", done.knowledge.condition},
            {"objective", {{"before", done.objective_before}, {"fitted", done.objective_after}}},
            {"errors", errors_json(done)},
            {"rows", rows_json(problem, done)},
            {"settings", done.spent.settings},
            {"simulations", done.spent.simulations},
            {"warnings", done.warnings}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace npusim::calibrate
