#include "workloads/onnx/export_attributes.h"

namespace npusim::onnx {

namespace {

::onnx::AttributeProto& add(::onnx::NodeProto& node, const char* name,
                            ::onnx::AttributeProto_AttributeType type) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

}  // namespace

void set(::onnx::NodeProto& node, const char* name, std::int64_t value) {
  add(node, name, ::onnx::AttributeProto_AttributeType_INT).set_i(value);
}

void set(::onnx::NodeProto& node, const char* name, double value) {
  add(node, name, ::onnx::AttributeProto_AttributeType_FLOAT).set_f(static_cast<float>(value));
}

void set(::onnx::NodeProto& node, const char* name, const std::string& value) {
  add(node, name, ::onnx::AttributeProto_AttributeType_STRING).set_s(value);
}

void set(::onnx::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  auto& attribute = add(node, name, ::onnx::AttributeProto_AttributeType_INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

}  // namespace npusim::onnx
