// Operators one by one: shapes, attributes and where the file's order of axes goes.
#include <algorithm>

#include "tests/catch.h"
#include "tests/tflite/model.h"

namespace npusim::tflite::testing {

namespace {

using ir::OpKind;
using ir::Shape;

/// The window of the graph's first convolution or pool.
ir::Window window_of(const ir::Graph& graph) {
  for (const ir::Op& op : graph.ops) {
    if (op.kind == OpKind::conv) return std::get<ir::ConvAttrs>(op.attrs).window;
    if (op.kind == OpKind::pool) return std::get<ir::PoolAttrs>(op.attrs).window;
  }
  return {};
}

/// A 3x3 convolution of 8 filters on [1,size,size,3].
Model conv_model(std::int32_t size, std::int32_t out, const format::Conv2DOptionsT& options) {
  Model m;
  const auto x = m.input({1, size, size, 3});
  const auto y = m.tensor({1, out, out, 8});
  m.op(Code::CONV_2D, {x, m.weights({8, 3, 3, 3}), m.weights({8})}, {y}, options);
  m.output(y);
  return m;
}

std::int64_t count(const ir::Graph& graph, OpKind kind) {
  return std::count_if(graph.ops.begin(), graph.ops.end(), [&](const ir::Op& op) { return op.kind == kind; });
}

}  // namespace

TEST_CASE("a 3x3 convolution of stride 2 is padded after the end of 224 pixels, and on both sides of 225") {
  const ir::Graph even = conv_model(224, 112, conv_options(Padding::SAME, 2)).import();
  CHECK(window_of(even).pad == ir::Padding{0, 0, 1, 1});
  CHECK(even.shape(even.outputs[0]) == Shape{1, 8, 112, 112});
  CHECK(even.shape(even.inputs[0]) == Shape{1, 3, 224, 224});
  const ir::Graph odd = conv_model(225, 113, conv_options(Padding::SAME, 2)).import();
  CHECK(window_of(odd).pad == ir::Padding{1, 1, 1, 1});
  const ir::Graph valid = conv_model(224, 111, conv_options(Padding::VALID, 2)).import();
  CHECK(window_of(valid).pad == ir::Padding{});
}

TEST_CASE("a 3x3 convolution of dilation 2 and padding SAME is padded by 2 on each side") {
  const ir::Graph graph = conv_model(16, 16, conv_options(Padding::SAME, 1, 2)).import();
  CHECK(window_of(graph).pad == ir::Padding{2, 2, 2, 2});
  CHECK(window_of(graph).dilation == ir::Hw{2, 2});
  CHECK(ir::macs(graph).count() == 16 * 16 * 8 * 27);
  CHECK(ir::parameters(graph) == 8 * 27 + 8);
}

TEST_CASE("weights [O,H,W,I] become [O,I,H,W] with their values") {
  Model m;
  const auto x = m.input({1, 4, 4, 2});
  const auto y = m.tensor({1, 4, 4, 1});
  const auto w = m.floats({1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 2, 2});
  m.op(Code::CONV_2D, {x, w}, {y}, conv_options(Padding::SAME));
  m.output(y);
  const ir::Graph graph = m.import();
  const ir::Tensor& weight = graph.tensor(graph.ops.at(0).inputs.at(1));
  CHECK(weight.shape == Shape{1, 2, 2, 2});
  CHECK(weight.constant == std::vector<double>{1, 3, 5, 7, 2, 4, 6, 8});
  CHECK(graph.ops[0].name == "CONV_2D_0");
  CHECK(graph.ops[0].source_op == "CONV_2D");
}

TEST_CASE("a depthwise convolution of multiplier 2 has as many groups as input channels") {
  Model m;
  const auto x = m.input({1, 8, 8, 3});
  const auto y = m.tensor({1, 4, 4, 6});
  m.op(Code::DEPTHWISE_CONV_2D, {x, m.weights({1, 3, 3, 6}), m.weights({6})}, {y},
       depthwise_options(Padding::SAME, 2, ActivationFunctionType::RELU6));
  m.output(y);
  const ir::Graph graph = m.import();
  REQUIRE(graph.ops.size() == 2);
  CHECK(std::get<ir::ConvAttrs>(graph.ops[0].attrs).groups == 3);
  CHECK(graph.shape(graph.ops[0].inputs[1]) == Shape{6, 1, 3, 3});
  CHECK(graph.ops[1].name == "DEPTHWISE_CONV_2D_0/relu6");
  CHECK(std::get<ir::ElementwiseAttrs>(graph.ops[1].attrs).beta == 6);
  CHECK(ir::macs(graph).count() == 4 * 4 * 6 * 9);
}

TEST_CASE("a transposed convolution of stride 2 makes 8 pixels of 4, its weights [I,O,H,W]") {
  Model m;
  const auto x = m.input({1, 4, 4, 5});
  const auto y = m.tensor({1, 8, 8, 7});
  format::TransposeConvOptionsT options;
  options.stride_h = options.stride_w = 2;
  m.op(Code::TRANSPOSE_CONV, {m.ints({1, 8, 8, 7}), m.weights({7, 3, 3, 5}), x}, {y}, options);
  m.output(y);
  const ir::Graph graph = m.import();
  CHECK(graph.shape(graph.ops[0].inputs[1]) == Shape{5, 7, 3, 3});
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 7, 8, 8});
  // The convolution from 8 to 4 pads after its end, so what is cut is there, too.
  CHECK(std::get<ir::ConvAttrs>(graph.ops[0].attrs).window.pad == ir::Padding{0, 0, 1, 1});
}

