// Activations and layer norms that exporters spell out.
#include <cmath>
#include <functional>

#include "tests/catch.h"
#include "tests/workloads/passes_fixture.h"

namespace npusim::ir {

namespace {

/// Builds a function of one input out of small operators.
using Spelling = std::function<TensorId(Graph&, TensorId)>;

Graph spelled(const Spelling& spelling) {
  Graph graph;
  spelling(graph, add_input(graph, {2, 8}));
  run(graph, passes::recognise_functions);
  return graph;
}

TensorId with(Graph& graph, Function function, TensorId x, double value) {
  return apply(graph, function, {x, add_scalar(graph, value)});
}

TensorId relu6(Graph& graph, TensorId x) { return apply(graph, Function::clip, {x}, 0, 6); }

}  // namespace

TEST_CASE("six spellings of HardSwish are one operator") {
  const std::vector<Spelling> spellings{
      [](Graph& g, TensorId x) {  // x * relu6(x + 3) / 6
        return with(g, Function::div, apply(g, Function::mul, {x, relu6(g, with(g, Function::add, x, 3))}),
                    6);
      },
      [](Graph& g, TensorId x) {  // relu6(x + 3) / 6 * x
        return apply(g, Function::mul,
                     {with(g, Function::div, relu6(g, with(g, Function::add, x, 3)), 6), x});
      },
      [](Graph& g, TensorId x) {  // x * (relu6(x + 3) * 0.1666667)
        const TensorId gate = with(g, Function::mul, relu6(g, with(g, Function::add, x, 3)), 0.16666667);
        return apply(g, Function::mul, {x, gate});
      },
      [](Graph& g, TensorId x) {
        return apply(g, Function::mul, {x, apply(g, Function::hard_sigmoid, {x}, 1.0 / 6, 0.5)});
      },
      [](Graph& g, TensorId x) {  // x * min(max(x + 3, 0), 6) / 6
        const TensorId low = with(g, Function::max, with(g, Function::add, x, 3), 0);
        return with(g, Function::div, apply(g, Function::mul, {x, with(g, Function::min, low, 6)}), 6);
      },
      [](Graph& g, TensorId x) {  // x / 6 * relu6(x + 3)
        return apply(g, Function::mul,
                     {with(g, Function::div, x, 6), relu6(g, with(g, Function::add, x, 3))});
      }};
  for (const Spelling& spelling : spellings) {
    const Graph graph = spelled(spelling);
    CHECK(functions(graph) == std::vector{Function::hard_swish});
    CHECK(graph.ops[0].inputs == graph.inputs);
  }
}

TEST_CASE("SiLU, HardSigmoid and the erf and tanh forms of GELU are one operator") {
  CHECK(functions(spelled([](Graph& g, TensorId x) {
          return apply(g, Function::mul, {x, apply(g, Function::sigmoid, {x})});
        })) == std::vector{Function::silu});
  CHECK(functions(spelled([](Graph& g, TensorId x) {
          return with(g, Function::div, relu6(g, with(g, Function::add, x, 3)), 6);
        })) == std::vector{Function::hard_sigmoid});
  const auto erf = [](Graph& g, TensorId x) {
    return with(g, Function::add, apply(g, Function::erf, {with(g, Function::div, x, std::sqrt(2.0))}), 1);
  };
  CHECK(functions(spelled([&](Graph& g, TensorId x) {  // x * (1 + erf) * 0.5
          return with(g, Function::mul, apply(g, Function::mul, {x, erf(g, x)}), 0.5);
        })) == std::vector{Function::gelu});
  CHECK(functions(spelled([&](Graph& g, TensorId x) {  // x * 0.5 * (1 + erf)
          return apply(g, Function::mul, {with(g, Function::mul, x, 0.5), erf(g, x)});
        })) == std::vector{Function::gelu});
  CHECK(functions(spelled([](Graph& g, TensorId x) {  // 0.5 x (1 + tanh(0.79788 (x + 0.044715 x^3)))
          const TensorId cube = with(g, Function::mul, with(g, Function::pow, x, 3), 0.044715);
          const TensorId inner = with(g, Function::mul, apply(g, Function::add, {x, cube}), 0.7978845608);
          const TensorId gate = with(g, Function::add, apply(g, Function::tanh, {inner}), 1);
          return apply(g, Function::mul, {with(g, Function::mul, x, 0.5), gate});
        })) == std::vector{Function::gelu});
}

TEST_CASE("what is nearly such a function is left as it is") {
  CHECK(
      spelled([](Graph& g, TensorId x) {  // QuickGELU
        return apply(g, Function::mul, {x, apply(g, Function::sigmoid, {with(g, Function::mul, x, 1.702)})});
      })
          .ops.size() == 3);
  CHECK(spelled([](Graph& g, TensorId x) {
          return apply(g, Function::mul, {x, apply(g, Function::hard_sigmoid, {x}, 0.2, 0.5)});
        }).ops.size() == 2);
  CHECK(spelled([](Graph& g, TensorId x) {  // x * relu6(x + 2) / 6
          return with(g, Function::div, apply(g, Function::mul, {x, relu6(g, with(g, Function::add, x, 2))}),
                      6);
        })
            .ops.size() == 4);
}

TEST_CASE("a gate between two tensors is no SiLU") {
  Graph graph;
  const TensorId x = add_input(graph, {2, 8}), y = add_input(graph, {2, 8});
  apply(graph, Function::mul, {x, apply(graph, Function::sigmoid, {y})});
  CHECK(run(graph, passes::recognise_functions).fused == 0);
}

TEST_CASE("a step whose value is also used elsewhere keeps the spelling") {
  Graph graph;
  const TensorId x = add_input(graph, {2, 8});
  const TensorId gate = apply(graph, Function::sigmoid, {x});
  const TensorId silu = apply(graph, Function::mul, {x, gate});
  SECTION("as a result of the network") {
    graph.outputs = {gate, silu};
    CHECK(run(graph, passes::recognise_functions).fused == 0);
  }
  SECTION("by another operator") {
    apply(graph, Function::add, {silu, gate});
    CHECK(run(graph, passes::recognise_functions).fused == 0);
  }
  SECTION("but not by others") { CHECK(run(graph, passes::recognise_functions).fused == 1); }
}

namespace {

struct Spelled {
  bool reciprocal = false;
  bool product = false;  ///< d * d instead of pow(d, 2)
  bool second_difference = false;
  bool scale = true;
  bool bias = true;
  double exponent = 2;
  std::int64_t axis = 2;
};

Graph layer_norm(const Spelled& how) {
  Graph g;
  const TensorId x = add_input(g, {2, 5, 8});
  const auto mean = [&](TensorId id) {
    return append(g, OpKind::reduce, ReduceAttrs{ReduceKind::mean, {how.axis}, true}, {id}).at(0);
  };
  const TensorId d = apply(g, Function::sub, {x, mean(x)});
  const TensorId e = how.second_difference ? apply(g, Function::sub, {x, g.ops[0].outputs[0]}) : d;
  const TensorId square =
      how.product ? apply(g, Function::mul, {e, e}) : with(g, Function::pow, e, how.exponent);
  const TensorId root = apply(g, Function::sqrt, {with(g, Function::add, mean(square), 1e-6)});
  TensorId y = how.reciprocal ? apply(g, Function::mul, {d, apply(g, Function::reciprocal, {root})})
                              : apply(g, Function::div, {d, root});
  if (how.scale) y = apply(g, Function::mul, {y, add_weight(g, {8})});
  if (how.bias) apply(g, Function::add, {y, add_weight(g, {1, 1, 8})});
  return g;
}

}  // namespace

TEST_CASE("a layer norm of nine operators is one, in its common spellings") {
  const std::vector<Spelled> spellings{
      {}, {.reciprocal = true}, {.product = true}, {.second_difference = true}, {.bias = false}};
  for (const Spelled& spelling : spellings) {
    Graph graph = layer_norm(spelling);
    const auto before = static_cast<std::int64_t>(graph.ops.size());
    CHECK(run(graph, passes::recognise_layer_norm).fused == before - 1);
    REQUIRE(kinds(graph) == std::vector{OpKind::norm});
    const auto& attrs = std::get<NormAttrs>(graph.ops[0].attrs);
    CHECK(attrs.kind == NormKind::layer);
    CHECK(attrs.axis == 2);
    CHECK(attrs.epsilon == 1e-6);
    CHECK(graph.ops[0].inputs.size() == (spelling.bias ? 3 : 2));
    CHECK(graph.shape(graph.ops[0].inputs.back()) == Shape{8});
  }
}

TEST_CASE("a layer norm without scale gets a scalar one") {
  Graph graph = layer_norm({.scale = false, .bias = false});
  CHECK(run(graph, passes::recognise_layer_norm).fused == 6);
  CHECK(graph.tensor(graph.ops[0].inputs[1]).constant == std::vector{1.0});
  CHECK(parameters(graph) == 0);
}

TEST_CASE("what is no layer norm over the last axes stays") {
  Graph cubed = layer_norm({.exponent = 3});
  CHECK(run(cubed, passes::recognise_layer_norm).fused == 0);
  Graph rows = layer_norm({.scale = false, .bias = false, .axis = 1});
  CHECK(run(rows, passes::recognise_layer_norm).fused == 0);
  Graph watched = layer_norm({});
  watched.outputs.push_back(watched.ops[0].outputs[0]);  // the mean is a result too
  CHECK(run(watched, passes::recognise_layer_norm).fused == 0);
}

}  // namespace npusim::ir
