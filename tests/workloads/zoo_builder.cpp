// The builder that the generators share.
#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/isynet.h"
#include "workloads/zoo/mobile_block.h"

namespace npusim::zoo {

namespace {

/// Output height of a max pool of this geometry.
std::int64_t pooled(std::int64_t size, const Pool& pool) {
  Builder b("pool", {1, 1, size, size});
  return b.shape(b.max_pool("pool", b.input(), pool))[2];
}

}  // namespace

TEST_CASE("rounding up gives PyTorch's output sizes") {
  CHECK(pooled(112, {.kernel = 3, .stride = 2}) == 55);
  CHECK(pooled(112, {.kernel = 3, .stride = 2, .ceil = true}) == 56);
  CHECK(pooled(111, {.kernel = 3, .stride = 2, .ceil = true}) == 55);
  CHECK(pooled(14, {.kernel = 2, .stride = 2, .ceil = true}) == 7);
  CHECK(pooled(13, {.kernel = 2, .stride = 2, .ceil = true}) == 7);
  CHECK(pooled(28, {.kernel = 3, .stride = 1, .pad = 1, .ceil = true}) == 28);
  // The fourth window would start in the padding behind the input: it is dropped.
  CHECK(pooled(5, {.kernel = 2, .stride = 2, .pad = 1, .ceil = true}) == 3);
  CHECK(pooled(6, {.kernel = 1, .stride = 3, .pad = 0, .ceil = true}) == 2);
}

TEST_CASE("TensorFlow's SAME keeps ceil(input / stride) and pads the end first") {
  Builder b("same", {1, 3, 10, 9});
  const TensorId y = b.conv("conv", b.input(), {.out = 4, .kernel = 3, .stride = 2, .pad = Pad::kSame});
  CHECK(b.shape(y) == ir::Shape{1, 4, 5, 5});
  const ir::Graph graph = b.finish(y);
  CHECK(std::get<ir::ConvAttrs>(graph.ops[0].attrs).window.pad == ir::Padding{0, 1, 1, 1});
}

TEST_CASE("SAME never pads when the stride is larger than the kernel") {
  Builder b("same", {1, 3, 9, 9});
  CHECK(b.shape(b.conv("conv", b.input(), {.out = 4, .kernel = 1, .stride = 2, .pad = Pad::kSame}))[2] == 5);
}

TEST_CASE("a convolution with BatchNorm has no bias, and three operators with telling names") {
  Builder b("block", {1, 3, 8, 8});
  const ir::Graph graph = b.finish(b.conv_bn_act("conv1", b.input(), {.out = 4, .kernel = 3}));
  REQUIRE(graph.ops.size() == 3);
  CHECK(graph.ops[0].name == "conv1");
  CHECK(graph.ops[0].inputs.size() == 2);
  CHECK(graph.ops[1].name == "conv1.bn");
  CHECK(graph.ops[2].name == "conv1.relu");
  CHECK(graph.tensor(graph.ops[0].inputs[1]).name == "conv1.weight");
  CHECK(graph.tensor(graph.outputs[0]).name == "output");
}

TEST_CASE("splitting gives equal parts that add up to the input") {
  Builder b("split", {1, 8, 4, 4});
  const auto parts = b.split("split", b.input(), 2);
  REQUIRE(parts.size() == 2);
  CHECK(b.shape(parts[1]) == ir::Shape{1, 4, 4, 4});
  CHECK_NOTHROW(b.finish(b.concat("concat", parts)));
}

TEST_CASE("shapes that do not fit are refused while building") {
  Builder b("bad", {1, 3, 8, 8});
  const TensorId y = b.conv("conv", b.input(), {.out = 4, .kernel = 3, .pad = 0});
  CHECK_THROWS_AS(b.concat("concat", {b.input(), y}), UserError);
}

TEST_CASE("channels round to eights, but lose less than a tenth") {
  CHECK(round_channels(32 * 1.1) == 32);  // 35.2: 32 is 9.1 % less
  CHECK(round_channels(83) == 80);
  CHECK(round_channels(84) == 88);
  CHECK(round_channels(17.9) == 24);  // 16 would lose 10.6 %
  CHECK(round_channels(3) == 8);
}

TEST_CASE("an inverted residual adds its input only at stride 1 and equal channels") {
  const auto ops = [](const MobileBlock& block) {
    Builder b("block", {1, 16, 8, 8});
    return b.finish(mobile_block(b, "b", b.input(), block)).ops;
  };
  CHECK(ops({.expanded = 96, .out = 16}).back().name == "b.add");
  CHECK(ops({.expanded = 96, .out = 24}).back().name == "b.project.bn");
  CHECK(ops({.expanded = 96, .out = 16, .stride = 2}).back().name == "b.project.bn");
  CHECK(ops({.expanded = 96, .out = 16, .skip = false}).back().name == "b.project.bn");
  CHECK(ops({.expanded = 16, .out = 24}).front().name == "b.depthwise");
  CHECK(ops({.expanded = 96, .out = 24, .fused = true}).size() == 5);
  CHECK(ops({.expanded = 16, .out = 24, .fused = true}).front().name == "b.project");
}

TEST_CASE("an ISyNet stage that does not start with a convolution is refused") {
  Builder b("isynet", {1, 3, 32, 32});
  const std::vector<ISyNetStage> stages{{{Edge::identity, Edge::conv3, Edge::identity, Edge::identity}, 16}};
  CHECK_THROWS_AS(isynet(b, stages), UserError);
}

}  // namespace npusim::zoo
