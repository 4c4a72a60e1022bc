// A graph with other channels and another image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// Takes the values of small weights (ir::Tensor::constant) out of convolutions, linear layers and
/// normalisations: of a network that is trained anew none are kept.
void forget_weights(ir::Graph& graph);

/// Which axis of the network's input is the image's height, with the width behind it: 2 of [N, C, H, W]; 1 of
/// [N, H, W, C], which a transpose alone reads; 0 where the input is not one image.
std::size_t height_axis(const ir::Graph& graph);

/// Multiplies the outputs of all convolutions and linear layers by `width` (scaled_channels(), with a
/// divisor that also divides by the groups of every grouped convolution), but not of those that a network's
/// result follows from without another one between, and of depthwise ones, which follow their input. Weights,
/// normalisations and everything behind take the shapes that follow, flattened images included. Throws
/// UserError naming the operator that cannot follow. height_axis() is not 0.
ir::Graph resized(const ir::Graph& graph, double width, std::int64_t divisor, ir::Hw image);

}  // namespace npusim::scale
