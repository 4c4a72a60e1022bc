// Operators that change how a tensor is seen: shape, order of axes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "sim/base/error.h"
#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::Shape;

void to_shape(Operator& op, Shape shape) { op.reshape_to_output(0, op.flat(0), std::move(shape)); }

/// The target of a RESHAPE: its second input, or its option, or what the file says of its result.
Ints target_shape(Operator& op) {
  if (op.has(1)) return op.integers(1, "the target shape");
  const auto* options = op.find_options<format::ReshapeOptions>();
  if (options != nullptr && options->new_shape() != nullptr) {
    return {options->new_shape()->begin(), options->new_shape()->end()};
  }
  return op.output_info(0).shape;
}

void reshape(Operator& op) {
  op.expect_inputs(1, 2);
  const Ints target = target_shape(op);
  const std::int64_t count = ir::elements(op.shape(0));
  Shape shape = target;
  std::int64_t known = 1;
  for (const std::int64_t size : target) {
    op.expect_range(size, -1, importing::kMaxDim - 1, "a target dimension");
    if (size == -1) continue;
    if (size != 0 && known > importing::kMaxElements / size) op.fail("the target shape is too large");
    known *= size;
  }
  const auto open = std::find(shape.begin(), shape.end(), -1);
  const bool single = open == shape.end() || std::find(open + 1, shape.end(), -1) == shape.end();
  const bool fits = open == shape.end() ? known == count : known != 0 && count % known == 0;
  if (!single || !fits) {
    op.fail(fmt::format("cannot reshape {} ({} elements) to [{}]", ir::to_string(op.shape(0)), count,
                        fmt::join(target, ", ")));
  }
  if (open != shape.end()) *open = count / known;
  to_shape(op, std::move(shape));
}

void squeeze(Operator& op) {
  op.expect_inputs(1, 1);
  const Shape x = op.shape(0);
  const auto* options = op.find_options<format::SqueezeOptions>();
  std::set<std::int64_t> gone;
  const auto* dims = options == nullptr ? nullptr : options->squeeze_dims();
  for (flatbuffers::uoffset_t i = 0; dims != nullptr && i < dims->size(); ++i) {
    const std::int64_t axis = op.axis(dims->Get(i), x.size());
    if (x[static_cast<std::size_t>(axis)] != 1) {
      op.fail(fmt::format("axis {} of {} is not of size 1", axis, ir::to_string(x)));
    }
    gone.insert(axis);
  }
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool vanishes = gone.empty() ? x[i] == 1 : gone.contains(static_cast<std::int64_t>(i));
    if (!vanishes) shape.push_back(x[i]);
  }
  to_shape(op, std::move(shape));
}

void expand_dims(Operator& op) {
  op.expect_inputs(2, 2);
  const Ints axes = op.integers(1, "the axis");
  if (axes.size() != 1) op.fail(fmt::format("has {} axes, expected 1", axes.size()));
  Shape shape = op.shape(0);
  shape.insert(shape.begin() + op.axis(axes[0], shape.size() + 1), 1);
  to_shape(op, std::move(shape));
}

void transpose(Operator& op) {
  op.expect_inputs(2, 2);
  Ints order = op.integers(1, "the permutation");
  if (order.size() != op.rank(0)) {
    op.fail(fmt::format("a permutation of {} axes for rank {}", order.size(), op.rank(0)));
  }
  for (std::int64_t& axis : order) axis = op.axis(axis, order.size());
  op.result(OpKind::transpose, ir::TransposeAttrs{std::move(order)}, {op.plain(0)});
}

void shape(Operator& op) {
  op.expect_inputs(1, 1);
  const auto rank = static_cast<std::int64_t>(op.rank(0));
  op.result(OpKind::shape_of, ir::ShapeOfAttrs{}, {op.plain(0)}, {Layout::file, Shape{rank}, {}});
}

void broadcast_to(Operator& op) {
  op.expect_inputs(2, 2);
  const Ints target = op.integers(1, "the target shape");
  for (const std::int64_t size : target) {
    op.expect_range(size, 0, importing::kMaxDim - 1, "a target dimension");
  }
  Shape out;
  try {
    out = ir::broadcast(op.shape(0), target);
  } catch (const UserError& error) {
    op.fail(error.what());
  }
  op.result(OpKind::expand, ir::ExpandAttrs{}, {op.plain(0)}, {Layout::file, std::move(out), {}});
}

}  // namespace

std::span<const Handler> shape_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::RESHAPE, reshape},
                                          {BuiltinOperator::SQUEEZE, squeeze},
                                          {BuiltinOperator::EXPAND_DIMS, expand_dims},
                                          {BuiltinOperator::TRANSPOSE, transpose},
                                          {BuiltinOperator::SHAPE, shape},
                                          {BuiltinOperator::BROADCAST_TO, broadcast_to}};
  return kHandlers;
}

}  // namespace npusim::tflite
