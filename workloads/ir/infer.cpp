// Output shapes of operators, by ONNX's rules. One function a kind; the switch at the end is the index.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"
#include "workloads/ir/infer_subject.h"

namespace npusim::ir {

Shape broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) {
      throw UserError(fmt::format("shapes {} and {} do not broadcast: {} against {}", to_string(a),
                                  to_string(b), da, db));
    }
    out[out.size() - 1 - i] = da == 1 ? db : da;
  }
  return out;
}

namespace {

constexpr std::size_t kMany = std::numeric_limits<std::size_t>::max();

/// How many inputs an operator takes.
struct Arity {
  std::size_t least = 1;
  std::size_t most = 1;
};

Arity arity(Function function) {
  if (function == Function::where) return {3, 3};
  if (function == Function::clip) return {1, 3};
  switch (function) {
    case Function::add:
    case Function::sub:
    case Function::mul:
    case Function::div:
    case Function::pow:
    case Function::min:
    case Function::max:
    case Function::prelu:
    case Function::equal:
    case Function::less:
    case Function::greater:
    case Function::logical_and:
    case Function::logical_or:
      return {2, 2};
    default:
      return {1, 1};
  }
}

Arity arity(const Op& op) {
  switch (op.kind) {
    case OpKind::conv:
    case OpKind::conv_transpose:
    case OpKind::matmul:
      return {2, 3};
    case OpKind::elementwise:
      return arity(std::get<ElementwiseAttrs>(op.attrs).function);
    case OpKind::norm:
      return std::get<NormAttrs>(op.attrs).kind == NormKind::batch ? Arity{5, 5} : Arity{2, 3};
    case OpKind::concat:
      return {1, kMany};
    case OpKind::split:
    case OpKind::reshape:
    case OpKind::reduce:
    case OpKind::expand:
      return {1, 2};
    case OpKind::slice:
      return {1, 5};
    case OpKind::pad:
    case OpKind::resize:
      return {1, 4};
    case OpKind::gather:
      return {2, 2};
    case OpKind::quantize:
    case OpKind::dequantize:
      return {2, 3};
    case OpKind::identity:
      return {1, 3};  // Dropout: ratio and training mode are constants
    default:
      return {1, 1};
  }
}

Shape matmul(const Subject& s) {
  const auto& attrs = s.attrs<MatMulAttrs>();
  Shape a = s.in(0), b = s.in(1);
  s.expect(!a.empty() && !b.empty(), "operands of a matrix product must not be scalars");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  if (attrs.transpose_a && !row) std::swap(a[a.size() - 2], a.back());
  if (attrs.transpose_b && !column) std::swap(b[b.size() - 2], b.back());
  if (a.back() != b[b.size() - 2]) {
    s.fail(fmt::format("inner dimensions differ: {} by {} is {} against {}", to_string(s.in(0)),
                       to_string(s.in(1)), a.back(), b[b.size() - 2]));
  }
  Shape out;
  try {
    out = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  } catch (const UserError& error) {
    s.fail(error.what());
  }
  if (!row) out.push_back(a[a.size() - 2]);
  if (!column) out.push_back(b.back());
  if (s.has(2)) s.expect_broadcasts_to(s.in(2), out, "bias");
  return out;
}

Shape reduce(const Subject& s) {
  const auto& a = s.attrs<ReduceAttrs>();
  const Shape& x = s.in(0);
  std::vector<bool> gone(x.size(), false);
  for (std::size_t i = 0; i < a.axes.size(); ++i) {
    s.expect(i == 0 || a.axes[i - 1] < a.axes[i], "axes of a reduction must ascend");
    gone[s.axis(a.axes[i], x)] = true;
  }
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!gone[i]) out.push_back(x[i]);
    if (gone[i] && a.keepdims) out.push_back(1);
  }
  return out;
}

Shape elementwise(const Subject& s) {
  const Function function = s.attrs<ElementwiseAttrs>().function;
  if (function == Function::clip) return s.in(0);
  if (function == Function::prelu) s.expect_broadcasts_to(s.in(1), s.in(0), "slope");
  return s.broadcast_inputs();
}

