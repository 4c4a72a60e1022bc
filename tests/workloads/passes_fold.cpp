// What leaves nothing to do at run time: constants, identities, batch norms, padding, views, dead code.
#include "tests/catch.h"
#include "tests/workloads/passes_fixture.h"

namespace npusim::ir {

TEST_CASE("operators on weights alone become weights") {
  Graph graph;
  const TensorId x = add_input(graph, {2, 8});
  const TensorId w = transpose(graph, add_weight(graph, {4, 8}), {1, 0});
  append(graph, OpKind::matmul, MatMulAttrs{}, {x, w});
  CHECK(run(graph, passes::fold_constants).folded == 1);
  CHECK(kinds(graph) == std::vector{OpKind::matmul});
  CHECK(graph.tensor(graph.ops[0].inputs[1]).role == TensorRole::weight);
  CHECK(graph.shape(graph.ops[0].inputs[1]) == Shape{8, 4});
}

TEST_CASE("folded constants keep their values") {
  Graph graph;
  const TensorId x = add_input(graph, {2});
  const TensorId half = apply(graph, Function::reciprocal, {add_scalar(graph, 2)});
  apply(graph, Function::mul, {x, half});
  CHECK(run(graph, passes::fold_constants).folded == 1);
  CHECK(graph.tensor(graph.ops[0].inputs[1]).constant == std::vector{0.5});
}

TEST_CASE("operators that pass their input on disappear, those that change anything stay") {
  struct Case {
    OpKind kind;
    Attrs attrs;
    std::vector<Shape> given;
    bool gone;
  };
  using V = std::vector<std::int64_t>;
  const Shape x{2, 4, 1, 8};
  const std::vector<Case> cases{
      {OpKind::identity, IdentityAttrs{}, {}, true},
      {OpKind::cast, CastAttrs{}, {}, true},
      {OpKind::reshape, ReshapeAttrs{}, {x}, true},
      {OpKind::reshape, ReshapeAttrs{}, {{2, 32}}, false},
      {OpKind::expand, ExpandAttrs{}, {x}, true},
      {OpKind::expand, ExpandAttrs{}, {{2, 4, 3, 8}}, false},
      {OpKind::slice, SliceAttrs{{0, 0, 0, 0}, {1, 1, 1, 1}}, {x}, true},
      {OpKind::slice, SliceAttrs{{0, 0, 0, 7}, {1, 1, 1, -1}}, {x}, false},
      {OpKind::pad, PadAttrs{{0, 0, 0, 0}, {0, 0, 0, 0}}, {}, true},
      {OpKind::pad, PadAttrs{{0, 0, 0, 1}, {0, 0, 0, -1}}, {}, false},
      {OpKind::transpose, TransposeAttrs{V{0, 1, 2, 3}}, {}, true},
      {OpKind::resize, ResizeAttrs{}, {x}, true},
      {OpKind::concat, ConcatAttrs{1}, {}, true},
      {OpKind::split, SplitAttrs{1, V{4}}, {}, true},
      {OpKind::reduce, ReduceAttrs{ReduceKind::mean, V{2}, true}, {}, true},
      {OpKind::reduce, ReduceAttrs{ReduceKind::mean, V{3}, true}, {}, false},
      {OpKind::pool, PoolAttrs{PoolKind::average, window(1), false}, {}, true},
      {OpKind::pool, PoolAttrs{PoolKind::max, {{1, 3}, {1, 1}, {1, 1}, {0, 1, 0, 1}}, false}, {}, false},
  };
  for (const Case& c : cases) {
    INFO(to_string(c.kind));
    Graph graph;
    const TensorId a = apply(graph, Function::relu, {add_input(graph, x)});
    const TensorId b = append(graph, c.kind, c.attrs, {a}, c.given).at(0);
    apply(graph, Function::relu, {b});
    CHECK(run(graph, passes::remove_identities).folded == (c.gone ? 1 : 0));
    CHECK(graph.ops.size() == (c.gone ? 2 : 3));
  }
}

TEST_CASE("an identity at the end gives its name to the result; between input and result it stays") {
  Graph graph;
  const TensorId a = apply(graph, Function::relu, {add_input(graph, {4})});
  const TensorId out = append(graph, OpKind::identity, IdentityAttrs{}, {a}).at(0);
  const std::string name = graph.tensor(out).name;
  CHECK(run(graph, passes::remove_identities).folded == 1);
  CHECK(graph.tensor(graph.outputs[0]).name == name);
  Graph copy;
  append(copy, OpKind::identity, IdentityAttrs{}, {add_input(copy, {4})});
  CHECK(run(copy, passes::remove_identities).folded == 0);
}

TEST_CASE("a batch norm goes into the convolution before it, which gets a bias") {
  Graph graph;
  TensorId x = add_input(graph, {1, 3, 8, 8});
  for (int i = 0; i < 5; ++i) x = batch_norm(graph, conv(graph, x, 4, i % 2 == 0));
  CHECK(run(graph, passes::fold_affine).folded == 5);
  CHECK(kinds(graph) == std::vector(5, OpKind::conv));
  for (const Op& op : graph.ops) {
    REQUIRE(op.inputs.size() == 3);
    CHECK(graph.shape(op.inputs[2]) == Shape{4});
    CHECK(graph.tensor(op.inputs[2]).role == TensorRole::weight);
  }
}

TEST_CASE("a batch norm stays where it cannot be folded") {
  SECTION("behind an activation") {
    Graph graph;
    batch_norm(graph, apply(graph, Function::relu, {conv(graph, add_input(graph, {1, 3, 8, 8}), 4)}));
    CHECK(run(graph, passes::fold_affine).folded == 0);
  }
  SECTION("when another operator reads the convolution too") {
    Graph graph;
    const TensorId c = conv(graph, add_input(graph, {1, 3, 8, 8}), 4);
    const TensorId n = batch_norm(graph, c);
    apply(graph, Function::add, {n, c});
    CHECK(run(graph, passes::fold_affine).folded == 0);
  }
  SECTION("when the convolution is a result of the network") {
    Graph graph;
    const TensorId c = conv(graph, add_input(graph, {1, 3, 8, 8}), 4);
    const TensorId n = batch_norm(graph, c);
    graph.outputs = {c, n};
    CHECK(run(graph, passes::fold_affine).folded == 0);
  }
  SECTION("when its statistics are computed by the network") {
    Graph graph;
    batch_norm(graph, conv(graph, add_input(graph, {1, 3, 8, 8}), 4));
    const TensorId mean = add_input(graph, {4});
    graph.ops.back().inputs[3] = mean;
    CHECK(run(graph, passes::fold_affine).folded == 0);
  }
  SECTION("over the rows of a product of three axes") {
    Graph graph;
    batch_norm(graph, linear(graph, add_input(graph, {2, 5, 8}), 6));
    CHECK(run(graph, passes::fold_affine).folded == 0);
  }
}

TEST_CASE("a weight that two convolutions share is copied before a batch norm changes it") {
  Graph graph;
  const TensorId x = add_input(graph, {1, 3, 8, 8});
  const TensorId a = conv(graph, x, 4);
  const TensorId b = conv(graph, x, 4);
  graph.ops[1].inputs = graph.ops[0].inputs;
  apply(graph, Function::add, {batch_norm(graph, a), b});
  CHECK(run(graph, passes::fold_affine).folded == 1);
  CHECK(graph.ops[0].inputs[1] != graph.ops[1].inputs[1]);
  CHECK(graph.ops[0].inputs[2] != graph.ops[1].inputs[2]);
  CHECK(graph.shape(graph.ops[0].inputs[1]) == Shape{4, 3, 3, 3});
}

TEST_CASE("a sum with a weight a channel is the bias, a product goes into the weights") {
  Graph graph;
  const TensorId c = conv(graph, add_input(graph, {1, 3, 8, 8}), 4, false);
  const TensorId p = apply(graph, Function::mul, {c, add_weight(graph, {1, 4, 1, 1})});
  const TensorId bias = add_weight(graph, {4, 1, 1});
  graph.tensor(bias).name = "the bias";
  apply(graph, Function::add, {bias, p});
  const passes::Removed removed = run(graph, passes::fold_affine);
  CHECK(removed.folded == 1);
  CHECK(removed.fused == 1);
  REQUIRE(kinds(graph) == std::vector{OpKind::conv});
  const Op& seen = graph.prepared.back();
  CHECK(seen.outputs[0] == graph.ops[0].inputs[2]);
  CHECK(seen.kind == OpKind::reshape);
  CHECK(graph.tensor(seen.inputs[0]).name == "the bias");
  CHECK(graph.shape(graph.ops[0].inputs[2]) == Shape{4});
}

TEST_CASE("sums and products that are not a channel's stay") {
  const auto left = [](Function function, const Shape& weight, bool swap) {
    Graph graph;
    const TensorId c = conv(graph, add_input(graph, {1, 3, 8, 8}), 8);
    const TensorId w = add_weight(graph, weight);
    apply(graph, function, swap ? std::vector{w, c} : std::vector{c, w});
    run(graph, passes::fold_affine);
    return graph.ops.size();
  };
  CHECK(left(Function::add, {8}, false) == 2);  // a value a column
  CHECK(left(Function::add, {1, 8, 8, 1}, false) == 2);
  CHECK(left(Function::mul, {1, 1, 1, 8}, false) == 2);
  CHECK(left(Function::sub, {8, 1, 1}, true) == 2);
  CHECK(left(Function::div, {8, 1, 1}, true) == 2);
  CHECK(left(Function::max, {8, 1, 1}, false) == 2);
  CHECK(left(Function::sub, {8, 1, 1}, false) == 1);
  CHECK(left(Function::div, {}, false) == 1);
  CHECK(left(Function::mul, {8, 1, 1}, true) == 1);
}

TEST_CASE("the scaled product of two activations keeps its scale") {
  Graph graph;
  const TensorId q = add_input(graph, {4, 8}), k = add_input(graph, {8, 4});
  const TensorId s = append(graph, OpKind::matmul, MatMulAttrs{}, {q, k}).at(0);
  apply(graph, Function::div, {s, add_scalar(graph, 8)});
  CHECK(run(graph, passes::fold_affine).folded == 0);
}

TEST_CASE("zero padding becomes a convolution's or an average pool's own") {
  const auto padded = [](const PadAttrs& attrs, bool value) {
    Graph graph;
    const TensorId x = add_input(graph, {1, 3, 8, 8});
    std::vector<TensorId> inputs{x};
    if (value) inputs = {x, kNoTensor, add_scalar(graph, -1)};
    conv(graph, append(graph, OpKind::pad, attrs, inputs).at(0), 4);
    run(graph, passes::fold_padding);
    return graph;
  };
  const Graph graph = padded({{0, 0, 1, 2}, {0, 0, 3, 4}}, false);
  REQUIRE(kinds(graph) == std::vector{OpKind::conv});
  CHECK(std::get<ConvAttrs>(graph.ops[0].attrs).window.pad == Padding{2, 3, 4, 5});
  CHECK(graph.ops[0].inputs[0] == graph.inputs[0]);
  CHECK(padded({{0, 0, 1, 1}, {0, 0, 1, 1}}, true).ops.size() == 2);
  CHECK(padded({{0, 0, 1, 1}, {0, 0, 1, 1}, PadAttrs::Mode::reflect}, false).ops.size() == 2);
  CHECK(padded({{0, 1, 1, 1}, {0, 0, 1, 1}}, false).ops.size() == 2);
  CHECK(padded({{0, 0, -1, 1}, {0, 0, 1, 1}}, false).ops.size() == 2);
}

TEST_CASE("an average pool counts the zeros it takes over; a maximum is not the same with them") {
  const auto pooled = [](PoolKind kind, std::int64_t own, bool count) {
    Graph graph;
    const TensorId x = add_input(graph, {1, 3, 8, 8});
    const TensorId p = append(graph, OpKind::pad, PadAttrs{{0, 0, 1, 1}, {0, 0, 1, 1}}, {x}).at(0);
    append(graph, OpKind::pool, PoolAttrs{kind, window(3, 1, own), count}, {p});
    run(graph, passes::fold_padding);
    return graph;
  };
  const Graph graph = pooled(PoolKind::average, 0, false);
  REQUIRE(graph.ops.size() == 1);
  CHECK(std::get<PoolAttrs>(graph.ops[0].attrs).count_include_pad);
  CHECK(std::get<PoolAttrs>(graph.ops[0].attrs).window.pad == Padding{1, 1, 1, 1});
  CHECK(pooled(PoolKind::average, 1, true).ops.size() == 1);
  CHECK(pooled(PoolKind::average, 1, false).ops.size() == 2);
  CHECK(pooled(PoolKind::max, 0, false).ops.size() == 2);
}

TEST_CASE("chains of reshapes and of transposes become one") {
  Graph graph;
  const TensorId x = add_input(graph, {2, 3, 4});
  reshape(graph, reshape(graph, reshape(graph, x, {6, 4}), {24}), {4, 6});
  CHECK(run(graph, passes::merge_views).folded == 2);
  CHECK(graph.ops[0].inputs[0] == x);
  Graph turned;
  transpose(turned, transpose(turned, add_input(turned, {2, 3, 4}), {1, 2, 0}), {0, 2, 1});
  CHECK(run(turned, passes::merge_views).folded == 1);
  // [3,4,2] of the first, then [3,2,4].
  CHECK(std::get<TransposeAttrs>(turned.ops[0].attrs).permutation == std::vector<std::int64_t>{1, 0, 2});
  CHECK(turned.shape(turned.outputs[0]) == Shape{3, 2, 4});
}

TEST_CASE("a view that others read stays, and its reader goes past it") {
  Graph graph;
  const TensorId x = add_input(graph, {2, 12});
  const TensorId a = reshape(graph, x, {24});
  const TensorId b = reshape(graph, a, {4, 6});
  graph.outputs = {a, b};
  CHECK(run(graph, passes::merge_views).folded == 0);
  CHECK(graph.ops[1].inputs[0] == x);
}

TEST_CASE("a transpose that only moves axes of size 1 is a reshape") {
  const auto kind = [](const Shape& shape, std::vector<std::int64_t> permutation) {
    Graph graph;
    transpose(graph, add_input(graph, shape), std::move(permutation));
    run(graph, passes::merge_views);
    return graph.ops[0].kind;
  };
  CHECK(kind({1, 197, 768}, {1, 0, 2}) == OpKind::reshape);
  CHECK(kind({8, 1, 5, 1}, {1, 0, 3, 2}) == OpKind::reshape);
  CHECK(kind({2, 197, 768}, {1, 0, 2}) == OpKind::transpose);
}

TEST_CASE("two transposes that cancel leave nothing after the pipeline") {
  Graph graph;
  const TensorId a = apply(graph, Function::relu, {add_input(graph, {1, 8, 8, 3})});
  const TensorId b = transpose(graph, transpose(graph, a, {0, 3, 1, 2}), {0, 2, 3, 1});
  apply(graph, Function::sigmoid, {b});
  const passes::PassStats stats = passes::run(graph);
  CHECK(graph.ops.size() == 2);
  CHECK(stats.folded == 2);
}

TEST_CASE("what no result needs is removed, with its tensors; inputs stay") {
  Graph graph;
  const TensorId x = add_input(graph, {1, 3, 8, 8});
  add_input(graph, {7});
  conv(graph, conv(graph, x, 4), 4);
  apply(graph, Function::relu, {x});
  CHECK(run(graph, passes::remove_dead).folded == 2);
  CHECK(kinds(graph) == std::vector{OpKind::elementwise});
  CHECK(graph.inputs.size() == 2);
  CHECK(graph.tensors.size() == 3);
}

}  // namespace npusim::ir
