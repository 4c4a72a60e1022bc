// Operators on small constants: what exported shape arithmetic is made of.
#include <algorithm>
#include <cstddef>
#include <numeric>

#include "workloads/passes/evaluate.h"

namespace npusim::passes {

namespace {

using ir::OpKind;
using ir::Shape;
using Values = std::vector<double>;

/// Row-major strides; 0 where `shape` is broadcast to `out` (aligned at the end).
std::vector<std::int64_t> strides(const Shape& shape, const Shape& out) {
  std::vector<std::int64_t> result(out.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t i = 1; i <= shape.size(); ++i) {
    const std::int64_t size = shape[shape.size() - i];
    if (size != 1) result[out.size() - i] = stride;
    stride *= size;
  }
  return result;
}

/// The row-major coordinates of element `index` of `shape`.
Shape coordinates(std::int64_t index, const Shape& shape) {
  Shape at(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    at[i] = index % shape[i];
    index /= shape[i];
  }
  return at;
}

std::int64_t offset(const Shape& at, const std::vector<std::int64_t>& strides) {
  return std::inner_product(at.begin(), at.end(), strides.begin(), std::int64_t{0});
}

/// One operator whose inputs are all constant.
class Evaluation {
 public:
  Evaluation(const ir::Graph& graph, const ir::Op& op) : graph_(graph), op_(op) {}

  std::optional<Values> run() {
    switch (op_.kind) {
      case OpKind::elementwise:
        return elementwise();
      case OpKind::reshape:
      case OpKind::identity:
        return in(0);
      case OpKind::cast:
        return map([&](double v) { return round_to(v, out().dtype); });
      case OpKind::concat:
        return concat();
      case OpKind::gather:
        return gather();
      case OpKind::slice:
        return slice();
      case OpKind::transpose:
        return transpose();
      case OpKind::expand:
        return expand();
      case OpKind::reduce:
        return reduce();
      default:
        return std::nullopt;
    }
  }

 private:
  [[nodiscard]] const ir::Tensor& input(std::size_t i) const { return graph_.tensor(op_.inputs.at(i)); }
  [[nodiscard]] const Values& in(std::size_t i) const { return *input(i).constant; }
  [[nodiscard]] const ir::Tensor& out() const { return graph_.tensor(op_.outputs.at(0)); }
  [[nodiscard]] std::int64_t count() const { return ir::elements(out().shape); }

  template <class Function>
  Values map(Function function) const {
    Values values = in(0);
    for (double& value : values) value = function(value);
    return values;
  }

  /// One value for each coordinate of the output.
  template <class Function>
  Values fill(Function function) const {
    Values values;
    for (std::int64_t i = 0; i < count(); ++i) values.push_back(function(coordinates(i, out().shape)));
    return values;
  }

  double pick(std::size_t i, std::int64_t index) const { return in(i).at(static_cast<std::size_t>(index)); }

  Values elementwise() const {
    const auto& attrs = std::get<ir::ElementwiseAttrs>(op_.attrs);
    const std::size_t arity = op_.inputs.size();
    // Comparisons compute in their operands' type; the result is a boolean 0 or 1 in any of them.
    const ir::DType type = attrs.function == ir::Function::where ? out().dtype : input(0).dtype;
    std::vector<std::vector<std::int64_t>> steps;
    for (std::size_t i = 0; i < arity; ++i) steps.push_back(strides(input(i).shape, out().shape));
    Values operands(arity);
    return fill([&](const Shape& at) {
      for (std::size_t i = 0; i < arity; ++i) operands[i] = pick(i, offset(at, steps[i]));
      return evaluate(attrs, operands, type);
    });
  }

  Values expand() const {
    const auto steps = strides(input(0).shape, out().shape);
    return fill([&](const Shape& at) { return pick(0, offset(at, steps)); });
  }

  Values concat() const {
    const auto axis = static_cast<std::size_t>(std::get<ir::ConcatAttrs>(op_.attrs).axis);
    return fill([&](Shape at) {
      std::size_t i = 0;
      while (at[axis] >= input(i).shape[axis]) at[axis] -= input(i++).shape[axis];
      return pick(i, offset(at, row_major(input(i).shape)));
    });
  }