Shape norm(const Subject& s) {
  const auto& a = s.attrs<NormAttrs>();
  const Shape& x = s.in(0);
  if (a.kind == NormKind::layer) {
    const Shape tail(x.begin() + static_cast<std::ptrdiff_t>(s.axis(a.axis, x)), x.end());
    for (std::size_t i = 1; i < s.op().inputs.size(); ++i) {
      if (s.has(i)) s.expect_broadcasts_to(s.in(i), tail, i == 1 ? "scale" : "bias");
    }
    return x;
  }
  const std::int64_t channels = x[s.axis(1, x)];
  for (std::size_t i = 1; i < s.op().inputs.size(); ++i) {
    if (s.has(i) && s.in(i) != Shape{channels}) {
      s.fail(fmt::format("input {} is {}, but must have one element for each of {} channels", i,
                         to_string(s.in(i)), channels));
    }
  }
  return x;
}

Shape softmax(const Subject& s) {
  s.axis(s.attrs<SoftmaxAttrs>().axis, s.in(0));
  return s.in(0);
}

Shape concat(const Subject& s) {
  Shape out = s.in(0);
  const std::size_t axis = s.axis(s.attrs<ConcatAttrs>().axis, out);
  for (std::size_t i = 1; i < s.op().inputs.size(); ++i) {
    const Shape& next = s.in(i);
    bool fits = next.size() == out.size();
    for (std::size_t d = 0; fits && d < out.size(); ++d) fits = d == axis || next[d] == out[d];
    if (!fits) {
      s.fail(fmt::format("cannot join {} and {} along axis {}", to_string(s.in(0)), to_string(next), axis));
    }
    out[axis] += next[axis];
  }
  return out;
}

std::vector<Shape> split(const Subject& s) {
  const auto& a = s.attrs<SplitAttrs>();
  const Shape& x = s.in(0);
  const std::size_t axis = s.axis(a.axis, x);
  std::vector<Shape> out;
  std::int64_t total = 0;
  for (const std::int64_t size : a.sizes) {
    s.expect(size >= 0, "a part of size {} is negative", size);
    out.push_back(x);
    out.back()[axis] = size;
    total += size;
  }
  if (out.empty() || total != x[axis]) {
    s.fail(fmt::format("the parts of axis {} of {} add up to {}", axis, to_string(x), total));
  }
  return out;
}

Shape transpose(const Subject& s) {
  const auto& permutation = s.attrs<TransposeAttrs>().permutation;
  const Shape& x = s.in(0);
  s.expect_rank(permutation.size(), x, "permutation");
  std::vector<bool> seen(x.size(), false);
  Shape out;
  for (const std::int64_t from : permutation) {
    const std::size_t axis = s.axis(from, x);
    s.expect(!seen[axis], "axis {} appears twice in the permutation", from);
    seen[axis] = true;
    out.push_back(x[axis]);
  }
  return out;
}

Shape pad(const Subject& s) {
  const auto& a = s.attrs<PadAttrs>();
  Shape out = s.in(0);
  s.expect_rank(a.before.size(), out, "padding");
  s.expect_rank(a.after.size(), out, "padding");
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool too_far = std::max(a.before[i], a.after[i]) >= out[i];
    s.expect(a.mode != PadAttrs::Mode::reflect || !too_far, "reflecting more than axis {} holds", i);
    out[i] += a.before[i] + a.after[i];
    s.expect(out[i] >= 0, "cropping more than axis {} holds", i);
  }
  return out;
}

Shape depth_to_space(const Subject& s) {
  const std::int64_t block = s.attrs<BlockAttrs>().block;
  const Shape& x = s.in(0);
  s.expect_rank(4, x, "depth_to_space");
  if (block < 1 || x[1] % (block * block) != 0) {
    s.fail(fmt::format("{} channels do not divide into blocks of {}x{}", x[1], block, block));
  }
  return {x[0], x[1] / (block * block), x[2] * block, x[3] * block};
}

Shape space_to_depth(const Subject& s) {
  const std::int64_t block = s.attrs<BlockAttrs>().block;
  const Shape& x = s.in(0);
  s.expect_rank(4, x, "space_to_depth");
  if (block < 1 || x[2] % block != 0 || x[3] % block != 0) {
    s.fail(fmt::format("{} does not divide into blocks of {}x{}", to_string(x), block, block));
  }
  return {x[0], x[1] * block * block, x[2] / block, x[3] / block};
}

