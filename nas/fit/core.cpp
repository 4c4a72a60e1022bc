#include "nas/fit/core.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "nas/fit/apm.h"
#include "nas/fit/learned.h"
#include "nas/fit/linear.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

/// A weight for each feature: an operator's share of the cycles is known at once, so one channel is enough.
class LinearCore : public Core {
 public:
  LinearCore(Linear model, std::vector<std::size_t> features, std::vector<std::string> names)
      : model_(std::move(model)), features_(std::move(features)), names_(std::move(names)) {}
  explicit LinearCore(const Json& json)
      : model_{json.at("intercept"), vector_of(json.at("coefficients"))},
        features_(json.at("features")),
        names_(json.at("names")) {
    if (features_.size() != static_cast<std::size_t>(model_.coefficients.size())) {
      throw UserError("it has not as many coefficients as features");
    }
  }
  [[nodiscard]] std::size_t channels() const override { return 1; }
  void add(const Operator& op, std::span<double> channels) const override {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      channels[0] += model_.coefficients[static_cast<Index>(i)] * op.features[features_[i]];
    }
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    return model_.intercept + sums[0];
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    std::vector<std::pair<std::string, double>> list{{"intercept", model_.intercept}};
    for (std::size_t i = 0; i < names_.size(); ++i) {
      list.emplace_back(names_[i], model_.coefficients[static_cast<Index>(i)]);
    }
    return list;
  }
  [[nodiscard]] Json to_json() const override {
    return {{"intercept", model_.intercept},
            {"coefficients", plain(model_.coefficients)},
            {"features", features_},
            {"names", names_}};
  }

 private:
  Linear model_;
  std::vector<std::size_t> features_;
  std::vector<std::string> names_;
};

/// A learned function of the features' sums and of how many operators of each kind there are.
template <class Function>
class LearnedCore : public Core {
 public:
  LearnedCore(Function function, std::vector<std::size_t> features, std::vector<std::string> kinds)
      : function_(std::move(function)), features_(std::move(features)), kinds_(std::move(kinds)) {}
  [[nodiscard]] std::size_t channels() const override { return features_.size() + kinds_.size(); }
  void add(const Operator& op, std::span<double> channels) const override {
    for (std::size_t i = 0; i < features_.size(); ++i) channels[i] += op.features[features_[i]];
    const auto at = std::find(kinds_.begin(), kinds_.end(), op.kind);
    if (at != kinds_.end()) channels[features_.size() + static_cast<std::size_t>(at - kinds_.begin())] += 1;
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    return function_(Eigen::Map<const Vector>(sums.data(), static_cast<Index>(sums.size())));
  }
  [[nodiscard]] Json to_json() const override {
    Json json{{"features", features_}, {"kinds", kinds_}};
    if constexpr (std::is_same_v<Function, Perceptron>) {
      json["parameters"] = function_.parameters();
    } else {
      json["trees"] = function_.json();
    }
    return json;
  }

 private:
  Function function_;
  std::vector<std::size_t> features_;
  std::vector<std::string> kinds_;
};

/// Channels of the given networks, a row each.
Matrix channel_rows(const Core& core, const Dataset& data, std::span<const std::size_t> networks) {
  Matrix rows(static_cast<Index>(networks.size()), static_cast<Index>(core.channels()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    rows.row(static_cast<Index>(i)) =
        vector_of(channel_sums(core, operators_of(data, data.networks[networks[i]])));
  }
  return rows;
}

Vector targets_of(const Dataset& data, std::span<const std::size_t> networks) {
  Vector targets(static_cast<Index>(networks.size()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    targets[static_cast<Index>(i)] = static_cast<double>(data.networks[networks[i]].cycles);
  }
  return targets;
}

std::vector<std::string> kinds_of(const Dataset& data) {
  std::set<std::string> kinds;
  for (const Operator& op : data.operators) kinds.insert(op.kind);
  return {kinds.begin(), kinds.end()};
}

/// Collects channels without a function behind them.
struct NoFunction {
  double operator()(const Vector&) const { return 0; }
  [[nodiscard]] static std::string json() { return ""; }
};

}  // namespace

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list{"apm"};
    list.insert(list.end(), linear_kinds().begin(), linear_kinds().end());
    list.insert(list.end(), {"xgb", "mlp"});
    return list;
  }();
  return names;
}

