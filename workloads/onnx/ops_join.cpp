// Operators that take tensors apart and put them together.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "sim/base/units.h"
#include "workloads/onnx/ops.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;
using ir::Shape;

void concat(Node& node) {
  node.expect_inputs(1, std::numeric_limits<std::size_t>::max());
  if (!node.has_attribute("axis")) node.fail("attribute 'axis' is missing");
  const std::int64_t axis = node.axis(node.integer("axis", 0), node.shape(0).size());
  std::vector<ir::TensorId> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) inputs.push_back(node.in(i));
  node.result(OpKind::concat, ir::ConcatAttrs{axis}, std::move(inputs));
}

/// `parts` sizes of ceil(size / parts), the last one what remains (ONNX opset 18).
std::vector<std::int64_t> even_parts(std::int64_t size, std::int64_t parts) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), ceil_div(size, parts));
  sizes.back() = size - (parts - 1) * sizes.front();
  return sizes;
}

void split(Node& node) {
  node.expect_inputs(1, 2);
  const Shape x = node.shape(0);
  const std::int64_t axis = node.axis(node.integer("axis", 0), x.size());
  const auto outputs = static_cast<std::int64_t>(node.outputs());
  if (outputs == 0) node.fail("has no output");
  std::vector<std::int64_t> sizes;
  if (node.has(1)) {
    sizes = node.integers(1, "the sizes of the parts");
  } else if (auto given = node.integer_list("split")) {
    sizes = *given;
  } else {
    if (const std::int64_t count = node.integer("num_outputs", outputs); count != outputs) {
      node.fail(fmt::format("num_outputs is {}, but there are {} outputs", count, outputs));
    }
    sizes = even_parts(x[static_cast<std::size_t>(axis)], outputs);
  }
  for (const std::int64_t size : sizes) node.expect_range(size, 0, kMaxDim, "the size of a part");
  node.results(OpKind::split, ir::SplitAttrs{axis, std::move(sizes)}, {node.in(0)}, {});
}

struct Range {
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

/// What ONNX's start, end and step (numpy's; within +-kMaxDim) take of an axis of `size`.
Range take(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t size) {
  const auto index = [size](std::int64_t i, std::int64_t low, std::int64_t high) {
    return std::clamp(i < 0 ? i + size : i, low, high);
  };
  if (size == 0) return {};
  if (step > 0) {
    start = index(start, 0, size);
    end = index(end, 0, size);
    if (end <= start) return {};
    const std::int64_t count = (end - start - 1) / step + 1;
    return {start, count == 1 ? 1 : step, count};
  }
  start = index(start, 0, size - 1);
  end = index(end, -1, size - 1);
  if (start <= end) return {};
  const std::int64_t count = (start - end - 1) / -step + 1;
  return {start, count == 1 ? 1 : step, count};
}

void slice(Node& node) {
  node.expect_inputs(1, 5);
  const Shape x = node.shape(0);
  const bool inputs = node.has(1);
  const auto starts = inputs ? node.integers(1, "the list of starts") : node.integer_list("starts");
  const auto ends = inputs ? node.integers(2, "the list of ends") : node.integer_list("ends");
  if (!starts || !ends) node.fail("starts or ends are missing");
  std::vector<std::int64_t> axes(starts->size()), steps(starts->size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  axes = node.axes(3).value_or(axes);
  if (node.has(4)) steps = node.integers(4, "the list of steps");
  if (ends->size() != starts->size() || axes.size() != starts->size() || steps.size() != starts->size()) {
    node.fail("starts, ends, axes and steps differ in length");
  }
  ir::SliceAttrs attrs{std::vector<std::int64_t>(x.size(), 0), std::vector<std::int64_t>(x.size(), 1)};
  Shape out = x;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(node.axis(axes[i], x.size()));
    if (steps[i] == 0) node.fail("a step is 0");
    // Beyond the largest dimension a step or index means the same as at it.
    const auto clamp = [](std::int64_t v) { return std::clamp(v, -kMaxDim, kMaxDim); };
    const Range range = take(clamp((*starts)[i]), clamp((*ends)[i]), clamp(steps[i]), x[axis]);
    attrs.starts[axis] = range.start;
    attrs.steps[axis] = range.step;
    out[axis] = range.count;
  }
  node.result(OpKind::slice, std::move(attrs), {node.in(0)}, {{}, std::move(out)});
}

void gather(Node& node) {
  node.expect_inputs(2, 2);
  const std::int64_t axis = node.axis(node.integer("axis", 0), node.shape(0).size());
  node.result(OpKind::gather, ir::GatherAttrs{axis}, {node.in(0), node.in(1)});
}

ir::PadAttrs::Mode pad_mode(const Node& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode == "constant") return ir::PadAttrs::Mode::constant;
  if (mode == "reflect") return ir::PadAttrs::Mode::reflect;
  if (mode == "edge") return ir::PadAttrs::Mode::edge;
  if (mode == "wrap") node.unsupported("mode 'wrap'");
  node.fail(fmt::format("mode is '{}', expected constant, reflect, edge or wrap", mode));
}