TEST_CASE(
    "a 3x3 average pool of stride 2 on 8 pixels is padded after the end and does not count the padding") {
  Model m;
  const auto x = m.input({1, 8, 8, 4});
  const auto y = m.tensor({1, 4, 4, 4});
  m.op(Code::AVERAGE_POOL_2D, {x}, {y}, pool_options(Padding::SAME, 3, 2));
  m.output(y);
  const ir::Graph graph = m.import();
  CHECK(window_of(graph).pad == ir::Padding{0, 0, 1, 1});
  CHECK_FALSE(std::get<ir::PoolAttrs>(graph.ops[0].attrs).count_include_pad);
}

TEST_CASE("a reshape of 1x1 pixels needs no transposition, one of 2x2 needs one") {
  for (const std::int32_t side : {1, 2}) {
    Model m;
    const auto x = m.input({1, side, side, 4});
    const auto y = m.tensor({1, side, side, 6}), flat = m.tensor({1, side * side * 6});
    m.op(Code::CONV_2D, {x, m.weights({6, 1, 1, 4})}, {y}, conv_options(Padding::SAME));
    m.op(Code::RESHAPE, {y, m.ints({1, -1})}, {flat});
    m.output(flat);
    const ir::Graph graph = m.import();
    CHECK(count(graph, OpKind::transpose) == side - 1);
    CHECK(graph.shape(graph.outputs[0]) == Shape{1, side * side * 6});
  }
}

TEST_CASE("a network without images keeps the file's order of axes") {
  Model m;
  const auto x = m.input({1, 4, 16, 8}), y = m.tensor({1, 4, 16, 16}), z = m.tensor({1, 4, 16, 16});
  format::BatchMatMulOptionsT options;
  options.adj_y = true;
  m.op(Code::BATCH_MATMUL, {x, x}, {y}, options);
  m.op(Code::SOFTMAX, {y}, {z}, [] {
    format::SoftmaxOptionsT softmax;
    softmax.beta = 1;
    return softmax;
  }());
  m.output(z);
  const ir::Graph graph = m.import();
  CHECK(count(graph, OpKind::transpose) == 0);
  CHECK(graph.shape(graph.inputs[0]) == Shape{1, 4, 16, 8});
  CHECK(std::get<ir::SoftmaxAttrs>(graph.ops[1].attrs).axis == 3);
}

