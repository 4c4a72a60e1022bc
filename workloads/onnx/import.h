// ONNX files as networks: shapes and types, never weights.
#pragma once

#include <string>

#include "workloads/importing/options.h"
#include "workloads/ir/graph.h"

namespace npusim::onnx {

using importing::ImportOptions;

/// Reads an ONNX model (opset 7 and later) into a graph with static shapes.
///
/// The weights' values are never read: a file of any size loads in the time that its nodes take, and external
/// data may be absent. Constants of at most ir::kMaxConstant elements keep their values; integer arithmetic
/// on them and on shapes is evaluated, so that exported shape computations are resolved. One operator becomes
/// one ir::Op (or a few, where the IR has no equal: "<name>/<step>"); Constant, ConstantOfShape and Range
/// become tensors, and so do Mod, ScatterND and a few others that are only known on constants. Tensor names
/// are the file's.
///
/// Throws UserError, always naming the file: not a readable ONNX model (with the byte offset), a dimension
/// without a value (with the option to give), operators that are not supported (all of them, by name), a node
/// whose inputs, attributes or shapes are wrong, a batch that cannot be changed (with the node).
ir::Graph import_onnx(const std::string& path, const ImportOptions& options = {});

}  // namespace npusim::onnx
