#include "nas/scale/finish.h"

#include <algorithm>
#include <cmath>

#include "nas/space/space.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/scale/networks.h"
#include "tests/search_cli/errors.h"
#include "workloads/onnx/export.h"
#include "workloads/onnx/import.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::scale {
namespace {

using test::error_of;
using test::kOursM;
using test::says;

const ir::Op& op_named(const ir::Graph& graph, const std::string& name) {
  for (const ir::Op& op : graph.ops) {
    if (op.name == name) return op;
  }
  FAIL("no operator " << name);
  return graph.ops.front();
}

/// Numbers of every tensor, weights and image drawn from a seed.
reference::Values executed(const ir::Graph& graph) {
  return reference::execute(graph, reference::seeded_values(graph, 3)).values;
}

std::vector<std::string> blocks_of(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const Excitation& one : excitations(graph)) names.push_back(one.block);
  return names;
}

/// Two MBConv blocks from 4 channels on an 8x8 image.
ir::Graph two_blocks() {
  zoo::Builder b("two", {1, 4, 8, 8});
  zoo::TensorId x = b.input();
  for (const char* name : {"a", "b"}) {
    const std::string block = name;
    x = b.conv_bn_act(block + ".expand", x, {.out = 8}, zoo::Act::relu6);
    x = b.conv_bn_act(block + ".depthwise", x, {.out = 8, .kernel = 3, .groups = 8});
    x = b.conv_bn_act(block + ".project", x, {.out = 12}, zoo::Act::none);
  }
  return b.finish(x);
}

TEST_CASE("ours-M with Squeeze-and-Excitation and h-swish added is S3NAS' ours-M+, operator by operator") {
  ir::Graph graph = space::build(kOursM);
  const std::vector<std::string> blocks = add_excitations(graph);
  CHECK(blocks.size() == 28);  // of 29: all but the first
  CHECK(blocks.front() == "stage0.1");
  CHECK(use_hard_swish(graph) > 0);
  CHECK(ir::content_hash(graph) == ir::content_hash(zoo::build("s3nas_ours_m_plus")));
}

TEST_CASE("The order of h-swish and Squeeze-and-Excitation does not matter") {
  ir::Graph one = space::build(kOursM), other = one;
  add_excitations(one);
  use_hard_swish(one);
  use_hard_swish(other);
  add_excitations(other);
  CHECK(ir::content_hash(one) == ir::content_hash(other));
}

TEST_CASE("h-swish computes x min(max(x + 3, 0), 6) / 6 where ReLU or ReLU6 stood, and nowhere else") {
  ir::Graph graph = two_blocks();
  CHECK(use_hard_swish(graph) == 4);
  CHECK(use_hard_swish(graph) == 0);
  const reference::Values values = executed(graph);
  for (const char* name : {"a.expand.hard_swish", "b.depthwise.hard_swish"}) {
    const ir::Op& op = op_named(graph, name);
    const std::vector<double> x = reference::find(values, op.inputs[0])->doubles();
    const std::vector<double> y = reference::find(values, op.outputs[0])->doubles();
    REQUIRE(x.size() == y.size());
    CHECK(*std::min_element(x.begin(), x.end()) < -1);  // where ReLU would be 0, h-swish is not
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == Approx(x[i] * std::min(std::max(x[i] + 3, 0.0), 6.0) / 6).margin(1e-6));
    }
  }
}

