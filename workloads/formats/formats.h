// Networks from files of any format that npusim reads: ONNX and TFLite.
#pragma once

#include <string>

#include "workloads/importing/options.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::formats {

/// Imports a network; its content decides the format (TFLite says so in its bytes 4 to 7), and where that
/// says nothing its name (".tflite", else ONNX). Throws what onnx::import_onnx and tflite::import_tflite do.
ir::Graph import_network(const std::string& path, const importing::ImportOptions& options = {});

/// The weights' values of a network that was imported from `path`: onnx::load_weights or
/// tflite::load_weights.
reference::Values load_weights(const std::string& path, const ir::Graph& graph);

}  // namespace npusim::formats
