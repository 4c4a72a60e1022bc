// Weights' values, read on demand: import never does.
#pragma once

#include <string>

#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::onnx {

/// The values of the weights of `graph` that are neither constant nor prepared, from the model `path` that it
/// was imported from, by name: initializers and Constant nodes, as raw bytes or typed lists, in the file
/// itself or in external data files beside it (ConstantOfShape is computed).
///
/// Throws UserError naming the file and the tensor: one that the file does not have, whose external file is
/// missing or too short, or whose values are computed by an operator that only import knows (ScatterND,
/// Range, ...).
reference::Values load_weights(const std::string& path, const ir::Graph& graph);

}  // namespace npusim::onnx
