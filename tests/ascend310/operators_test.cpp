// Every supported operator alone: it takes cycles beyond its launch, and bytes; nothing is free by omission.
#include <functional>

#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"

using namespace npusim;
using namespace npusim::ascend310::test;
using ir::Attrs;
using ir::Graph;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

namespace {

/// One operator on inputs of `shapes` and weights of `weights`; `given` shapes where they are not inferred.
Graph single(OpKind kind, const Attrs& attrs, const std::vector<Shape>& shapes,
             const std::vector<Shape>& weights = {}, const std::vector<Shape>& given = {}) {
  Graph graph;
  graph.name = std::string(ir::to_string(kind));
  std::vector<TensorId> inputs;
  for (const auto& shape : shapes) inputs.push_back(ir::add_input(graph, shape));
  for (const auto& shape : weights) inputs.push_back(ir::add_weight(graph, shape));
  ir::append(graph, kind, attrs, inputs, given);
  return graph;
}

/// Fails unless every result of the graph's operators has a layer of its own that takes more than its launch
/// and moves at least the result's bytes.
void require_cost(const Graph& graph) {
  for (const auto dtype : kTypes) {
    const auto report = run(graph, dtype);
    for (const auto& op : graph.ops) {
      INFO(op.name << " " << ir::to_string(dtype) << " of " << ir::to_string(graph.shape(op.outputs[0])));
      const auto& it = layer(report, op.name);
      CHECK(it.cycles() > ascend310::test::spec().task_launch);
      CHECK(it.dram_read_bytes + it.sram_read_bytes > 0);
      const auto written = it.dram_write_bytes + it.sram_write_bytes;
      CHECK(written >= ir::elements(graph.shape(op.outputs[0])) * ir::size_of(dtype));
      std::int64_t busy = 0;
      for (const auto& engine : it.engines) {
        if (engine.name.find("mte") == std::string::npos && engine.name.find("scalar") == std::string::npos) {
          busy += engine.busy_cycles;
        }
      }
      CHECK(busy > 0);
    }
  }
}

}  // namespace

TEST_CASE("every element-wise function alone takes cycles and bytes, in fp16 and int8") {
  using ir::Function;
  for (int i = 0; i <= static_cast<int>(Function::softplus); ++i) {
    const auto function = static_cast<Function>(i);
    INFO(ir::to_string(function));
    std::size_t inputs = 1;
    switch (function) {
      case Function::where:
        inputs = 3;
        break;
      case Function::add:
      case Function::sub:
      case Function::mul:
      case Function::div:
      case Function::pow:
      case Function::min:
      case Function::max:
      case Function::prelu:
      case Function::equal:
      case Function::less:
      case Function::greater:
      case Function::logical_and:
      case Function::logical_or:
        inputs = 2;
        break;
      default:
        break;
    }
    ir::ElementwiseAttrs attrs;
    attrs.function = function;
    attrs.beta = 6;
    require_cost(single(OpKind::elementwise, attrs, std::vector<Shape>(inputs, {2, 40, 14, 14})));
    if (inputs != 2) continue;
    // Broadcast: a value a channel, and a scalar in a tensor.
    require_cost(single(OpKind::elementwise, attrs, {{2, 40, 14, 14}, {1, 40, 1, 1}}));
    require_cost(single(OpKind::elementwise, attrs, {{2, 40, 14, 14}, {1}}));
    require_cost(single(OpKind::elementwise, attrs, {{5, 33, 70}, {70}}));
  }
}

TEST_CASE("convolutions of every kind alone take cycles and bytes") {
  ir::ConvAttrs attrs;
  attrs.window = ir::window(3, 1, 1);
  require_cost(convolution({1, 24, 20, 20}, 48, attrs));
  attrs.groups = 24;
  require_cost(convolution({1, 24, 20, 20}, 24, attrs));
  attrs.groups = 4;
  require_cost(convolution({2, 24, 21, 19}, 40, attrs));
  attrs = {};
  attrs.window = ir::window(5, 2, 2, 2);
  require_cost(convolution({1, 3, 33, 33}, 16, attrs));
  attrs.window = {{1, 9}, {1, 2}, {1, 1}, {0, 4, 0, 4}};
  require_cost(convolution({2, 12, 301}, 20, attrs));
}

