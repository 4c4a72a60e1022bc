// Small networks that together use every opcode, every streaming operator and every way of tiling: the
// program computes what the reference computes.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/ascend310/opcodes.h"
#include "tests/catch.h"
#include "tests/verify/trials.h"
#include "tests/workloads/ir_fixture.h"

using namespace npusim;
using namespace npusim::verify_test;
using zoo::Act;
using zoo::Builder;

TEST_CASE("a residual network for 32x32 images computes the right answer in fp16 and int8") {
  require_right(zoo::build("resnet8", 1));
  require_right(zoo::build("resnet8", 3));
}

TEST_CASE("the first layer's format of 4 channels is packed and unpacked, and its absence too") {
  Builder b("first", {1, 3, 37, 41});
  const auto graph = b.finish(b.conv_act("c", b.input(), {24, 7, 2}));
  require_right(graph);
  require_right(graph, {"mapping.first_layer_c04=true"});
}

TEST_CASE("depthwise, grouped and merged groups multiply only within their groups") {
  Builder b("groups", {2, 48, 19, 17});
  auto x = b.conv_act("depthwise", b.input(), {48, 3, 1, 48}, Act::relu6);
  x = b.conv_act("grouped", x, {64, 3, 2, 4}, Act::silu);  // 12 channels in, 16 out a group
  x = b.conv_act("uneven", x, {80, 3, 1, 2}, Act::hard_swish);
  require_right(b.finish(b.conv("pointwise", x, {33})));
}

TEST_CASE("strides, dilation and uneven padding reach the right pixels") {
  Builder b("windows", {1, 20, 30, 23});
  auto x = b.conv("stride3", b.input(), {16, 5, 3, 1, 1});
  x = b.conv("dilated", x, {32, 3, 1, 1, 4, 4});
  x = b.conv("strided_pointwise", x, {40, 1, 2, 1, 0});
  require_right(b.finish(b.conv("same", x, {16, 4, 2, 1, zoo::Pad::kSame})));
}

TEST_CASE("a transposed convolution turns its kernel round and dilates its input") {
  Builder b("up", {1, 24, 9, 7});
  auto x = b.conv_transpose("t4", b.input(), 20, 4, 2);
  require_right(b.finish(b.conv_transpose("t3", x, 16, 3, 3)));
}

TEST_CASE("pools, and a reduction whose input does not fit in the buffer at once") {
  Builder b("pools", {1, 18, 90, 75});
  auto x = b.max_pool("max", b.input(), {3, 2, 1});
  x = b.average_pool("average", x, {3, 2, 1, true, true});
  require_right(b.finish(b.average_pool("plain", x, {2, 2, 0, true, false})));
  Builder large("mean", {1, 16, 150, 150});
  require_right(large.finish(large.classifier(large.input(), 10)));
}

TEST_CASE("squeeze and excitation scales channels by a broadcast vector") {
  Builder b("se", {2, 40, 14, 14});
  const auto x = b.conv_act("c", b.input(), {40, 3}, Act::silu);
  require_right(b.finish(b.squeeze_excite("se", x, 10, Act::relu, Act::sigmoid)));
}

TEST_CASE("attention: patches, products between activations, softmax, normalisation, GELU") {
  Builder b("attention", {1, 3, 32, 48});
  auto x = b.conv("patches", b.input(), {48, 8, 8, 1, 0});
  x = b.transpose("tokens", b.reshape("flat", x, {1, 48, 24}), {0, 2, 1});
  const auto normal = b.layer_norm("norm", x);
  const auto head = [&](const std::string& name, bool key) {
    const auto y = b.reshape(name + ".heads", b.linear(name, normal, 48), {1, 24, 3, 16});
    return b.transpose(name + ".t", y,
                       key ? std::vector<std::int64_t>{0, 2, 3, 1} : std::vector<std::int64_t>{0, 2, 1, 3});
  };
  const auto scores = b.div("scale", b.matmul("qk", head("q", false), head("k", true)), b.scalar("root", 4));
  const auto mixed = b.matmul("av", b.softmax("soft", scores, 3), head("v", false));
  const auto joined = b.reshape("join", b.transpose("back", mixed, {0, 2, 1, 3}), {1, 24, 48});
  const auto y = b.add("skip", x, b.linear("out", joined, 48));
  const auto wide = b.act("gelu", b.linear("fc1", b.layer_norm("norm2", y), 96), Act::gelu);
  require_right(b.finish(b.add("skip2", y, b.linear("fc2", wide, 48))));
}

