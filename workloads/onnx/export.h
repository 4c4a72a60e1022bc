// Networks as ONNX files.
#pragma once

#include <cstdint>
#include <string>

#include "workloads/ir/graph.h"

namespace npusim::onnx {

struct ExportOptions {
  /// Embeds pseudo-random weights, so that other tools can run the file. Otherwise weights are markers of
  /// external data in "<file's stem>.weights", which is not written: npusim never reads it.
  bool with_weights = false;
  std::uint64_t seed = 1;  ///< of the weights; the same file on every machine
};

/// Writes `graph` as ONNX, opset 13, IR version 7. Constants with values (ir::Tensor::constant) are embedded.
/// Functions that opset 13 lacks (SiLU, HardSwish, GELU, layer normalisation) are written as PyTorch writes
/// them, as nodes "<operator>/<Function>"; so are fused steps. Throws UserError when the file or its folder
/// cannot be written, for weights beyond protobuf's 2 GB, and for an operator that opset 13 cannot express.
void export_onnx(const ir::Graph& graph, const std::string& path, const ExportOptions& options = {});

}  // namespace npusim::onnx
