// What the measured rows say about each fitted value, and what they leave open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/calibrate/simulations.h"

namespace npusim::calibrate {

/// How well a key is known after the fit.
enum class Known : std::uint8_t {
  determined,
  open,          ///< its 95 % range is as wide as the range it was free in, or there are too few rows to say
  no_influence,  ///< no row's latency changes with it
};

struct KeyKnowledge {
  Known known = Known::determined;
  std::optional<double> elasticity;  ///< per cent of latency for one per cent of the key, mean of the rows
  std::string low, high;             ///< of its 95 % range, within the range it was free in; "" when open
};

/// A combination of keys that the rows do not determine although each may matter.
struct FlatDirection {
  std::string text;  ///< "launch.task_us up with launch.host_us down"
};

struct Knowledge {
  std::vector<KeyKnowledge> keys;  ///< by free parameter
  std::vector<FlatDirection> flat;
  double condition = 0;  ///< of the rows' weighted slopes over the keys that matter; 0: none does
};

/// From the slopes of the rows' latencies at a setting (Gauss-Newton: covariance = residual variance over
/// curvature, Student's t). The residuals are taken to be at least 0.1 %, or a fit without noise would claim
/// to know everything.
Knowledge identify(Simulations& simulations, const Setting& setting, const std::vector<std::size_t>& rows);

}  // namespace npusim::calibrate
