#include "nas/fit/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nas/fit/symmetric.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::fit {
namespace {

using Index = Eigen::Index;

/// Columns and targets with mean 0 and variance 1; a constant column becomes 0.
struct Standardised {
  Vector mean, scale;
  double target_mean = 0, target_scale = 1;
  Matrix x;
  Vector y;

  Standardised(const Matrix& features, const Vector& targets) {
    const auto n = static_cast<double>(features.rows());
    mean = features.colwise().mean();
    x = features.rowwise() - mean.transpose();
    scale = (x.colwise().squaredNorm() / n).cwiseSqrt();
    for (Index j = 0; j < scale.size(); ++j) {
      if (scale[j] == 0) scale[j] = 1;
    }
    x = x * scale.cwiseInverse().asDiagonal();
    target_mean = targets.mean();
    y = targets.array() - target_mean;
    target_scale = std::sqrt(y.squaredNorm() / n);
    if (target_scale == 0) target_scale = 1;
    y /= target_scale;
  }

  [[nodiscard]] Linear unscaled(const Vector& w) const {
    Linear model;
    model.coefficients = target_scale * w.cwiseQuotient(scale);
    model.intercept = target_mean - model.coefficients.dot(mean);
    return model;
  }
};

Vector ridge(const Matrix& x, const Vector& y, double penalty) {
  const Matrix gram = x.transpose() * x + penalty * Matrix::Identity(x.cols(), x.cols());
  return gram.ldlt().solve(x.transpose() * y);
}

Vector matching_pursuit(const Matrix& x, const Vector& y) {
  std::vector<Index> chosen;
  Vector w = Vector::Zero(x.cols());
  Vector residual = y;
  const auto most = std::min<std::size_t>(kOmpColumns, static_cast<std::size_t>(x.cols()));
  while (chosen.size() < most) {
    const Vector fit = (x.transpose() * residual).cwiseAbs();
    Index best = -1;
    for (Index j = 0; j < x.cols(); ++j) {
      const bool taken = std::find(chosen.begin(), chosen.end(), j) != chosen.end();
      if (!taken && (best < 0 || fit[j] > fit[best])) best = j;
    }
    chosen.push_back(best);
    const Matrix part = x(Eigen::all, chosen);
    const Vector solved = part.completeOrthogonalDecomposition().solve(y);
    w.setZero();
    for (std::size_t i = 0; i < chosen.size(); ++i) w[chosen[i]] = solved[static_cast<Index>(i)];
    residual = y - x * w;
  }
  return w;
}

/// Evidence maximisation: alpha is the noise's precision, lambda the coefficients'.
Vector bayesian_ridge(const Matrix& x, const Vector& y) {
  constexpr int kMostSteps = 300;
  const auto n = static_cast<double>(x.rows());
  const Symmetric eigen = decompose(x.transpose() * x);
  const Vector values = eigen.values.cwiseMax(0);
  const Vector projected = eigen.vectors.transpose() * (x.transpose() * y);
  double alpha = 1;
  double lambda = 1;
  Vector w = Vector::Zero(x.cols());
  for (int step = 0; step < kMostSteps; ++step) {
    const Vector shrunk = projected.cwiseQuotient((values.array() + lambda / alpha).matrix());
    const Vector next = eigen.vectors * shrunk;
    const double gamma = (alpha * values.array() / (lambda + alpha * values.array())).sum();
    lambda = gamma / std::max(next.squaredNorm(), 1e-300);
    alpha = (n - gamma) / std::max((y - x * next).squaredNorm(), 1e-12 * n);
    const double change = (next - w).cwiseAbs().sum();
    w = next;
    if (change < 1e-9) break;
  }
  return w;
}

Vector gradient_descent(const Matrix& x, const Vector& y, std::uint64_t seed) {
  constexpr int kEpochs = 500;
  constexpr double kStep = 0.01;
  constexpr double kPenalty = 1e-4;
  Rng rng(seed);
  std::vector<Index> order(static_cast<std::size_t>(x.rows()));
  std::iota(order.begin(), order.end(), Index{0});
  Vector w = Vector::Zero(x.cols());
  double t = 0;
  // Steps beyond 1 / |row|^2 would diverge where many columns move together.
  const double largest = std::max(1.0, x.rowwise().squaredNorm().maxCoeff());
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    for (std::size_t i = order.size() - 1; i > 0; --i) {
      std::swap(order[i], order[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i)))]);
    }
    for (const Index row : order) {
      const double step = std::min(kStep / std::pow(++t, 0.25), 1 / largest);
      const double residual = x.row(row).dot(w) - y[row];
      w -= step * (residual * x.row(row).transpose() + kPenalty * w);
    }
  }
  return w;
}

