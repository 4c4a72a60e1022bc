#include "nas/fit/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "nas/table/additive.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

double kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  double concordant = 0;
  double untied_a = 0;
  double untied_b = 0;
  const auto sign = [](double x) { return static_cast<double>(x > 0) - static_cast<double>(x < 0); };
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double da = sign(a[i] - a[j]);
      const double db = sign(b[i] - b[j]);
      concordant += da * db;
      untied_a += da * da;
      untied_b += db * db;
    }
  }
  return untied_a == 0 || untied_b == 0 ? 0 : concordant / std::sqrt(untied_a * untied_b);
}

}  // namespace

Errors errors_of(std::span<const double> targets, std::span<const double> predictions) {
  ensure(targets.size() == predictions.size() && !targets.empty(), "as many predictions as targets");
  Errors errors;
  errors.count = targets.size();
  const auto n = static_cast<double>(targets.size());
  const double mean = std::accumulate(targets.begin(), targets.end(), 0.0) / n;
  double squares = 0;
  double variance = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!std::isfinite(targets[i]) || !std::isfinite(predictions[i]) || targets[i] <= 0) {
      throw UserError(
          fmt::format("row {}: target {} and prediction {}: both must be finite, the target positive", i + 1,
                      targets[i], predictions[i]));
    }
    const double residual = predictions[i] - targets[i];
    const double relative = std::abs(residual) / targets[i];
    squares += residual * residual;
    variance += (targets[i] - mean) * (targets[i] - mean);
    errors.mape += relative / n;
    errors.worst = std::max(errors.worst, relative);
    errors.within5 += relative <= 0.05 ? 1 / n : 0;
    errors.within10 += relative <= 0.10 ? 1 / n : 0;
  }
  errors.rmse = std::sqrt(squares / n);
  errors.r2 = variance == 0 ? 0 : 1 - squares / variance;
  errors.spearman =
      table::spearman({targets.begin(), targets.end()}, {predictions.begin(), predictions.end()});
  errors.kendall = kendall_tau_b(targets, predictions);
  return errors;
}

double conformal_quantile(std::span<const double> residuals, double level) {
  ensure(level > 0 && level < 1, "a level in (0, 1)");
  std::vector<double> sorted(residuals.begin(), residuals.end());
  for (double& one : sorted) one = std::abs(one);
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<std::size_t>(std::ceil(static_cast<double>(sorted.size() + 1) * level));
  if (rank > sorted.size()) {
    throw UserError(fmt::format("{} networks are too few for a {:.0f} % interval: it needs {} or more",
                                sorted.size(), level * 100, std::ceil(level / (1 - level))));
  }
  return sorted[rank - 1];
}

std::string describe(const Errors& errors) {
  return fmt::format(
      "R2 {:.4f}, MAPE {:.2f} %, RMSE {:.1f} us, worst {:.1f} %, {:.1f} % within 5 %, {:.1f} % within 10 %, "
      "Spearman {:.4f}, Kendall {:.4f}",
      errors.r2, errors.mape * 100, errors.rmse / 1e3, errors.worst * 100, errors.within5 * 100,
      errors.within10 * 100, errors.spearman, errors.kendall);
}

}  // namespace npusim::fit
