// Counting, verification, printing and hashing of graphs.
#include <functional>

#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"

namespace npusim::ir {

namespace {

/// conv 3x3 of 3 to 8 channels on 8x8, BatchNorm, ReLU, and the sum with itself.
Graph small_graph() {
  Graph graph;
  graph.name = "small";
  const TensorId x = add_input(graph, {1, 3, 8, 8});
  const TensorId w = add_weight(graph, {8, 3, 3, 3});
  const TensorId y = append(graph, OpKind::conv, ConvAttrs{window(3, 1, 1)}, {x, w})[0];
  std::vector<TensorId> inputs{y};
  for (int i = 0; i < 4; ++i) inputs.push_back(add_weight(graph, {8}));
  const TensorId n = append(graph, OpKind::norm, NormAttrs{}, inputs)[0];
  const TensorId r = append(graph, OpKind::elementwise, ElementwiseAttrs{Function::relu}, {n})[0];
  append(graph, OpKind::elementwise, ElementwiseAttrs{Function::add}, {r, y});
  return graph;
}

Op& first(Graph& graph) { return graph.ops[0]; }

std::string broken(const std::function<void(Graph&)>& damage) {
  Graph graph = small_graph();
  damage(graph);
  return internal_error([&] { verify(graph); });
}

}  // namespace

TEST_CASE("element types have their bytes") {
  CHECK(size_of(DType::f32) == 4);
  CHECK(size_of(DType::f16) == 2);
  CHECK(size_of(DType::i8) == 1);
  CHECK(size_of(DType::i64) == 8);
  CHECK(to_string(DType::f16) == "fp16");
  CHECK(to_string(DType::i8) == "int8");
}

TEST_CASE("a shape prints with x and counts its elements") {
  CHECK(to_string(Shape{1, 64, 56, 56}) == "1x64x56x56");
  CHECK(to_string(Shape{}) == "scalar");
  CHECK(elements({2, 3, 4}) == 24);
  CHECK(elements({}) == 1);
}

TEST_CASE("a convolution's MACs count the taps in the padding") {
  Graph graph = small_graph();
  CHECK(macs(graph, first(graph)).count() == 8 * 8 * 8 * 3 * 9);
  CHECK(macs(graph).count() == 8 * 8 * 8 * 3 * 9);
}

TEST_CASE("MACs of grouped, transposed and batched products follow their formulas") {
  const auto count = [](OpKind kind, Attrs attrs, const std::vector<Shape>& shapes) {
    Graph graph;
    std::vector<TensorId> ids;
    for (const Shape& shape : shapes) ids.push_back(add_input(graph, shape));
    append(graph, kind, std::move(attrs), ids);
    return macs(graph).count();
  };
  CHECK(count(OpKind::conv, ConvAttrs{window(3, 2, 1), 32}, {{2, 32, 14, 14}, {32, 1, 3, 3}}) ==
        2 * 32 * 49 * 9);
  CHECK(count(OpKind::conv_transpose, ConvAttrs{window(4, 2, 1)}, {{1, 64, 7, 7}, {64, 32, 4, 4}}) ==
        64 * 49 * 32 * 16);
  CHECK(count(OpKind::matmul, MatMulAttrs{}, {{12, 197, 64}, {12, 64, 197}}) == 12 * 197 * 197 * 64);
  CHECK(count(OpKind::matmul, MatMulAttrs{true, false}, {{64, 197}, {64, 10}}) == 197 * 10 * 64);
  CHECK(count(OpKind::matmul, MatMulAttrs{true, true}, {{64}, {10, 64}}) == 10 * 64);
  CHECK(count(OpKind::pool, PoolAttrs{PoolKind::average, window(2, 2)}, {{1, 8, 4, 4}}) == 0);
}

TEST_CASE("parameters count each weight once, BatchNorm as 2 a channel, and no indices or scalars") {
  Graph graph = small_graph();
  CHECK(parameters(graph) == 8 * 3 * 9 + 2 * 8);
  const TensorId y = graph.outputs[0];
  const TensorId w = first(graph).inputs[1];
  append(graph, OpKind::gather, GatherAttrs{0}, {w, add_weight(graph, {100}, DType::i64)});
  append(graph, OpKind::elementwise, ElementwiseAttrs{Function::mul}, {y, add_weight(graph, {})});
  CHECK(parameters(graph) == 8 * 3 * 9 + 2 * 8);
  add_weight(graph, {1000});  // nobody uses it
  CHECK(parameters(graph) == 8 * 3 * 9 + 2 * 8);
  append(graph, OpKind::elementwise, ElementwiseAttrs{Function::mul},
         {y, add_weight(graph, {8, 1, 1}, DType::i8)});
  CHECK(parameters(graph) == 8 * 3 * 9 + 3 * 8);
}

TEST_CASE("a sound graph verifies, with fused steps and absent optional inputs") {
  Graph graph = small_graph();
  const TensorId residual = add_input(graph, {1, 8, 8, 8});
  first(graph).inputs.push_back(kNoTensor);
  first(graph).fused = {{{Function::add}, residual}, {{Function::relu}}};
  CHECK_NOTHROW(verify(graph));
}

TEST_CASE("verify names the operator and the damage") {
  CHECK(contains(broken([](Graph& g) {
                   g.tensor(g.ops[0].outputs[0]).shape = {1, 8, 8, 7};
                 }),
                 "operator 'conv_0': the output is 1x8x8x7, from its inputs it is 1x8x8x8"));
  CHECK(contains(broken([](Graph& g) { std::swap(g.ops[0], g.ops[1]); }), "before it is produced"));
  CHECK(contains(broken([](Graph& g) { g.ops[2].outputs = g.ops[1].outputs; }), "already an input"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].outputs[0] = g.inputs[0]; }), "from its inputs it is"));
  CHECK(contains(broken([](Graph& g) { g.ops[2].name = "norm_1"; }), "two operators have this name"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].inputs[0] = 99; }), "reads tensor 99, which does not exist"));
  CHECK(
      contains(broken([](Graph& g) { g.ops[0].outputs[0] = 99; }), "writes tensor 99, which does not exist"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].inputs.clear(); }), "has no first input"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].inputs = {kNoTensor, 1}; }), "has no first input"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].inputs[1] = kNoTensor; }), "input 1 is missing"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].inputs = {0}; }), "has 1 inputs"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].outputs.clear(); }), "has 0 outputs, expected 1"));
  CHECK(contains(broken([](Graph& g) { g.ops[0].attrs = ReshapeAttrs{}; }),
                 "attributes are not those of conv"));
  CHECK(contains(broken([](Graph& g) {
                   g.ops[2].fused = {{{Function::add}, g.inputs[0]}};
                 }),
                 "operator 'elementwise_2': the output is 1x8x8x8, a fused operand's 1x3x8x8"));
  CHECK(contains(broken([](Graph& g) {
                   g.ops[0].fused = {{{Function::add}, g.outputs[0]}};
                 }),
                 "before it is produced"));
  CHECK(contains(broken([](Graph& g) { g.ops.pop_back(); }), "is never produced"));
  CHECK(contains(broken([](Graph& g) { g.outputs = {99}; }), "is never produced"));
  CHECK(contains(broken([](Graph& g) { g.inputs = {99}; }), "is not a tensor"));
  CHECK(contains(broken([](Graph& g) { g.inputs.push_back(g.inputs[0]); }), "listed twice"));
  CHECK(contains(broken([](Graph& g) { g.inputs.clear(); }), "not listed as one"));
  CHECK(contains(broken([](Graph& g) { g.inputs.push_back(1); }), "another role"));
  CHECK(contains(broken([](Graph& g) { g.tensor(1).shape[0] = -8; }), "negative dimension"));
  CHECK(contains(broken([](Graph& g) { g.tensor(2).constant = {1.0}; }), "constant"));
}