  std::optional<Values> gather() const {
    const auto axis = static_cast<std::size_t>(std::get<ir::GatherAttrs>(op_.attrs).axis);
    const Shape &data = input(0).shape, &indices = input(1).shape;
    bool inside = true;
    Values values = fill([&](const Shape& at) {
      const auto first = at.begin() + static_cast<std::ptrdiff_t>(axis);
      const auto last = first + static_cast<std::ptrdiff_t>(indices.size());
      std::int64_t index = to_integer(pick(1, offset(Shape(first, last), row_major(indices))));
      if (index < 0) index += data[axis];
      if (index < 0 || index >= data[axis]) {
        inside = false;
        return 0.0;
      }
      Shape from(at.begin(), first);
      from.push_back(index);
      from.insert(from.end(), last, at.end());
      return pick(0, offset(from, row_major(data)));
    });
    if (!inside) return std::nullopt;
    return values;
  }

  Values slice() const {
    const auto& attrs = std::get<ir::SliceAttrs>(op_.attrs);
    const auto steps = row_major(input(0).shape);
    return fill([&](Shape at) {
      for (std::size_t i = 0; i < at.size(); ++i) at[i] = attrs.starts[i] + at[i] * attrs.steps[i];
      return pick(0, offset(at, steps));
    });
  }

  Values transpose() const {
    const auto& permutation = std::get<ir::TransposeAttrs>(op_.attrs).permutation;
    const auto steps = row_major(input(0).shape);
    return fill([&](const Shape& at) {
      Shape from(at.size());
      for (std::size_t i = 0; i < at.size(); ++i) from[static_cast<std::size_t>(permutation[i])] = at[i];
      return pick(0, offset(from, steps));
    });
  }

  std::optional<Values> reduce() const {
    const auto& attrs = std::get<ir::ReduceAttrs>(op_.attrs);
    const Shape& shape = input(0).shape;
    if (ir::elements(shape) == 0 || count() == 0) return std::nullopt;
    Shape kept = shape;
    for (const std::int64_t axis : attrs.axes) kept[static_cast<std::size_t>(axis)] = 1;
    const auto steps = strides(kept, shape);
    Values values(static_cast<std::size_t>(count()));
    std::vector<bool> seen(values.size(), false);
    for (std::int64_t i = 0; i < ir::elements(shape); ++i) {
      const auto to = static_cast<std::size_t>(offset(coordinates(i, shape), steps));
      const double value = pick(0, i);
      const bool take = !seen[to] || (attrs.kind == ir::ReduceKind::max && value > values[to]);
      values[to] = take ? value : attrs.kind == ir::ReduceKind::max ? values[to] : values[to] + value;
      seen[to] = true;
    }
    if (attrs.kind == ir::ReduceKind::mean) {
      const std::int64_t terms = ir::elements(shape) / count();
      for (double& value : values) value /= static_cast<double>(terms);
    }
    for (double& value : values) value = round_to(value, out().dtype);
    return values;
  }

  static std::vector<std::int64_t> row_major(const Shape& shape) { return strides(shape, shape); }

  const ir::Graph& graph_;
  const ir::Op& op_;
};

std::vector<Values> split(const ir::Graph& graph, const ir::Op& op) {
  const auto axis = static_cast<std::size_t>(std::get<ir::SplitAttrs>(op.attrs).axis);
  const ir::Tensor& input = graph.tensor(op.inputs.at(0));
  const auto steps = strides(input.shape, input.shape);
  std::vector<Values> parts;
  std::int64_t start = 0;
  for (const ir::TensorId id : op.outputs) {
    const Shape shape = graph.shape(id);
    Values& part = parts.emplace_back();
    for (std::int64_t i = 0; i < ir::elements(shape); ++i) {
      Shape at = coordinates(i, shape);
      at[axis] += start;
      part.push_back(input.constant->at(static_cast<std::size_t>(offset(at, steps))));
    }
    start += shape[axis];
  }
  return parts;
}

Values shape_of(const ir::Graph& graph, const ir::Op& op) {
  const auto& shape = graph.tensor(op.inputs.at(0)).shape;
  return Values(shape.begin(), shape.end());
}

}  // namespace

std::optional<std::vector<std::vector<double>>> evaluate(const ir::Graph& graph, const ir::Op& op) {
  for (const ir::TensorId id : op.outputs) {
    if (ir::elements(graph.shape(id)) > ir::kMaxConstant) return std::nullopt;
  }
  if (op.kind == OpKind::shape_of) return std::vector<Values>{shape_of(graph, op)};
  for (const ir::TensorId id : op.inputs) {
    if (id == ir::kNoTensor || !graph.tensor(id).constant) return std::nullopt;
  }
  if (op.kind == OpKind::split) return split(graph, op);
  auto values = Evaluation(graph, op).run();
  if (!values) return std::nullopt;
  return std::vector<Values>{std::move(*values)};
}

}  // namespace npusim::passes
