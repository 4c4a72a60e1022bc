// Scales and zero points, and what passes do to a network that has them.
#include "tests/catch.h"
#include "tests/tflite/model.h"
#include "workloads/passes/passes.h"
#include "workloads/reference/execute.h"

namespace npusim::tflite::testing {

namespace {

const Scales kActivation{{0.5F}, {-1}};

/// conv 1x1 of 2 channels to 2, int8, one scale for each filter; bias int32.
Model quantized_conv(Type type = Type::INT8) {
  Model m;
  const bool legacy = type == Type::UINT8;
  const Scales activation{{0.5F}, {legacy ? 127 : -1}};
  const auto x = m.input({1, 1, 1, 2}, type, activation);
  const auto y = m.tensor({1, 1, 1, 2}, type, activation);
  const Scales filters = legacy ? Scales{{0.25F}, {128}} : Scales{{0.25F, 0.125F}, {0, 0}, 0};
  const auto w = legacy ? m.constant<std::uint8_t>({129, 130, 131, 132}, {2, 1, 1, 2}, type, filters)
                        : m.constant<std::int8_t>({1, 2, 3, 4}, {2, 1, 1, 2}, type, filters);
  const auto b = m.constant<std::int32_t>({8, 16}, {2}, Type::INT32,
                                          legacy ? Scales{{0.125F}, {0}} : Scales{{0.125F, 0.0625F}, {0, 0}});
  m.op(Code::CONV_2D, {x, w, b}, {y}, conv_options(Padding::SAME));
  m.output(y);
  return m;
}

}  // namespace

TEST_CASE("a quantised tensor is real, with its storage beside it") {
  const ir::Graph graph = quantized_conv().import();
  const ir::Tensor& x = graph.tensor(graph.inputs[0]);
  CHECK(x.dtype == ir::DType::f32);
  REQUIRE(x.storage.has_value());
  CHECK(*x.storage == ir::IntegerStorage{ir::DType::i8, {0.5}, {-1}, 0});
  const ir::Tensor& w = graph.tensor(graph.ops.at(0).inputs.at(1));
  CHECK(w.storage->scales == std::vector<double>{0.25, 0.125});
  CHECK(w.constant == std::vector<double>{0.25, 0.5, 0.375, 0.5});
  CHECK(graph.tensor(graph.ops[0].inputs[2]).constant == std::vector<double>{1, 1});
  CHECK(ir::is_quantized(graph));
  CHECK(ir::print(graph).find("1x2x1x1 fp32 stored as int8") != std::string::npos);
}

TEST_CASE("the executor rounds results to what their integers stand for") {
  for (const Type type : {Type::INT8, Type::UINT8}) {
    const ir::Graph graph = quantized_conv(type).import();
    reference::Values given(graph.tensors.size());
    // 1.3 is stored as 1.5, 2 as it is.
    reference::set(given, graph.inputs[0], reference::make_value(ir::DType::f32, {1, 2, 1, 1}, {1.3, 2}));
    const auto computed = reference::execute(graph, given).values;
    const reference::Value* y = find(computed, graph.outputs[0]);
    // int8: 1.5 * 0.25 + 2 * 0.5 + 1 = 2.375 and 1.5 * 0.375 + 2 * 0.5 + 1 = 2.5625, to halves.
    // uint8: 1.5 * 0.25 + 2 * 0.5 + 1 = 2.375 and 1.5 * 0.75 + 2 * 1 + 2 = 5.125.
    CHECK(y->doubles() == (type == Type::INT8 ? std::vector{2.5, 2.5} : std::vector{2.5, 5.0}));
    // Beyond the type's range: 127 stands for 64 of int8, 255 of uint8.
    reference::set(given, graph.inputs[0], reference::make_value(ir::DType::f32, {1, 2, 1, 1}, {1e6, 1e6}));
    const auto saturated = reference::execute(graph, given).values;
    CHECK(find(saturated, graph.inputs[0])->doubles() == std::vector<double>{64, 64});
    // int8: 64 * 0.375 + 64 * 0.5 + 1 = 57; uint8: 64 * 0.75 + 64 * 1 + 2 = 114, which does not fit.
    CHECK(find(saturated, graph.outputs[0])->doubles()[1] == (type == Type::INT8 ? 57 : 64));
  }
}

TEST_CASE("the quantised dimension of depthwise weights follows the channels") {
  Model m;
  const auto x = m.input({1, 4, 4, 2}, Type::INT8, kActivation),
             y = m.tensor({1, 4, 4, 2}, Type::INT8, kActivation);
  const auto w = m.weights({1, 3, 3, 2}, Type::INT8, {{0.5F, 0.25F}, {0, 0}, 3});
  m.op(Code::DEPTHWISE_CONV_2D, {x, w}, {y}, depthwise_options(Padding::SAME));
  m.output(y);
  const ir::Graph graph = m.import();
  const ir::Tensor& weight = graph.tensor(graph.ops.at(0).inputs.at(1));
  CHECK(weight.shape == ir::Shape{2, 1, 3, 3});
  CHECK(weight.storage->axis == 0);
  CHECK(weight.constant->front() == 0.5);
  CHECK(weight.constant->back() == 0.25);
}

TEST_CASE("fp16 weights behind DEQUANTIZE are the convolution's weights") {
  Model m;
  const auto x = m.input({1, 2, 2, 1}),
             half = m.constant<std::uint16_t>({0x3C00, 0xC000}, {2, 1, 1, 1}, Type::FLOAT16);
  const auto w = m.tensor({2, 1, 1, 1}), y = m.tensor({1, 2, 2, 2});
  m.op(Code::DEQUANTIZE, {half}, {w});
  m.op(Code::CONV_2D, {x, w}, {y}, conv_options(Padding::SAME));
  m.output(y);
  const ir::Graph graph = m.import();
  REQUIRE(graph.ops.size() == 1);
  CHECK(graph.tensor(graph.ops[0].inputs[1]).constant == std::vector<double>{1, -2});
  CHECK_FALSE(ir::is_quantized(graph));
}

TEST_CASE("a multiplication behind a quantised convolution is not folded into it, a rectifier is fused") {
  for (const bool quantized : {false, true}) {
    Model m;
    const Type type = quantized ? Type::INT8 : Type::FLOAT32;
    const Scales scales = quantized ? kActivation : Scales{};
    const auto x = m.input({1, 2, 2, 1}, type, scales), y = m.tensor({1, 2, 2, 2}, type, scales);
    const auto z = m.tensor({1, 2, 2, 2}, type, scales);
    m.op(Code::CONV_2D, {x, m.weights({2, 1, 1, 1}, type, scales)}, {y},
         conv_options(Padding::SAME, 1, 1, ActivationFunctionType::NONE));
    m.op(Code::MUL, {y, m.weights({2}, type, scales)}, {z});
    m.output(z);
    CHECK(passes::run_pipeline(m.import()).ops.size() == (quantized ? 2 : 1));
  }
}

TEST_CASE("a requantisation stays an operator") {
  Model m;
  const auto x = m.input({1, 8}, Type::INT8, kActivation), y = m.tensor({1, 8}, Type::UINT8, {{0.5F}, {127}});
  m.op(Code::QUANTIZE, {x}, {y});
  m.output(y);
  const ir::Graph graph = passes::run_pipeline(m.import());
  REQUIRE(graph.ops.size() == 1);
  CHECK(graph.ops[0].kind == ir::OpKind::cast);
}

}  // namespace npusim::tflite::testing
