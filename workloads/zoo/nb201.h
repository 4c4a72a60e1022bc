// NAS-Bench-201 (arXiv 2001.00326): cells of four nodes and six edges.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

/// An edge's operation, numbered as in NASLib and the project's table of accuracies.
enum class CellOp : std::uint8_t { skip, none, conv3, conv1, average_pool };

/// Edges 1-2, 1-3, 1-4, 2-3, 2-4, 3-4: node 1 is the input, node 4 the output, a node the sum of its edges.
using Cell = std::array<CellOp, 6>;

/// The cell at the channels and size of `x`. What its output does not depend on is left out. A node that only
/// `none` leads to is its input times 0, as the benchmark computes it. Convolutions are ReLU, convolution,
/// BatchNorm.
TensorId nb201_cell(Builder& b, const std::string& name, TensorId x, const Cell& cell);
/// The residual block between stages: half the size, twice the channels.
TensorId nb201_reduction(Builder& b, const std::string& name, TensorId x);
/// BatchNorm and ReLU behind the last cell.
TensorId nb201_last(Builder& b, const std::string& name, TensorId x);

}  // namespace npusim::zoo
