// Element-wise functions, normalisations and Softmax from single-node models.
#include <map>

#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"

namespace npusim::onnx::testing {

using ir::Function;
using ir::OpKind;
using ir::Shape;

namespace {

const ir::ElementwiseAttrs& function(const ir::Graph& graph) {
  return attrs<ir::ElementwiseAttrs>(only(graph));
}

std::vector<Function> functions(const ir::Graph& graph) {
  std::vector<Function> result;
  for (const ir::Op& op : graph.ops) result.push_back(attrs<ir::ElementwiseAttrs>(op).function);
  return result;
}

}  // namespace

TEST_CASE("each unary operator becomes its function and keeps shape and type") {
  const std::map<std::string, Function> table{
      {"Relu", Function::relu},        {"Sigmoid", Function::sigmoid}, {"Tanh", Function::tanh},
      {"Erf", Function::erf},          {"Exp", Function::exp},         {"Log", Function::log},
      {"Sqrt", Function::sqrt},        {"Abs", Function::abs},         {"Neg", Function::neg},
      {"Floor", Function::floor},      {"Round", Function::round},     {"Reciprocal", Function::reciprocal},
      {"Softplus", Function::softplus}};
  for (const auto& [name, expected] : table) {
    INFO(name);
    const ir::Graph graph = one(13, name, {in({2, 3, 4}, Type::FLOAT16)});
    CHECK(function(graph).function == expected);
    CHECK(graph.shape(graph.outputs[0]) == Shape{2, 3, 4});
    CHECK(graph.tensor(graph.outputs[0]).dtype == ir::DType::f16);
  }
  CHECK(function(one(14, "HardSwish", {in({2, 3})})).function == Function::hard_swish);
  CHECK(function(one(20, "Gelu", {in({2, 3})}, {{"approximate", "tanh"}})).function == Function::gelu);
  CHECK(function(one(13, "Not", {in({2, 3}, Type::BOOL)})).function == Function::logical_not);
}

TEST_CASE("each binary operator broadcasts its operands") {
  const std::map<std::string, Function> table{
      {"Add", Function::add}, {"Sub", Function::sub}, {"Mul", Function::mul}, {"Div", Function::div},
      {"Pow", Function::pow}, {"Min", Function::min}, {"Max", Function::max}, {"PRelu", Function::prelu}};
  for (const auto& [name, expected] : table) {
    INFO(name);
    const ir::Graph graph = one(13, name, {in({2, 3, 4, 5}), weight({3, 1, 1})});
    CHECK(function(graph).function == expected);
    CHECK(graph.shape(graph.outputs[0]) == Shape{2, 3, 4, 5});
  }
  CHECK(shape_of(7, "Add", {in({1, 4, 1}), in({3, 1, 5})}) == Shape{3, 4, 5});
}

TEST_CASE("comparisons and logic give booleans") {
  const std::map<std::string, Function> compare{
      {"Equal", Function::equal}, {"Less", Function::less}, {"Greater", Function::greater}};
  for (const auto& [name, expected] : compare) {
    INFO(name);
    const ir::Graph graph = one(13, name, {in({2, 3}), in({3})});
    CHECK(function(graph).function == expected);
    CHECK(graph.tensor(graph.outputs[0]).dtype == ir::DType::boolean);
  }
  const std::vector<Arg> flags{in({2, 3}, Type::BOOL), in({1}, Type::BOOL)};
  CHECK(function(one(7, "And", flags)).function == Function::logical_and);
  CHECK(function(one(7, "Or", flags)).function == Function::logical_or);
  CHECK(functions(one(16, "GreaterOrEqual", {in({2, 3}), in({3})})) ==
        std::vector{Function::less, Function::logical_not});
  CHECK(functions(one(12, "LessOrEqual", {in({2, 3}), in({3})})) ==
        std::vector{Function::greater, Function::logical_not});
}

TEST_CASE("Min, Max and Sum of four inputs are three binary operators; of one input, none") {
  const std::vector<Arg> four{in({2, 3}), in({3}), in({2, 1}), in({1})};
  CHECK(functions(one(13, "Max", four)) == std::vector(3, Function::max));
  CHECK(functions(one(8, "Sum", four)) == std::vector(3, Function::add));
  CHECK(shape_of(13, "Min", {in({1, 3}), in({4, 1}), in({1, 1})}) == Shape{4, 3});
  CHECK(only(one(13, "Sum", {in({2, 3})})).kind == OpKind::identity);
}

TEST_CASE("Clip takes its bounds from attributes before opset 11, then from inputs") {
  const auto six = one(7, "Clip", {in({4})}, {{"min", 0.0}, {"max", 6.0}});
  CHECK(function(six).function == Function::clip);
  CHECK(function(six).alpha == 0);
  CHECK(function(six).beta == 6);
  const auto later = one(13, "Clip", {in({4}), scalar(-1), scalar(1)});
  CHECK(function(later).alpha == -1);
  CHECK(function(later).beta == 1);
  CHECK(function(one(13, "Clip", {in({4}), scalar(0)})).function == Function::relu);
  const auto upper = one(13, "Clip", {in({4}), absent(), scalar(6)});
  CHECK(function(upper).alpha < -1e38);
  CHECK(function(upper).beta == 6);
  // Bounds that are computed at run time need operators of their own.
  CHECK(functions(one(13, "Clip", {in({4}), in({}), in({})})) == std::vector{Function::max, Function::min});
  CHECK(functions(one(13, "Clip", {in({4}), absent(), in({})})) == std::vector{Function::min});
  CHECK(functions(one(13, "Clip", {in({4}), in({})})) == std::vector{Function::max});
}

TEST_CASE("slopes of activations are attributes with ONNX's defaults") {
  CHECK(function(one(16, "LeakyRelu", {in({4})}, {{"alpha", 0.25}})).alpha == 0.25);
  CHECK(function(one(6 + 1, "LeakyRelu", {in({4})})).alpha == Approx(0.01));
  CHECK(function(one(13, "Elu", {in({4})})).alpha == 1);
  CHECK(function(one(13, "Elu", {in({4})}, {{"alpha", 0.5}})).alpha == 0.5);
  CHECK(function(one(13, "HardSigmoid", {in({4})})).alpha == Approx(0.2));
  CHECK(function(one(13, "HardSigmoid", {in({4})})).beta == 0.5);
}

TEST_CASE("Mish is softplus, tanh and a product; Where takes the type of its branches") {
  CHECK(functions(one(18, "Mish", {in({4})})) ==
        std::vector{Function::softplus, Function::tanh, Function::mul});
  const ir::Graph graph = one(16, "Where", {in({2, 1}, Type::BOOL), in({2, 3}), scalar(0)});
  CHECK(function(graph).function == Function::where);
  CHECK(graph.tensor(graph.outputs[0]).dtype == ir::DType::f32);
  CHECK(graph.shape(graph.outputs[0]) == Shape{2, 3});
}

TEST_CASE("normalisations keep the shape, their axis and epsilon") {
  const std::vector<Arg> batch{in({2, 8, 4, 4}), weight({8}), weight({8}), weight({8}), weight({8})};
  for (const std::int64_t opset : {7, 9, 14, 15}) {
    const ir::Graph graph = one(opset, "BatchNormalization", batch, {{"epsilon", 1e-3}});
    CHECK(attrs<ir::NormAttrs>(only(graph)).kind == ir::NormKind::batch);
    CHECK(attrs<ir::NormAttrs>(only(graph)).epsilon == Approx(1e-3));
    CHECK(graph.shape(graph.outputs[0]) == Shape{2, 8, 4, 4});
  }
  const ir::Graph instance = one(13, "InstanceNormalization", {in({2, 8, 4, 4}), weight({8}), weight({8})});
  CHECK(attrs<ir::NormAttrs>(only(instance)).kind == ir::NormKind::instance);
  const ir::Graph layer =
      one(17, "LayerNormalization", {in({2, 8, 16}), weight({8, 16}), weight({8, 16})}, {{"axis", -2}});
  CHECK(attrs<ir::NormAttrs>(only(layer)).kind == ir::NormKind::layer);
  CHECK(attrs<ir::NormAttrs>(only(layer)).axis == 1);
  CHECK(only(one(17, "LayerNormalization", {in({2, 8, 16}), weight({16})})).inputs.size() == 2);
}

TEST_CASE("Softmax is over its axis from opset 13 on") {
  CHECK(attrs<ir::SoftmaxAttrs>(only(one(13, "Softmax", {in({2, 3, 4})}))).axis == 2);
  CHECK(attrs<ir::SoftmaxAttrs>(only(one(21, "Softmax", {in({2, 3, 4})}, {{"axis", 1}}))).axis == 1);
}

TEST_CASE("before opset 13 Softmax is over all axes from its axis on") {
  // The last axis, or only axes of size 1 behind it: the same thing.
  CHECK(attrs<ir::SoftmaxAttrs>(only(one(11, "Softmax", {in({2, 1000})}))).axis == 1);
  CHECK(attrs<ir::SoftmaxAttrs>(only(one(11, "Softmax", {in({2, 1000, 1, 1})}))).axis == 1);
  const ir::Graph graph = one(9, "Softmax", {in({2, 3, 4, 5})}, {{"axis", 2}});
  REQUIRE(graph.ops.size() == 3);
  CHECK(graph.shape(graph.ops[1].inputs[0]) == Shape{6, 20});
  CHECK(graph.ops[1].kind == OpKind::softmax);
  CHECK(graph.shape(graph.outputs[0]) == Shape{2, 3, 4, 5});
}

TEST_CASE("LogSoftmax is Softmax and a logarithm") {
  const ir::Graph graph = one(13, "LogSoftmax", {in({2, 10})});
  REQUIRE(graph.ops.size() == 2);
  CHECK(graph.ops[0].kind == OpKind::softmax);
  CHECK(attrs<ir::ElementwiseAttrs>(graph.ops[1]).function == Function::log);
  CHECK(one(11, "LogSoftmax", {in({2, 3, 4})}).ops.size() == 4);
}

}  // namespace npusim::onnx::testing
