// Depth-only scaling: every combination of blocks by stage, up to a latency.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "nas/scale/result.h"

namespace npusim::scale {

struct DepthOptions {
  double latency_ms = 0;
  /// By stage the fewest and the most blocks; empty: from what the network has to 6 more, and where the
  /// network itself exceeds the target from 1 to what it has.
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  std::size_t budget = 256;  ///< variants that are simulated and scored after the sums were looked at
};

/// ISyNet's scaling (arXiv 2109.01932, section 4.4): brute force over the blocks of each stage. A
/// combination's latency is first a sum: the network's, and for each stage what changing it alone makes of
/// it, which is simulated for each of its depths. Of the combinations whose sum is at most 1 % above the
/// target, the budget is simulated and scored: for one half those that no stage can be added to within the
/// target, nearest to it first, the others at equal distances in order of their sums. Throws UserError for a
/// network whose depth is fixed, for ranges that do not fit its stages, for more than 2^22 combinations, and
/// as settle() does.
Scaled scale_depth(Bench& bench, const DepthOptions& options);

}  // namespace npusim::scale