TEST_CASE(
    "Squeeze-and-Excitation multiplies the depthwise stage by the sigmoid of two products of its mean") {
  ir::Graph graph = two_blocks();
  REQUIRE(add_excitations(graph, 0.25) == std::vector<std::string>{"b"});
  const ir::Op& fc1 = op_named(graph, "b.se.fc1");
  CHECK(graph.shape(fc1.inputs.at(1)) == ir::Shape{3, 8, 1, 1});  // 12 channels go into block b
  CHECK(op_named(graph, "b.project").inputs[0] == op_named(graph, "b.se.mul").outputs[0]);
  const reference::Values values = executed(graph);
  const auto numbers = [&](ir::TensorId id) { return reference::find(values, id)->doubles(); };
  const std::vector<double> x = numbers(op_named(graph, "b.depthwise.relu").outputs[0]);
  const std::vector<double> y = numbers(op_named(graph, "b.se.mul").outputs[0]);
  const std::vector<double> w1 = numbers(fc1.inputs[1]), b1 = numbers(fc1.inputs[2]);
  const ir::Op& fc2 = op_named(graph, "b.se.fc2");
  const std::vector<double> w2 = numbers(fc2.inputs[1]), b2 = numbers(fc2.inputs[2]);
  constexpr std::size_t kC = 8, kSqueezed = 3, kCells = 64;
  std::vector<double> mean(kC, 0), hidden(kSqueezed);
  for (std::size_t i = 0; i < x.size(); ++i) mean[i / kCells] += x[i] / kCells;
  for (std::size_t s = 0; s < kSqueezed; ++s) {
    hidden[s] = b1[s];
    for (std::size_t c = 0; c < kC; ++c) hidden[s] += w1[s * kC + c] * mean[c];
    hidden[s] = std::max(hidden[s], 0.0);
  }
  for (std::size_t c = 0; c < kC; ++c) {
    double sum = b2[c];
    for (std::size_t s = 0; s < kSqueezed; ++s) sum += w2[c * kSqueezed + s] * hidden[s];
    const double gate = 1 / (1 + std::exp(-sum));
    for (std::size_t i = c * kCells; i < (c + 1) * kCells; ++i) {
      CHECK(y[i] == Approx(x[i] * gate).epsilon(1e-5).margin(1e-6));
    }
  }
}

TEST_CASE("What has Squeeze-and-Excitation does not get it twice") {
  ir::Graph graph = space::build(kOursM);
  const std::size_t blocks = add_excitations(graph).size();
  CHECK(excitations(graph).size() == blocks);
  const std::string hash = ir::content_hash(graph);
  // The first block, which S3NAS leaves alone, stays the first.
  CHECK(add_excitations(graph).empty());
  CHECK(ir::content_hash(graph) == hash);
}

TEST_CASE("Squeeze-and-Excitation is found in published networks, as built and behind an ONNX file") {
  const test::TempFolder folder;
  struct Known {
    const char* name;
    std::size_t blocks;
  };
  for (const Known& known : {Known{"s3nas_ours_m_plus", 28},
                             {"efficientnet_b0", 16},
                             {"mobilenet_v3_small", 9},
                             {"mobilenet_v2", 0},
                             {"resnet18", 0}}) {
    CAPTURE(known.name);
    const ir::Graph graph = zoo::build(known.name);
    CHECK(excitations(graph).size() == known.blocks);
    onnx::export_onnx(graph, folder / "net.onnx");
    const ir::Graph again = onnx::import_onnx(folder / "net.onnx");
    CHECK(blocks_of(again) == blocks_of(graph));
  }
}

TEST_CASE("Removing every added Squeeze-and-Excitation gives the network back") {
  const ir::Graph before = space::build(kOursM);
  ir::Graph graph = before;
  const std::vector<std::string> blocks = add_excitations(graph);
  remove_excitations(graph, blocks);
  CHECK(ir::content_hash(graph) == ir::content_hash(before));
}

TEST_CASE("Removing one leaves the others, and an unknown block is refused with the nearest") {
  ir::Graph graph = zoo::build("s3nas_ours_m_plus");
  remove_excitations(graph, {"stage2.3"});
  const std::vector<std::string> left = blocks_of(graph);
  CHECK(left.size() == 27);
  CHECK(std::find(left.begin(), left.end(), "stage2.3") == left.end());
  CHECK(says(error_of([&] { remove_excitations(graph, {"stage2.33"}); }),
             {"no block 'stage2.33'", "did you mean 'stage"}));
}

TEST_CASE("A network without depthwise stages has no place for Squeeze-and-Excitation") {
  ir::Graph graph = zoo::build("isynet_n0");
  CHECK(add_excitations(graph).empty());
  CHECK(ir::content_hash(graph) == ir::content_hash(zoo::build("isynet_n0")));
}

TEST_CASE("Without expansion, a block's input channels are the depthwise convolution's") {
  ir::Graph graph = zoo::build("mobilenet_v1");
  const std::vector<std::string> blocks = add_excitations(graph, 0.25);
  REQUIRE(blocks.size() == 12);  // of 13
  const std::vector<Excitation> all = excitations(graph);
  const ir::Op& squeeze = graph.ops[all.front().ops.at(1)];
  CHECK(graph.shape(squeeze.inputs.at(1)) == ir::Shape{16, 64, 1, 1});  // 64 channels into the second block
}

}  // namespace
}  // namespace npusim::scale
