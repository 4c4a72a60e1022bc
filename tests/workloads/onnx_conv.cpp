// Convolutions, matrix products, pools, reductions from single-node models.
#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"

namespace npusim::onnx::testing {

using ir::Function;
using ir::OpKind;
using ir::Shape;

namespace {

ir::Window window(const ir::Graph& graph) {
  const ir::Op& op = only(graph);
  return op.kind == OpKind::pool ? attrs<ir::PoolAttrs>(op).window : attrs<ir::ConvAttrs>(op).window;
}

}  // namespace

TEST_CASE("a 7x7 convolution of stride 2 and padding 3 makes 112x112 of 224x224") {
  const ir::Graph graph = one(11, "Conv", {in({1, 3, 224, 224}), weight({64, 3, 7, 7}), weight({64})},
                              {{"strides", Ints{2, 2}}, {"pads", Ints{3, 3, 3, 3}}});
  CHECK(only(graph).kind == OpKind::conv);
  CHECK(only(graph).name == "n0");
  CHECK(only(graph).source_op == "Conv");
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 64, 112, 112});
  CHECK(window(graph) == ir::Window{{7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}});
  CHECK(ir::macs(graph).count() == 118'013'952);
  CHECK(graph.tensor(only(graph).inputs[1]).role == ir::TensorRole::weight);
}

TEST_CASE("a depthwise convolution with dilation 2 and uneven padding") {
  const ir::Graph graph = one(
      13, "Conv", {in({2, 32, 20, 30}), weight({32, 1, 3, 5})},
      {{"group", 32}, {"dilations", Ints{2, 1}}, {"pads", Ints{0, 1, 2, 3}}, {"kernel_shape", Ints{3, 5}}});
  // Height 20 + 0 + 2 - 5 + 1, width 30 + 1 + 3 - 5 + 1.
  CHECK(graph.shape(graph.outputs[0]) == Shape{2, 32, 18, 30});
  CHECK(window(graph) == ir::Window{{3, 5}, {1, 1}, {2, 1}, {0, 1, 2, 3}});
  CHECK(attrs<ir::ConvAttrs>(only(graph)).groups == 32);
  CHECK(ir::macs(graph).count() == 2 * 32 * 18 * 30 * 15);
}

TEST_CASE("a 1-D convolution has a window of height 1") {
  const ir::Graph graph = one(13, "Conv", {in({1, 8, 100}), weight({16, 4, 5})},
                              {{"group", 2}, {"strides", Ints{2}}, {"pads", Ints{2, 1}}});
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 16, 50});
  CHECK(window(graph) == ir::Window{{1, 5}, {1, 2}, {1, 1}, {0, 2, 0, 1}});
  CHECK(ir::macs(graph).count() == 16 * 50 * 4 * 5);
}

TEST_CASE("auto_pad SAME_UPPER puts the odd row of padding at the end, SAME_LOWER at the beginning") {
  // 10 windows of stride 2 and reach 4 over 20 rows cover 22.
  const auto with = [](const char* mode) {
    return one(13, "Conv", {in({1, 1, 20, 19}), weight({1, 1, 4, 4})},
               {{"auto_pad", mode}, {"strides", Ints{2, 2}}});
  };
  CHECK(window(with("SAME_UPPER")).pad == ir::Padding{1, 1, 1, 2});
  CHECK(window(with("SAME_LOWER")).pad == ir::Padding{1, 2, 1, 1});
  CHECK(window(with("VALID")).pad == ir::Padding{0, 0, 0, 0});
  CHECK(with("SAME_UPPER").tensors.back().shape == Shape{1, 1, 10, 10});
  CHECK(with("VALID").tensors.back().shape == Shape{1, 1, 9, 8});
}

TEST_CASE("a transposed convolution of stride 2 doubles 14x14 to 28x28") {
  const ir::Graph graph =
      one(11, "ConvTranspose", {in({1, 16, 14, 14}), weight({16, 8, 3, 3}), weight({8})},
          {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}, {"output_padding", Ints{1, 1}}});
  CHECK(only(graph).kind == OpKind::conv_transpose);
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 8, 28, 28});
  CHECK(ir::macs(graph).count() == 16 * 14 * 14 * 8 * 9);
  CHECK(attrs<ir::ConvAttrs>(only(graph)).output_padding == ir::Hw{1, 1});
}