/// The value that a constant Pad fills with, as an operand; kNoTensor for zero.
ir::TensorId fill_value(Node& node) {
  if (node.has(2)) {
    const std::vector<double>* value = node.constant(2);
    const bool zero = value != nullptr && value->size() == 1 && value->front() == 0;
    return zero ? ir::kNoTensor : node.in(2);
  }
  const double value = node.number("value", 0);
  return value == 0 ? ir::kNoTensor : node.scalar("value", value, node.dtype(0));
}

/// Inputs of the ir::Op: X, and as the third the value where it is not zero.
void pad(Node& node) {
  node.expect_inputs(1, 4);
  const std::size_t rank = node.shape(0).size();
  std::optional<std::vector<std::int64_t>> pads = node.integer_list("pads");
  if (node.has(1)) pads = node.integers(1, "the padding");
  if (!pads) node.fail("the padding is missing");
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (node.has(3)) axes = node.integers(3, "the list of axes");
  if (pads->size() != 2 * axes.size()) {
    node.fail(fmt::format("{} values of padding for {} axes", pads->size(), axes.size()));
  }
  ir::PadAttrs attrs{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0), pad_mode(node)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(node.axis(axes[i], rank));
    for (const std::int64_t value : {(*pads)[i], (*pads)[axes.size() + i]}) {
      node.expect_range(value, -kMaxDim, kMaxDim, "a value of padding");
    }
    attrs.before[axis] = (*pads)[i];
    attrs.after[axis] = (*pads)[axes.size() + i];
  }
  std::vector<ir::TensorId> inputs{node.in(0)};
  if (const ir::TensorId value = fill_value(node); value != ir::kNoTensor) {
    inputs.insert(inputs.end(), {ir::kNoTensor, value});
  }
  node.result(OpKind::pad, std::move(attrs), std::move(inputs));
}

/// A tile along an axis is a concatenation of copies.
void tile(Node& node) {
  node.expect_inputs(2, 2);
  const auto repeats = node.integers(1, "the repeats");
  const std::size_t rank = node.shape(0).size();
  if (repeats.size() != rank) node.fail(fmt::format("{} repeats for rank {}", repeats.size(), rank));
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < rank; ++i) {
    node.expect_range(repeats[i], 1, 1 << 16, "a repeat");
    if (repeats[i] != 1) axes.push_back(i);
  }
  if (axes.empty()) return node.result(OpKind::identity, ir::IdentityAttrs{}, {node.in(0)});
  ir::TensorId value = node.in(0);
  for (const std::size_t axis : axes) {
    const std::vector<ir::TensorId> copies(static_cast<std::size_t>(repeats[axis]), value);
    const ir::ConcatAttrs attrs{static_cast<std::int64_t>(axis)};
    if (axis == axes.back()) return node.result(OpKind::concat, attrs, copies);
    value = node.step(fmt::format("axis{}", axis), OpKind::concat, attrs, copies);
  }
}

}  // namespace

std::span<const Handler> join_handlers() {
  static constexpr Handler kHandlers[] = {{"Concat", concat}, {"Split", split}, {"Slice", slice},
                                          {"Gather", gather}, {"Pad", pad},     {"Tile", tile}};
  return kHandlers;
}

}  // namespace npusim::onnx
