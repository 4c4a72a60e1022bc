// What does not fit: which layer, and how many bytes short.
#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::ascend310::test;

namespace {

/// Fails unless the message names the layer, the buffer ("" for any), and needs - has = short > 0.
void check_shortage(const std::string& message, const std::string& layer_name, const std::string& buffer) {
  INFO(message);
  CHECK(message.find("layer '" + layer_name) != std::string::npos);
  // "... needs N bytes of BUFFER, which has H (S short)"
  const auto number_after = [&message](const std::string& words) {
    const auto at = message.find(words);
    REQUIRE(at != std::string::npos);
    return std::stoll(message.substr(at + words.size()));
  };
  const auto needs = number_after(" needs ");
  const auto has = number_after(" which has ");
  CHECK(number_after(" (") == needs - has);
  CHECK(needs > has);
  CHECK(message.find(" bytes of " + buffer) != std::string::npos);
}

std::string refusal(const ir::Graph& graph, const std::vector<std::string>& overrides = {}) {
  return user_error([&] {
    const auto npu = hw::make_npu(hw::describe("ascend310", overrides));
    static_cast<void>(npu->compile(graph, {}));
  });
}

}  // namespace

TEST_CASE("a convolution whose kernel alone overflows L1 is refused with its name and the missing bytes") {
  ir::ConvAttrs attrs;
  attrs.window = ir::window(300, 1, 0);
  check_shortage(refusal(convolution({1, 16, 400, 400}, 16, attrs)), "conv_0", "L1");
}

TEST_CASE("a network on a chip with a tiny L1 is refused, naming the first layer that does not fit") {
  const auto message = refusal(zoo::build("resnet18"), {"buffers.l1_kib=4"});
  check_shortage(message, "", "L1");
}

TEST_CASE("an operator whose smallest tile overflows UB is refused with its name and the missing bytes") {
  const auto message = refusal(zoo::build("resnet18"), {"buffers.ub_kib=1"});
  check_shortage(message, "", "UB");
  ir::Graph pool;
  const auto x = ir::add_input(pool, {1, 16, 400, 400});
  ir::append(pool, ir::OpKind::pool, ir::PoolAttrs{ir::PoolKind::average, ir::window(400, 1, 0)}, {x});
  check_shortage(refusal(pool), "pool_0", "UB");
}

TEST_CASE("on chips of any small buffer sizes a network either runs, verified, or says what is missing") {
  const auto graph = zoo::build("mobilenet_v1_0_25");
  int runs = 0;
  int refusals = 0;
  for (const auto* buffer : {"buffers.l1_kib", "buffers.ub_kib", "buffers.l0a_kib", "buffers.l0b_kib",
                             "buffers.l0c_kib", "l2.kib"}) {
    for (std::int64_t kib = 1; kib <= 128; kib *= 2) {
      const std::string override_text = std::string(buffer) + "=" + std::to_string(kib);
      INFO(override_text);
      const auto message = refusal(graph, {override_text});
      if (message.empty()) {
        ++runs;
        run_with({override_text}, graph);
      } else {
        ++refusals;
        check_shortage(message, "", "");
      }
    }
  }
  CHECK(runs > 20);
  CHECK(refusals > 3);
}

TEST_CASE(
    "a known gap [deviation]: three rows of one block of channels must fit L1, for convolutions are not cut "
    "along the width") {
  ir::ConvAttrs attrs;
  attrs.window = ir::window(3, 1, 1);
  check_shortage(refusal(convolution({1, 64, 64, 16'384}, 64, attrs)), "conv_0", "L1");
}

TEST_CASE("pools are cut along rows too long for UB") {
  ir::Graph pool;
  const auto x = ir::add_input(pool, {1, 16, 64, 200'000});
  ir::append(pool, ir::OpKind::pool, ir::PoolAttrs{ir::PoolKind::max, ir::window(3, 1, 1)}, {x});
  run(pool);
}

TEST_CASE("large matrices, long sequences and wide images fit, cut where need be") {
  ir::Graph tall;
  const auto x = ir::add_input(tall, {50'000, 64});
  const auto w = ir::add_weight(tall, {64, 64});
  ir::append(tall, ir::OpKind::matmul, ir::MatMulAttrs{}, {x, w});
  run(tall);

  ir::Graph deep;
  const auto a = ir::add_input(deep, {1, 100'000});
  const auto b = ir::add_weight(deep, {100'000, 32});
  ir::append(deep, ir::OpKind::matmul, ir::MatMulAttrs{}, {a, b});
  run(deep);

  ir::Graph wide;
  const auto c = ir::add_input(wide, {1, 128});
  const auto d = ir::add_weight(wide, {128, 50'000});
  ir::append(wide, ir::OpKind::matmul, ir::MatMulAttrs{}, {c, d});
  run(wide);

  ir::ConvAttrs attrs;
  attrs.window = ir::window(3, 1, 1);
  run(convolution({1, 3, 2000, 2000}, 16, attrs));
  attrs.window = {{1, 9}, {1, 1}, {1, 1}, {0, 4, 0, 4}};
  run(convolution({1, 16, 40'000}, 16, attrs));
  run(convolution({1, 512, 3'200}, 512, attrs));
}

TEST_CASE(
    "attention of one head on rank-3 tensors runs: products with weights feed products of activations") {
  for (const auto dtype : kTypes) {
    ir::Graph graph;
    const auto x = ir::add_input(graph, {3, 50, 96});
    const auto project = [&] {
      return ir::append(graph, ir::OpKind::matmul, ir::MatMulAttrs{},
                        {x, ir::add_weight(graph, {96, 64})})[0];
    };
    const auto q = project();
    const auto k = project();
    const auto v = project();
    auto scores = ir::append(graph, ir::OpKind::matmul, ir::MatMulAttrs{false, true}, {q, k})[0];
    scores = ir::append(graph, ir::OpKind::softmax, ir::SoftmaxAttrs{2}, {scores})[0];
    const auto mixed = ir::append(graph, ir::OpKind::matmul, ir::MatMulAttrs{}, {scores, v})[0];
    const auto out =
        ir::append(graph, ir::OpKind::matmul, ir::MatMulAttrs{}, {mixed, ir::add_weight(graph, {64, 96})})[0];
    ir::append(graph, ir::OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::add}, {out, x});
    run(graph, dtype);
  }
}

TEST_CASE("a broadcast batched product, one matrix for many, runs") {
  for (const auto& b : {ir::Shape{40, 30}, ir::Shape{1, 40, 30}, ir::Shape{5, 40, 30}}) {
    ir::Graph graph;
    const auto x = ir::add_input(graph, {2, 5, 20, 40});
    const auto y = ir::add_input(graph, b);
    ir::append(graph, ir::OpKind::matmul, ir::MatMulAttrs{}, {x, y});
    INFO(ir::to_string(b));
    run(graph);
  }
}
