// Arithmetic, activations, comparisons, changes of type.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using Code = format::BuiltinOperator;
using ir::ElementwiseAttrs;
using ir::Function;
using ir::OpKind;
using ir::TensorId;

struct Named {
  Code code;
  ElementwiseAttrs attrs;
};

/// Functions of one input without options.
constexpr std::array kUnary{Named{Code::RELU, {Function::relu, 0, 0}},
                            Named{Code::RELU6, {Function::clip, 0, 6}},
                            Named{Code::RELU_N1_TO_1, {Function::clip, -1, 1}},
                            Named{Code::RELU_0_TO_1, {Function::clip, 0, 1}},
                            Named{Code::LOGISTIC, {Function::sigmoid, 0, 0}},
                            Named{Code::TANH, {Function::tanh, 0, 0}},
                            Named{Code::HARD_SWISH, {Function::hard_swish, 0, 0}},
                            Named{Code::ELU, {Function::elu, 1, 0}},
                            Named{Code::EXP, {Function::exp, 0, 0}},
                            Named{Code::LOG, {Function::log, 0, 0}},
                            Named{Code::SQRT, {Function::sqrt, 0, 0}},
                            Named{Code::ABS, {Function::abs, 0, 0}},
                            Named{Code::NEG, {Function::neg, 0, 0}},
                            Named{Code::FLOOR, {Function::floor, 0, 0}},
                            Named{Code::ROUND, {Function::round, 0, 0}},
                            Named{Code::LOGICAL_NOT, {Function::logical_not, 0, 0}}};

constexpr std::array kBinary{Named{Code::ADD, {Function::add, 0, 0}},
                             Named{Code::SUB, {Function::sub, 0, 0}},
                             Named{Code::MUL, {Function::mul, 0, 0}},
                             Named{Code::DIV, {Function::div, 0, 0}},
                             Named{Code::POW, {Function::pow, 0, 0}},
                             Named{Code::MAXIMUM, {Function::max, 0, 0}},
                             Named{Code::MINIMUM, {Function::min, 0, 0}},
                             Named{Code::PRELU, {Function::prelu, 0, 0}},
                             Named{Code::EQUAL, {Function::equal, 0, 0}},
                             Named{Code::LESS, {Function::less, 0, 0}},
                             Named{Code::GREATER, {Function::greater, 0, 0}},
                             Named{Code::LOGICAL_AND, {Function::logical_and, 0, 0}},
                             Named{Code::LOGICAL_OR, {Function::logical_or, 0, 0}}};

/// Comparisons that are the opposite of another one.
constexpr std::array kNegated{Named{Code::NOT_EQUAL, {Function::equal, 0, 0}},
                              Named{Code::GREATER_EQUAL, {Function::less, 0, 0}},
                              Named{Code::LESS_EQUAL, {Function::greater, 0, 0}}};

template <class Table>
ElementwiseAttrs attrs_of(const Operator& op, const Table& table) {
  for (const Named& entry : table) {
    if (entry.code == op.code()) return entry.attrs;
  }
  op.unsupported("no such function");
}

/// All inputs as operands that broadcast against one another, and the order that they are in.
std::vector<TensorId> broadcast_operands(Operator& op, Layout& layout) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < op.inputs(); ++i) rank = std::max(rank, op.rank(i));
  layout = rank == 4 ? op.follow() : Layout::file;
  std::vector<TensorId> inputs;
  for (std::size_t i = 0; i < op.inputs(); ++i) inputs.push_back(op.broadcast_in(i, layout, rank));
  return inputs;
}

void apply_unary(Operator& op, const ElementwiseAttrs& attrs) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  op.result(OpKind::elementwise, attrs, {op.in(0, layout)}, {layout, {}, {}});
}

void unary(Operator& op) { apply_unary(op, attrs_of(op, kUnary)); }

void leaky_relu(Operator& op) {
  const auto alpha = static_cast<double>(op.options<format::LeakyReluOptions>().alpha());
  apply_unary(op, {Function::leaky_relu, alpha, 0});
}

void gelu(Operator& op) {
  const auto* options = op.find_options<format::GeluOptions>();
  apply_unary(op, {Function::gelu, options != nullptr && options->approximate() ? 1.0 : 0.0, 0});
}

