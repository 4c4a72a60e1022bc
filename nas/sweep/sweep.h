// A sweep: chips, networks and axes as rows, one simulation each.
#pragma once

#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/sweep/grid.h"

namespace npusim::sweep {

/// A chip as the user named it.
struct NamedChip {
  std::string name;
  Config description;
};

/// A network as the user named it.
struct NamedNetwork {
  std::string name;
  ir::Graph graph;
};

struct SweepSpec {
  std::vector<NamedChip> chips;
  std::vector<NamedNetwork> networks;
  std::vector<Axis> axes;
  std::string dtype;  ///< "": each chip's default
};

/// Of a row whose chip has none of an axis' keys.
inline constexpr std::size_t kNoPoint = static_cast<std::size_t>(-1);

struct Row {
  std::string hw;
  std::string network;
  std::vector<std::size_t> point;  ///< by axis: index into its points, or kNoPoint
  jobs::Result result;
  double area_proxy = 0;  ///< see area.h; of chips that can be built
};

/// Combinations that cannot be built, with the reason.
struct Invalid {
  std::string combination;  ///< "ascend310 cube.m=7"
  std::string reason;
};

/// What will be run. Rows are ordered by chip, then network, then axes, the last one changing fastest.
struct Plan {
  std::vector<Axis> axes;
  std::vector<Row> rows;         ///< of invalid combinations, status and message are set
  std::vector<std::size_t> job;  ///< by row: index into batch.jobs, or kNoPoint
  jobs::Batch batch;
  std::vector<Invalid> invalid;
};

/// Builds every combination's chip once to check its limits. A key that only some chips have is varied on
/// those. Throws UserError when no chip has a key (with the nearest), when a chip has some keys of an axis
/// and not the others, when a key is on two axes, for types a chip lacks, and for more than kMostPoints rows.
Plan make_plan(SweepSpec spec);

/// Puts a batch's results into the rows.
void fill(const jobs::BatchResult& results, Plan& plan);

}  // namespace npusim::sweep