TEST_CASE("transposed convolutions alone take cycles and bytes") {
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const std::int64_t groups : {1, 2}) {
      ir::ConvAttrs attrs;
      attrs.window = ir::window(4, stride, 1);
      attrs.groups = groups;
      require_cost(single(OpKind::conv_transpose, attrs, {{2, 32, 9, 11}}, {{32, 48 / groups, 4, 4}, {48}}));
    }
  }
}

TEST_CASE("matrix products of weights and of activations alone take cycles and bytes") {
  for (const bool transpose_b : {false, true}) {
    ir::MatMulAttrs attrs;
    attrs.transpose_b = transpose_b;
    const Shape b = transpose_b ? Shape{90, 70} : Shape{70, 90};
    require_cost(single(OpKind::matmul, attrs, {{1, 70}}, {b, {90}}));
    require_cost(single(OpKind::matmul, attrs, {{50, 70}}, {b}));
    require_cost(single(OpKind::matmul, attrs, {{3, 50, 70}}, {b}));
    Shape batched = b;
    batched.insert(batched.begin(), {2, 4});
    require_cost(single(OpKind::matmul, attrs, {{2, 4, 50, 70}, batched}));
  }
  ir::MatMulAttrs transposed;
  transposed.transpose_a = true;
  require_cost(single(OpKind::matmul, transposed, {{70, 50}}, {{70, 90}}));
}

TEST_CASE("pools, reductions, softmax and norms alone take cycles and bytes") {
  for (const auto kind : {ir::PoolKind::max, ir::PoolKind::average}) {
    require_cost(single(OpKind::pool, ir::PoolAttrs{kind, ir::window(3, 2, 1)}, {{2, 40, 27, 27}}));
    require_cost(single(OpKind::pool, ir::PoolAttrs{kind, ir::window(2, 2)}, {{1, 16, 8, 8}}));
    ir::PoolAttrs flat{kind, {{1, 3}, {1, 2}, {1, 1}, {0, 1, 0, 1}}};
    require_cost(single(OpKind::pool, flat, {{2, 24, 100}}));
  }
  for (const auto kind : {ir::ReduceKind::mean, ir::ReduceKind::sum, ir::ReduceKind::max}) {
    require_cost(single(OpKind::reduce, ir::ReduceAttrs{kind, {2, 3}, true}, {{2, 64, 7, 7}}));
    require_cost(single(OpKind::reduce, ir::ReduceAttrs{kind, {1}, false}, {{2, 64, 7, 7}}));
    require_cost(single(OpKind::reduce, ir::ReduceAttrs{kind, {1}, true}, {{9, 100}}));
  }
  require_cost(single(OpKind::softmax, ir::SoftmaxAttrs{1}, {{3, 1000}}));
  require_cost(single(OpKind::softmax, ir::SoftmaxAttrs{3}, {{1, 12, 50, 50}}));
  require_cost(single(OpKind::softmax, ir::SoftmaxAttrs{1}, {{1, 21, 20, 20}}));
  require_cost(
      single(OpKind::norm, ir::NormAttrs{ir::NormKind::layer, 2, 1e-5}, {{2, 50, 96}}, {{96}, {96}}));
  require_cost(
      single(OpKind::norm, ir::NormAttrs{ir::NormKind::instance, 1, 1e-5}, {{2, 20, 9, 9}}, {{20}, {20}}));
  require_cost(single(OpKind::norm, ir::NormAttrs{ir::NormKind::batch, 1, 1e-5}, {{2, 20, 9, 9}},
                      {{20}, {20}, {20}, {20}}));
}

