// The cheapest network of a space, exactly, when a network's cost is the sum of its blocks' costs.
#pragma once

#include <optional>
#include <vector>

#include "nas/fit/block_tables.h"
#include "nas/space/space.h"

namespace npusim::search {

struct LeastNetwork {
  space::Genome genome;  ///< canonical
  double sum = 0;        ///< of its blocks' costs
  /// No network of the space costs less than this; equal to `sum` but where the space's genes allow
  /// combinations that no canonical genome has.
  double bound = 0;
};

/// By dynamic programming over genes (variable elimination): no search, no luck. `costs` has a number, at
/// least 0, for each of tables.blocks(). nullopt when genes hang together so much that it would take tables
/// of more than 4 million numbers.
std::optional<LeastNetwork> least_network(const space::Space& space, const fit::BlockTables& tables,
                                          const std::vector<double>& costs);

}  // namespace npusim::search
