// Weights in the order in which the cube takes them.
#pragma once

#include <cstddef>
#include <span>

#include "hw_models/ascend310/cube_layer.h"
#include "workloads/reference/value.h"

namespace npusim::ascend310 {

/// Fills `to` with a layer's weights as FRACTAL_Z: [group][k fractal][n fractal] of 16 columns by one line of
/// K. `weights` as in the graph (real). Merged groups are block diagonal; what is no weight is zero.
void pack_weights(const CubeLayer& layer, const reference::Value& weights, const ir::Shape& shape,
                  std::span<std::byte> to);

/// Fills `to` with the bias in the accumulators' type, [group][column].
void pack_bias(const CubeLayer& layer, const reference::Value& bias, std::span<std::byte> to);

}  // namespace npusim::ascend310