TEST_CASE("operators that move data alone take cycles and bytes") {
  require_cost(single(OpKind::concat, ir::ConcatAttrs{1}, {{2, 16, 7, 7}, {2, 20, 7, 7}}));
  require_cost(single(OpKind::concat, ir::ConcatAttrs{0}, {{2, 40}, {3, 40}}));
  require_cost(single(OpKind::split, ir::SplitAttrs{1, {10, 30}}, {{2, 40, 7, 7}}));
  require_cost(single(OpKind::slice, ir::SliceAttrs{{0, 0, 1, 2}, {1, 1, 2, 1}}, {{1, 16, 9, 9}}, {},
                      {{1, 16, 4, 5}}));
  require_cost(single(OpKind::reshape, ir::ReshapeAttrs{}, {{2, 30, 7, 7}}, {}, {{2, 1470}}));
  require_cost(single(OpKind::transpose, ir::TransposeAttrs{{0, 2, 3, 1}}, {{2, 30, 7, 7}}));
  require_cost(single(OpKind::transpose, ir::TransposeAttrs{{0, 2, 1}}, {{3, 40, 50}}));
  for (const auto mode :
       {ir::PadAttrs::Mode::constant, ir::PadAttrs::Mode::reflect, ir::PadAttrs::Mode::edge}) {
    require_cost(single(OpKind::pad, ir::PadAttrs{{0, 0, 1, 2}, {0, 0, 3, 4}, mode}, {{1, 20, 9, 9}}));
  }
  for (const auto mode :
       {ir::ResizeAttrs::Mode::nearest, ir::ResizeAttrs::Mode::linear, ir::ResizeAttrs::Mode::cubic}) {
    require_cost(single(OpKind::resize, ir::ResizeAttrs{mode}, {{1, 20, 9, 9}}, {}, {{1, 20, 18, 18}}));
  }
  require_cost(single(OpKind::depth_to_space, ir::BlockAttrs{2}, {{1, 64, 9, 9}}));
  require_cost(single(OpKind::space_to_depth, ir::BlockAttrs{2}, {{1, 16, 8, 8}}));
  require_cost(single(OpKind::expand, ir::ExpandAttrs{}, {{1, 16, 1, 1}}, {}, {{1, 16, 8, 8}}));
}

TEST_CASE("casts, quantisations and gathers alone take cycles and bytes") {
  Graph cast;
  const auto x = ir::add_input(cast, {1, 20, 9, 9});
  const auto y = ir::append(cast, OpKind::cast, ir::CastAttrs{}, {x}, {{1, 20, 9, 9}})[0];
  cast.tensor(y).dtype = ir::DType::i32;
  require_cost(cast);

  Graph quantize;
  const auto in = ir::add_input(quantize, {1, 20, 9, 9});
  const auto scale = ir::add_weight(quantize, {});
  const auto zero = ir::add_weight(quantize, {}, ir::DType::i8);
  const auto q = ir::append(quantize, OpKind::quantize, ir::QuantizeAttrs{}, {in, scale, zero})[0];
  quantize.tensor(q).dtype = ir::DType::i8;
  require_cost(quantize);

  Graph dequantize;
  const auto q_in = ir::add_input(dequantize, {1, 20, 9, 9});
  dequantize.tensor(q_in).dtype = ir::DType::i8;
  const auto q_scale = ir::add_weight(dequantize, {});
  const auto q_zero = ir::add_weight(dequantize, {}, ir::DType::i8);
  ir::append(dequantize, OpKind::dequantize, ir::QuantizeAttrs{}, {q_in, q_scale, q_zero});
  require_cost(dequantize);

  Graph gather;  // an embedding: rows of a table
  const auto table = ir::add_weight(gather, {1000, 64});
  const auto indices = ir::add_input(gather, {1, 20});
  gather.tensor(indices).dtype = ir::DType::i64;
  ir::append(gather, OpKind::gather, ir::GatherAttrs{0}, {table, indices});
  require_cost(gather);
}

TEST_CASE("an operator fused behind a convolution makes it slower or leaves it alone, never cheaper") {
  ir::ConvAttrs attrs;
  attrs.window = ir::window(1);
  const auto base = run(convolution({1, 64, 56, 56}, 256, attrs));
  for (const auto function : {ir::Function::relu, ir::Function::hard_swish, ir::Function::silu}) {
    auto graph = convolution({1, 64, 56, 56}, 256, attrs);
    ir::ElementwiseAttrs step;
    step.function = function;
    ir::append(graph, OpKind::elementwise, step, {graph.outputs[0]});
    INFO(ir::to_string(function));
    CHECK(run(graph).total_cycles >= base.total_cycles);
  }
}
