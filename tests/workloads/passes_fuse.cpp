// Activations and residual additions become steps of the operator before them; integers pass through.
#include <functional>

#include "tests/catch.h"
#include "tests/workloads/passes_fixture.h"

namespace npusim::ir {

namespace {

const Shape kImage{1, 4, 8, 8};

std::vector<Function> steps(const Op& op) {
  std::vector<Function> result;
  for (const FusedStep& step : op.fused) result.push_back(step.op.function);
  return result;
}

/// append() with the output in another type.
TensorId typed(Graph& graph, OpKind kind, const Attrs& attrs, const std::vector<TensorId>& inputs,
               DType type) {
  const TensorId id = append(graph, kind, attrs, inputs).at(0);
  graph.tensor(id).dtype = type;
  return id;
}

TensorId quantize(Graph& graph, TensorId x) {
  return typed(graph, OpKind::quantize, QuantizeAttrs{}, {x, add_scalar(graph, 0.1)}, DType::i8);
}

TensorId dequantize(Graph& graph, TensorId x) {
  return typed(graph, OpKind::dequantize, QuantizeAttrs{}, {x, add_scalar(graph, 0.1)}, DType::f32);
}

}  // namespace

TEST_CASE("eleven activations become a step of a convolution, with their parameters") {
  for (const Function function : {Function::relu, Function::leaky_relu, Function::clip, Function::sigmoid,
                                  Function::hard_sigmoid, Function::hard_swish, Function::silu,
                                  Function::gelu, Function::tanh, Function::elu, Function::softplus}) {
    Graph graph;
    const TensorId c = conv(graph, add_input(graph, kImage), 4);
    const TensorId out = apply(graph, function, {c}, 0.25, 6);
    CHECK(run(graph, passes::fuse_elementwise).fused == 1);
    REQUIRE(kinds(graph) == std::vector{OpKind::conv});
    CHECK(steps(graph.ops[0]) == std::vector{function});
    CHECK(graph.ops[0].fused[0].op.alpha == 0.25);
    CHECK(graph.ops[0].fused[0].op.beta == 6);
    CHECK(graph.ops[0].outputs[0] == out);
  }
}

TEST_CASE("an activation behind a product or an addition is a step of it, behind a pool it is not") {
  Graph product;
  apply(product, Function::gelu, {linear(product, add_input(product, {4, 8}), 16)});
  CHECK(run(product, passes::fuse_elementwise).fused == 1);
  Graph sum;
  const TensorId a = add_input(sum, kImage), b = add_input(sum, kImage);
  apply(sum, Function::relu, {apply(sum, Function::add, {a, b})});
  CHECK(run(sum, passes::fuse_elementwise).fused == 1);
  CHECK(functions(sum) == std::vector{Function::add, Function::relu});
  Graph pool;
  const TensorId p =
      append(pool, OpKind::pool, PoolAttrs{PoolKind::max, window(2, 2), false}, {add_input(pool, kImage)})
          .at(0);
  apply(pool, Function::relu, {p});
  CHECK(run(pool, passes::fuse_elementwise).fused == 0);
}

TEST_CASE("an activation is not fused when its input is needed elsewhere") {
  Graph graph;
  const TensorId c = conv(graph, add_input(graph, kImage), 4);
  const TensorId r = apply(graph, Function::relu, {c});
  SECTION("as a result") {
    graph.outputs = {c, r};
    CHECK(run(graph, passes::fuse_elementwise).fused == 0);
  }
  SECTION("by another operator") {
    conv(graph, c, 4);
    graph.outputs.push_back(r);
    CHECK(run(graph, passes::fuse_elementwise).fused == 0);
  }
}

TEST_CASE("functions that no engine has behind its multipliers stay operators") {
  for (const Function function : {Function::sqrt, Function::exp, Function::abs, Function::erf}) {
    Graph graph;
    apply(graph, function, {conv(graph, add_input(graph, kImage), 4)});
    CHECK(run(graph, passes::fuse_elementwise).fused == 0);
  }
}

TEST_CASE("a residual addition and its activation become steps of the last convolution of the block") {
  Graph graph;
  const TensorId x = add_input(graph, kImage);
  const TensorId a = apply(graph, Function::relu, {conv(graph, x, 4)});
  const TensorId b = conv(graph, a, 4);
  const TensorId out = apply(graph, Function::relu, {apply(graph, Function::add, {b, x})});
  CHECK(run(graph, passes::fuse_elementwise).fused == 3);
  REQUIRE(kinds(graph) == std::vector(2, OpKind::conv));
  CHECK(steps(graph.ops[1]) == std::vector{Function::add, Function::relu});
  CHECK(graph.ops[1].fused[0].operand == x);
  CHECK(graph.ops[1].outputs[0] == out);
}

TEST_CASE("of two convolutions that are added, the later one takes the addition") {
  Graph graph;
  const TensorId x = add_input(graph, kImage);
  const TensorId main = conv(graph, conv(graph, x, 4), 4);
  const TensorId shortcut = conv(graph, x, 4);
  apply(graph, Function::add, {main, shortcut});
  CHECK(run(graph, passes::fuse_elementwise).fused == 1);
  REQUIRE(graph.ops.size() == 3);
  CHECK(graph.ops[1].fused.empty());
  CHECK(graph.ops[2].fused.at(0).operand == main);
}

TEST_CASE("a convolution moves behind the pool that it is added to") {
  Graph graph;
  const TensorId x = add_input(graph, kImage);
  const TensorId c = conv(graph, x, 4);
  const TensorId p = append(graph, OpKind::pool, PoolAttrs{PoolKind::max, window(3, 1, 1), false}, {x}).at(0);
  apply(graph, Function::relu, {apply(graph, Function::add, {c, p})});
  CHECK(run(graph, passes::fuse_elementwise).fused == 2);
  REQUIRE(kinds(graph) == std::vector{OpKind::pool, OpKind::conv});
  CHECK(graph.ops[1].fused.at(0).operand == p);
  CHECK(steps(graph.ops[1]) == std::vector{Function::add, Function::relu});
}

TEST_CASE("an addition stays when it is no residual of one convolution") {
  const auto fused = [](const std::function<void(Graph&, TensorId)>& build) {
    Graph graph;
    build(graph, add_input(graph, kImage));
    return run(graph, passes::fuse_elementwise).fused;
  };
  CHECK(fused([](Graph& g, TensorId x) { apply(g, Function::add, {x, conv(g, x, 4)}); }) == 1);
  // Broadcast.
  CHECK(fused([](Graph& g, TensorId x) {
          apply(g, Function::add, {conv(g, x, 4), add_input(g, {1, 4, 1, 1})});
        }) == 0);
  // The same value twice.
  CHECK(fused([](Graph& g, TensorId x) {
          const TensorId c = conv(g, x, 4);
          apply(g, Function::add, {c, c});
        }) == 0);
  // A second residual: two operands would have to be loaded behind one convolution.
  CHECK(fused([](Graph& g, TensorId x) {
          const TensorId once = apply(g, Function::add, {conv(g, x, 4), x});
          apply(g, Function::add, {once, x});
        }) == 1);
  // Subtraction and a weight.
  CHECK(fused([](Graph& g, TensorId x) { apply(g, Function::sub, {conv(g, x, 4), x}); }) == 0);
  CHECK(fused([](Graph& g, TensorId x) {
          apply(g, Function::add, {conv(g, x, 4), add_weight(g, kImage)});
        }) == 0);
}

TEST_CASE("the pipeline accounts for every operator of a block of convolution, batch norm and hard swish") {
  Graph graph;
  const TensorId x = add_input(graph, kImage);
  const TensorId n = batch_norm(graph, conv(graph, x, 4, false));
  const TensorId clipped =
      apply(graph, Function::clip, {apply(graph, Function::add, {n, add_scalar(graph, 3)})}, 0, 6);
  const TensorId swish =
      apply(graph, Function::mul, {n, apply(graph, Function::div, {clipped, add_scalar(graph, 6)})});
  append(graph, OpKind::identity, IdentityAttrs{}, {apply(graph, Function::add, {conv(graph, swish, 4), x})});
  const passes::PassStats stats = passes::run(graph);
  CHECK(stats.imported == 9);
  CHECK(stats.folded == 2);  // batch norm, identity
  CHECK(stats.fused == 5);   // hard swish: 3 into one, and that one; the addition
  REQUIRE(graph.ops.size() == 2);
  CHECK(steps(graph.ops[0]) == std::vector{Function::hard_swish});
  CHECK(steps(graph.ops[1]) == std::vector{Function::add});
}

TEST_CASE("between dequantisation and quantisation a convolution reads and writes integers") {
  Graph graph;
  const TensorId x = add_input(graph, kImage);
  const TensorId w = add_weight(graph, {4, 4, 3, 3}, DType::i8);
  const TensorId a = quantize(graph, x);
  const TensorId xf = dequantize(graph, a), wf = dequantize(graph, w);
  const TensorId c = append(graph, OpKind::conv, ConvAttrs{window(3, 1, 1), 1, {0, 0}}, {xf, wf}).at(0);
  const TensorId b = quantize(graph, apply(graph, Function::relu, {c}));
  dequantize(graph, b);
  const std::int64_t work = macs(graph).count();
  const passes::PassStats stats = passes::run(graph);
  // Quantise the input, convolve in integers, dequantise the result.
  REQUIRE(kinds(graph) == std::vector{OpKind::quantize, OpKind::conv, OpKind::dequantize});
  const Op& op = graph.ops[1];
  CHECK(graph.tensor(op.inputs[0]).dtype == DType::i8);
  CHECK(graph.tensor(op.inputs[1]).dtype == DType::i8);
  CHECK(graph.tensor(op.outputs[0]).dtype == DType::i8);
  CHECK(steps(op) == std::vector{Function::relu});
  CHECK(macs(graph).count() == work);
  CHECK(stats.imported == 7);
  CHECK(stats.fused == 4);
}

TEST_CASE("a quantised residual block of convolution, SiLU and addition is two integer convolutions") {
  Graph graph;
  const auto between = [&](TensorId x) { return dequantize(graph, quantize(graph, x)); };
  const TensorId x = between(add_input(graph, kImage));
  const TensorId a = between(conv(graph, x, 4));
  const TensorId silu =
      between(apply(graph, Function::mul, {a, between(apply(graph, Function::sigmoid, {a}))}));
  const TensorId b = between(conv(graph, silu, 4));
  between(apply(graph, Function::add, {b, x}));
  passes::run(graph);
  REQUIRE(kinds(graph) == std::vector{OpKind::quantize, OpKind::conv, OpKind::conv, OpKind::dequantize});
  CHECK(steps(graph.ops[1]) == std::vector{Function::silu});
  CHECK(steps(graph.ops[2]) == std::vector{Function::add});
  CHECK(graph.tensor(graph.ops[2].fused[0].operand).dtype == DType::i8);
}

TEST_CASE("an operator with one floating-point operand stays in floating point") {
  Graph graph;
  const TensorId q = typed(graph, OpKind::cast, CastAttrs{}, {add_input(graph, kImage)}, DType::i8);
  const TensorId sum = apply(graph, Function::add, {dequantize(graph, q), add_input(graph, kImage)});
  quantize(graph, sum);
  CHECK(run(graph, passes::absorb_quantization).fused == 0);
}

TEST_CASE("dequantised weights that no integer operator takes become floating-point weights") {
  Graph graph;
  const TensorId x = add_input(graph, {4, 8});
  const TensorId w = dequantize(graph, add_weight(graph, {8, 16}, DType::i8));
  append(graph, OpKind::matmul, MatMulAttrs{}, {x, w});
  CHECK(run(graph, passes::fold_constants).folded == 0);
  CHECK(run(graph, passes::absorb_quantization).fused == 0);
  CHECK(run(graph, passes::fold_weights).folded == 1);
  CHECK(graph.tensor(graph.ops[0].inputs[1]).dtype == DType::f32);
}

}  // namespace npusim::ir
