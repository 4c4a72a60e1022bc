// npusim's int8 arithmetic: the rules of workloads/reference/quantize.h, by hand.
#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/rng.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/zoo.h"

namespace npusim::reference {

namespace {

using ir::OpKind;
using ir::Shape;
using ir::TensorId;

/// x [1,2,1,3] -> conv 1x1 with bias, relu and a residual sum fused -> y.
struct Small {
  Small() {
    const auto add = [&](const char* name, const Shape& shape, ir::TensorRole role) {
      return graph.add_tensor({name, ir::DType::f32, shape, role, {}});
    };
    x = add("x", {1, 2, 1, 3}, ir::TensorRole::input);
    w = add("w", {1, 2, 1, 1}, ir::TensorRole::weight);
    b = add("b", {1}, ir::TensorRole::weight);
    r = add("r", {1, 1, 1, 3}, ir::TensorRole::input);
    y = add("y", {1, 1, 1, 3}, ir::TensorRole::activation);
    graph.inputs = {x, r};
    graph.outputs = {y};
    const ir::Window unit{{1, 1}, {1, 1}, {1, 1}, {}};
    graph.ops.push_back({"c", OpKind::conv, ir::ConvAttrs{unit, 1, {0, 0}}, {x, w, b}, {y}, {}, "Conv"});
    graph.ops[0].fused = {{{ir::Function::relu, 0, 0}, ir::kNoTensor}, {{ir::Function::add, 0, 0}, r}};
    ir::verify(graph);
    set(given, x, make_value(ir::DType::f32, {1, 2, 1, 3}, {1, 2, 3, -4, 5, 6.25}));
    set(given, w, make_value(ir::DType::f32, {1, 2, 1, 1}, {0.5, -0.75}));
    set(given, b, make_value(ir::DType::f32, {1}, {0.3}));
    set(given, r, make_value(ir::DType::f32, {1, 1, 1, 3}, {10, 20, -30}));
  }
  ir::Graph graph;
  TensorId x, w, b, r, y;
  Values given;
};

}  // namespace

TEST_CASE("rounding is to the nearest, ties to even, clamped to [-128, 127]") {
  CHECK(requantize(5, 1) == 2);
  CHECK(requantize(7, 1) == 4);
  CHECK(requantize(-5, 1) == -2);
  CHECK(requantize(-7, 1) == -4);
  CHECK(requantize(6, 2) == 2);
  CHECK(requantize(10, 2) == 2);
  CHECK(requantize(1000, 0) == 127);
  CHECK(requantize(-1000, 0) == -128);
  CHECK(requantize(3, -2) == 12);
  CHECK(requantize((std::int64_t{1} << 31) - 1, 25) == 64);
  CHECK(quantize(0.75, -1) == 2);
  CHECK(quantize(0.25, -1) == 0);
  CHECK(quantize(-1e9, -1) == -128);
  CHECK(quantize(std::nan(""), 0) == 0);
  CHECK(dequantize(-3, 4) == -48);
}

TEST_CASE("requantize is the integer rule: add half, take off a tie that would be odd, shift") {
  Rng rng(3);
  for (int i = 0; i < 20000; ++i) {
    const std::int64_t sum =
        rng.uniform(-(std::int64_t{1} << 31), (std::int64_t{1} << 31) - 1) >> rng.uniform(0, 24);
    const auto shift = static_cast<int>(rng.uniform(1, 20));
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    std::int64_t rounded = (sum + half) >> shift;
    const bool tie = ((sum + half) & ((std::int64_t{1} << shift) - 1)) == 0;
    if (tie && rounded % 2 != 0) --rounded;
    REQUIRE(requantize(sum, shift) == std::min<std::int64_t>(127, std::max<std::int64_t>(-128, rounded)));
  }
}

TEST_CASE("the exponent is the smallest that holds the peak: 127 * 2^e") {
  CHECK(exponent_for(127) == 0);
  CHECK(exponent_for(127.01) == 1);
  CHECK(exponent_for(63.5) == -1);
  CHECK(exponent_for(1) == -6);
  CHECK(exponent_for(0) == 0);
}

TEST_CASE("a convolution with relu and a residual sum gives the integers that the rules give by hand") {
  Small net;
  const Execution real = execute(net.graph, net.given);
  const Quantization q = calibrate(net.graph, real.peaks);
  // Peaks: x 6.25, w 0.75, r 30; behind relu 3.8, which is what stage 0 shares; y 30.
  const auto e = [&](TensorId id) { return q.tensors[static_cast<std::size_t>(id)]; };
  CHECK(e(net.x) == -4);
  CHECK(e(net.w) == -7);
  CHECK(e(net.r) == -2);
  CHECK(e(net.y) == -2);
  CHECK(q.stages[0] == std::vector<int>{-5, -5, -2});
  const Execution run = execute(net.graph, net.given, {Arithmetic::int8, &q});
  CHECK(find(run.values, net.x)->integers == std::vector<std::int64_t>{16, 32, 48, -64, 80, 100});
  // w = 64, -96; bias = round(0.3 * 2^11) = 614; sums 16*64+64*96+614 = 7782, 32*64-80*96+614 = -5018, -5914;
  // stage 0 by 2^-6: 121.6 -> 122, -78, -92; relu: 122, 0, 0; sum in units of 2^-2: 15.25 + 40 -> 55, 80,
  // -120.
  CHECK(quantized(*find(net.given, net.w), e(net.w)).integers == std::vector<std::int64_t>{64, -96});
  CHECK(quantized_bias(*find(net.given, net.b), -11) == std::vector<std::int64_t>{614});
  CHECK(find(run.values, net.y)->integers == std::vector<std::int64_t>{55, 80, -120});
  CHECK(find(run.values, net.y)->dtype == ir::DType::i8);
}

TEST_CASE("views share one exponent, so that they move integers and never round") {
  const ir::Graph graph = passes::run_pipeline(zoo::build("shufflenet_v2_x0_5"));
  const Values given = seeded_values(graph, 5);
  const Quantization q = calibrate(graph, execute(graph, given).peaks);
  std::int64_t views = 0;
  for (const ir::Op& op : graph.ops) {
    if (op.kind != OpKind::concat && op.kind != OpKind::reshape && op.kind != OpKind::transpose) continue;
    for (const TensorId id : op.inputs) {
      CHECK(q.tensors[static_cast<std::size_t>(id)] == q.tensors[static_cast<std::size_t>(op.outputs[0])]);
      ++views;
    }
  }
  CHECK(views > 50);
}

TEST_CASE("fp16 rounds every tensor: one part in 2048 of a sum that fp32 keeps") {
  ir::Graph graph;
  const TensorId x = graph.add_tensor({"x", ir::DType::f32, {2}, ir::TensorRole::input, {}});
  const TensorId w = graph.add_tensor({"w", ir::DType::f32, {2}, ir::TensorRole::weight, {}});
  const TensorId y = graph.add_tensor({"y", ir::DType::f32, {2}, ir::TensorRole::activation, {}});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.ops.push_back(
      {"a", OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::add, 0, 0}, {x, w}, {y}, {}, "Add"});
  Values given;
  set(given, x, make_value(ir::DType::f32, {2}, {2048, 65504}));
  set(given, w, make_value(ir::DType::f32, {2}, {1, 100}));
  CHECK(find(execute(graph, given).values, y)->reals == std::vector<float>{2049, 65604});
  const Execution half = execute(graph, given, {Arithmetic::fp16, nullptr});
  CHECK(find(half.values, y)->reals == std::vector<float>{2048, std::numeric_limits<float>::infinity()});
  CHECK(find(half.values, y)->dtype == ir::DType::f16);
}

}  // namespace npusim::reference
