// Gemm, MatMul.
#include <fmt/format.h>

#include "workloads/onnx/ops.h"

namespace npusim::onnx {

namespace {

using ir::Function;
using ir::OpKind;

void matmul(Node& node) {
  node.expect_inputs(2, 2);
  node.result(OpKind::matmul, ir::MatMulAttrs{}, {node.in(0), node.in(1)});
}

/// `id` times a factor; of a weight, before the network runs.
ir::TensorId scaled(Node& node, ir::TensorId id, bool weight, const char* name, double factor,
                    ir::DType dtype) {
  if (factor == 1) return id;
  const std::string step = fmt::format("{}_mul", name);
  const ir::ElementwiseAttrs mul{Function::mul, 0, 0};
  const std::vector<ir::TensorId> operands{id, node.scalar(name, factor, dtype)};
  if (weight) return node.prepare(step, OpKind::elementwise, mul, operands);
  return node.step(step, OpKind::elementwise, mul, operands);
}

/// alpha and beta disappear into weights; what they scale at run time becomes a multiplication, and a C that
/// is no weight an addition.
void gemm(Node& node) {
  node.expect_inputs(2, 3);
  if (node.shape(0).size() != 2 || node.shape(1).size() != 2) node.fail("operands of Gemm must be matrices");
  const ir::MatMulAttrs attrs{node.integer("transA", 0) != 0, node.integer("transB", 0) != 0};
  const double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  const ir::DType dtype = node.dtype(0);
  const bool weights = node.is_weight(0) || node.is_weight(1);
  const bool summand = node.has(2) && beta != 0;
  const bool add = summand && !node.is_weight(2);
  const bool scale = alpha != 1 && !weights;
  std::vector<ir::TensorId> inputs{node.in(0), node.in(1)};
  if (weights) {
    ir::TensorId& weight = inputs[node.is_weight(1) ? 1 : 0];
    weight = scaled(node, weight, true, "alpha", alpha, dtype);
  }
  const auto c = [&] { return scaled(node, node.in(2), node.is_weight(2), "beta", beta, dtype); };
  if (!add && !scale) {
    if (summand) inputs.push_back(c());
    node.result(OpKind::matmul, attrs, std::move(inputs));
    return;
  }
  ir::TensorId product = node.step("matmul", OpKind::matmul, attrs, std::move(inputs));
  if (!summand) {
    node.result(OpKind::elementwise, ir::ElementwiseAttrs{Function::mul, 0, 0},
                {product, node.scalar("alpha", alpha, dtype)});
    return;
  }
  if (scale) product = scaled(node, product, false, "alpha", alpha, dtype);
  node.result(OpKind::elementwise, ir::ElementwiseAttrs{Function::add, 0, 0}, {product, c()});
}

}  // namespace

std::span<const Handler> matmul_handlers() {
  static constexpr Handler kHandlers[] = {{"MatMul", matmul}, {"Gemm", gemm}};
  return kHandlers;
}

}  // namespace npusim::onnx
