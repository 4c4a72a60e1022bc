// Quantised forms. QLinearConv and QLinearMatMul compute in their operands' integer type: scales and zero
// points are folded into the requantisation that every int8 engine does, and are no operands of the ir::Op.
#include <fmt/format.h>

#include "workloads/onnx/ops.h"
#include "workloads/onnx/tensor_values.h"
#include "workloads/onnx/window.h"

namespace npusim::onnx {

namespace {

using ir::DType;
using ir::OpKind;

std::vector<ir::TensorId> scaled_inputs(Node& node) {
  std::vector<ir::TensorId> inputs{node.in(0), node.in(1)};
  if (node.has(2)) inputs.push_back(node.in(2));
  return inputs;
}

ir::QuantizeAttrs attrs(Node& node) {
  const auto rank = static_cast<std::int64_t>(node.shape(0).size());
  const std::int64_t axis = node.integer("axis", 1);
  // With a single scale the axis means nothing, and the default may lie outside a small rank.
  if (ir::elements(node.shape(1)) == 1) return {axis >= -rank && axis < rank ? (axis + rank) % rank : 0};
  return {node.axis(axis, static_cast<std::size_t>(rank))};
}

void quantize(Node& node) {
  node.expect_inputs(2, 3);
  std::optional<DType> type = node.has(2) ? node.dtype(2) : DType::u8;
  if (const std::int64_t to = node.integer("output_dtype", 0); to != 0) {
    node.expect_range(to, 1, 1 << 20, "attribute 'output_dtype'");
    type = dtype_of(static_cast<std::int32_t>(to));
    if (!type) node.unsupported(fmt::format("element type {}", type_name(static_cast<std::int32_t>(to))));
  }
  node.result(OpKind::quantize, attrs(node), scaled_inputs(node), {type, {}});
}

void dequantize(Node& node) {
  node.expect_inputs(2, 3);
  node.result(OpKind::dequantize, attrs(node), scaled_inputs(node), {node.dtype(1), {}});
}

// Inputs: x, its scale and zero point, w, its scale and zero point, the output's scale and zero point, bias.
void qlinear_conv(Node& node) {
  node.expect_inputs(8, 9);
  add_conv(node, 3, node.optional_in(8), node.dtype(7));
}

void qlinear_matmul(Node& node) {
  node.expect_inputs(8, 8);
  node.result(OpKind::matmul, ir::MatMulAttrs{}, {node.in(0), node.in(3)}, {node.dtype(7), {}});
}

void conv_integer(Node& node) {
  node.expect_inputs(2, 4);
  add_conv(node, 1, ir::kNoTensor, DType::i32);
}

void matmul_integer(Node& node) {
  node.expect_inputs(2, 4);
  node.result(OpKind::matmul, ir::MatMulAttrs{}, {node.in(0), node.in(1)}, {DType::i32, {}});
}

}  // namespace

std::span<const Handler> quantize_handlers() {
  static constexpr Handler kHandlers[] = {{"QuantizeLinear", quantize},  {"DequantizeLinear", dequantize},
                                          {"QLinearConv", qlinear_conv}, {"QLinearMatMul", qlinear_matmul},
                                          {"ConvInteger", conv_integer}, {"MatMulInteger", matmul_integer}};
  return kHandlers;
}

}  // namespace npusim::onnx