TEST_CASE("a graph prints one line an operator and the totals") {
  Graph graph = small_graph();
  first(graph).fused = {{{Function::clip, 0, 6}}};
  const std::string text = print(graph);
  CHECK(contains(text, "graph small\n"));
  CHECK(contains(text, "  input x0 1x3x8x8 fp32\n"));
  CHECK(
      contains(text, "  conv_0         conv 3x3 p1 +clip[0,6]  (1x3x8x8, 8x3x3x3) -> 1x8x8x8  13824 MACs\n"));
  CHECK(contains(text, "  elementwise_3  elementwise add  (1x8x8x8, 1x8x8x8) -> 1x8x8x8\n"));
  CHECK(contains(text, "total: 4 operators, 13824 MACs, 232 parameters\n"));
}

TEST_CASE("printing shows an absent input as a dash and a window's odd sides") {
  Graph graph = small_graph();
  first(graph).inputs.push_back(kNoTensor);
  std::get<ConvAttrs>(first(graph).attrs).window = {{3, 1}, {2, 1}, {2, 2}, {1, 0, 2, 0}};
  CHECK(contains(print(graph), "conv 3x1 s2x1 d2 p1,0,2,0  (1x3x8x8, 8x3x3x3, -)"));
}

TEST_CASE("the content hash ignores names and tensor numbers") {
  const std::string hash = content_hash(small_graph());
  CHECK(hash.size() == 16);
  Graph renamed = small_graph();
  renamed.name = "other";
  for (Op& op : renamed.ops) op.name += "!";
  for (Tensor& tensor : renamed.tensors) tensor.name += "!";
  CHECK(content_hash(renamed) == hash);
  Graph renumbered = small_graph();
  const TensorId moved = renumbered.add_tensor(renumbered.tensor(1));
  renumbered.ops[0].inputs[1] = moved;
  CHECK(content_hash(renumbered) == hash);
}

