// Operators that move elements, and element-wise functions.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "workloads/passes/evaluate.h"
#include "workloads/reference/kernels.h"

namespace npusim::reference {

namespace {

using ir::Shape;
using Indices = std::vector<std::int64_t>;

constexpr std::int64_t kOutside = -1;

double pick(const Dense& x, std::int64_t offset) { return x.data[static_cast<std::size_t>(offset)]; }

/// The tensor whose element at coordinates c is x's at (map[0][c0], map[1][c1], ...), or `fill` where one of
/// them is kOutside.
Dense mapped(const Dense& x, const std::vector<Indices>& map, double fill) {
  Shape shape;
  for (const Indices& axis : map) shape.push_back(static_cast<std::int64_t>(axis.size()));
  const Indices strides = row_major(x.shape);
  Dense y{shape, {}};
  const std::int64_t count = ir::elements(shape);
  y.data.reserve(static_cast<std::size_t>(count));
  Indices at(shape.size(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t offset = 0;
    bool inside = true;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      const std::int64_t from = map[axis][static_cast<std::size_t>(at[axis])];
      inside = inside && from != kOutside;
      offset += from * strides[axis];
    }
    y.data.push_back(inside ? pick(x, offset) : fill);
    for (std::size_t axis = at.size(); axis-- > 0 && ++at[axis] == shape[axis];) at[axis] = 0;
  }
  return y;
}

Indices range(std::int64_t start, std::int64_t step, std::int64_t count) {
  Indices indices;
  for (std::int64_t i = 0; i < count; ++i) indices.push_back(start + i * step);
  return indices;
}

/// The element of an axis of `size` that padded element `i` (from 0 inside) shows.
std::int64_t padded(std::int64_t i, std::int64_t size, ir::PadAttrs::Mode mode) {
  if (i >= 0 && i < size) return i;
  if (mode == ir::PadAttrs::Mode::edge) return std::clamp<std::int64_t>(i, 0, size - 1);
  if (mode == ir::PadAttrs::Mode::reflect) return i < 0 ? -i : 2 * (size - 1) - i;
  return kOutside;
}

/// Numbers in the order of a walk over `shape` with `strides` of x.
Dense strided(const Dense& x, const Shape& shape, Indices strides) {
  Dense y{shape, std::vector<double>(static_cast<std::size_t>(ir::elements(shape)))};
  Walk walk(shape, {std::move(strides)});
  for (double& value : y.data) {
    value = pick(x, walk.offset(0));
    walk.next();
  }
  return y;
}

/// `x` seen as `shape` and transposed.
Dense rearranged(const Dense& x, const Shape& shape, const Indices& permutation, const Shape& out) {
  const Indices strides = row_major(shape);
  Shape walked;
  Indices steps;
  for (const std::int64_t axis : permutation) {
    walked.push_back(shape[static_cast<std::size_t>(axis)]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  Dense y = strided(x, walked, std::move(steps));
  y.shape = out;
  return y;
}

}  // namespace

Dense elementwise(const ir::ElementwiseAttrs& attrs, const Operands& in, const Shape& out, ir::DType type) {
  Dense y{out, std::vector<double>(static_cast<std::size_t>(ir::elements(out)))};
  std::vector<Indices> strides;
  for (const Dense* operand : in) strides.push_back(broadcast_strides(operand->shape, out));
  Walk walk(out, std::move(strides));
  std::vector<double> operands(in.size());
  for (double& value : y.data) {
    for (std::size_t i = 0; i < in.size(); ++i) operands[i] = pick(*in[i], walk.offset(i));
    value = passes::exact_value(attrs, operands, type);
    walk.next();
  }
  return y;
}

Dense concat(const ir::ConcatAttrs& attrs, const Operands& in, const Shape& out) {
  const Shape lead(out.begin(), out.begin() + attrs.axis);
  Dense y{out, {}};
  y.data.reserve(static_cast<std::size_t>(ir::elements(out)));
  const std::int64_t rows = ir::elements(lead);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const Dense* part : in) {
      const auto run = static_cast<std::int64_t>(part->data.size()) / rows;
      const auto first = part->data.begin() + row * run;
      y.data.insert(y.data.end(), first, first + run);
    }
  }
  return y;
}

std::vector<Dense> split(const ir::SplitAttrs& attrs, const Dense& x) {
  std::vector<Dense> parts;
  std::int64_t start = 0;
  for (const std::int64_t size : attrs.sizes) {
    std::vector<Indices> map;
    for (std::size_t axis = 0; axis < x.shape.size(); ++axis) {
      const bool cut = static_cast<std::int64_t>(axis) == attrs.axis;
      map.push_back(cut ? range(start, 1, size) : range(0, 1, x.shape[axis]));
    }
    parts.push_back(mapped(x, map, 0));
    start += size;
  }
  return parts;
}

Dense slice(const ir::SliceAttrs& attrs, const Dense& x, const Shape& out) {
  std::vector<Indices> map;
  for (std::size_t axis = 0; axis < out.size(); ++axis) {
    map.push_back(range(attrs.starts[axis], attrs.steps[axis], out[axis]));
  }
  return mapped(x, map, 0);
}

Dense transpose(const ir::TransposeAttrs& attrs, const Dense& x, const Shape& out) {
  return rearranged(x, x.shape, attrs.permutation, out);
}

Dense pad(const ir::PadAttrs& attrs, const Operands& in, const Shape& out) {
  const Dense& x = *in[0];
  const double fill = in.size() > 2 && in[2] != nullptr ? in[2]->data.at(0) : 0;
  std::vector<Indices> map;
  for (std::size_t axis = 0; axis < out.size(); ++axis) {
    Indices& indices = map.emplace_back();
    for (std::int64_t i = 0; i < out[axis]; ++i) {
      indices.push_back(padded(i - attrs.before[axis], x.shape[axis], attrs.mode));
    }
  }
  return mapped(x, map, fill);
}

Dense depth_to_space(const ir::BlockAttrs& attrs, const Dense& x, const Shape& out) {
  const std::int64_t b = attrs.block, n = x.shape[0], h = x.shape[2], w = x.shape[3];
  // ONNX: DCR splits the channels into [b, b, C'], CRD into [C', b, b].
  if (attrs.column_row_depth) return rearranged(x, {n, out[1], b, b, h, w}, {0, 1, 4, 2, 5, 3}, out);
  return rearranged(x, {n, b, b, out[1], h, w}, {0, 3, 4, 1, 5, 2}, out);
}

Dense space_to_depth(const ir::BlockAttrs& attrs, const Dense& x, const Shape& out) {
  const std::int64_t b = attrs.block, n = x.shape[0], c = x.shape[1];
  return rearranged(x, {n, c, out[2], b, out[3], b}, {0, 3, 5, 1, 2, 4}, out);
}

Dense gather(const ir::GatherAttrs& attrs, const Operands& in, const Shape& out) {
  const Dense &x = *in[0], &indices = *in[1];
  const auto axis = static_cast<std::size_t>(attrs.axis);
  const std::int64_t size = x.shape[axis];
  Indices chosen;
  for (const double number : indices.data) {
    const std::int64_t index = passes::to_integer(number);
    if (index < -size || index >= size) {
      throw UserError(fmt::format("index {} is outside axis {} of {}", index, axis, ir::to_string(x.shape)));
    }
    chosen.push_back(index < 0 ? index + size : index);
  }
  std::vector<Indices> map;
  for (std::size_t i = 0; i < x.shape.size(); ++i) map.push_back(range(0, 1, x.shape[i]));
  map[axis] = std::move(chosen);
  Dense y = mapped(x, map, 0);
  y.shape = out;
  return y;
}

Dense expand(const Dense& x, const Shape& out) { return strided(x, out, broadcast_strides(x.shape, out)); }

}  // namespace npusim::reference
