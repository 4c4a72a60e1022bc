// Resizes, SPACE_TO_DEPTH, DEPTH_TO_SPACE.
#include <fmt/format.h>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::ResizeAttrs;

void to_size(Operator& op, ResizeAttrs attrs, bool align_corners, bool half_pixel) {
  op.expect_inputs(2, 2);
  using Coordinates = ResizeAttrs::Coordinates;
  attrs.coordinates = align_corners ? Coordinates::align_corners
                      : half_pixel  ? Coordinates::half_pixel
                                    : Coordinates::asymmetric;
  const Ints size = op.integers(1, "the size");
  if (size.size() != 2) op.fail(fmt::format("a size of {} values; expected height and width", size.size()));
  for (const std::int64_t side : size)
    op.expect_range(side, 1, importing::kMaxDim - 1, "a side of the result");
  const ir::TensorId x = op.image(0);
  ir::Shape out = op.graph().shape(x);
  out[2] = size[0];
  out[3] = size[1];
  op.result(OpKind::resize, std::move(attrs), {x}, {Layout::channels_first, std::move(out), {}});
}

void bilinear(Operator& op) {
  const auto& options = op.options<format::ResizeBilinearOptions>();
  ResizeAttrs attrs;
  attrs.mode = ResizeAttrs::Mode::linear;
  to_size(op, std::move(attrs), options.align_corners(), options.half_pixel_centers());
}

/// TFLite takes floor((i + 1/2) * scale), which is the pixel's centre rounded with halves upwards, and
/// without centres floor(i * scale).
void nearest(Operator& op) {
  const auto& options = op.options<format::ResizeNearestNeighborOptions>();
  ResizeAttrs attrs;
  attrs.mode = ResizeAttrs::Mode::nearest;
  const bool rounds = options.align_corners() || options.half_pixel_centers();
  attrs.rounding = rounds ? ResizeAttrs::Rounding::prefer_ceil : ResizeAttrs::Rounding::floor;
  to_size(op, std::move(attrs), options.align_corners(), options.half_pixel_centers());
}

ir::BlockAttrs block(const Operator& op, std::int64_t size) {
  op.expect_range(size, 1, 1 << 15, "the block's size");
  return {size, false};
}

void depth_to_space(Operator& op) {
  op.expect_inputs(1, 1);
  const auto attrs = block(op, op.options<format::DepthToSpaceOptions>().block_size());
  op.result(OpKind::depth_to_space, attrs, {op.image(0)}, {Layout::channels_first, {}, {}});
}

void space_to_depth(Operator& op) {
  op.expect_inputs(1, 1);
  const auto attrs = block(op, op.options<format::SpaceToDepthOptions>().block_size());
  op.result(OpKind::space_to_depth, attrs, {op.image(0)}, {Layout::channels_first, {}, {}});
}

}  // namespace

std::span<const Handler> resize_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::RESIZE_BILINEAR, bilinear, Flow::image},
                                          {BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, nearest, Flow::image},
                                          {BuiltinOperator::DEPTH_TO_SPACE, depth_to_space, Flow::image},
                                          {BuiltinOperator::SPACE_TO_DEPTH, space_to_depth, Flow::image}};
  return kHandlers;
}

}  // namespace npusim::tflite
