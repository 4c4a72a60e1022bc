// Pools and reductions.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/units.h"
#include "workloads/onnx/ops.h"
#include "workloads/onnx/window.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;
using ir::PoolKind;
using ir::ReduceKind;

/// ceil_mode as padding after the end: the last, partial window counts if it starts inside the input or the
/// padding before it (ONNX opset 22, PyTorch). Returns the cells added.
std::int64_t round_up_windows(WindowAxis& axis, std::int64_t size) {
  const std::int64_t room = size + axis.before + axis.after - axis.reach();
  if (room < 0) return 0;
  std::int64_t windows = ceil_div(room, axis.stride) + 1;
  if ((windows - 1) * axis.stride >= size + axis.before) --windows;
  const std::int64_t after = (windows - 1) * axis.stride + axis.reach() - size - axis.before;
  const std::int64_t added = std::max<std::int64_t>(after - axis.after, 0);
  axis.after += added;
  return added;
}

void pool(Node& node, PoolKind kind) {
  node.expect_inputs(1, 1);
  if (node.has_output(1)) node.unsupported("its second output (Indices)");
  if (!node.has_attribute("kernel_shape")) node.fail("attribute 'kernel_shape' is missing");
  const auto sizes = spatial_sizes(node, node.shape(0));
  auto axes = read_window(node, sizes, {});
  std::vector<std::int64_t> added(axes.size(), 0);
  if (node.integer("ceil_mode", 0) != 0) {
    for (std::size_t i = 0; i < axes.size(); ++i) added[i] = round_up_windows(axes[i], sizes[i]);
  }
  const ir::Hw rounding{axes.size() > 1 ? added.front() : 0, added.back()};
  const bool include_pad = node.integer("count_include_pad", 0) != 0;
  node.result(OpKind::pool, ir::PoolAttrs{kind, to_window(axes), include_pad, rounding}, {node.in(0)});
}

void max_pool(Node& node) { pool(node, PoolKind::max); }
void average_pool(Node& node) { pool(node, PoolKind::average); }

std::vector<std::int64_t> range(std::int64_t begin, std::size_t end) {
  std::vector<std::int64_t> axes(std::max<std::size_t>(end, begin) - begin);
  std::iota(axes.begin(), axes.end(), begin);
  return axes;
}

void global_pool(Node& node, ReduceKind kind) {
  node.expect_inputs(1, 1);
  const std::size_t rank = node.shape(0).size();
  if (rank < 3) node.fail(fmt::format("an input of rank {}, expected at least 3", rank));
  node.result(OpKind::reduce, ir::ReduceAttrs{kind, range(2, rank), true}, {node.in(0)});
}

void global_average_pool(Node& node) { global_pool(node, ReduceKind::mean); }
void global_max_pool(Node& node) { global_pool(node, ReduceKind::max); }

void reduce(Node& node, ReduceKind kind) {
  node.expect_inputs(1, 2);
  const std::size_t rank = node.shape(0).size();
  auto axes = node.axes(1).value_or(std::vector<std::int64_t>{});
  for (std::int64_t& axis : axes) axis = node.axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) node.fail("an axis is listed twice");
  if (axes.empty()) {
    if (node.integer("noop_with_empty_axes", 0) != 0) {
      node.result(OpKind::identity, ir::IdentityAttrs{}, {node.in(0)});
      return;
    }
    axes = range(0, rank);
  }
  const bool keepdims = node.integer("keepdims", 1) != 0;
  node.result(OpKind::reduce, ir::ReduceAttrs{kind, std::move(axes), keepdims}, {node.in(0)});
}

void reduce_mean(Node& node) { reduce(node, ReduceKind::mean); }
void reduce_sum(Node& node) { reduce(node, ReduceKind::sum); }
void reduce_max(Node& node) { reduce(node, ReduceKind::max); }

}  // namespace

std::span<const Handler> pool_handlers() {
  static constexpr Handler kHandlers[] = {{"MaxPool", max_pool},
                                          {"AveragePool", average_pool},
                                          {"GlobalAveragePool", global_average_pool},
                                          {"GlobalMaxPool", global_max_pool},
                                          {"ReduceMean", reduce_mean},
                                          {"ReduceSum", reduce_sum},
                                          {"ReduceMax", reduce_max}};
  return kHandlers;
}

}  // namespace npusim::onnx
