// Operators whose result exists before the network runs: they become tensors, not operators. Some have no
// equal in the IR and are only known here, where exporters use them on shapes, masks and positions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "workloads/onnx/ops.h"
#include "workloads/onnx/tensor_values.h"
#include "workloads/passes/evaluate.h"

namespace npusim::onnx {

namespace {

using ir::DType;
using ir::Shape;

DType dtype(const Node& node, const ::onnx::TensorProto& tensor) {
  const auto type = dtype_of(tensor.data_type());
  if (!type) node.unsupported(fmt::format("element type {}", type_name(tensor.data_type())));
  return *type;
}

/// The values of a tensor attribute; none when there are too many to keep.
std::vector<double> values(const Node& node, const ::onnx::TensorProto& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.dims()) {
    if (size < 0) node.fail("a dimension of the value is negative");
    count = size == 0 ? 0 : std::min(ir::kMaxConstant + 1, count) * std::min(ir::kMaxConstant + 1, size);
  }
  try {
    return values_of(tensor, count).value_or(std::vector<double>{});
  } catch (const UserError& error) {
    node.fail(error.what());
  }
}

template <class List>
void list_result(Node& node, DType type, const List& list) {
  const std::vector<double> numbers(list.begin(), list.end());
  node.constant_result(type, {static_cast<std::int64_t>(numbers.size())}, numbers);
}

void constant(Node& node) {
  if (const auto* tensor = node.tensor("value")) {
    node.constant_result(dtype(node, *tensor), {tensor->dims().begin(), tensor->dims().end()},
                         values(node, *tensor));
  } else if (node.has_attribute("value_int")) {
    node.constant_result(DType::i64, {}, {static_cast<double>(node.integer("value_int", 0))});
  } else if (node.has_attribute("value_float")) {
    node.constant_result(DType::f32, {}, {node.number("value_float", 0)});
  } else if (const auto ints = node.integer_list("value_ints")) {
    list_result(node, DType::i64, *ints);
  } else if (const auto floats = node.number_list("value_floats")) {
    list_result(node, DType::f32, *floats);
  } else {
    node.unsupported("a constant without a dense numeric value");
  }
}

void constant_of_shape(Node& node) {
  node.expect_inputs(1, 1);
  const Shape shape = node.integers(0, "the shape");
  double count = 1;
  for (const std::int64_t size : shape) {
    node.expect_range(size, 0, kMaxDim - 1, "a dimension");
    count *= static_cast<double>(size);
  }
  DType type = DType::f32;
  double value = 0;
  if (const auto* tensor = node.tensor("value")) {
    type = dtype(node, *tensor);
    const std::vector<double> given = values(node, *tensor);
    if (given.size() != 1) node.fail("attribute 'value' must be a tensor of one element");
    value = given.front();
  }
  std::vector<double> filled;
  if (count <= static_cast<double>(ir::kMaxConstant)) filled.assign(static_cast<std::size_t>(count), value);
  node.constant_result(type, shape, std::move(filled));
}

void range(Node& node) {
  node.expect_inputs(3, 3);
  std::vector<double> bounds;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<double> value = node.numbers(i, i == 0   ? "the start"
                                                      : i == 1 ? "the limit"
                                                               : "the step");
    if (value.size() != 1) node.fail("start, limit and step must be scalars");
    bounds.push_back(value.front());
  }
  const double count = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  if (!(bounds[2] != 0) || !(std::abs(count) < static_cast<double>(kMaxDim))) {
    node.fail(fmt::format("from {} to {} by {} is no range", bounds[0], bounds[1], bounds[2]));
  }
  const std::int64_t length = std::max<std::int64_t>(0, passes::to_integer(count));
  std::vector<double> filled;
  for (std::int64_t i = 0; length <= ir::kMaxConstant && i < length; ++i) {
    filled.push_back(bounds[0] + static_cast<double>(i) * bounds[2]);
  }
  node.constant_result(node.dtype(0), {length}, std::move(filled));
}

void size(Node& node) {
  node.expect_inputs(1, 1);
  node.constant_result(DType::i64, {}, {static_cast<double>(ir::elements(node.shape(0)))});
}

/// Fails as unsupported unless all inputs follow from weights.
void expect_weights(Node& node) {
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (node.has(i) && !node.is_weight(i)) {
      node.unsupported("only known where its operands are constants, not where the network computes them");
    }
  }
}

/// Same shape and type as the first input; the values are of no interest (masks, positions).
void offline(Node& node) {
  node.expect_inputs(1, 4);
  expect_weights(node);
  node.constant_result(node.dtype(0), node.shape(0), {});
}

void ceil(Node& node) {
  node.expect_inputs(1, 1);
  expect_weights(node);
  std::vector<double> result;
  if (const std::vector<double>* x = node.constant(0)) {
    for (const double value : *x) result.push_back(std::ceil(value));
  }
  node.constant_result(node.dtype(0), node.shape(0), std::move(result));
}

/// The remainder has the divisor's sign, with fmod the dividend's. Values are kept for operands of equal
/// shape and for scalar divisors.
void modulo(Node& node) {
  node.expect_inputs(2, 2);
  expect_weights(node);
  const bool fmod = node.integer("fmod", 0) != 0;
  const std::vector<double>*x = node.constant(0), *y = node.constant(1);
  std::vector<double> result;
  if (x != nullptr && y != nullptr && (x->size() == y->size() || y->size() == 1)) {
    for (std::size_t i = 0; i < x->size(); ++i) {
      const double a = (*x)[i], b = (*y)[y->size() == 1 ? 0 : i];
      if (b == 0) node.fail("division by zero");
      result.push_back(fmod ? std::fmod(a, b) : a - std::floor(a / b) * b);
    }
  }
  node.constant_result(node.dtype(0), ir::broadcast(node.shape(0), node.shape(1)), std::move(result));
}

}  // namespace

std::span<const Handler> constant_handlers() {
  static constexpr Handler kHandlers[] = {{"Constant", constant},
                                          {"ConstantOfShape", constant_of_shape},
                                          {"Range", range},
                                          {"Size", size},
                                          {"Ceil", ceil},
                                          {"Mod", modulo},
                                          {"CumSum", offline},
                                          {"ScatterND", offline},
                                          {"ScatterElements", offline},
                                          {"Trilu", offline},
                                          {"Sign", offline},
                                          {"Sin", offline},
                                          {"Cos", offline}};
  return kHandlers;
}

}  // namespace npusim::onnx
