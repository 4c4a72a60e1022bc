// Another batch for a network that was exported with a fixed one.
#pragma once

#include <cstdint>
#include <string>

#include "workloads/ir/graph.h"

namespace npusim::importing {

/// Changes the first dimension of every input that has `old_batch` there to `new_batch` and infers all shapes
/// again. Reshape, Expand and Slice targets that hard-code the old batch are rescaled where the batch lies in
/// them; a weight that is concatenated with batched data is expanded. Throws UserError naming `file` and the
/// operator that cannot follow.
void change_batch(ir::Graph& graph, std::int64_t old_batch, std::int64_t new_batch, const std::string& file);

}  // namespace npusim::importing
