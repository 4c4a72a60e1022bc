// One operator in float64.
#pragma once

#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/reference/kernels.h"

namespace npusim::reference {

/// The outputs of `op`, without its fused steps and before any rounding. Throws UserError where it has no
/// value.
std::vector<Dense> compute(const ir::Graph& graph, const ir::Op& op, const Operands& in);

}  // namespace npusim::reference