TEST_CASE("the content hash sees shapes, types, attributes, wiring and fused steps") {
  const std::string hash = content_hash(small_graph());
  const auto changed = [](const std::function<void(Graph&)>& change) {
    Graph graph = small_graph();
    change(graph);
    return content_hash(graph);
  };
  CHECK(changed([](Graph& g) { g.tensor(0).shape = {1, 3, 8, 9}; }) != hash);
  CHECK(changed([](Graph& g) { g.tensor(1).dtype = DType::i8; }) != hash);
  CHECK(changed([](Graph& g) { std::get<ConvAttrs>(g.ops[0].attrs).window.stride.w = 2; }) != hash);
  CHECK(changed([](Graph& g) { std::get<ElementwiseAttrs>(g.ops[2].attrs).function = Function::tanh; }) !=
        hash);
  CHECK(changed([](Graph& g) { g.ops[3].inputs[1] = g.ops[1].outputs[0]; }) != hash);
  CHECK(changed([](Graph& g) { g.ops[0].fused = {{{Function::relu}}}; }) != hash);
  CHECK(changed([](Graph& g) { g.outputs = {g.ops[2].outputs[0]}; }) != hash);
  CHECK(changed([](Graph& g) { g.ops[0].inputs.push_back(kNoTensor); }) == hash);
}

TEST_CASE("every kind of operator describes its attributes in the printed line") {
  Graph graph;
  const TensorId x = add_input(graph, {1, 8, 4, 4});
  append(graph, OpKind::pool, PoolAttrs{PoolKind::average, window(2, 2), true}, {x});
  append(graph, OpKind::reduce, ReduceAttrs{ReduceKind::mean, {2, 3}, false}, {x});
  append(graph, OpKind::softmax, SoftmaxAttrs{1}, {x});
  append(graph, OpKind::split, SplitAttrs{1, {3, 5}}, {x});
  append(graph, OpKind::slice, SliceAttrs{{0, 0, 3, 0}, {1, 1, -1, 1}}, {x}, {{1, 8, 4, 4}});
  append(graph, OpKind::transpose, TransposeAttrs{{0, 2, 3, 1}}, {x});
  append(graph, OpKind::pad, PadAttrs{{0, 0, 1, 1}, {0, 0, 1, 1}, PadAttrs::Mode::edge}, {x});
  append(graph, OpKind::resize, ResizeAttrs{ResizeAttrs::Mode::linear}, {x}, {{1, 8, 8, 8}});
  append(graph, OpKind::depth_to_space, BlockAttrs{2, true}, {x});
  append(graph, OpKind::norm, NormAttrs{NormKind::layer, 3}, {x, add_weight(graph, {4})});
  append(graph, OpKind::matmul, MatMulAttrs{false, true}, {x, add_weight(graph, {5, 4})});
  append(graph, OpKind::conv_transpose, ConvAttrs{window(2, 2), 4, {1, 1}},
         {x, add_weight(graph, {8, 2, 2, 2})});
  const std::string text = print(graph);
  for (const char* line : {"pool average 2x2 s2 include_pad", "reduce mean [2,3] squeeze", "softmax axis1",
                           "split axis1 [3,5]", "slice from[0,0,3,0] by[1,1,-1,1]", "transpose [0,2,3,1]",
                           "pad [0,0,1,1][0,0,1,1] edge", "resize linear", "depth_to_space 2 crd",
                           "norm layer axis3", "matmul tb", "conv_transpose 2x2 s2 g4 op1"}) {
    CAPTURE(line);
    CHECK(contains(text, line));
  }
}

}  // namespace npusim::ir
