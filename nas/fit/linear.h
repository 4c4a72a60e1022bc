// Linear regressions, and how far their columns explain one another. Rows are samples, columns features.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace npusim::fit {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

inline std::vector<double> plain(const Vector& v) { return {v.data(), v.data() + v.size()}; }
inline Vector vector_of(const std::vector<double>& v) {
  return Eigen::Map<const Vector>(v.data(), static_cast<Eigen::Index>(v.size()));
}

/// target = intercept + coefficients . features, in the features' own units.
struct Linear {
  double intercept = 0;
  Vector coefficients;
  [[nodiscard]] double operator()(const Vector& features) const {
    return intercept + coefficients.dot(features);
  }
};

/// The six linear regressors of ISyNet's ablation (arXiv 2109.01932, Table 6). All but `linear` see columns
/// and targets scaled to mean 0 and variance 1, so that their penalties mean the same for every feature.
enum class LinearKind : std::uint8_t {
  linear,  ///< ordinary least squares; of minimum norm where columns are collinear
  ridge,   ///< penalty 1 on the squared scaled coefficients
  omp,     ///< orthogonal matching pursuit, 3 columns
  bayes,   ///< Bayesian ridge: precisions by evidence maximisation (MacKay 1992)
  sgd,     ///< stochastic gradient descent on squares, 500 epochs, step 0.01 / t^0.25, penalty 1e-4
  svr      ///< linear support vectors, squared insensitive loss beyond 0.01, C = 1 (liblinear)
};
/// "linear", "ridge", "omp", "bayes", "sgd", "svr".
const std::vector<std::string>& linear_kinds();

/// Non-zero coefficients of LinearKind::omp.
inline constexpr std::size_t kOmpColumns = 3;

/// Fits. The same arguments give the same bits. Throws UserError when there are fewer rows than columns + 2
/// and when something is not finite; for svr in a build without liblinear.
Linear fit_linear(LinearKind kind, const Matrix& features, const Vector& targets, std::uint64_t seed);

/// Minimises |a x - b| subject to x >= 0 (Lawson & Hanson 1974, chapter 23).
Vector nonnegative_least_squares(const Matrix& a, const Vector& b);

/// Variance inflation factors: 1 / (1 - R2) of each column against all others; infinity where they explain it
/// to 1e-12. Above 10, a coefficient says little about its own feature.
Vector variance_inflation(const Matrix& features);

/// Whether liblinear was there when npusim was built.
bool has_liblinear();
/// Coefficients of a support vector regression of standardised data, without intercept. Throws UserError in a
/// build without liblinear.
Vector fit_svr(const Matrix& features, const Vector& targets);

}  // namespace npusim::fit
