// Operators that change how a tensor is seen: shape, order of axes, type.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "workloads/onnx/ops.h"
#include "workloads/onnx/tensor_values.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;
using ir::Shape;

void to_shape(Node& node, Shape shape) {
  node.result(OpKind::reshape, ir::ReshapeAttrs{}, {node.in(0)}, {{}, std::move(shape)});
}

/// Product of the dimensions; fails instead of overflowing.
std::int64_t product(const Node& node, const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    node.expect_range(size, 0, kMaxDim - 1, "a dimension");
    if (size != 0 && count > kMaxElements / size)
      node.fail(fmt::format("{} is too large", ir::to_string(shape)));
    count *= size;
  }
  return count;
}

/// The target of a Reshape with 0 (copy) and -1 (whatever remains) resolved.
Shape resolve(Node& node, const std::vector<std::int64_t>& target, bool allow_zero) {
  const Shape x = node.shape(0);
  Shape shape;
  std::size_t open = target.size();
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t size = target[i];
    if (size == 0 && !allow_zero) {
      if (i >= x.size()) node.fail(fmt::format("target dimension {} copies one that the input lacks", i));
      size = x[i];
    }
    if (size == -1) {
      if (open != target.size()) node.fail("two target dimensions are -1");
      open = i;
      size = 1;
    }
    shape.push_back(size);
  }
  const std::int64_t count = ir::elements(x), known = product(node, shape);
  const bool fits = open == target.size() ? known == count : known != 0 && count % known == 0;
  if (!fits) {
    node.fail(fmt::format("cannot reshape {} ({} elements) to [{}]", ir::to_string(x), count,
                          fmt::join(target, ", ")));
  }
  if (open != target.size()) shape[open] = count / known;
  return shape;
}

void reshape(Node& node) {
  node.expect_inputs(2, 2);
  to_shape(node, resolve(node, node.integers(1, "the target shape"), node.integer("allowzero", 0) != 0));
}

void flatten(Node& node) {
  node.expect_inputs(1, 1);
  const Shape x = node.shape(0);
  std::int64_t axis = node.integer("axis", 1);
  if (axis != static_cast<std::int64_t>(x.size())) axis = node.axis(axis, x.size());
  const auto middle = x.begin() + axis;
  to_shape(node, {std::accumulate(x.begin(), middle, std::int64_t{1}, std::multiplies<>()),
                  std::accumulate(middle, x.end(), std::int64_t{1}, std::multiplies<>())});
}

void squeeze(Node& node) {
  node.expect_inputs(1, 2);
  const Shape x = node.shape(0);
  const auto axes = node.axes(1);
  std::set<std::int64_t> gone;
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{})) {
    const std::int64_t index = node.axis(axis, x.size());
    if (x[static_cast<std::size_t>(index)] != 1) {
      node.fail(fmt::format("axis {} of {} is not of size 1", axis, ir::to_string(x)));
    }
    gone.insert(index);
  }
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (axes ? !gone.contains(static_cast<std::int64_t>(i)) : x[i] != 1) out.push_back(x[i]);
  }
  to_shape(node, std::move(out));
}

void unsqueeze(Node& node) {
  node.expect_inputs(1, 2);
  const auto axes = node.axes(1);
  if (!axes) node.fail("the axes are missing");
  const Shape x = node.shape(0);
  std::set<std::int64_t> added;
  for (const std::int64_t axis : *axes) {
    if (!added.insert(node.axis(axis, x.size() + axes->size())).second) {
      node.fail(fmt::format("axis {} is listed twice", axis));
    }
  }
  Shape out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < x.size() + added.size(); ++i) {
    out.push_back(added.contains(static_cast<std::int64_t>(i)) ? 1 : x[next++]);
  }
  to_shape(node, std::move(out));
}

void transpose(Node& node) {
  node.expect_inputs(1, 1);
  std::vector<std::int64_t> reversed(node.shape(0).size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  auto permutation = node.integer_list("perm").value_or(reversed);
  for (std::int64_t& axis : permutation) axis = node.axis(axis, reversed.size());
  node.result(OpKind::transpose, ir::TransposeAttrs{std::move(permutation)}, {node.in(0)});
}

void expand(Node& node) {
  node.expect_inputs(2, 2);
  const auto target = node.integers(1, "the target shape");
  product(node, target);
  Shape out;
  try {
    out = ir::broadcast(node.shape(0), target);
  } catch (const std::exception& error) {
    node.fail(error.what());
  }
  node.result(OpKind::expand, ir::ExpandAttrs{}, {node.in(0)}, {{}, std::move(out)});
}

/// Shape, from opset 15 on with a range of axes.
void shape(Node& node) {
  node.expect_inputs(1, 1);
  const auto rank = static_cast<std::int64_t>(node.shape(0).size());
  const auto clamp = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const std::int64_t start = clamp(node.integer("start", 0));
  const std::int64_t end = std::max(start, clamp(node.integer("end", rank)));
  const Result all{ir::DType::i64, Shape{rank}};
  if (start == 0 && end == rank) return node.result(OpKind::shape_of, ir::ShapeOfAttrs{}, {node.in(0)}, all);
  const ir::TensorId sizes = node.step("shape", OpKind::shape_of, ir::ShapeOfAttrs{}, {node.in(0)}, all);
  node.result(OpKind::slice, ir::SliceAttrs{{start}, {1}}, {sizes}, {ir::DType::i64, Shape{end - start}});
}

void cast(Node& node) {
  node.expect_inputs(1, 1);
  if (!node.has_attribute("to")) node.fail("attribute 'to' is missing");
  const std::int64_t to = node.integer("to", 0);
  node.expect_range(to, 1, 1 << 20, "attribute 'to'");
  const auto dtype = dtype_of(static_cast<std::int32_t>(to));
  if (!dtype) node.unsupported(fmt::format("element type {}", type_name(static_cast<std::int32_t>(to))));
  node.result(OpKind::cast, ir::CastAttrs{}, {node.in(0)}, {dtype, {}});
}

void cast_like(Node& node) {
  node.expect_inputs(2, 2);
  node.result(OpKind::cast, ir::CastAttrs{}, {node.in(0)}, {node.dtype(1), {}});
}

/// Identity, and Dropout, which does nothing at inference.
void identity(Node& node) {
  node.expect_inputs(1, 3);
  node.result(OpKind::identity, ir::IdentityAttrs{}, {node.in(0)});
}

}  // namespace

std::span<const Handler> shape_handlers() {
  static constexpr Handler kHandlers[] = {
      {"Reshape", reshape},    {"Flatten", flatten},     {"Squeeze", squeeze}, {"Unsqueeze", unsqueeze},
      {"Expand", expand},      {"Transpose", transpose}, {"Shape", shape},     {"Cast", cast},
      {"CastLike", cast_like}, {"Identity", identity},   {"Dropout", identity}};
  return kHandlers;
}

}  // namespace npusim::onnx
