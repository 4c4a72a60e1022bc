// How far predictions are from measurements: robust, relative, weighted.
#pragma once

#include <cstddef>
#include <vector>

#include "nas/calibrate/rows.h"
#include "nas/calibrate/simulations.h"

namespace npusim::calibrate {

/// What the simulator's own error is taken to be, relative: a row whose measurement is more exact than that
/// does not count for more.
inline constexpr double kModelSigma = 0.05;
/// In standard deviations: beyond, an error counts linearly (Huber 1964: 95 % as efficient as least squares
/// where errors are normal).
inline constexpr double kHuber = 1.345;
/// The objective of a setting that the chip refuses.
inline constexpr double kRefused = 1e4;

/// ln(predicted / measured) over the row's standard deviation: its sigma and kModelSigma together.
double residual(const Row& row, double predicted);
/// The row's relative standard deviation.
double relative_sigma(const Row& row);
/// Share of least squares that an error keeps: 1 up to kHuber, then falling as 1 / |residual|.
double robustness(double residual);

/// The weighted mean of Huber's function of these rows' residuals; kRefused for a refused setting.
double objective(const Measured& measured, const std::vector<std::size_t>& rows,
                 const Prediction& prediction);

}  // namespace npusim::calibrate
