// Pools and reductions.
#include <fmt/format.h>

#include <algorithm>

#include "workloads/tflite/ops.h"
#include "workloads/tflite/window.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;

/// TensorFlow's averages never count the padding.
void pool(Operator& op, ir::PoolKind kind) {
  op.expect_inputs(1, 1);
  const auto& options = op.options<format::Pool2DOptions>();
  const ir::TensorId image = op.image(0);
  const ir::Shape x = op.shape(0);
  const ir::Window window =
      window_of(op, options.padding(), {x[1], options.filter_height(), options.stride_h(), 1},
                {x[2], options.filter_width(), options.stride_w(), 1});
  op.result(OpKind::pool, ir::PoolAttrs{kind, window, false, {0, 0}}, {image},
            {Layout::channels_first, {}, options.fused_activation_function()});
}

void max_pool(Operator& op) { pool(op, ir::PoolKind::max); }
void average_pool(Operator& op) { pool(op, ir::PoolKind::average); }

void reduce(Operator& op, ir::ReduceKind kind) {
  op.expect_inputs(2, 2);
  const bool keep = op.options<format::ReducerOptions>().keep_dims();
  Ints axes = op.integers(1, "the list of axes");
  for (std::int64_t& axis : axes) axis = op.axis(axis, op.rank(0));
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  Layout layout = op.follow();
  // What remains of an image without its channels or rows alone is in another order than the file's.
  const bool whole = std::find(axes.begin(), axes.end(), 1) != axes.end() &&
                     std::find(axes.begin(), axes.end(), 2) != axes.end();
  if (!keep && !whole) layout = Layout::file;
  for (std::int64_t& axis : axes) axis = Operator::axis_in(layout, axis);
  std::sort(axes.begin(), axes.end());
  const ir::TensorId x = op.in(0, layout);
  op.result(OpKind::reduce, ir::ReduceAttrs{kind, std::move(axes), keep}, {x},
            {keep ? layout : Layout::file, {}, {}});
}

void mean(Operator& op) { reduce(op, ir::ReduceKind::mean); }
void sum(Operator& op) { reduce(op, ir::ReduceKind::sum); }
void reduce_max(Operator& op) { reduce(op, ir::ReduceKind::max); }

}  // namespace

std::span<const Handler> pool_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::MAX_POOL_2D, max_pool, Flow::image},
                                          {BuiltinOperator::AVERAGE_POOL_2D, average_pool, Flow::image},
                                          {BuiltinOperator::MEAN, mean, Flow::follows},
                                          {BuiltinOperator::SUM, sum, Flow::follows},
                                          {BuiltinOperator::REDUCE_MAX, reduce_max, Flow::follows}};
  return kHandlers;
}

}  // namespace npusim::tflite
