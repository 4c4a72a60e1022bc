// Random numbers for networks whose weights are not at hand.
#pragma once

#include <cstdint>

#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::reference {

/// Values for the inputs and for every weight that is neither constant nor prepared, the same for a seed and
/// a graph on every machine; a tensor's numbers follow from its name, shape and the seed alone.
///
/// Filters are uniform with He's variance 2 / fan_in (1 / fan_in where no rectifier follows), so that
/// activations neither vanish nor explode through a hundred layers; batch norm scales are in [0.5, 1.5],
/// variances in [0.5, 1.5], means and biases in [-0.1, 0.1]. Images are uniform in [-1, 1]. Integer tensors
/// are in the range of what reads them: indices of a gather inside its axis, int8 in [-8, 7], uint8 in [0,
/// 15], booleans 0 or 1, others 0.
Values seeded_values(const ir::Graph& graph, std::uint64_t seed);

}  // namespace npusim::reference
