// One graph's operators in another.
#pragma once

#include <cstddef>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// Inserts the operators of `part`, a graph of one input and one output, before operator `at` of `graph`,
/// with `x` for the part's input; tensors take x's type where they are real. Returns the tensor that is the
/// part's output. Names are the part's; the caller makes them unique.
ir::TensorId splice(ir::Graph& graph, std::size_t at, const ir::Graph& part, ir::TensorId x);

}  // namespace npusim::scale
