#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "nas/fit/learned.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::fit {
namespace {

using Index = Eigen::Index;

constexpr int kEpochs = 2000;
constexpr std::size_t kBatch = 64;
constexpr double kStep = 0.003;

/// A standard normal number (Box & Muller).
double normal(Rng& rng) {
  const auto unit = [&] { return (static_cast<double>(rng.next() >> 11U) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2 * std::log(unit()));
  return radius * std::cos(2 * std::numbers::pi * unit());
}

Matrix random_matrix(Rng& rng, Index rows, Index columns) {
  Matrix w(rows, columns);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = normal(rng) / std::sqrt(static_cast<double>(columns));
  return w;
}

/// Adam (Kingma & Ba 2015) on one block of parameters.
struct Adam {
  Vector mean, square;
  explicit Adam(Index size) : mean(Vector::Zero(size)), square(Vector::Zero(size)) {}
  void step(Eigen::Map<Vector> parameters, const Eigen::Map<Vector>& gradient, double rate, int time) {
    constexpr double kBeta1 = 0.9;
    constexpr double kBeta2 = 0.999;
    mean = kBeta1 * mean + (1 - kBeta1) * gradient;
    square = kBeta2 * square + (1 - kBeta2) * gradient.cwiseAbs2();
    const double mean_scale = 1 / (1 - std::pow(kBeta1, time));
    const double square_scale = 1 / (1 - std::pow(kBeta2, time));
    parameters.array() -= rate * mean_scale * mean.array() / ((square_scale * square.array()).sqrt() + 1e-8);
  }
};

}  // namespace

Vector Perceptron::scaled(const Vector& features) const {
  return ((features.array().max(0) + 1).log().matrix() - mean_).cwiseQuotient(scale_);
}

std::vector<Eigen::Map<Vector>> Perceptron::blocks() {
  std::vector<Eigen::Map<Vector>> all;
  const auto add = [&](auto& block) { all.emplace_back(block.data(), block.size()); };
  add(w1_);
  add(b1_);
  add(w2_);
  add(b2_);
  add(w3_);
  add(b3_);
  return all;
}

double Perceptron::operator()(const Vector& features) const {
  const Vector h1 = (w1_ * scaled(features) + b1_).array().tanh();
  const Vector h2 = (w2_ * h1 + b2_).array().tanh();
  return std::exp(target_[0] + target_[1] * (w3_.dot(h2) + b3_[0]));
}

/// Scales the data and starts with random weights; `x` gets a column for each row of data.
Perceptron Perceptron::start(const Matrix& features, const Vector& targets, Rng& rng, Matrix& x, Vector& y) {
  if (targets.minCoeff() <= 0) throw UserError("model mlp predicts logarithms: targets must be positive");
  Perceptron net;
  Matrix logs = (features.array().max(0) + 1).log();
  net.mean_ = logs.colwise().mean();
  logs.rowwise() -= net.mean_.transpose();
  net.scale_ = (logs.colwise().squaredNorm() / static_cast<double>(logs.rows())).cwiseSqrt();
  net.scale_ = (net.scale_.array() < 1e-12).select(1, net.scale_);
  x = (logs * net.scale_.cwiseInverse().asDiagonal()).transpose();
  const Vector log_targets = targets.array().log();
  const double mean = log_targets.mean();
  const double scale = std::max(std::sqrt((log_targets.array() - mean).square().mean()), 1e-12);
  net.target_ = Vector::Zero(2);
  net.target_ << mean, scale;
  y = (log_targets.array() - mean) / scale;
  net.w1_ = random_matrix(rng, kHidden, features.cols());
  net.w2_ = random_matrix(rng, kHidden, kHidden);
  net.w3_ = random_matrix(rng, kHidden, 1);
  net.b1_ = net.b2_ = Vector::Zero(kHidden);
  net.b3_ = Vector::Zero(1);
  return net;
}

/// The slopes of the mean of half the squared errors, into `gradient`'s parameters.
void Perceptron::differentiate(const Matrix& in, const Vector& y, Perceptron& gradient) const {
  const Matrix h1 = ((w1_ * in).colwise() + b1_).array().tanh();
  const Matrix h2 = ((w2_ * h1).colwise() + b2_).array().tanh();
  const Vector out = h2.transpose() * w3_;
  const Vector error = (out.array() + b3_[0] - y.array()) / static_cast<double>(y.size());
  gradient.w3_ = h2 * error;
  gradient.b3_[0] = error.sum();
  const Matrix d2 = (w3_ * error.transpose()).array() * (1 - h2.array().square());
  gradient.w2_ = d2 * h1.transpose();
  gradient.b2_ = d2.rowwise().sum();
  const Matrix d1 = (w2_.transpose() * d2).array() * (1 - h1.array().square());
  gradient.w1_ = d1 * in.transpose();
  gradient.b1_ = d1.rowwise().sum();
}

Perceptron Perceptron::train(const Matrix& features, const Vector& targets, std::uint64_t seed) {
  Rng rng(seed);
  Matrix x;
  Vector y;
  Perceptron net = start(features, targets, rng, x, y);
  Perceptron gradient = net;
  std::vector<Eigen::Map<Vector>> parameters = net.blocks();
  std::vector<Eigen::Map<Vector>> slopes = gradient.blocks();
  std::vector<Adam> adam;
  for (const auto& block : parameters) adam.emplace_back(block.size());
  std::vector<Index> order(static_cast<std::size_t>(y.size()));
  std::iota(order.begin(), order.end(), Index{0});
  int time = 0;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const double rate = kStep * (1 - static_cast<double>(epoch) / kEpochs);
    for (std::size_t i = order.size() - 1; i > 0; --i) {
      std::swap(order[i], order[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i)))]);
    }
    for (std::size_t from = 0; from < order.size(); from += kBatch) {
      const std::vector<Index> batch(
          order.begin() + static_cast<std::ptrdiff_t>(from),
          order.begin() + static_cast<std::ptrdiff_t>(std::min(from + kBatch, order.size())));
      net.differentiate(x(Eigen::all, batch), y(batch), gradient);
      ++time;
      for (std::size_t i = 0; i < adam.size(); ++i) adam[i].step(parameters[i], slopes[i], rate, time);
    }
  }
  return net;
}

