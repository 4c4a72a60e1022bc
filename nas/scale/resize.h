// A graph with other channels and another image.
#pragma once

#include <cstdint>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// Multiplies the outputs of all convolutions and linear layers by `width` (scaled_channels(), with a
/// divisor that also divides by the groups of every grouped convolution), but not of those that a network's
/// result follows from without another one between, and of depthwise ones, which follow their input. Weights,
/// normalisations and everything behind take the shapes that follow, flattened images included. Throws
/// UserError naming the operator that cannot follow. The graph has one image [N, C, H, W] as input.
ir::Graph resized(const ir::Graph& graph, double width, std::int64_t divisor, ir::Hw image);

}  // namespace npusim::scale
