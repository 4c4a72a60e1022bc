// SOFTMAX, LOG_SOFTMAX, L2_NORMALIZATION: all along the last axis, the channels.
#include <fmt/format.h>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::ElementwiseAttrs;
using ir::Function;
using ir::OpKind;
using ir::TensorId;

/// The axis of the channels in the order in which the operator computes.
std::int64_t last_axis(Operator& op, Layout layout) {
  return Operator::axis_in(layout, op.axis(-1, op.rank(0)));
}

void softmax(Operator& op) {
  op.expect_inputs(1, 1);
  const auto* options = op.find_options<format::SoftmaxOptions>();
  const Layout layout = op.follow();
  TensorId x = op.in(0, layout);
  if (options != nullptr && options->beta() != 1) {
    const TensorId beta = op.scalar("beta", static_cast<double>(options->beta()), x);
    x = op.step("scaled", OpKind::elementwise, ElementwiseAttrs{Function::mul, 0, 0}, {x, beta});
  }
  op.result(OpKind::softmax, ir::SoftmaxAttrs{last_axis(op, layout)}, {x}, {layout, {}, {}});
}

void log_softmax(Operator& op) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  const TensorId y =
      op.step("softmax", OpKind::softmax, ir::SoftmaxAttrs{last_axis(op, layout)}, {op.in(0, layout)});
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::log, 0, 0}, {y}, {layout, {}, {}});
}

/// x / max(sqrt(sum of squares), 1e-6), as TFLite's kernel computes it.
void l2_normalization(Operator& op) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  const TensorId x = op.in(0, layout);
  const auto function = [](Function f) { return ElementwiseAttrs{f, 0, 0}; };
  TensorId length = op.step("square", OpKind::elementwise, function(Function::mul), {x, x});
  length = op.step("sum", OpKind::reduce, ir::ReduceAttrs{ir::ReduceKind::sum, {last_axis(op, layout)}, true},
                   {length});
  length = op.step("sqrt", OpKind::elementwise, function(Function::sqrt), {length});
  const TensorId least = op.scalar("epsilon", 1e-6, x);
  length = op.step("max", OpKind::elementwise, function(Function::max), {length, least});
  op.result(OpKind::elementwise, function(Function::div), {x, length},
            {layout, {}, op.activation<format::L2NormOptions>()});
}

}  // namespace

std::span<const Handler> norm_handlers() {
  static constexpr Handler kHandlers[] = {
      {BuiltinOperator::SOFTMAX, softmax, Flow::follows},
      {BuiltinOperator::LOG_SOFTMAX, log_softmax, Flow::follows},
      {BuiltinOperator::L2_NORMALIZATION, l2_normalization, Flow::follows}};
  return kHandlers;
}

}  // namespace npusim::tflite