TEST_CASE("output_shape and SAME padding of a transposed convolution become numbers") {
  CHECK(shape_of(11, "ConvTranspose", {in({1, 4, 10, 10}), weight({4, 4, 3, 3})},
                 {{"strides", Ints{3, 3}}, {"output_shape", Ints{29, 31}}}) == Shape{1, 4, 29, 31});
  const ir::Graph same = one(11, "ConvTranspose", {in({1, 4, 10, 10}), weight({4, 4, 4, 4})},
                             {{"strides", Ints{2, 2}}, {"auto_pad", "SAME_UPPER"}});
  CHECK(same.shape(same.outputs[0]) == Shape{1, 4, 20, 20});
  CHECK(window(same).pad == ir::Padding{1, 1, 1, 1});
  // A kernel smaller than the stride leaves a gap, which output padding fills (libonnx 1.12 leaves it open).
  CHECK(shape_of(18, "ConvTranspose", {in({1, 4, 10, 10}), weight({4, 4, 1, 1})},
                 {{"strides", Ints{2, 2}}, {"auto_pad", "SAME_LOWER"}}) == Shape{1, 4, 20, 20});
  const ir::Graph grouped =
      one(13, "ConvTranspose", {in({1, 8, 9}), weight({8, 3, 2})}, {{"group", 4}, {"strides", Ints{2}}});
  CHECK(grouped.shape(grouped.outputs[0]) == Shape{1, 12, 18});
}

TEST_CASE("MatMul multiplies batches and broadcasts them") {
  const ir::Graph graph = one(13, "MatMul", {in({2, 1, 4, 8}), in({3, 8, 16})});
  CHECK(graph.shape(graph.outputs[0]) == Shape{2, 3, 4, 16});
  CHECK(ir::macs(graph).count() == 2 * 3 * 4 * 8 * 16);
  CHECK(shape_of(9, "MatMul", {in({5, 8}), weight({8})}) == Shape{5});
  CHECK(shape_of(9, "MatMul", {in({8}), weight({8, 3})}) == Shape{3});
}

TEST_CASE("a Gemm with weights is one matrix product, whatever alpha and beta are") {
  const ir::Graph graph = one(13, "Gemm", {in({4, 2048}), weight({1000, 2048}), weight({1000})},
                              {{"transB", 1}, {"alpha", 0.5}, {"beta", 2.0}});
  CHECK(only(graph).kind == OpKind::matmul);
  CHECK(only(graph).inputs.size() == 3);
  REQUIRE(graph.prepared.size() == 2);  // the weights' factors, before the network runs
  CHECK(graph.prepared[0].outputs[0] == only(graph).inputs[1]);
  CHECK(graph.prepared[1].outputs[0] == only(graph).inputs[2]);
  CHECK(graph.tensor(graph.prepared[1].inputs[1]).constant == std::vector<double>{2.0});
  CHECK(attrs<ir::MatMulAttrs>(only(graph)).transpose_b);
  CHECK(graph.shape(graph.outputs[0]) == Shape{4, 1000});
  CHECK(ir::macs(graph).count() == 4 * 2048 * 1000);
  CHECK(shape_of(7, "Gemm", {in({2048, 4}), weight({2048, 10}), weight({10})}, {{"transA", 1}}) ==
        Shape{4, 10});
  CHECK(only(one(11, "Gemm", {in({4, 8}), weight({8, 10})})).inputs.size() == 2);
  CHECK(only(one(11, "Gemm", {in({4, 8}), weight({8, 10}), weight({10})}, {{"beta", 0.0}})).inputs.size() ==
        2);
}

TEST_CASE("a Gemm of two activations scales and adds at run time") {
  const ir::Graph graph =
      one(13, "Gemm", {in({4, 8}), in({8, 16}), in({4, 16})}, {{"alpha", 0.125}, {"beta", 3.0}});
  REQUIRE(graph.ops.size() == 4);
  CHECK(graph.ops[0].kind == OpKind::matmul);
  CHECK(graph.ops[0].name == "n0/matmul");
  CHECK(graph.ops[0].inputs.size() == 2);
  CHECK(attrs<ir::ElementwiseAttrs>(graph.ops[1]).function == Function::mul);
  CHECK(graph.tensor(graph.ops[1].inputs[1]).constant == std::vector<double>{0.125});
  CHECK(graph.tensor(graph.ops[2].inputs[1]).constant == std::vector<double>{3.0});
  CHECK(attrs<ir::ElementwiseAttrs>(graph.ops[3]).function == Function::add);
  CHECK(one(13, "Gemm", {in({4, 8}), in({8, 16})}, {{"alpha", 0.125}}).ops.size() == 2);
  CHECK(one(13, "Gemm", {in({4, 8}), weight({8, 16}), in({4, 16})}).ops.size() == 2);
}