TEST_CASE("moves: concatenation in place and not, splits, slices, shuffles, resizes, pixels to channels") {
  Builder b("moves", {1, 32, 12, 10});
  const auto a = b.conv_act("a", b.input(), {32, 3});
  const auto c = b.conv_act("c", b.input(), {64, 1});
  auto x = b.concat("in_place", {a, c});
  const auto parts = b.split("split", x, 3);
  x = b.concat("again", {parts[2], b.slice("slice", parts[0], 1, 3, 11), parts[1]});
  x = b.conv("mix", x, {36, 1});
  x = b.depth_to_space("shuffle", x, 2);
  x = b.resize("nearest", x, zoo::Size{30, 27}, ir::ResizeAttrs::Mode::nearest);
  x = b.resize("linear", x, zoo::Size{41, 20}, ir::ResizeAttrs::Mode::linear);
  x = b.resize("cubic", x, zoo::Size{20, 31}, ir::ResizeAttrs::Mode::cubic);
  require_right(b.finish(b.transpose("t", x, {0, 2, 3, 1})));
}

TEST_CASE("channel shuffle by reshape, transpose, reshape") {
  Builder b("shuffle", {1, 24, 10, 9});
  auto x = b.conv("c", b.input(), {24, 1});
  x = b.reshape("r", x, {1, 2, 12, 10, 9});
  x = b.reshape("r2", b.transpose("t", x, {0, 2, 1, 3, 4}), {1, 24, 10, 9});
  require_right(b.finish(b.conv("d", x, {24, 3})));
}

TEST_CASE("any order that the flags allow gives the same numbers") {
  const auto graph = zoo::build("resnet8", 2);
  const hw::Trial trial = prepare(graph, ir::DType::f16);
  const auto first = hw::run_trial(trial, hw::QueueOrder::first_ready);
  const auto last = hw::run_trial(trial, hw::QueueOrder::last_ready);
  REQUIRE_FALSE(first.mismatch);
  REQUIRE_FALSE(last.mismatch);
  REQUIRE(first.checks.size() == last.checks.size());
  for (std::size_t i = 0; i < first.checks.size(); ++i) {
    CHECK(first.checks[i].max_abs == last.checks[i].max_abs);
  }
}

TEST_CASE("small memories cut layers into many tiles, with the same numbers") {
  Builder b("tiles", {2, 40, 26, 22});
  auto x = b.conv_act("c1", b.input(), {96, 3});
  x = b.conv_act("c2", x, {160, 3, 2});
  require_right(b.finish(b.classifier(x, 30)),
                {"buffers.l1_kib=64", "buffers.l0a_kib=8", "buffers.l0b_kib=8", "buffers.l0c_kib=16"});
}

namespace {

/// Each layer of the network in fp16, on the chip's own operands: no step of a layer is off by more than its
/// rounding, wherever in the network it lies.
void require_tight(const std::string& network) {
  const hw::Verdict verdict = hw::run_trial(prepare(zoo::build(network), ir::DType::f16));
  INFO(network);
  double used = 0, far = 0;
  for (const auto& check : verdict.checks) {
    INFO(check.task << " " << check.relative << " of " << check.tolerance);
    CHECK(check.used <= 1);
    // One unit of last place a stage; a fused step's operand may be larger than the result.
    CHECK(check.tolerance < 8.0 / 1024);
    used = std::max(used, check.used);
    far = std::max(far, check.end_to_end);
  }
  INFO("at most " << used << " of the tolerance; end to end " << far);
  REQUIRE_FALSE(verdict.mismatch);
  CHECK(used > 0.25);  // one rounding goes the other way somewhere: the tolerance is not much too large
  CHECK(far > 0);
  CHECK(far < 0.05);
}

}  // namespace

TEST_CASE("every layer of MobileNetV3-Small on the chip's own operands is within a rounding a stage") {
  require_tight("mobilenet_v3_small");
}

TEST_CASE("and so are those of twelve larger networks", "[.slow]") {
  for (const auto* name :
       {"resnet18", "mobilenet_v2", "shufflenet_v2_x1_0", "efficientnet_b0", "googlenet", "isynet_n0",
        "densenet121", "squeezenet1_1", "vit_b_16", "resnet50", "mnasnet1_0", "inception_v3"}) {
    require_tight(name);
  }
}
