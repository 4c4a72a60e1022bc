// Draws that search spaces share.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/base/rng.h"

namespace npusim::space {

/// A uniform number in [0, 1), of 53 bits.
inline double uniform_unit(Rng& rng) { return static_cast<double>(rng.next() >> 11U) * 0x1p-53; }

/// A uniform index below `size`.
inline std::size_t pick(Rng& rng, std::size_t size) {
  return static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(size) - 1));
}

/// An index with probability proportional to its weight; weights are not negative and not all 0.
inline std::size_t pick_weighted(Rng& rng, const std::vector<double>& weights) {
  double total = 0;
  for (const double weight : weights) total += weight;
  double left = uniform_unit(rng) * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    if (left < weights[i]) return i;
    left -= weights[i];
  }
  return last;
}

}  // namespace npusim::space
