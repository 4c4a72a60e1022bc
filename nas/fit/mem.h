// ISyNet's matrix efficiency measure (arXiv 2109.01932, section 3.1).
#pragma once

#include <string>
#include <vector>

#include "nas/fit/dataset.h"
#include "nas/fit/features.h"
#include "nas/fit/linear.h"

namespace npusim::fit {

/// Cycles of one count each, from latency = w0 + m w_m + v w_v + d w_d.
struct MemWeights {
  double m = 0, v = 0, d = 0;
};

/// w_m m / (w_m m + w_v v + w_d d): the share of the time that matrix operations take. 0 of nothing.
double mem(const Counts& counts, const MemWeights& weights);

/// How the weights were found.
struct MemFit {
  MemWeights weights;
  double constant = 0;  ///< cycles
  double r2 = 0, mape = 0;
  /// Whether least squares gave a negative weight (as in the paper, w_v = -1.26e-8): a MEM of it means
  /// nothing, and the weights are then those of non-negative least squares.
  bool clipped = false;
  MemWeights unbounded;  ///< of least squares
};

/// Fits the four numbers to networks' cycles. Throws UserError as fit_linear().
MemFit fit_mem(const Dataset& data);

}  // namespace npusim::fit
