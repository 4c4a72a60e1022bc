#include "nas/calibrate/objective.h"

#include <cmath>

namespace npusim::calibrate {

double relative_sigma(const Row& row) { return std::hypot(row.sigma / row.measured, kModelSigma); }

double residual(const Row& row, double predicted) {
  return std::log(predicted / row.measured) / relative_sigma(row);
}

double robustness(double residual) { return std::min(1.0, kHuber / std::abs(residual)); }

double objective(const Measured& measured, const std::vector<std::size_t>& rows,
                 const Prediction& prediction) {
  if (!prediction.refused.empty()) return kRefused;
  double sum = 0;
  double weights = 0;
  for (const std::size_t i : rows) {
    const Row& row = measured.rows[i];
    const double size = std::abs(residual(row, prediction.latency[i]));
    sum += row.weight * (size <= kHuber ? size * size / 2 : kHuber * (size - kHuber / 2));
    weights += row.weight;
  }
  return sum / weights;
}

}  // namespace npusim::calibrate