TEST_CASE("concatenating, padding, slicing and averaging channels follow the image") {
  Model m;
  const auto x = m.input({1, 6, 8, 4});
  const auto conv = m.tensor({1, 6, 8, 4}), cat = m.tensor({1, 6, 8, 8}), padded = m.tensor({1, 7, 10, 8});
  const auto part = m.tensor({1, 7, 10, 3}), mean = m.tensor({1, 1, 1, 3}), scaled = m.tensor({1, 7, 10, 3});
  m.op(Code::CONV_2D, {x, m.weights({4, 1, 1, 4})}, {conv}, conv_options(Padding::SAME));
  format::ConcatenationOptionsT concat;
  concat.axis = -1;
  m.op(Code::CONCATENATION, {conv, x}, {cat}, concat);
  m.op(Code::PAD, {cat, m.constant<std::int32_t>({0, 0, 1, 0, 0, 2, 0, 0}, {4, 2}, Type::INT32)}, {padded});
  m.op(Code::SLICE, {padded, m.ints({0, 0, 0, 5}), m.ints({-1, -1, -1, 3})}, {part});
  format::ReducerOptionsT keep;
  keep.keep_dims = true;
  m.op(Code::MEAN, {part, m.ints({1, 2})}, {mean}, keep);
  m.op(Code::MUL, {part, mean}, {scaled});
  m.output(scaled);
  const ir::Graph graph = m.import();
  REQUIRE(graph.ops.size() == 6);
  CHECK(std::get<ir::ConcatAttrs>(graph.ops[1].attrs).axis == 1);
  CHECK(std::get<ir::PadAttrs>(graph.ops[2].attrs).before == std::vector<std::int64_t>{0, 0, 1, 0});
  CHECK(std::get<ir::PadAttrs>(graph.ops[2].attrs).after == std::vector<std::int64_t>{0, 0, 0, 2});
  CHECK(std::get<ir::SliceAttrs>(graph.ops[3].attrs).starts == std::vector<std::int64_t>{0, 5, 0, 0});
  CHECK(std::get<ir::ReduceAttrs>(graph.ops[4].attrs).axes == std::vector<std::int64_t>{2, 3});
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 3, 7, 10});
}

TEST_CASE("a slope for each channel of an image is re-laid with it") {
  Model m;
  const auto x = m.input({1, 4, 5, 3}), y = m.tensor({1, 4, 5, 2}), z = m.tensor({1, 4, 5, 2});
  m.op(Code::CONV_2D, {x, m.weights({2, 1, 1, 3})}, {y}, conv_options(Padding::SAME));
  m.op(Code::PRELU, {y, m.floats({0.25F, 0.5F}, {1, 1, 2})}, {z});
  m.output(z);
  const ir::Graph graph = m.import();
  CHECK(graph.shape(graph.ops.at(1).inputs.at(1)) == Shape{1, 2, 1, 1});
}

TEST_CASE("a strided slice backwards with an index takes what TensorFlow takes") {
  Model m;
  const auto x = m.input({3, 10}), y = m.tensor({4});
  format::StridedSliceOptionsT options;
  options.shrink_axis_mask = 1;  // x[-1, 8:0:-2]
  m.op(Code::STRIDED_SLICE, {x, m.ints({-1, 8}), m.ints({0, 0}), m.ints({1, -2})}, {y}, options);
  m.output(y);
  const ir::Graph graph = m.import();
  const auto& attrs = std::get<ir::SliceAttrs>(graph.ops.at(0).attrs);
  CHECK(attrs.starts == std::vector<std::int64_t>{2, 8});
  CHECK(attrs.steps == std::vector<std::int64_t>{1, -2});
  CHECK(graph.shape(graph.outputs[0]) == Shape{4});
}

TEST_CASE("a fully connected layer multiplies by rows of weights") {
  Model m;
  const auto x = m.input({1, 2, 2, 16}), y = m.tensor({1, 10});
  m.op(Code::FULLY_CONNECTED, {x, m.weights({10, 64}), -1}, {y}, format::FullyConnectedOptionsT());
  m.output(y);
  const ir::Graph graph = m.import();
  CHECK(ir::macs(graph).count() == 640);
  CHECK(graph.shape(graph.outputs[0]) == Shape{1, 10});
}

TEST_CASE("shapes computed from shapes are resolved") {
  Model m;
  const auto x = m.input({2, 6, 4}), shape = m.tensor({3}, Type::INT32), first = m.tensor({1}, Type::INT32);
  const auto target = m.tensor({2}, Type::INT32), y = m.tensor({2, 24});
  m.op(Code::SHAPE, {x}, {shape});
  m.op(Code::SLICE, {shape, m.ints({0}), m.ints({1})}, {first});
  format::ConcatenationOptionsT concat;
  m.op(Code::CONCATENATION, {first, m.ints({-1})}, {target}, concat);
  m.op(Code::RESHAPE, {x, target}, {y});
  m.output(y);
  const ir::Graph graph = m.import();
  CHECK(graph.shape(graph.outputs[0]) == Shape{2, 24});
}

TEST_CASE("another batch reaches every operator") {
  const ir::Graph graph = [] {
    ImportOptions options;
    options.batch = 4;
    return conv_model(8, 8, conv_options(Padding::SAME)).import(options);
  }();
  CHECK(graph.shape(graph.outputs[0]) == Shape{4, 8, 8, 8});
}

}  // namespace npusim::tflite::testing
