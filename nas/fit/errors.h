// How good a prediction is: the same figures for every model.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace npusim::fit {

/// Errors of predictions against what was simulated. Shares and ranks are of 1, MAPE and worst case of 1, too
/// (0.05 is 5 %).
struct Errors {
  std::size_t count = 0;
  double r2 = 0;  ///< 1 - squared residuals / variance; 0 where the targets are all equal
  double mape = 0;
  double rmse = 0;   ///< in the targets' unit
  double worst = 0;  ///< largest |predicted / target - 1|
  double within5 = 0, within10 = 0;
  double spearman = 0;  ///< ties get the mean rank; 0 where one side is constant
  double kendall = 0;   ///< tau-b
};

/// Throws UserError when a number is not finite or a target is not positive; InternalError for unequal
/// lengths.
Errors errors_of(std::span<const double> targets, std::span<const double> predictions);

/// The `level` quantile of the sizes of residuals, corrected for a finite sample so that a new residual of
/// the same distribution is at most as large with probability `level` or more: the ceil((n+1) level)-th
/// smallest (Lei et al. 2018). Throws UserError when there are too few for the level.
double conformal_quantile(std::span<const double> residuals, double level);

/// "R2 0.998, MAPE 1.24 %, RMSE 23.1 us, worst 6.2 %, 98 % within 5 %, 100 % within 10 %, Spearman 0.999,
/// ..." of errors in ns.
std::string describe(const Errors& errors);

}  // namespace npusim::fit
