// Chips that keep no parameters: layers between their shortest and their longest time.
#include <algorithm>

#include "nas/fit/apm_parts.h"

namespace npusim::fit::apm {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

Matrix sum_rows(const Core& core, const Dataset& data, std::span<const std::size_t> networks) {
  Matrix sums(static_cast<Index>(networks.size()), static_cast<Index>(core.channels()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    sums.row(static_cast<Index>(i)) =
        vector_of(channel_sums(core, operators_of(data, data.networks[networks[i]])));
  }
  return sums;
}

/// Layers by two rooflines, of their shortest and of their longest time, and how far a network is between
/// them: the share of one feature's sum that lies beyond a knee. The network's terms are linear in these
/// sums.
class KneeApm : public Core {
 public:
  KneeApm(Rooflines shortest, Rooflines longest)
      : shortest_(std::move(shortest)), longest_(std::move(longest)) {}
  explicit KneeApm(const Json& json)
      : shortest_(rooflines_from(json.at("shortest"))),
        longest_(rooflines_from(json.at("longest"))),
        feature_(json.at("knee_feature")),
        network_(terms_from(json, kTerms)),
        knee_(json.at("knee")) {}
  [[nodiscard]] std::size_t channels() const override { return kChannels; }
  void add(const Operator& op, std::span<double> channels) const override {
    channels[0] += roofline_of(shortest_, op.kind).cycles(op.features);
    channels[1] += roofline_of(longest_, op.kind).cycles(op.features);
    channels[2] += 1;
    channels[3] += op.features[kWeights];
    channels[4] += op.features[feature_];
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    const double beyond = std::max(0.0, sums[4] - knee_);
    const double share = sums[4] > 0 ? beyond / sums[4] : 0;
    return network_[0] + (network_[1] + (1 - share) * network_[6]) * sums[0] +
           (network_[2] + share * network_[7]) * sums[1] + network_[3] * sums[2] + network_[4] * sums[3] +
           network_[5] * beyond;
  }
  [[nodiscard]] std::vector<Layer> layers(const Operators& network) const override {
    const std::vector<double> sums = channel_sums(*this, network);
    const double share = sums[4] > 0 ? std::max(0.0, sums[4] - knee_) / sums[4] : 0;
    std::vector<Layer> list;
    for (const Operator* op : network) {
      const Roofline& shortest = roofline_of(shortest_, op->kind);
      const Roofline& longest = roofline_of(longest_, op->kind);
      list.push_back({(1 - share) * shortest.cycles(op->features) + share * longest.cycles(op->features),
                      (share < 0.5 ? shortest : longest).binding(op->features)});
    }
    return list;
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    return {{"constant, cycles", network_[0]},
            {"times shortest", network_[1]},
            {"times longest", network_[2]},
            {"cycles an operator", network_[3]},
            {"cycles a weight", network_[4]},
            {"cycles beyond the knee", network_[5]},
            {"times shortest x rest", network_[6]},
            {"times longest x share", network_[7]},
            {"the knee", knee_}};
  }
  void fit_network(const Dataset& data, std::span<const std::size_t> networks);
  [[nodiscard]] Json to_json() const override {
    return {{"shortest", json_of(shortest_)},
            {"longest", json_of(longest_)},
            {"network", plain(network_)},
            {"knee", knee_},
            {"knee_feature", feature_}};
  }

 private:
  /// Layers' shortest and longest cycles, operators, weights, the knee's feature.
  static constexpr std::size_t kChannels = 5;
  static constexpr Index kTerms = 8;
  Rooflines shortest_, longest_;
  std::size_t feature_ = kWeights;
  Vector network_ = Vector::Zero(kTerms);
  double knee_ = 0;
};

/// What KneeApm's terms multiply.
Matrix knee_columns(const Matrix& sums, double knee) {
  Matrix columns(sums.rows(), 8);
  const Vector beyond = (sums.col(4).array() - knee).max(0);
  const Vector share = beyond.cwiseQuotient(sums.col(4).cwiseMax(1));
  columns << Vector::Ones(sums.rows()), sums.leftCols(4), beyond,
      sums.col(0).cwiseProduct(Vector(1 - share.array())), sums.col(1).cwiseProduct(share);
  return columns;
}

void KneeApm::fit_network(const Dataset& data, std::span<const std::size_t> networks) {
  constexpr int kKnees = 48;
  // A knee must explain something that chance does not.
  constexpr double kWorthwhile = 0.99;
  const Vector cycles = cycles_of(data, networks);
  Matrix sums = sum_rows(*this, data, networks);
  knee_ = sums.col(4).maxCoeff();
  double least = kWorthwhile * fit_terms(knee_columns(sums, knee_), cycles, network_);
  const auto attempt = [&](std::size_t feature, double knee) {
    Vector terms;
    const double squares = fit_terms(knee_columns(sums, knee), cycles, terms);
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

}  // namespace

std::shared_ptr<const Core> train_knee(const Dataset& data, std::span<const std::size_t> networks) {
  auto core = std::make_shared<KneeApm>(fit_rooflines(data, networks, Extreme::shortest),
                                        fit_rooflines(data, networks, Extreme::longest));
  core->fit_network(data, networks);
  return core;
}

std::shared_ptr<const Core> knee_from(const Json& json) { return std::make_shared<KneeApm>(json); }

}  // namespace npusim::fit::apm
