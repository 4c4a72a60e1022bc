// Blocks of a graph that may be repeated: those that add their own input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// Operators between a map and its sum with what they make of it: y = x + f(x), or act(x + f(x)). Nothing
/// else reads what is inside, and y has x's shape.
struct ResidualBlock {
  ir::TensorId input = ir::kNoTensor;   ///< x
  ir::TensorId output = ir::kNoTensor;  ///< y
  std::vector<std::size_t> ops;         ///< of the graph, ascending
  std::int64_t parameters = 0;
};

/// Residual blocks of one shape, one behind another in the order of the graph.
struct ResidualStage {
  std::string name;  ///< "256x56x56"
  std::vector<ResidualBlock> blocks;
};
/// Of maps [N, C, H, W]; of blocks inside one another the innermost.
std::vector<ResidualStage> residual_stages(const ir::Graph& graph);

/// The graph with each stage's block i `times[stage][i]` times in a row. Copies are named "<operator>.copy1".
ir::Graph with_repeats(const ir::Graph& graph, const std::vector<ResidualStage>& stages,
                       const std::vector<std::vector<std::size_t>>& times);

}  // namespace npusim::scale