void check(const Matrix& features, const Vector& targets) {
  ensure(features.rows() == targets.size(), "as many targets as rows");
  if (features.rows() < features.cols() + 2) {
    throw UserError(fmt::format("{} rows are too few to fit {} features: at least {} are needed",
                                features.rows(), features.cols(), features.cols() + 2));
  }
  if (!features.allFinite() || !targets.allFinite()) {
    throw UserError("the data to fit have a number that is not finite (NaN or infinity)");
  }
}

}  // namespace

const std::vector<std::string>& linear_kinds() {
  static const std::vector<std::string> kinds{"linear", "ridge", "omp", "bayes", "sgd", "svr"};
  return kinds;
}

Linear fit_linear(LinearKind kind, const Matrix& features, const Vector& targets, std::uint64_t seed) {
  check(features, targets);
  const Standardised data(features, targets);
  switch (kind) {
    case LinearKind::linear:
      // Scaled columns, so that the rank is judged alike for all units.
      return data.unscaled(data.x.completeOrthogonalDecomposition().solve(data.y));
    case LinearKind::ridge:
      return data.unscaled(ridge(data.x, data.y, 1));
    case LinearKind::omp:
      return data.unscaled(matching_pursuit(data.x, data.y));
    case LinearKind::bayes:
      return data.unscaled(bayesian_ridge(data.x, data.y));
    case LinearKind::sgd:
      return data.unscaled(gradient_descent(data.x, data.y, seed));
    case LinearKind::svr:
      return data.unscaled(fit_svr(data.x, data.y));
  }
  throw InternalError("no such regressor");
}

namespace {

/// Least squares on the columns of `passive`, 0 elsewhere.
Vector solve_passive(const Matrix& a, const Vector& b, const std::vector<Index>& passive) {
  Vector z = Vector::Zero(a.cols());
  if (passive.empty()) return z;
  const Matrix part = a(Eigen::all, passive);
  const Vector solved = part.colPivHouseholderQr().solve(b);
  for (std::size_t i = 0; i < passive.size(); ++i) z[passive[i]] = solved[static_cast<Index>(i)];
  return z;
}

/// Moves from x towards z until a passive variable becomes 0, which leaves; until all of z is positive.
Vector step_inside(const Matrix& a, const Vector& b, std::vector<Index>& passive, Vector x) {
  constexpr double kZero = 1e-14;
  for (;;) {
    const Vector z = solve_passive(a, b, passive);
    double alpha = 1;
    for (const Index j : passive) {
      if (z[j] <= kZero) alpha = std::min(alpha, x[j] / std::max(x[j] - z[j], 1e-300));
    }
    if (alpha >= 1) return z;
    x += alpha * (z - x);
    std::erase_if(passive, [&](Index j) { return x[j] <= kZero; });
    for (Index j = 0; j < x.size(); ++j) {
      if (std::find(passive.begin(), passive.end(), j) == passive.end()) x[j] = 0;
    }
  }
}

}  // namespace

Vector nonnegative_least_squares(const Matrix& a, const Vector& b) {
  // Columns of norm 1, so that one tolerance serves all units.
  Vector norms = a.colwise().norm();
  for (Index j = 0; j < norms.size(); ++j) {
    if (norms[j] == 0) norms[j] = 1;
  }
  const Matrix scaled = a * norms.cwiseInverse().asDiagonal();
  const double tolerance = 1e-12 * std::max(b.norm(), 1e-300);
  std::vector<Index> passive;
  Vector x = Vector::Zero(a.cols());
  for (Index round = 0; round < 3 * a.cols(); ++round) {
    const Vector gradient = scaled.transpose() * (b - scaled * x);
    Index best = -1;
    for (Index j = 0; j < a.cols(); ++j) {
      const bool taken = std::find(passive.begin(), passive.end(), j) != passive.end();
      if (!taken && gradient[j] > tolerance && (best < 0 || gradient[j] > gradient[best])) best = j;
    }
    if (best < 0) break;
    passive.push_back(best);
    x = step_inside(scaled, b, passive, x);
  }
  return x.cwiseQuotient(norms);
}

Vector variance_inflation(const Matrix& features) {
  const Standardised data(features, Vector::Zero(features.rows()));
  Vector factors(features.cols());
  for (Index j = 0; j < features.cols(); ++j) {
    std::vector<Index> others;
    for (Index k = 0; k < features.cols(); ++k) {
      if (k != j) others.push_back(k);
    }
    const Vector column = data.x.col(j);
    const double total = column.squaredNorm();
    double left = total;
    if (!others.empty()) {
      const Matrix rest = data.x(Eigen::all, others);
      left = (column - rest * rest.completeOrthogonalDecomposition().solve(column)).squaredNorm();
    }
    factors[j] = left <= 1e-12 * total ? std::numeric_limits<double>::infinity() : total / left;
  }
  return factors;
}

}  // namespace npusim::fit
