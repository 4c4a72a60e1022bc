// Convolutions.
#include <fmt/format.h>

#include <algorithm>

#include "workloads/tflite/ops.h"
#include "workloads/tflite/window.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

/// [1,H,W,C*m] of a depthwise convolution to [C*m,1,H,W], and [O,H,W,I] of a transposed one to [I,O,H,W].
const Ints kLastFirst{3, 0, 1, 2};

Shape weight_shape(Operator& op, std::size_t i) {
  const Shape shape = op.shape(i);
  if (shape.size() != 4 || ir::elements(shape) == 0) {
    op.fail(fmt::format("weights of {}; expected four dimensions of at least 1", ir::to_string(shape)));
  }
  return shape;
}

/// Operands of the ir::Op: the image, the weights in its order, and the bias where there is one.
std::vector<TensorId> operands(Operator& op, const Ints& order) {
  std::vector<TensorId> inputs{op.image(0), op.weight(1, order)};
  if (op.has(2)) inputs.push_back(op.plain(2));
  return inputs;
}

void conv(Operator& op) {
  op.expect_inputs(2, 3);
  const auto& options = op.options<format::Conv2DOptions>();
  const Shape w = weight_shape(op, 1);
  auto inputs = operands(op, kChannelsFirst);
  const Shape x = op.shape(0);
  if (x[3] % w[3] != 0) {
    op.fail(fmt::format("weights {} for {} channels, but input {} has {}; expected a multiple",
                        ir::to_string(w), w[3], ir::to_string(x), x[3]));
  }
  const ir::Window window =
      window_of(op, options.padding(), {x[1], w[1], options.stride_h(), options.dilation_h_factor()},
                {x[2], w[2], options.stride_w(), options.dilation_w_factor()});
  op.result(OpKind::conv, ir::ConvAttrs{window, std::max<std::int64_t>(x[3] / w[3], 1), {0, 0}},
            std::move(inputs), {Layout::channels_first, {}, options.fused_activation_function()});
}

void depthwise_conv(Operator& op) {
  op.expect_inputs(2, 3);
  const auto& options = op.options<format::DepthwiseConv2DOptions>();
  const Shape w = weight_shape(op, 1);
  auto inputs = operands(op, kLastFirst);
  const Shape x = op.shape(0);
  if (w[0] != 1 || x[3] < 1 || w[3] % x[3] != 0) {
    op.fail(fmt::format("weights {} for input {}; expected [1,H,W,C] with a multiple of its {} channels",
                        ir::to_string(w), ir::to_string(x), x[3]));
  }
  const ir::Window window =
      window_of(op, options.padding(), {x[1], w[1], options.stride_h(), options.dilation_h_factor()},
                {x[2], w[2], options.stride_w(), options.dilation_w_factor()});
  op.result(OpKind::conv, ir::ConvAttrs{window, x[3], {0, 0}}, std::move(inputs),
            {Layout::channels_first, {}, options.fused_activation_function()});
}

/// The window of a transposed convolution from `size` to `out` elements: the convolution that it is the
/// transpose of, from `out` to `size`, decides what is cut before the beginning.
struct Transposed {
  Border cut;
  std::int64_t extra = 0;
};

Transposed transposed(format::Padding padding, const WindowAxis& axis, std::int64_t out) {
  Transposed result;
  if (padding == format::Padding::SAME) {
    result.cut.before = same_padding({out, axis.kernel, axis.stride, 1}).before;
  }
  const std::int64_t all = axis.stride * (axis.size - 1) + axis.kernel - result.cut.before;
  result.cut.after = std::max<std::int64_t>(all - out, 0);
  result.extra = std::max<std::int64_t>(out - all, 0);
  return result;
}

// Inputs: the output's shape, weights, the image, bias.
void transpose_conv(Operator& op) {
  op.expect_inputs(3, 4);
  const auto& options = op.options<format::TransposeConvOptions>();
  const Shape w = weight_shape(op, 1);
  const Ints target = op.integers(0, "the output's shape");
  if (target.size() != 4) op.fail(fmt::format("an output of {} dimensions; expected 4", target.size()));
  std::vector<TensorId> inputs{op.image(2), op.weight(1, kLastFirst)};
  if (op.has(3)) inputs.push_back(op.plain(3));
  const Shape x = op.shape(2);
  for (const std::int64_t size : {target[1], target[2]}) {
    op.expect_range(size, 1, importing::kMaxDim - 1, "a dimension of the output");
  }
  const WindowAxis rows{x[1], w[1], options.stride_h(), 1}, columns{x[2], w[2], options.stride_w(), 1};
  ir::Window window = window_of(op, options.padding(), rows, columns);
  const Transposed y = transposed(options.padding(), rows, target[1]);
  const Transposed z = transposed(options.padding(), columns, target[2]);
  window.pad = {y.cut.before, z.cut.before, y.cut.after, z.cut.after};
  op.result(OpKind::conv_transpose, ir::ConvAttrs{window, 1, {y.extra, z.extra}}, std::move(inputs),
            {Layout::channels_first, {}, options.fused_activation_function()});
}

}  // namespace

std::span<const Handler> conv_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::CONV_2D, conv, Flow::image},
                                          {BuiltinOperator::DEPTHWISE_CONV_2D, depthwise_conv, Flow::image},
                                          {BuiltinOperator::TRANSPOSE_CONV, transpose_conv, Flow::image2}};
  return kHandlers;
}

}  // namespace npusim::tflite