std::vector<double> Perceptron::parameters() const {
  std::vector<double> all;
  const auto add = [&](const auto& block) {
    all.insert(all.end(), block.data(), block.data() + block.size());
  };
  add(mean_);
  add(scale_);
  add(target_);
  add(w1_);
  add(b1_);
  add(w2_);
  add(b2_);
  add(w3_);
  add(b3_);
  return all;
}

Perceptron Perceptron::from(const std::vector<double>& parameters, Index features) {
  const auto expected =
      static_cast<std::size_t>(2 * features + 2 + kHidden * features + kHidden * kHidden + 3 * kHidden + 1);
  if (parameters.size() != expected) {
    throw UserError(fmt::format("a network of {} features has {} parameters, not {}", features, expected,
                                parameters.size()));
  }
  Perceptron net;
  const double* at = parameters.data();
  const auto take = [&](auto& block, Index rows, Index columns) {
    block.resize(rows, columns);
    std::copy_n(at, rows * columns, block.data());
    at += rows * columns;
  };
  take(net.mean_, features, 1);
  take(net.scale_, features, 1);
  take(net.target_, 2, 1);
  take(net.w1_, kHidden, features);
  take(net.b1_, kHidden, 1);
  take(net.w2_, kHidden, kHidden);
  take(net.b2_, kHidden, 1);
  take(net.w3_, kHidden, 1);
  take(net.b3_, 1, 1);
  return net;
}

}  // namespace npusim::fit