TEST_CASE("Einsum is a matrix product between transposes") {
  const auto einsum = [](const char* equation, const std::vector<Arg>& args) {
    return one(12, "Einsum", args, {{"equation", equation}});
  };
  // Attention: queries by keys, then weights by values.
  const ir::Graph scores = einsum("bhid,bhjd->bhij", {in({2, 4, 10, 8}), in({2, 4, 12, 8})});
  CHECK(scores.shape(scores.outputs[0]) == Shape{2, 4, 10, 12});
  CHECK(ir::macs(scores).count() == 2 * 4 * 10 * 12 * 8);
  const ir::Graph sum = einsum("bhij , bjhd -> bihd", {in({2, 4, 10, 12}), in({2, 12, 4, 8})});
  CHECK(sum.shape(sum.outputs[0]) == Shape{2, 10, 4, 8});
  CHECK(ir::macs(sum).count() == 2 * 4 * 10 * 12 * 8);
  // Two contracted axes, no arrow.
  const ir::Graph project = einsum("bihd,hdo", {in({2, 10, 4, 8}), weight({4, 8, 32})});
  CHECK(project.shape(project.outputs[0]) == Shape{2, 10, 32});
  CHECK(ir::macs(project).count() == 2 * 10 * 32 * 32);
  const ir::Graph turned = einsum("ijk->ki", {in({2, 3, 4})});
  CHECK(turned.shape(turned.outputs[0]) == Shape{4, 2});
  const auto error = [](const char* equation, const std::vector<Arg>& args) {
    return one_node(12, "Einsum", args, {{"equation", equation}}).error();
  };
  CHECK(contains(error("ij,jk->ik", {in({2, 3}), in({4, 5})}), {"node 'n0' (Einsum)", "'j' is 3 and 4"}));
  CHECK(contains(error("i...,j->ij", {in({2, 3}), in({4})}), {"unsupported", "i...,j->ij"}));
  CHECK(contains(error("ii->i", {in({2, 2})}), {"unsupported", "repeated letter"}));
}

TEST_CASE("a max pool of 3x3, stride 2 and padding 1 makes 56x56 of 112x112") {
  const ir::Graph graph =
      one(12, "MaxPool", {in({1, 64, 112, 112})},
          {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  CHECK(attrs<ir::PoolAttrs>(only(graph)).kind == ir::PoolKind::max);
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 64, 56, 56});
  CHECK(shape_of(7, "MaxPool", {in({1, 4, 9})}, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}}) ==
        Shape{1, 4, 4});
  CHECK(shape_of(11, "MaxPool", {in({1, 4, 9, 9})},
                 {{"kernel_shape", Ints{3, 3}}, {"dilations", Ints{2, 2}}}) == Shape{1, 4, 5, 5});
}

TEST_CASE("ceil_mode adds the last, partial window as padding at the end") {
  const ir::Graph graph = one(11, "MaxPool", {in({1, 1, 112, 7})},
                              {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", 1}});
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 1, 56, 3});
  CHECK(window(graph).pad == ir::Padding{0, 0, 1, 0});
  // A window that would start behind the input does not count (opset 22, PyTorch); libonnx 1.12 counts it.
  const ir::Graph strict = one(19, "AveragePool", {in({1, 1, 2, 4})},
                               {{"kernel_shape", Ints{1, 1}}, {"strides", Ints{2, 3}}, {"ceil_mode", 1}});
  CHECK(strict.shape(strict.outputs[0]) == Shape{1, 1, 1, 2});
}

TEST_CASE("average pools keep count_include_pad and auto_pad") {
  const ir::Graph graph =
      one(11, "AveragePool", {in({1, 8, 35, 35})},
          {{"kernel_shape", Ints{3, 3}}, {"auto_pad", "SAME_UPPER"}, {"count_include_pad", 1}});
  CHECK(attrs<ir::PoolAttrs>(only(graph)).kind == ir::PoolKind::average);
  CHECK(attrs<ir::PoolAttrs>(only(graph)).count_include_pad);
  CHECK(window(graph).pad == ir::Padding{1, 1, 1, 1});
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 8, 35, 35});
}

TEST_CASE("global pools reduce all spatial axes and keep them with size 1") {
  const ir::Graph mean = one(13, "GlobalAveragePool", {in({2, 512, 7, 7})});
  CHECK(attrs<ir::ReduceAttrs>(only(mean)).kind == ir::ReduceKind::mean);
  CHECK(attrs<ir::ReduceAttrs>(only(mean)).axes == Ints{2, 3});
  CHECK(mean.shape(mean.outputs[0]) == Shape{2, 512, 1, 1});
  const ir::Graph max = one(7, "GlobalMaxPool", {in({2, 512, 7})});
  CHECK(attrs<ir::ReduceAttrs>(only(max)).kind == ir::ReduceKind::max);
  CHECK(max.shape(max.outputs[0]) == Shape{2, 512, 1});
}

