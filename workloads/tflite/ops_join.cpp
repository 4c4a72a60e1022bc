// Operators that put tensors together and take them apart.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

void concatenation(Operator& op) {
  op.expect_inputs(1, std::numeric_limits<std::size_t>::max());
  const auto& options = op.options<format::ConcatenationOptions>();
  const std::int64_t axis = op.axis(options.axis(), op.rank(0));
  const Layout layout = op.rank(0) == 4 ? op.follow() : Layout::file;
  std::vector<TensorId> inputs;
  for (std::size_t i = 0; i < op.inputs(); ++i) inputs.push_back(op.in(i, layout));
  op.result(OpKind::concat, ir::ConcatAttrs{Operator::axis_in(layout, axis)}, std::move(inputs),
            {layout, {}, options.fused_activation_function()});
}

void split_into(Operator& op, std::size_t value, std::int64_t axis, Ints sizes) {
  if (sizes.size() != op.outputs()) {
    op.fail(fmt::format("has {} outputs, expected {}", op.outputs(), sizes.size()));
  }
  for (const std::int64_t size : sizes) op.expect_range(size, 0, importing::kMaxDim, "the size of a part");
  const Layout layout = op.follow();
  op.results(OpKind::split, ir::SplitAttrs{Operator::axis_in(layout, axis), std::move(sizes)},
             {op.in(value, layout)}, layout);
}

/// The one value of an input.
std::int64_t single(Operator& op, std::size_t i, const std::string& what) {
  const Ints values = op.integers(i, what);
  if (values.size() != 1) op.fail(fmt::format("{} has {} values, expected 1", what, values.size()));
  return values.front();
}

// Inputs: the axis, the value.
void split(Operator& op) {
  op.expect_inputs(2, 2);
  const Shape x = op.shape(1);
  const std::int64_t axis = op.axis(single(op, 0, "the axis"), x.size());
  const auto parts = static_cast<std::int64_t>(op.outputs());
  const std::int64_t size = x[static_cast<std::size_t>(axis)];
  if (parts == 0 || size % parts != 0) {
    op.fail(fmt::format("{} outputs for axis {} of {}, which must divide into them", parts, axis,
                        ir::to_string(x)));
  }
  split_into(op, 1, axis, Ints(static_cast<std::size_t>(parts), size / parts));
}

// Inputs: the value, the sizes of the parts (one of them may be -1), the axis.
void split_v(Operator& op) {
  op.expect_inputs(3, 3);
  const Shape x = op.shape(0);
  const std::int64_t axis = op.axis(single(op, 2, "the axis"), x.size());
  Ints sizes = op.integers(1, "the sizes of the parts");
  std::int64_t rest = x[static_cast<std::size_t>(axis)];
  for (const std::int64_t size : sizes) {
    op.expect_range(size, -1, importing::kMaxDim, "the size of a part");
    rest -= std::max<std::int64_t>(size, 0);
  }
  if (const auto open = std::find(sizes.begin(), sizes.end(), -1); open != sizes.end()) *open = rest;
  split_into(op, 0, axis, std::move(sizes));
}

/// A shape with a dimension of 1 more at `axis`.
Shape widened(Shape shape, std::int64_t axis) {
  shape.insert(shape.begin() + axis, 1);
  return shape;
}

/// Joins along a new axis.
void pack(Operator& op) {
  op.expect_inputs(1, std::numeric_limits<std::size_t>::max());
  const std::int64_t axis = op.axis(op.options<format::PackOptions>().axis(), op.rank(0) + 1);
  std::vector<TensorId> inputs;
  for (std::size_t i = 0; i < op.inputs(); ++i) {
    if (op.rank(i) != op.rank(0)) op.fail("its inputs differ in rank");
    inputs.push_back(op.reshape(fmt::format("widen_{}", i), op.plain(i), widened(op.shape(i), axis)));
  }
  op.result(OpKind::concat, ir::ConcatAttrs{axis}, std::move(inputs));
}

/// Takes an axis apart, which vanishes: a slice and a reshape for each part that somebody wants.
void unpack(Operator& op) {
  op.expect_inputs(1, 1);
  const Shape x = op.shape(0);
  const std::int64_t axis = op.axis(op.options<format::UnpackOptions>().axis(), x.size());
  const auto at = static_cast<std::size_t>(axis);
  if (x[at] != static_cast<std::int64_t>(op.outputs())) {
    op.fail(fmt::format("has {} outputs, expected {}", op.outputs(), x[at]));
  }
  Shape part = x, squeezed = x;
  part[at] = 1;
  squeezed.erase(squeezed.begin() + axis);
  const TensorId whole = op.plain(0);
  for (std::size_t i = 0; i < op.outputs(); ++i) {
    ir::SliceAttrs slice{Ints(x.size(), 0), Ints(x.size(), 1)};
    slice.starts[at] = static_cast<std::int64_t>(i);
    const TensorId one = op.step(fmt::format("part_{}", i), OpKind::slice, std::move(slice), {whole}, part);
    op.reshape_to_output(i, one, squeezed);
  }
}

void gather(Operator& op) {
  op.expect_inputs(2, 2);
  const auto& options = op.options<format::GatherOptions>();
  if (options.batch_dims() != 0) op.unsupported(fmt::format("batch_dims {}", options.batch_dims()));
  const std::int64_t axis = op.axis(options.axis(), op.rank(0));
  op.result(OpKind::gather, ir::GatherAttrs{axis}, {op.plain(0), op.plain(1)});
}

// Inputs: the rows' numbers, the table.
void embedding_lookup(Operator& op) {
  op.expect_inputs(2, 2);
  op.result(OpKind::gather, ir::GatherAttrs{0}, {op.plain(1), op.plain(0)});
}

/// A tile along an axis is a concatenation of copies.
void tile(Operator& op) {
  op.expect_inputs(2, 2);
  const Ints repeats = op.integers(1, "the repeats");
  if (repeats.size() != op.rank(0)) {
    op.fail(fmt::format("{} repeats for rank {}", repeats.size(), op.rank(0)));
  }
  TensorId value = op.plain(0);
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    op.expect_range(repeats[axis], 1, 1 << 16, "a repeat");
    if (repeats[axis] == 1) continue;
    const std::vector<TensorId> copies(static_cast<std::size_t>(repeats[axis]), value);
    value = op.step(fmt::format("axis_{}", axis), OpKind::concat,
                    ir::ConcatAttrs{static_cast<std::int64_t>(axis)}, copies);
  }
  op.result(OpKind::identity, ir::IdentityAttrs{}, {value});
}

}  // namespace

std::span<const Handler> join_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::CONCATENATION, concatenation, Flow::follows},
                                          {BuiltinOperator::SPLIT, split, Flow::follows},
                                          {BuiltinOperator::SPLIT_V, split_v, Flow::follows},
                                          {BuiltinOperator::PACK, pack},
                                          {BuiltinOperator::UNPACK, unpack},
                                          {BuiltinOperator::GATHER, gather},
                                          {BuiltinOperator::EMBEDDING_LOOKUP, embedding_lookup},
                                          {BuiltinOperator::TILE, tile}};
  return kHandlers;
}

}  // namespace npusim::tflite
