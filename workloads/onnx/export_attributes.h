// Attributes of exported nodes, typed by their value.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace npusim::onnx {

void set(::onnx::NodeProto& node, const char* name, std::int64_t value);
void set(::onnx::NodeProto& node, const char* name, double value);
void set(::onnx::NodeProto& node, const char* name, const std::string& value);
void set(::onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values);

}  // namespace npusim::onnx
