// SLICE, STRIDED_SLICE, and what adds a border: PAD, PADV2, MIRROR_PAD.
#include <fmt/format.h>

#include <algorithm>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

/// What a slice takes of each axis, in the file's order.
struct Parts {
  Ints starts, steps;
  Shape shape;
};

/// Makes the slice the operator's result, without the axes in `gone`.
void take(Operator& op, const Parts& parts, const std::vector<bool>& gone) {
  const Layout layout = op.follow();
  const ir::SliceAttrs attrs{Operator::axes_in(layout, parts.starts), Operator::axes_in(layout, parts.steps)};
  Shape own = Operator::axes_in(layout, parts.shape);
  if (std::find(gone.begin(), gone.end(), true) == gone.end()) {
    return op.result(OpKind::slice, attrs, {op.in(0, layout)}, {layout, std::move(own), {}});
  }
  const TensorId whole = op.plain(0);
  const TensorId part =
      op.step("slice", OpKind::slice, ir::SliceAttrs{parts.starts, parts.steps}, {whole}, parts.shape);
  Shape squeezed;
  for (std::size_t i = 0; i < gone.size(); ++i) {
    if (!gone[i]) squeezed.push_back(parts.shape[i]);
  }
  op.reshape_to_output(0, part, std::move(squeezed));
}

// Inputs: the value, first elements, sizes (-1: to the end).
void slice(Operator& op) {
  op.expect_inputs(3, 3);
  const Shape x = op.shape(0);
  Parts parts{op.integers(1, "the list of beginnings"), Ints(x.size(), 1), op.integers(2, "the sizes")};
  if (parts.starts.size() != x.size() || parts.shape.size() != x.size()) {
    op.fail(fmt::format("{} beginnings and {} sizes for {}", parts.starts.size(), parts.shape.size(),
                        ir::to_string(x)));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    op.expect_range(parts.starts[i], 0, x[i], "a beginning");
    if (parts.shape[i] == -1) parts.shape[i] = x[i] - parts.starts[i];
    op.expect_range(parts.shape[i], 0, x[i] - parts.starts[i], "a size");
  }
  take(op, parts, std::vector<bool>(x.size(), false));
}

bool bit(std::int32_t mask, std::size_t i) { return (static_cast<std::uint32_t>(mask) >> i & 1U) != 0; }

/// One axis of a strided slice, as TensorFlow counts: negative indices from the end, all clamped.
void take_axis(const Operator& op, std::int64_t size, std::optional<std::int64_t> begin,
               std::optional<std::int64_t> end, std::int64_t step, std::size_t i, Parts& parts) {
  if (step == 0) op.fail("a stride is 0");
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto clamped = [&](std::int64_t index) {
    return std::clamp(index < 0 ? index + size : index, low, high);
  };
  const std::int64_t first = begin ? clamped(*begin) : step > 0 ? low : high;
  const std::int64_t last = end ? clamped(*end) : step > 0 ? high : low;
  const std::int64_t room = step > 0 ? last - first : first - last;
  const std::int64_t stride = step > 0 ? step : -step;
  const std::int64_t count = room <= 0 ? 0 : (room - 1) / stride + 1;
  parts.starts[i] = count == 0 ? 0 : first;
  parts.steps[i] = count <= 1 ? 1 : step;
  parts.shape[i] = count;
}

// Inputs: the value, beginnings, ends, strides.
void strided_slice(Operator& op) {
  op.expect_inputs(4, 4);
  const auto& options = op.options<format::StridedSliceOptions>();
  if (options.ellipsis_mask() != 0) op.unsupported("an ellipsis");
  if (options.new_axis_mask() != 0) op.unsupported("new axes");
  const Shape x = op.shape(0);
  const Ints begins = op.integers(1, "the beginnings"), ends = op.integers(2, "the ends"),
             strides = op.integers(3, "the strides");
  if (begins.size() > x.size() || ends.size() != begins.size() || strides.size() != begins.size()) {
    op.fail(fmt::format("{} beginnings, {} ends and {} strides for {}", begins.size(), ends.size(),
                        strides.size(), ir::to_string(x)));
  }
  // Indices beyond the largest dimension mean the same as at it.
  const auto bounded = [](std::int64_t v) { return std::clamp(v, -importing::kMaxDim, importing::kMaxDim); };
  Parts parts{Ints(x.size(), 0), Ints(x.size(), 1), x};
  std::vector<bool> gone(x.size(), false);
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::int64_t begin = bounded(begins[i]);
    if (bit(options.shrink_axis_mask(), i)) {
      const std::int64_t index = begin < 0 ? begin + x[i] : begin;
      op.expect_range(index, 0, x[i] - 1, fmt::format("the index on axis {}", i));
      parts.starts[i] = index;
      parts.shape[i] = 1;
      gone[i] = true;
      continue;
    }
    const auto given = [&](std::int32_t mask, std::int64_t value) {
      return bit(mask, i) ? std::nullopt : std::optional(value);
    };
    const std::int64_t end = bounded(options.offset() ? begin + bounded(ends[i]) : ends[i]);
    take_axis(op, x[i], given(options.begin_mask(), begin), given(options.end_mask(), end),
              bounded(strides[i]), i, parts);
  }
  take(op, parts, gone);
}

/// The third operand of a PADV2: the value that it fills with; kNoTensor for zero.
TensorId fill_value(Operator& op) {
  if (!op.has(2)) return ir::kNoTensor;
  const auto& values = op.graph().tensor(op.plain(2)).constant;
  return values && values->size() == 1 && values->front() == 0 ? ir::kNoTensor : op.plain(2);
}

void pad_with(Operator& op, ir::PadAttrs::Mode mode) {
  op.expect_inputs(2, 3);
  const std::size_t rank = op.rank(0);
  const Ints pads = op.integers(1, "the padding");
  if (pads.size() != 2 * rank) op.fail(fmt::format("{} values of padding for rank {}", pads.size(), rank));
  Ints before, after;
  for (std::size_t i = 0; i < pads.size(); ++i) {
    op.expect_range(pads[i], 0, importing::kMaxDim, "a value of padding");
    (i % 2 == 0 ? before : after).push_back(pads[i]);
  }
  const Layout layout = op.follow();
  std::vector<TensorId> inputs{op.in(0, layout)};
  if (const TensorId value = fill_value(op); value != ir::kNoTensor) {
    inputs.insert(inputs.end(), {ir::kNoTensor, value});
  }
  op.result(OpKind::pad,
            ir::PadAttrs{Operator::axes_in(layout, before), Operator::axes_in(layout, after), mode},
            std::move(inputs), {layout, {}, {}});
}

void pad(Operator& op) { pad_with(op, ir::PadAttrs::Mode::constant); }

void mirror_pad(Operator& op) {
  if (op.options<format::MirrorPadOptions>().mode() != format::MirrorPadMode::REFLECT) {
    op.unsupported("mode SYMMETRIC; npusim knows REFLECT");
  }
  pad_with(op, ir::PadAttrs::Mode::reflect);
}

}  // namespace

std::span<const Handler> slice_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::SLICE, slice, Flow::follows},
                                          {BuiltinOperator::STRIDED_SLICE, strided_slice, Flow::follows},
                                          {BuiltinOperator::PAD, pad, Flow::follows},
                                          {BuiltinOperator::PADV2, pad, Flow::follows},
                                          {BuiltinOperator::MIRROR_PAD, mirror_pad, Flow::follows}};
  return kHandlers;
}

}  // namespace npusim::tflite