/// Only the four basic operations carry an activation.
format::ActivationFunctionType activation(const Operator& op) {
  switch (op.code()) {
    case Code::ADD:
      return op.activation<format::AddOptions>();
    case Code::SUB:
      return op.activation<format::SubOptions>();
    case Code::MUL:
      return op.activation<format::MulOptions>();
    case Code::DIV:
      return op.activation<format::DivOptions>();
    default:
      return format::ActivationFunctionType::NONE;
  }
}

void binary(Operator& op) {
  op.expect_inputs(2, 2);
  Layout layout = Layout::file;
  auto inputs = broadcast_operands(op, layout);
  op.result(OpKind::elementwise, attrs_of(op, kBinary), std::move(inputs), {layout, {}, activation(op)});
}

void negated(Operator& op) {
  op.expect_inputs(2, 2);
  Layout layout = Layout::file;
  auto inputs = broadcast_operands(op, layout);
  const TensorId inner = op.step("compare", OpKind::elementwise, attrs_of(op, kNegated), std::move(inputs),
                                 {}, ir::DType::boolean);
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::logical_not, 0, 0}, {inner}, {layout, {}, {}});
}

void select(Operator& op) {
  op.expect_inputs(3, 3);
  Layout layout = Layout::file;
  auto inputs = broadcast_operands(op, layout);
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::where, 0, 0}, std::move(inputs),
            {layout, {}, {}});
}

void squared_difference(Operator& op) {
  op.expect_inputs(2, 2);
  Layout layout = Layout::file;
  auto inputs = broadcast_operands(op, layout);
  const TensorId difference =
      op.step("difference", OpKind::elementwise, ElementwiseAttrs{Function::sub, 0, 0}, std::move(inputs));
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::mul, 0, 0}, {difference, difference},
            {layout, {}, {}});
}

void square(Operator& op) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  const TensorId x = op.in(0, layout);
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::mul, 0, 0}, {x, x}, {layout, {}, {}});
}

void rsqrt(Operator& op) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  const TensorId root =
      op.step("sqrt", OpKind::elementwise, ElementwiseAttrs{Function::sqrt, 0, 0}, {op.in(0, layout)});
  op.result(OpKind::elementwise, ElementwiseAttrs{Function::reciprocal, 0, 0}, {root}, {layout, {}, {}});
}

/// n inputs are n-1 additions.
void add_n(Operator& op) {
  op.expect_inputs(2, 1 << 16);
  Layout layout = Layout::file;
  const auto inputs = broadcast_operands(op, layout);
  const ElementwiseAttrs add{Function::add, 0, 0};
  TensorId sum = inputs[0];
  for (std::size_t i = 1; i + 1 < inputs.size(); ++i) {
    sum = op.step(fmt::format("{}", i), OpKind::elementwise, add, {sum, inputs[i]});
  }
  op.result(OpKind::elementwise, add, {sum, inputs.back()}, {layout, {}, {}});
}

void cast(Operator& op) {
  op.expect_inputs(1, 1);
  const Layout layout = op.follow();
  op.result(OpKind::cast, ir::CastAttrs{}, {op.in(0, layout)}, {layout, {}, {}});
}

/// Weights kept in fp16 or int8 are what they are dequantised to.
void dequantize(Operator& op) {
  op.expect_inputs(1, 1);
  if (op.is_constant(0)) return op.alias_constant();
  cast(op);
}

template <std::size_t N>
void append(std::vector<Handler>& handlers, const std::array<Named, N>& table, void (*run)(Operator&)) {
  for (const Named& entry : table) handlers.push_back({entry.code, run, Flow::follows});
}

std::vector<Handler> collect() {
  std::vector<Handler> handlers{{Code::LEAKY_RELU, leaky_relu, Flow::follows},
                                {Code::GELU, gelu, Flow::follows},
                                {Code::SELECT, select, Flow::follows},
                                {Code::SELECT_V2, select, Flow::follows},
                                {Code::SQUARED_DIFFERENCE, squared_difference, Flow::follows},
                                {Code::SQUARE, square, Flow::follows},
                                {Code::RSQRT, rsqrt, Flow::follows},
                                {Code::ADD_N, add_n, Flow::follows},
                                {Code::CAST, cast, Flow::follows},
                                {Code::QUANTIZE, cast, Flow::follows},
                                {Code::DEQUANTIZE, dequantize, Flow::follows}};
  append(handlers, kUnary, unary);
  append(handlers, kBinary, binary);
  append(handlers, kNegated, negated);
  return handlers;
}

}  // namespace

std::span<const Handler> elementwise_handlers() {
  static const std::vector<Handler> kHandlers = collect();
  return kHandlers;
}

}  // namespace npusim::tflite
