// Symbolic dimensions, and batches other than the exported one.
#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"

namespace npusim::onnx::testing {

using ir::Shape;

namespace {

ImportOptions batch(std::int64_t size) {
  ImportOptions options;
  options.batch = size;
  return options;
}

Shape output(const Model& model, const ImportOptions& options) {
  const ir::Graph graph = model.import(options);
  return graph.shape(graph.outputs.at(0));
}

}  // namespace

TEST_CASE("a symbolic batch takes its value from --batch or by its name") {
  Model model(13);
  model.symbolic_input("x", {"N", "3", "8", "8"}).output("y").node("Flatten", {"x"}, {"y"});
  CHECK(output(model, batch(5)) == Shape{5, 192});
  ImportOptions named;
  named.dims["N"] = 6;
  CHECK(output(model, named) == Shape{6, 192});
}

TEST_CASE("a dimension without a value is named with the option to give") {
  Model model(13);
  model.symbolic_input("tokens", {"N", "sequence", ""}).output("y").node("Relu", {"tokens"}, {"y"});
  CHECK(contains(model.error(), {"input 'tokens'", "dimension 0 ('N')", "--batch N or --dim N=VALUE"}));
  CHECK(contains(model.error(batch(1)),
                 {"input 'tokens'", "dimension 1 ('sequence')", "--dim sequence=VALUE"}));
  ImportOptions options = batch(2);
  options.dims["sequence"] = 128;
  CHECK(contains(model.error(options), {"dimension 2 ('tokens.2')", "--dim tokens.2=VALUE"}));
  options.dims["tokens.2"] = 64;
  CHECK(output(model, options) == Shape{2, 128, 64});
}

TEST_CASE("a value for a dimension that does not exist is refused with the nearest name") {
  Model model(13);
  model.symbolic_input("x", {"batch", "sequence"}).output("y").node("Relu", {"x"}, {"y"});
  ImportOptions options = batch(1);
  options.dims["sequense"] = 128;
  CHECK(contains(model.error(options), {"--dim sequense=128", "did you mean 'sequence'?"}));
  options.dims = {{"sequence", 0}};
  CHECK(contains(model.error(options), {"--dim sequence=0", "at least 1"}));
  Model fixed(13);
  fixed.input("x", {1, 3}).output("y").node("Relu", {"x"}, {"y"});
  CHECK(contains(fixed.error(options), {"all of its dimensions are fixed"}));
  CHECK(contains(fixed.error(batch(0)), {"batch 0", "at least 1"}));
}

TEST_CASE("an input without a shape is refused") {
  Model model(13);
  model.input("x", {}).output("y").node("Relu", {"x"}, {"y"});
  model.proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  CHECK(contains(model.error(), {"input 'x' has no shape"}));
}

TEST_CASE("a fixed batch is replaced, hard-coded reshapes follow") {
  Model model(13);
  model.input("x", {1, 8, 4, 4})
      .output("y")
      .ints("flat", {1, 128})
      .ints("open", {1, -1})
      .ints("split", {-1, 4, 32});
  model.node("Reshape", {"x", "flat"}, {"a"})
      .node("Reshape", {"a", "split"}, {"b"})
      .node("Reshape", {"b", "open"}, {"y"});
  const ir::Graph graph = model.import(batch(16));
  CHECK(graph.shape(graph.ops[0].outputs[0]) == Shape{16, 128});
  CHECK(graph.shape(graph.ops[1].outputs[0]) == Shape{16, 4, 32});
  CHECK(graph.shape(graph.outputs[0]) == Shape{16, 128});
}

TEST_CASE("a batch of 8 becomes one of 2 as well as of 24") {
  Model model(13);
  model.input("x", {8, 12, 4, 4}).weight("w", {192, 10}).output("y").ints("target", {8, 192});
  model.node("Reshape", {"x", "target"}, {"a"}).node("MatMul", {"a", "w"}, {"y"});
  CHECK(output(model, batch(2)) == Shape{2, 10});
  CHECK(output(model, batch(24)) == Shape{24, 10});
  CHECK(output(model, batch(8)) == Shape{8, 10});
}

TEST_CASE("a hard-coded reshape behind a symbolic batch follows too") {
  Model model(13);
  model.symbolic_input("x", {"N", "8", "4", "4"}).weight("w", {128, 10}).output("y").ints("target", {1, 128});
  model.node("Reshape", {"x", "target"}, {"a"}).node("MatMul", {"a", "w"}, {"y"});
  CHECK(output(model, batch(1)) == Shape{1, 10});
  CHECK(output(model, batch(16)) == Shape{16, 10});
}

TEST_CASE("attention that multiplies heads by the batch keeps its products") {
  // As torch.nn.MultiheadAttention exports it: tokens first, 4 heads of 8, [197, N * heads, 8].
  Model model(13);
  model.input("x", {1, 197, 32}).output("y");
  model.ints("heads", {197, 4, 8}).ints("rows", {197, 32}).ints("tokens", {197, 1, 32}).weight("w", {32, 32});
  model.node("Transpose", {"x"}, {"t"}, {{"perm", Ints{1, 0, 2}}}).node("Reshape", {"t", "heads"}, {"h"});
  model.node("Transpose", {"h"}, {"q"}, {{"perm", Ints{1, 0, 2}}})
      .node("Transpose", {"h"}, {"k"}, {{"perm", Ints{1, 2, 0}}});
  model.node("MatMul", {"q", "k"}, {"s"}).node("MatMul", {"s", "q"}, {"o"});
  model.node("Transpose", {"o"}, {"u"}, {{"perm", Ints{1, 0, 2}}}).node("Reshape", {"u", "rows"}, {"r"});
  model.node("MatMul", {"r", "w"}, {"p"}).node("Reshape", {"p", "tokens"}, {"z"});
  model.node("Transpose", {"z"}, {"v"}, {{"perm", Ints{1, 0, 2}}}).node("Add", {"v", "x"}, {"y"});
  const std::int64_t one = ir::macs(model.import()).count();
  CHECK(one == 2 * 4 * 197 * 197 * 8 + 197 * 32 * 32);
  for (const std::int64_t size : {2, 3, 16}) {
    const ir::Graph graph = model.import(batch(size));
    CHECK(ir::macs(graph).count() == size * one);
    CHECK(graph.shape(graph.outputs[0]) == Shape{size, 197, 32});
  }
}

TEST_CASE("a class token of batch 1 is expanded before it is joined with a batch of 16") {
  Model model(13);
  model.input("x", {1, 196, 32}).weight("token", {1, 1, 32}).output("y");
  model.node("Concat", {"token", "x"}, {"y"}, {{"axis", 1}});
  const ir::Graph graph = model.import(batch(16));
  CHECK(graph.shape(graph.outputs[0]) == Shape{16, 197, 32});
  CHECK(graph.ops[0].kind == ir::OpKind::expand);
}

TEST_CASE("resizing, slicing and expanding keep the batch") {
  Model model(13);
  model.input("x", {2, 8, 4, 4})
      .output("y")
      .floats("scales", {1, 1, 2, 2})
      .ints("start", {0})
      .ints("end", {2});
  model.ints("axis", {1}).ints("target", {2, 4, 8, 8});
  model.node("Resize", {"x", "", "scales"}, {"a"}).node("Slice", {"a", "start", "end", "axis"}, {"b"});
  model.node("ReduceMean", {"b"}, {"c"}, {{"axes", Ints{1}}}).node("Expand", {"c", "target"}, {"y"});
  CHECK(output(model, batch(6)) == Shape{6, 4, 8, 8});
}

TEST_CASE("a batch that cannot be changed is an error that names the node") {
  Model weights(13);
  weights.input("x", {4, 8}).weight("w", {4, 8}).output("y").node("Add", {"x", "w"}, {"y"});
  CHECK(contains(weights.error(batch(3)), {"operator 'n0' (Add)", "from 4 to 3"}));
  Model slice(13);
  slice.input("x", {4, 8})
      .ints("start", {1})
      .ints("end", {3})
      .output("y")
      .node("Slice", {"x", "start", "end"}, {"y"});
  CHECK(contains(slice.error(batch(8)), {"operator 'n0' (Slice)", "axis 0"}));
  Model mixed(13);
  mixed.input("x", {4, 9}).ints("target", {6, 6}).output("y").node("Reshape", {"x", "target"}, {"y"});
  CHECK(contains(mixed.error(batch(8)), {"operator 'n0' (Reshape)", "6x6"}));
}

TEST_CASE("a batch beyond any memory is refused") {
  Model model(13);
  model.input("x", {1, 1000}).weight("w", {1000, 1'000'000}).output("y").node("MatMul", {"x", "w"}, {"y"});
  CHECK(contains(model.error(batch(2'000'000'000)), {"input 'x'", "not plausible"}));
  CHECK(contains(model.error(batch(2'000'000)), {"operator 'n0'", "batch 2000000", "not plausible"}));
  CHECK(output(model, batch(1'000'000)) == Shape{1'000'000, 1'000'000});
}

TEST_CASE("all inputs with the batch of the first one change, others stay") {
  Model model(13);
  model.input("x", {1, 4, 8}).input("y", {1, 8, 4}).input("bias", {4}).output("z");
  model.node("MatMul", {"x", "y"}, {"p"}).node("Add", {"p", "bias"}, {"z"});
  CHECK(output(model, batch(5)) == Shape{5, 4, 4});
}

}  // namespace npusim::onnx::testing
