#include "nas/fit/core.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "nas/fit/learned.h"
#include "nas/fit/linear.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

std::vector<double> plain(const Vector& v) { return {v.data(), v.data() + v.size()}; }
Vector vector_of(const std::vector<double>& v) {
  return Eigen::Map<const Vector>(v.data(), static_cast<Index>(v.size()));
}

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
  void add(const std::string&, std::span<const double> features, std::span<double> sums) const override {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      sums[0] += model_.coefficients[static_cast<Index>(i)] * features[features_[i]];
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
  void add(const std::string& kind, std::span<const double> features, std::span<double> sums) const override {
    for (std::size_t i = 0; i < features_.size(); ++i) sums[i] += features[features_[i]];
    const auto at = std::find(kinds_.begin(), kinds_.end(), kind);
    if (at != kinds_.end()) sums[features_.size() + static_cast<std::size_t>(at - kinds_.begin())] += 1;
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

Json json_of(const Rooflines& rooflines) {
  Json kinds = Json::object();
  for (const auto& [kind, one] : rooflines) {
    kinds[kind] = {
        {"launch", one.launch}, {"overlap", one.overlap}, {"ceilings", one.ceilings}, {"serial", one.serial}};
  }
  return kinds;
}

Rooflines rooflines_from(const Json& json) {
  Rooflines rooflines;
  for (const auto& [kind, one] : json.items()) {
    rooflines[kind] = {one.at("launch"), one.at("overlap"), one.at("ceilings"), one.at("serial")};
  }
  if (rooflines.count(kOtherKinds) == 0) throw UserError("the ceilings of other kinds are missing");
  return rooflines;
}

/// Layers by two rooflines, of their shortest and of their longest time, and how far a network is between
/// them: the share of one feature's sum (bytes of weights, in the chip's own counting) that lies beyond what
/// the chip keeps, its knee. The network's terms are linear in these sums.
class ApmCore : public Core {
 public:
  /// Layers' shortest and longest cycles, operators, weights, the knee's feature.
  static constexpr std::size_t kChannels = 5;
  ApmCore(Rooflines shortest, Rooflines longest)
      : shortest_(std::move(shortest)), longest_(std::move(longest)) {}
  explicit ApmCore(const Json& json)
      : shortest_(rooflines_from(json.at("shortest"))),
        longest_(rooflines_from(json.at("longest"))),
        feature_(json.at("knee_feature")),
        network_(vector_of(json.at("network"))),
        knee_(json.at("knee")) {
    if (network_.size() != kTerms) throw UserError("it has not the network terms of an apm");
  }
  [[nodiscard]] std::size_t channels() const override { return kChannels; }
  void add(const std::string& kind, std::span<const double> features, std::span<double> sums) const override {
    sums[0] += roofline_of(shortest_, kind).cycles(features);
    sums[1] += roofline_of(longest_, kind).cycles(features);
    sums[2] += 1;
    sums[3] += features[kWeights];
    sums[4] += features[feature_];
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    const double beyond = std::max(0.0, sums[4] - knee_);
    const double share = sums[4] > 0 ? beyond / sums[4] : 0;
    return network_[0] + (network_[1] + (1 - share) * network_[6]) * sums[0] +
           (network_[2] + share * network_[7]) * sums[1] + network_[3] * sums[2] + network_[4] * sums[3] +
           network_[5] * beyond;
  }
  [[nodiscard]] std::optional<Layer> layer(const std::string& kind, std::span<const double> features,
                                           std::span<const double> sums) const override {
    const double share = sums[4] > 0 ? std::max(0.0, sums[4] - knee_) / sums[4] : 0;
    const Roofline& shortest = roofline_of(shortest_, kind);
    const Roofline& longest = roofline_of(longest_, kind);
    return Layer{(1 - share) * shortest.cycles(features) + share * longest.cycles(features),
                 (share < 0.5 ? shortest : longest).binding(features)};
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    return {
        {"constant", network_[0]},        {"layers, shortest", network_[1]}, {"layers, longest", network_[2]},
        {"operators", network_[3]},       {"weights", network_[4]},          {"beyond the knee", network_[5]},
        {"rest x shortest", network_[6]}, {"share x longest", network_[7]},  {"(the knee)", knee_}};
  }
  void fit_network(const Dataset& data, std::span<const std::size_t> networks, const Vector& cycles);
  [[nodiscard]] Json to_json() const override {
    return {{"shortest", json_of(shortest_)},
            {"longest", json_of(longest_)},
            {"network", plain(network_)},
            {"knee", knee_},
            {"knee_feature", feature_}};
  }

 private:
  static constexpr Index kTerms = 8;
  static constexpr std::size_t kWeights = 5;  ///< of Extractor::names()
  Rooflines shortest_, longest_;
  std::size_t feature_ = kWeights;
  Vector network_ = Vector::Zero(kTerms);
  double knee_ = 0;
};

/// Channels of the given networks, a row each.
Matrix channel_rows(const Core& core, const Dataset& data, std::span<const std::size_t> networks) {
  Matrix rows(static_cast<Index>(networks.size()), static_cast<Index>(core.channels()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    rows.row(static_cast<Index>(i)) = vector_of(channels_of(core, data, data.networks[networks[i]]));
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

/// Squares of the relative residuals with this knee, and the network's terms that make them smallest: small
/// networks count as much as large ones. No term is negative, so that no prediction is.
double fit_terms(const Matrix& sums, const Vector& cycles, double knee, Vector& terms) {
  Matrix columns(sums.rows(), 8);
  const Vector beyond = (sums.col(4).array() - knee).max(0);
  const Vector share = beyond.cwiseQuotient(sums.col(4).cwiseMax(1));
  columns << Vector::Ones(sums.rows()), sums.leftCols(4), beyond,
      sums.col(0).cwiseProduct(Vector(1 - share.array())), sums.col(1).cwiseProduct(share);
  columns = cycles.cwiseInverse().asDiagonal() * columns;
  const Vector ones = Vector::Ones(sums.rows());
  terms = nonnegative_least_squares(columns, ones);
  return (columns * terms - ones).squaredNorm();
}

void ApmCore::fit_network(const Dataset& data, std::span<const std::size_t> networks, const Vector& cycles) {
  constexpr int kKnees = 48;
  // A knee must explain something that chance does not.
  constexpr double kWorthwhile = 0.99;
  Matrix sums = channel_rows(*this, data, networks);
  knee_ = sums.col(4).maxCoeff();
  double least = kWorthwhile * fit_terms(sums, cycles, knee_, network_);
  const auto attempt = [&](std::size_t feature, double knee) {
    Vector terms;
    const double squares = fit_terms(sums, cycles, knee, terms);
    if (squares >= least) return;
    least = squares;
    feature_ = feature;
    knee_ = knee;
    network_ = terms;
  };
  for (std::size_t feature = 0; feature < data.features.size(); ++feature) {
    for (std::size_t i = 0; i < networks.size(); ++i) {
      sums(static_cast<Index>(i), 4) = data.sums(data.networks[networks[i]])[feature];
    }
    const double low = sums.col(4).minCoeff();
    const double step = (sums.col(4).maxCoeff() - low) / kKnees;
    if (step <= 0) continue;
    for (int i = 1; i < kKnees; ++i) attempt(feature, low + step * i);
    for (double fine = step / 2; feature_ == feature && fine > step / 64; fine /= 2) {
      const double middle = knee_;
      attempt(feature, middle - fine);
      attempt(feature, middle + fine);
    }
  }
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

std::vector<double> channels_of(const Core& core, const Dataset& data, const Network& network) {
  std::vector<double> sums(core.channels(), 0);
  for (const Sample& sample : network.samples) {
    const Operator& op = data.operators[sample.op];
    core.add(op.kind, op.features, sums);
  }
  return sums;
}

std::shared_ptr<const Core> train_core(const Dataset& data, std::span<const std::size_t> networks,
                                       const CoreOptions& options) {
  const Vector targets = targets_of(data, networks);
  if (options.model == "apm") {
    auto core = std::make_shared<ApmCore>(fit_rooflines(data, networks, Extreme::shortest),
                                          fit_rooflines(data, networks, Extreme::longest));
    core->fit_network(data, networks, targets);
    return core;
  }
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
  if (model == "apm") return std::make_shared<ApmCore>(json);
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
