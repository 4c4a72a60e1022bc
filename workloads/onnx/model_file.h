// A model file, mapped and parsed without its weights.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>

namespace npusim::onnx {

/// The model in `path` without weights' values. Throws UserError when the file is missing (with the nearest
/// name beside it), empty or not an ONNX model.
::onnx::ModelProto read_model(const std::string& path);

/// The model in `path` with everything in it. Throws UserError as read_model does.
::onnx::ModelProto read_whole_model(const std::string& path);

}  // namespace npusim::onnx
