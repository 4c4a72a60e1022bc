// How far predictions are from the truth, as it depends on what is predicted.
#pragma once

#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <span>

namespace npusim::fit {

/// The half-width of an interval, relative to the prediction: a power of the prediction. Exponent 0 is one
/// relative width for all, -1 one absolute width.
struct Spread {
  double relative = 0;  ///< at reference_ns
  double exponent = 0;
  double reference_ns = 1;
  /// Predictions that it was learnt from; beyond, the width of the nearest one holds.
  double low_ns = 0, high_ns = std::numeric_limits<double>::infinity();

  [[nodiscard]] double of(double predicted_ns) const;
  [[nodiscard]] nlohmann::json to_json() const;
  /// One without exponent (of files of before) is the same for all predictions.
  static Spread from(const nlohmann::json& json);
};

/// Normalised split conformal prediction (Papadopoulos et al. 2008, Lei et al. 2018): of networks that a
/// model has not learnt from, the sizes of relative residuals divided by what a power of the prediction says;
/// their `level` quantile for finite samples (conformal_quantile()). The power is a line through logarithms
/// by least squares, flat where its slope is not twice its standard error. Throws UserError when there are
/// too few for the level.
Spread fit_spread(std::span<const double> targets, std::span<const double> predictions, double level);

}  // namespace npusim::fit
