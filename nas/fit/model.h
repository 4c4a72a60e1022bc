// A fitted model with everything that says how far to trust it: errors, interval, domain, where it comes
// from.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/fit/core.h"
#include "nas/fit/errors.h"
#include "nas/fit/linear.h"
#include "nas/fit/predictor.h"
#include "nas/fit/spread.h"

namespace npusim::fit {

/// Where training networks lie: by feature (summed over a network) its range, and how they vary together.
class Domain {
 public:
  Domain() = default;
  explicit Domain(const Matrix& sums, std::vector<std::string> names);
  /// "" inside; else why not: "weights 8.1e+06 is above 6.2e+06", "unlike all training networks together
  /// (distance 9.1, theirs at most 5.2)". A tenth of a feature's range is allowed beyond it.
  [[nodiscard]] std::string outside(const std::vector<double>& sums) const;
  /// Mahalanobis distance from the mean, over features that vary, with 1e-6 of each one's variance added
  /// against collinear ones.
  [[nodiscard]] double distance(const std::vector<double>& sums) const;
  [[nodiscard]] nlohmann::json to_json() const;
  static Domain from(const nlohmann::json& json);

 private:
  std::vector<std::string> names_;
  std::vector<double> low_, high_;
  Vector mean_;
  Matrix whitening_;  ///< distance is |whitening (sums - mean)|
  double farthest_ = 0;
};

struct FitOptions {
  std::string model = "apm";
  /// Names that linear and learned models see; empty: all that vary. "isynet" stands for m, v, d.
  std::vector<std::string> features;
  std::size_t folds = 5;
  std::size_t hold_out = 0;  ///< networks at the end of the data that are judged and not learnt from
  double coverage = 0.9;     ///< of the interval
  std::uint64_t seed = 1;
};

/// One step of a learning curve: errors on the same unseen networks after learning from `networks`.
struct LearningStep {
  std::size_t networks = 0;
  Errors errors;
};

/// Networks that were not learnt from, in ns, rounded: each one's latency as simulated and as predicted.
struct Judged {
  std::vector<std::int64_t> simulated_ns, predicted_ns;
};

/// Which share of networks held out the interval held: of all, and of the third that is predicted to be
/// fastest, of the middle, and of the slowest.
struct HeldShare {
  double all = 0;
  std::array<double, 3> thirds{};
};

/// Schema npusim.model/1.
struct Model {
  std::string model;
  std::string hw, hw_hash, dtype;
  double ns_per_cycle = 0;
  std::string data_hash;  ///< hash_of() the data it was fitted to
  std::string data_source;
  std::size_t networks = 0;           ///< learnt from
  std::vector<std::string> features;  ///< names of operators' features
  Errors training, cross_validation;  ///< in ns
  std::optional<Errors> held_out;
  double coverage = 0.9;
  Spread spread;  ///< predictions are within this of the truth with probability `coverage`
  std::optional<HeldShare> held;
  Domain domain;
  std::map<std::string, Judged> judged;  ///< "cross_validation", "held_out": for pictures
  std::vector<LearningStep> learning;
  std::shared_ptr<const Core> core;

  [[nodiscard]] double predict_ns(std::span<const double> sums) const {
    return core->cycles(sums) * ns_per_cycle;
  }
  /// Around a prediction; holds the truth with probability `coverage`.
  [[nodiscard]] Interval interval_ns(double predicted_ns) const {
    const double width = spread.of(predicted_ns);
    return {predicted_ns * std::max(0.0, 1 - width), predicted_ns * (1 + width)};
  }
};

/// Errors of one kind of operator, of models that predict layers. Shares are of all layers' simulated cycles.
struct KindErrors {
  std::string kind;
  std::size_t layers = 0;
  double share = 0;   ///< the kind's simulated cycles
  double bias = 0;    ///< its predicted less its simulated cycles
  double missed = 0;  ///< sum of its layers' |residuals|
};

/// Collinearity of the features that a model sees.
struct Inflation {
  std::string feature;
  double factor = 0;
};

struct FitResult {
  Model model;
  std::vector<std::string> dropped;  ///< features that are the same for all networks
  std::vector<KindErrors> kinds;
  std::vector<Inflation> inflation;  ///< of linear models
};

/// Fits, judges by k-fold cross-validation and on held-out networks. Equal arguments give equal models, bit
/// for bit. Throws UserError: for unknown models and features, with the nearest; too few networks; features
/// named by the user that are constant; what check(Dataset) refuses.
FitResult fit(const Dataset& data, const FitOptions& options);

/// One JSON object (which is YAML, too).
std::string to_json(const Model& model);
/// Throws UserError naming `file`.
Model parse_model(const std::string& text, const std::string& file);
/// Throws UserError unless the model is of this chip (hash).
void check_chip(const Model& model, const Config& chip, const std::string& file);

/// For people.
std::string to_text(const FitResult& result);

}  // namespace npusim::fit
