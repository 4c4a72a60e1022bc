// Models that are not linear: boosted trees and a small neural network. Rows are samples.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nas/fit/linear.h"
#include "sim/base/rng.h"

namespace npusim::fit {

/// A perceptron with two hidden layers of tanh units. It sees log(1 + feature), scaled to mean 0 and variance
/// 1, and predicts the logarithm of a positive target: latencies grow with products of sizes.
class Perceptron {
 public:
  static constexpr Eigen::Index kHidden = 32;
  /// Adam on squares: 2000 epochs of batches of 64 rows, step 0.003 falling to 0. The same seed gives the
  /// same bits. Features must not be negative, targets positive.
  static Perceptron train(const Matrix& features, const Vector& targets, std::uint64_t seed);
  [[nodiscard]] double operator()(const Vector& features) const;
  /// All parameters in a fixed order, and back.
  [[nodiscard]] std::vector<double> parameters() const;
  static Perceptron from(const std::vector<double>& parameters, Eigen::Index features);

 private:
  static Perceptron start(const Matrix& features, const Vector& targets, Rng& rng, Matrix& x, Vector& y);
  void differentiate(const Matrix& in, const Vector& y, Perceptron& gradient) const;
  [[nodiscard]] Vector scaled(const Vector& features) const;
  [[nodiscard]] std::vector<Eigen::Map<Vector>> blocks();

  Vector mean_, scale_;  ///< of log(1 + feature)
  Vector target_;        ///< mean and scale of log(target)
  Matrix w1_, w2_;
  Vector b1_, b2_, w3_, b3_;
};

/// Gradient-boosted trees by xgboost: 400 trees of depth 4, step 0.05, on log(target); one thread.
class BoostedTrees {
 public:
  /// Throws UserError in a build without xgboost.
  static BoostedTrees train(const Matrix& features, const Vector& targets, std::uint64_t seed);
  [[nodiscard]] double operator()(const Vector& features) const;
  /// xgboost's own JSON, and back.
  [[nodiscard]] const std::string& json() const { return json_; }
  static BoostedTrees from(const std::string& json);

 private:
  struct Booster;
  std::shared_ptr<Booster> booster_;
  std::string json_;
};
/// Whether xgboost was there when npusim was built.
bool has_xgboost();

}  // namespace npusim::fit