void Core::fold(std::span<const double> operators, std::span<double> sums) const {
  for (std::size_t i = 0; i < operators.size(); i += sums.size()) {
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += operators[i + c];
  }
}

std::vector<double> channel_items(const Core& core, const Operators& network) {
  const std::size_t width = core.channels();
  std::vector<double> items(width * network.size(), 0);
  for (std::size_t i = 0; i < network.size(); ++i) {
    core.add(*network[i], std::span<double>(items).subspan(i * width, width));
  }
  return items;
}

std::vector<double> channel_sums(const Core& core, const Operators& network) {
  std::vector<double> sums(core.channels(), 0);
  core.fold(channel_items(core, network), sums);
  return sums;
}

Operators operators_of(const Dataset& data, const Network& network) {
  Operators operators;
  for (const Sample& sample : network.samples) operators.push_back(&data.operators[sample.op]);
  return operators;
}

std::shared_ptr<const Core> train_core(const Dataset& data, std::span<const std::size_t> networks,
                                       const CoreOptions& options) {
  const Vector targets = targets_of(data, networks);
  if (options.model == "apm") return train_apm(data, networks);
  if (options.model == "xgb" || options.model == "mlp") {
    const LearnedCore<NoFunction> collector({}, options.features, kinds_of(data));
    const Matrix rows = channel_rows(collector, data, networks);
    if (rows.rows() < 20) {
      throw UserError(fmt::format("{} networks are too few for model {}: at least 20 are needed", rows.rows(),
                                  options.model));
    }
    if (options.model == "mlp") {
      return std::make_shared<LearnedCore<Perceptron>>(Perceptron::train(rows, targets, options.seed),
                                                       options.features, kinds_of(data));
    }
    return std::make_shared<LearnedCore<BoostedTrees>>(BoostedTrees::train(rows, targets, options.seed),
                                                       options.features, kinds_of(data));
  }
  const auto& kinds = linear_kinds();
  const auto kind = std::find(kinds.begin(), kinds.end(), options.model);
  if (kind == kinds.end()) {
    throw UserError(
        fmt::format("there is no model '{}'{}", options.model, suggestion(options.model, model_names())));
  }
  const LearnedCore<NoFunction> collector({}, options.features, {});
  std::vector<std::string> names;
  for (const std::size_t i : options.features) names.push_back(data.features[i]);
  return std::make_shared<LinearCore>(
      fit_linear(static_cast<LinearKind>(kind - kinds.begin()), channel_rows(collector, data, networks),
                 targets, options.seed),
      options.features, names);
}

std::shared_ptr<const Core> core_from(const std::string& model, const Json& json) {
  if (model == "apm") return apm_from(json);
  if (model == "mlp") {
    const std::vector<std::size_t> features = json.at("features");
    const std::vector<std::string> kinds = json.at("kinds");
    const auto width = static_cast<Index>(features.size() + kinds.size());
    return std::make_shared<LearnedCore<Perceptron>>(Perceptron::from(json.at("parameters"), width), features,
                                                     kinds);
  }
  if (model == "xgb") {
    return std::make_shared<LearnedCore<BoostedTrees>>(BoostedTrees::from(json.at("trees")),
                                                       json.at("features"), json.at("kinds"));
  }
  const auto& kinds = linear_kinds();
  if (std::find(kinds.begin(), kinds.end(), model) == kinds.end()) {
    throw UserError(fmt::format("there is no model '{}'{}", model, suggestion(model, model_names())));
  }
  return std::make_shared<LinearCore>(json);
}

}  // namespace npusim::fit
