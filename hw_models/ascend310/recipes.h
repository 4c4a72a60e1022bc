// What the vector unit executes for each element-wise function and streaming operator: counts of instructions
// by class.
#pragma once

#include <vector>

#include "hw_models/ascend310/cube_layer.h"
#include "hw_models/ascend310/stream_layer.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310 {

/// Instructions for one function on fp16 data. The chip has no divide and no square root: they are a
/// reciprocal (or its root) and a multiply.
std::vector<Pass> function_passes(ir::Function function);

/// Instructions of a streaming operator (everything but convolutions and matrix products), fused steps
/// included.
std::vector<Pass> op_passes(const ir::Graph& graph, const ir::Op& op);

/// Adds the passes of a fused step to an epilogue.
void add_to(Epilogue& epilogue, const std::vector<Pass>& passes);

}  // namespace npusim::ascend310
