#include "nas/fit/features.h"

#include <algorithm>

#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/builder.h"

using namespace npusim;
using namespace npusim::fit;

namespace {

/// conv 3 -> 16, 3x3, stride 2 on 3x32x32, BatchNorm, ReLU6, 3x3 max pool.
ir::Graph small_network() {
  zoo::Builder b("small", {1, 3, 32, 32});
  auto x = b.conv_bn_act("stem", b.input(), {.out = 16, .kernel = 3, .stride = 2}, zoo::Act::relu6);
  x = b.max_pool("pool", x, {.kernel = 3, .stride = 2, .pad = 1});
  return b.finish(x);
}

const ir::Op& op_named(const ir::Graph& graph, const std::string& name) {
  for (const ir::Op& op : graph.ops) {
    if (op.name == name) return op;
  }
  FAIL("no operator " << name);
  return graph.ops.front();
}

}  // namespace

TEST_CASE("ISyNet's counts: a 3x3 convolution of 3 to 16 channels at 16x16 is 221,184 operations") {
  const ir::Graph graph = small_network();
  const Counts conv = counts_of(graph, op_named(graph, "stem"));
  CHECK(conv.m == 2 * 9 * 3 * 16 * 256);
  CHECK(conv.v == 0);
  CHECK(conv.d == 3 * 1024 + 16 * 256 + 9 * 3 * 16);
  const Counts norm = counts_of(graph, op_named(graph, "stem.bn"));
  CHECK(norm.v == 8 * 4096);
  const Counts relu6 = counts_of(graph, op_named(graph, "stem.relu6"));
  CHECK(relu6.v == 2 * 4096);
  CHECK(relu6.d == 2 * 4096);
  const Counts pool = counts_of(graph, op_named(graph, "pool"));
  CHECK(pool.v == 9 * 16 * 64);
  CHECK(pool.m == 0);
}

TEST_CASE("kernels 1, 3, 5, 7 have matrix operations as 1 to 9 to 25 to 49, 3x1 and 7x1 as 3 to 7") {
  // ISyNet's Table 1: the published rows scale exactly like this.
  const auto operations = [](zoo::Size kernel) {
    zoo::Builder b("conv", {16, 64, 28, 28});
    const ir::Graph graph = b.finish(b.conv("conv", b.input(), {.out = 64, .kernel = kernel}, false));
    return counts_of(graph).m;
  };
  CHECK(operations(3) == 9 * operations(1));
  CHECK(operations(5) == 25 * operations(1));
  CHECK(operations(7) == 49 * operations(1));
  CHECK(7 * operations(zoo::Size(3, 1)) == 3 * operations(zoo::Size(7, 1)));
}

TEST_CASE("a fused addition counts its vector operations and its second operand") {
  zoo::Builder b("residual", {1, 8, 4, 4});
  const auto y = b.conv("conv", b.input(), {.out = 8, .kernel = 1}, false);
  const ir::Graph graph = passes::run_pipeline(b.finish(b.add("add", y, b.input())));
  REQUIRE(graph.ops.size() == 1);
  const Counts counts = counts_of(graph, graph.ops[0]);
  CHECK(counts.v == 128);
  CHECK(counts.d == 128 + 64 + 128 + 128);
}

TEST_CASE("kinds tell depthwise, grouped and full convolutions apart, and additions from products") {
  zoo::Builder b("kinds", {1, 8, 8, 8});
  auto x = b.conv("full", b.input(), {.out = 8, .kernel = 3});
  x = b.conv("depthwise", x, {.out = 8, .kernel = 3, .groups = 8});
  x = b.conv("grouped", x, {.out = 8, .kernel = 3, .groups = 2});
  x = b.add("add", x, x);
  const ir::Graph graph = b.finish(b.mul("mul", x, x));
  std::vector<std::string> kinds;
  for (const ir::Op& op : graph.ops) kinds.push_back(kind_of(graph, op));
  CHECK(kinds == std::vector<std::string>{"conv 3x3", "depthwise 3x3", "grouped_conv 3x3", "add", "mul"});
}

TEST_CASE("equal operators have equal signatures whatever their names, others do not") {
  zoo::Builder b("twins", {1, 8, 8, 8});
  auto x = b.conv("a", b.input(), {.out = 8, .kernel = 3});
  x = b.conv("b", x, {.out = 8, .kernel = 3});
  x = b.conv("c", x, {.out = 8, .kernel = 3, .stride = 2});
  const ir::Graph graph = b.finish(x);
  CHECK(signature_of(graph, graph.ops[0]) == signature_of(graph, graph.ops[1]));
  CHECK(signature_of(graph, graph.ops[0]) != signature_of(graph, graph.ops[2]));
}

TEST_CASE("a layer belongs to the operator before its last colon") {
  CHECK(operator_of("stage1.add:permute") == "stage1.add");
  CHECK(operator_of("stem") == "stem");
}

TEST_CASE("the chip's own counts: padding to the cube's 16 shows in busy cycles, not in operations") {
  Extractor extractor(hw::describe("ascend310"), ir::DType::f16);
  const auto& names = extractor.names();
  const auto at = std::find(names.begin(), names.end(), "busy.core.cube");
  REQUIRE(at != names.end());
  const auto cube = static_cast<std::size_t>(at - names.begin());
  const auto features = [&](std::int64_t channels) {
    zoo::Builder b("conv", {1, 64, 28, 28});
    const ir::Graph graph = b.finish(b.conv("conv", b.input(), {.out = channels, .kernel = 3}, false));
    return extractor.describe(graph, graph.ops[0]).features;
  };
  CHECK(features(65)[0] < features(80)[0]);
  CHECK(features(65)[cube] == features(80)[cube]);
  CHECK(features(80)[cube] > features(64)[cube]);
}

TEST_CASE("an image's convolution is compiled behind the image: MIDAP's pipeline takes 25,000 cycles") {
  Extractor extractor(hw::describe("midap"), ir::DType::i8);
  const auto& names = extractor.names();
  const auto at = std::find(names.begin(), names.end(), "busy.pipeline");
  REQUIRE(at != names.end());
  zoo::Builder b("stem", {1, 3, 224, 224});
  const ir::Graph graph = b.finish(b.conv("stem", b.input(), {.out = 32, .kernel = 3, .stride = 2}));
  // Behind a layer of 3 channels it would be 224,000.
  const double busy =
      extractor.describe(graph, graph.ops[0]).features[static_cast<std::size_t>(at - names.begin())];
  CHECK(busy > 24'000);
  CHECK(busy < 30'000);
}

TEST_CASE("an operator is compiled once, and every chip has features of engines and memory") {
  for (const std::string chip : {"ascend310", "midap", "edgetpu-coral-usb", "vpu-meteorlake"}) {
    CAPTURE(chip);
    const Config config = hw::describe(chip);
    Extractor extractor(config, hw::make_npu(config)->dtypes().front());
    const ir::Graph graph = passes::run_pipeline(small_network());
    const std::vector<double>& first = extractor.describe(graph, graph.ops[0]).features;
    CHECK(&first == &extractor.describe(graph, graph.ops[0]).features);
    CHECK(first.size() == extractor.names().size());
    double busy = 0;
    for (std::size_t i = kStaticFeatures; i < first.size(); ++i) {
      if (extractor.names()[i].rfind("busy.", 0) == 0) busy += first[i];
    }
    CHECK(busy > 0);
  }
}