Shape gather(const Subject& s) {
  const Shape &x = s.in(0), &indices = s.in(1);
  const auto axis = static_cast<std::ptrdiff_t>(s.axis(s.attrs<GatherAttrs>().axis, x));
  Shape out(x.begin(), x.begin() + axis);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), x.begin() + axis + 1, x.end());
  return out;
}

// The kinds whose output shape is given: what can be checked is that it fits the input.

std::vector<Shape> reshape(const Subject& s) {
  auto out = s.stored();
  if (elements(out[0]) != elements(s.in(0))) {
    s.fail(fmt::format("cannot reshape {} to {}", to_string(s.in(0)), to_string(out[0])));
  }
  return out;
}

std::vector<Shape> slice(const Subject& s) {
  const auto& a = s.attrs<SliceAttrs>();
  const Shape& x = s.in(0);
  auto out = s.stored();
  s.expect_rank(out[0].size(), x, "output");
  s.expect_rank(a.starts.size(), x, "starts");
  s.expect_rank(a.steps.size(), x, "steps");
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (out[0][i] == 0) continue;
    const std::int64_t last = a.starts[i] + (out[0][i] - 1) * a.steps[i];
    if (a.steps[i] == 0 || std::min(a.starts[i], last) < 0 || std::max(a.starts[i], last) >= x[i]) {
      s.fail(fmt::format("takes elements {} to {} by {} of axis {} of {}", a.starts[i], last, a.steps[i], i,
                         to_string(x)));
    }
  }
  return out;
}

std::vector<Shape> resize(const Subject& s) {
  auto out = s.stored();
  s.attrs<ResizeAttrs>();
  s.expect_rank(out[0].size(), s.in(0), "output");
  return out;
}

std::vector<Shape> expand(const Subject& s) {
  auto out = s.stored();
  s.expect_broadcasts_to(s.in(0), out[0], "input");
  return out;
}

std::vector<Shape> shape_of(const Subject& s) {
  auto out = s.stored();
  if (out[0].size() != 1 || out[0][0] > static_cast<std::int64_t>(s.in(0).size())) {
    s.fail(fmt::format("the shape of {} has no {} elements", to_string(s.in(0)), to_string(out[0])));
  }
  return out;
}

}  // namespace

std::vector<Shape> infer_shapes(const Graph& graph, const Op& op) {
  const Subject s(graph, op);
  if (op.kind == OpKind::elementwise) s.attrs<ElementwiseAttrs>();
  if (op.kind == OpKind::norm) s.attrs<NormAttrs>();
  const auto [least, most] = arity(op);
  if (op.inputs.size() < least || op.inputs.size() > most) {
    s.fail(fmt::format("has {} inputs, expected {}", op.inputs.size(),
                       least == most   ? fmt::format("{}", least)
                       : most == kMany ? fmt::format("at least {}", least)
                                       : fmt::format("{} to {}", least, most)));
  }
  switch (op.kind) {
    case OpKind::conv:
      return {infer_conv(s)};
    case OpKind::conv_transpose:
      return {infer_conv_transpose(s)};
    case OpKind::matmul:
      return {matmul(s)};
    case OpKind::pool:
      return {infer_pool(s)};
    case OpKind::reduce:
      return {reduce(s)};
    case OpKind::elementwise:
      return {elementwise(s)};
    case OpKind::norm:
      return {norm(s)};
    case OpKind::softmax:
      return {softmax(s)};
    case OpKind::concat:
      return {concat(s)};
    case OpKind::split:
      return split(s);
    case OpKind::slice:
      return slice(s);
    case OpKind::reshape:
      return reshape(s);
    case OpKind::transpose:
      return {transpose(s)};
    case OpKind::pad:
      return {pad(s)};
    case OpKind::resize:
      return resize(s);
    case OpKind::depth_to_space:
      return {depth_to_space(s)};
    case OpKind::space_to_depth:
      return {space_to_depth(s)};
    case OpKind::gather:
      return {gather(s)};
    case OpKind::expand:
      return expand(s);
    case OpKind::shape_of:
      return shape_of(s);
    case OpKind::cast:
    case OpKind::quantize:
    case OpKind::dequantize:
    case OpKind::identity:
      return {s.in(0)};
  }
  throw InternalError("unknown operator kind");
}

}  // namespace npusim::ir