TEST_CASE("reductions take axes from an attribute or, in later opsets, from an input") {
  const std::vector<Arg> x{in({2, 3, 4, 5})};
  const std::vector<Arg> with_axes{in({2, 3, 4, 5}), values(Ints{-1, 1})};
  CHECK(shape_of(11, "ReduceMean", x, {{"axes", Ints{-1, 1}}, {"keepdims", 0}}) == Shape{2, 4});
  CHECK(shape_of(18, "ReduceMean", with_axes, {{"keepdims", 0}}) == Shape{2, 4});
  CHECK(shape_of(11, "ReduceSum", x, {{"axes", Ints{2}}}) == Shape{2, 3, 1, 5});
  CHECK(shape_of(13, "ReduceSum", with_axes) == Shape{2, 1, 4, 1});
  CHECK(shape_of(13, "ReduceMax", x) == Shape{1, 1, 1, 1});
  CHECK(shape_of(13, "ReduceMax", x, {{"keepdims", 0}}) == Shape{});
  CHECK(shape_of(20, "ReduceMax", with_axes, {{"keepdims", 0}}) == Shape{2, 4});
  CHECK(only(one(18, "ReduceMax", x, {{"noop_with_empty_axes", 1}})).kind == OpKind::identity);
  CHECK(attrs<ir::ReduceAttrs>(only(one(18, "ReduceMean", with_axes))).axes == Ints{1, 3});
}

TEST_CASE("quantised convolutions and products compute on 8-bit operands") {
  const auto u8 = Type::UINT8, i8 = Type::INT8, i32 = Type::INT32;
  const std::vector<Arg> conv{in({1, 3, 8, 8}, u8), scalar(0.1F),   weight({}, u8), weight({4, 3, 3, 3}, i8),
                              scalar(0.1F),         weight({}, i8), scalar(0.2F),   weight({}, u8),
                              weight({4}, i32)};
  const ir::Graph graph = one(10, "QLinearConv", conv, {{"pads", Ints{1, 1, 1, 1}}});
  CHECK(only(graph).kind == OpKind::conv);
  CHECK(only(graph).source_op == "QLinearConv");
  REQUIRE(only(graph).inputs.size() == 3);
  CHECK(graph.tensor(only(graph).inputs[0]).dtype == ir::DType::u8);
  CHECK(graph.tensor(only(graph).inputs[1]).dtype == ir::DType::i8);
  CHECK(graph.tensor(only(graph).inputs[2]).dtype == ir::DType::i32);
  CHECK(graph.tensor(graph.outputs[0]).dtype == ir::DType::u8);
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 4, 8, 8});
  const ir::Graph product = one(10, "QLinearMatMul",
                                {in({2, 8}, u8), scalar(0.1F), weight({}, u8), weight({8, 4}, i8),
                                 scalar(0.1F), weight({}, i8), scalar(0.1F), weight({}, i8)});
  CHECK(product.tensor(product.outputs[0]).dtype == ir::DType::i8);
  CHECK(product.shape(product.outputs[0]) == Shape{2, 4});
  const ir::Graph sums = one(10, "MatMulInteger", {in({2, 8}, u8), weight({8, 4}, i8)});
  CHECK(sums.tensor(sums.outputs[0]).dtype == ir::DType::i32);
  const ir::Graph taps = one(10, "ConvInteger", {in({1, 3, 8, 8}, u8), weight({4, 3, 3, 3}, i8)});
  CHECK(taps.tensor(taps.outputs[0]).dtype == ir::DType::i32);
  CHECK(taps.shape(taps.outputs[0]) == Shape{1, 4, 6, 6});
}

TEST_CASE("QuantizeLinear and DequantizeLinear change the type and keep the shape") {
  const ir::Graph q =
      one(13, "QuantizeLinear", {in({1, 3, 8, 8}), weight({3}), weight({3}, Type::INT8)}, {{"axis", 1}});
  CHECK(only(q).kind == OpKind::quantize);
  CHECK(attrs<ir::QuantizeAttrs>(only(q)).axis == 1);
  CHECK(q.tensor(q.outputs[0]).dtype == ir::DType::i8);
  CHECK(q.shape(q.outputs[0]) == Shape{1, 3, 8, 8});
  const ir::Graph plain = one(10, "QuantizeLinear", {in({7}), scalar(0.1F)});
  CHECK(plain.tensor(plain.outputs[0]).dtype == ir::DType::u8);
  const ir::Graph typed = one(21, "QuantizeLinear", {in({1, 7}), scalar(0.1F)}, {{"output_dtype", 3}});
  CHECK(typed.tensor(typed.outputs[0]).dtype == ir::DType::i8);
  const ir::Graph d =
      one(13, "DequantizeLinear", {in({4, 8}, Type::INT8), scalar(0.1F), weight({}, Type::INT8)});
  CHECK(d.tensor(d.outputs[0]).dtype == ir::DType::f32);
}

}  // namespace npusim::onnx::testing
