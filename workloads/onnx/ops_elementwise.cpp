// Arithmetic, activations, comparisons.
#include <fmt/format.h>

#include <array>
#include <limits>

#include "workloads/onnx/ops.h"

namespace npusim::onnx {

namespace {

using ir::ElementwiseAttrs;
using ir::Function;
using ir::OpKind;

constexpr double kLargest = std::numeric_limits<float>::max();

struct Named {
  std::string_view op;
  Function function;
};

/// Functions of one input without attributes.
constexpr std::array kUnary{Named{"Relu", Function::relu},
                            Named{"Sigmoid", Function::sigmoid},
                            Named{"HardSwish", Function::hard_swish},
                            Named{"Tanh", Function::tanh},
                            Named{"Erf", Function::erf},
                            Named{"Exp", Function::exp},
                            Named{"Log", Function::log},
                            Named{"Sqrt", Function::sqrt},
                            Named{"Abs", Function::abs},
                            Named{"Neg", Function::neg},
                            Named{"Floor", Function::floor},
                            Named{"Round", Function::round},
                            Named{"Reciprocal", Function::reciprocal},
                            Named{"Softplus", Function::softplus},
                            Named{"Not", Function::logical_not}};

/// Functions of two inputs whose result has the type of the first.
constexpr std::array kBinary{Named{"Add", Function::add}, Named{"Sub", Function::sub},
                             Named{"Mul", Function::mul}, Named{"Div", Function::div},
                             Named{"Pow", Function::pow}, Named{"PRelu", Function::prelu}};

/// Functions of two inputs whose result is boolean.
constexpr std::array kComparison{Named{"Equal", Function::equal}, Named{"Less", Function::less},
                                 Named{"Greater", Function::greater}, Named{"And", Function::logical_and},
                                 Named{"Or", Function::logical_or}};

/// Binary functions that ONNX takes over any number of inputs.
constexpr std::array kVariadic{Named{"Min", Function::min}, Named{"Max", Function::max},
                               Named{"Sum", Function::add}};

template <class Table>
Function function_of(const Node& node, const Table& table) {
  for (const Named& entry : table) {
    if (entry.op == node.type()) return entry.function;
  }
  node.unsupported("no such function");
}

void unary(Node& node) {
  node.expect_inputs(1, 1);
  node.result(OpKind::elementwise, ElementwiseAttrs{function_of(node, kUnary), 0, 0}, {node.in(0)});
}

void binary(Node& node) {
  node.expect_inputs(2, 2);
  node.result(OpKind::elementwise, ElementwiseAttrs{function_of(node, kBinary), 0, 0},
              {node.in(0), node.in(1)});
}

void comparison(Node& node) {
  node.expect_inputs(2, 2);
  node.result(OpKind::elementwise, ElementwiseAttrs{function_of(node, kComparison), 0, 0},
              {node.in(0), node.in(1)}, {ir::DType::boolean, {}});
}

/// a >= b is not(a < b), a <= b is not(a > b).
void negated_comparison(Node& node) {
  node.expect_inputs(2, 2);
  const Function opposite = node.type() == "GreaterOrEqual" ? Function::less : Function::greater;
  const ir::TensorId inner = node.step("compare", OpKind::elementwise, ElementwiseAttrs{opposite, 0, 0},
                                       {node.in(0), node.in(1)}, {ir::DType::boolean, {}});
  node.result(OpKind::elementwise, ElementwiseAttrs{Function::logical_not, 0, 0}, {inner});
}

/// n inputs are n-1 binary operators; one input is passed on.
void variadic(Node& node) {
  node.expect_inputs(1, std::numeric_limits<std::size_t>::max());
  if (node.inputs() == 1) {
    node.result(OpKind::identity, ir::IdentityAttrs{}, {node.in(0)});
    return;
  }
  const ElementwiseAttrs attrs{function_of(node, kVariadic), 0, 0};
  ir::TensorId sum = node.in(0);
  for (std::size_t i = 1; i + 1 < node.inputs(); ++i) {
    sum = node.step(fmt::format("{}", i), OpKind::elementwise, attrs, {sum, node.in(i)});
  }
  node.result(OpKind::elementwise, attrs, {sum, node.in(node.inputs() - 1)});
}

/// One bound of Clip: attribute before opset 11, then an optional input. nullopt when it is not a constant.
std::optional<double> bound(Node& node, std::size_t i, const char* name, double otherwise) {
  if (!node.has(i)) return node.number(name, otherwise);
  const std::vector<double>* values = node.constant(i);
  if (values == nullptr) return std::nullopt;
  if (values->size() != 1) node.fail(fmt::format("'{}' must be a scalar", name));
  return values->front();
}

void clip(Node& node) {
  node.expect_inputs(1, 3);
  const auto low = bound(node, 1, "min", -kLargest), high = bound(node, 2, "max", kLargest);
  if (low && high) {
    const bool relu = *low == 0 && *high >= kLargest;
    node.result(OpKind::elementwise,
                relu ? ElementwiseAttrs{Function::relu, 0, 0} : ElementwiseAttrs{Function::clip, *low, *high},
                {node.in(0)});
    return;
  }
  ir::TensorId value = node.in(0);
  if (node.has(1) && node.has(2)) {
    value = node.step("max", OpKind::elementwise, ElementwiseAttrs{Function::max, 0, 0}, {value, node.in(1)});
  }
  const std::size_t last = node.has(2) ? 2 : 1;
  node.result(OpKind::elementwise, ElementwiseAttrs{last == 2 ? Function::min : Function::max, 0, 0},
              {value, node.in(last)});
}

void leaky_relu(Node& node) {
  node.expect_inputs(1, 1);
  node.result(OpKind::elementwise, ElementwiseAttrs{Function::leaky_relu, node.number("alpha", 0.01), 0},
              {node.in(0)});
}

void gelu(Node& node) {
  node.expect_inputs(1, 1);
  const std::string form = node.text("approximate", "none");
  if (form != "none" && form != "tanh") {
    node.fail(fmt::format("approximate is '{}', expected none or tanh", form));
  }
  const ElementwiseAttrs attrs{Function::gelu, form == "tanh" ? 1.0 : 0.0, 0};
  node.result(OpKind::elementwise, attrs, {node.in(0)});
}

void elu(Node& node) {
  node.expect_inputs(1, 1);
  node.result(OpKind::elementwise, ElementwiseAttrs{Function::elu, node.number("alpha", 1), 0}, {node.in(0)});
}

void hard_sigmoid(Node& node) {
  node.expect_inputs(1, 1);
  const ElementwiseAttrs attrs{Function::hard_sigmoid, node.number("alpha", 0.2), node.number("beta", 0.5)};
  node.result(OpKind::elementwise, attrs, {node.in(0)});
}

/// x * tanh(softplus(x))
void mish(Node& node) {
  node.expect_inputs(1, 1);
  const auto function = [](Function f) { return ElementwiseAttrs{f, 0, 0}; };
  ir::TensorId gate = node.step("softplus", OpKind::elementwise, function(Function::softplus), {node.in(0)});
  gate = node.step("tanh", OpKind::elementwise, function(Function::tanh), {gate});
  node.result(OpKind::elementwise, function(Function::mul), {node.in(0), gate});
}

void where(Node& node) {
  node.expect_inputs(3, 3);
  node.result(OpKind::elementwise, ElementwiseAttrs{Function::where, 0, 0},
              {node.in(0), node.in(1), node.in(2)}, {node.dtype(1), {}});
}

template <std::size_t N>
void append(std::vector<Handler>& handlers, const std::array<Named, N>& table, void (*run)(Node&)) {
  for (const Named& entry : table) handlers.push_back({entry.op, run});
}

std::vector<Handler> collect() {
  std::vector<Handler> handlers{{"Clip", clip},
                                {"LeakyRelu", leaky_relu},
                                {"Elu", elu},
                                {"Gelu", gelu},
                                {"HardSigmoid", hard_sigmoid},
                                {"Mish", mish},
                                {"Where", where},
                                {"GreaterOrEqual", negated_comparison},
                                {"LessOrEqual", negated_comparison}};
  append(handlers, kUnary, unary);
  append(handlers, kBinary, binary);
  append(handlers, kComparison, comparison);
  append(handlers, kVariadic, variadic);
  return handlers;
}

}  // namespace

std::span<const Handler> elementwise_handlers() {
  static const std::vector<Handler> kHandlers = collect();
  return kHandlers;
}

}  // namespace npusim::onnx
