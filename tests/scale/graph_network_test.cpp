#include "nas/scale/residual.h"
#include "nas/scale/resize.h"
#include "nas/scale/scalable.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
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
using test::says;

void check_equal(const ir::Graph& ours, const ir::Graph& theirs) {
  CHECK(ir::macs(ours) == ir::macs(theirs));
  CHECK(ir::parameters(ours) == ir::parameters(theirs));
  CHECK(ir::content_hash(ours) == ir::content_hash(theirs));
}

std::vector<std::int64_t> depths_of(const std::string& name) {
  return scalable_of_graph(name, zoo::build(name))->base().depths;
}

/// Two residual blocks on 4 channels, with an activation behind the first sum only.
ir::Graph two_blocks() {
  zoo::Builder b("two", {1, 3, 8, 8});
  zoo::TensorId x = b.conv_act("stem", b.input(), {.out = 4, .kernel = 3});
  zoo::TensorId y = b.conv_act("a.conv", x, {.out = 4, .kernel = 3});
  x = b.act("a.relu", b.add("a.add", y, x), zoo::Act::relu);
  y = b.conv_act("b.conv", x, {.out = 4, .kernel = 1});
  return b.finish(b.add("b.add", x, y));
}

TEST_CASE("Blocks that add their input are found by shape in published networks") {
  CHECK(depths_of("resnet18") == std::vector<std::int64_t>{2, 1, 1, 1});
  CHECK(depths_of("resnet50") == std::vector<std::int64_t>{2, 3, 5, 2});
  CHECK(depths_of("mobilenet_v2") == std::vector<std::int64_t>{1, 2, 3, 2, 2});
  CHECK(residual_stages(zoo::build("vgg16")).empty());
  CHECK(residual_stages(zoo::build("densenet121")).empty());
}

TEST_CASE("ResNet-34's blocks in ResNet-18 make ResNet-34, ResNet-101's in ResNet-50 make ResNet-101") {
  const auto small = scalable_of_graph("resnet18", zoo::build("resnet18"));
  check_equal(small->build({{3, 3, 5, 2}, 1, {224, 224}}, 8), zoo::build("resnet34"));
  const auto large = scalable_of_graph("resnet50", zoo::build("resnet50"));
  check_equal(large->build({{2, 3, 22, 2}, 1, {224, 224}}, 8), zoo::build("resnet101"));
}

TEST_CASE("Taking blocks out of ResNet-34 makes ResNet-18") {
  const auto network = scalable_of_graph("resnet34", zoo::build("resnet34"));
  check_equal(network->build({{2, 1, 1, 1}, 1, {224, 224}}, 8), zoo::build("resnet18"));
}

TEST_CASE("MobileNet v2 at width 1.4 is the published one but for what that keeps by hand") {
  // The published network's stem and head stay multiples of 8 of their own; all stages agree.
  const auto network = scalable_of_graph("mobilenet_v2", zoo::build("mobilenet_v2"));
  const ir::Graph ours = network->build({network->base().depths, 1.4, {224, 224}}, 8);
  const ir::Graph theirs = zoo::build("mobilenet_v2_1_4");
  const auto channels = [](const ir::Graph& graph, const std::string& name) {
    for (const ir::Op& op : graph.ops) {
      if (op.name == name) return graph.shape(op.outputs[0]).at(1);
    }
    return std::int64_t{0};
  };
  std::int64_t projections = 0;
  for (const ir::Op& op : theirs.ops) {
    if (op.name.find(".project") == std::string::npos || op.kind != ir::OpKind::conv) continue;
    CHECK(channels(ours, op.name) == channels(theirs, op.name));
    ++projections;
  }
  CHECK(projections == 17);
  CHECK(ours.shape(ours.outputs[0]) == ir::Shape{1, 1000});
}

TEST_CASE("VGG-16 at another image gets another first linear layer, and its classes stay") {
  const ir::Graph graph = resized(zoo::build("vgg16"), 1, 8, {256, 256});
  CHECK(graph.shape(graph.outputs[0]) == ir::Shape{1, 1000});
  CHECK(ir::macs(graph) > ir::macs(zoo::build("vgg16")));
}

TEST_CASE("Repeated blocks compute with weights of their own") {
  const ir::Graph graph = two_blocks();
  const std::vector<ResidualStage> stages = residual_stages(graph);
  REQUIRE(stages.size() == 1);
  REQUIRE(stages[0].blocks.size() == 2);
  CHECK(stages[0].blocks[0].ops.size() == 4);  // conv, relu, add, relu
  CHECK(stages[0].blocks[0].parameters == 4 * 4 * 9 + 4);
  const ir::Graph longer = with_repeats(graph, stages, {{2, 1}});
  const reference::Values values = reference::execute(longer, reference::seeded_values(longer, 1)).values;
  std::vector<std::vector<double>> weights;
  for (const ir::Op& op : longer.ops) {
    if (op.name.rfind("a.conv", 0) == 0 && op.kind == ir::OpKind::conv) {
      weights.push_back(reference::find(values, op.inputs[1])->doubles());
    }
  }
  REQUIRE(weights.size() == 2);
  CHECK(weights[0] != weights[1]);
}

TEST_CASE("A block taken out leaves its input to what reads it") {
  const ir::Graph graph = two_blocks();
  const ir::Graph shorter = with_repeats(graph, residual_stages(graph), {{0, 1}});
  CHECK(shorter.ops.size() == graph.ops.size() - 4);
  const reference::Values values = reference::execute(shorter, reference::seeded_values(shorter, 1)).values;
  const auto numbers = [&](ir::TensorId id) { return reference::find(values, id)->doubles(); };
  for (const ir::Op& op : shorter.ops) {
    if (op.name != "b.add") continue;
    const std::vector<double> x = numbers(op.inputs[0]), y = numbers(op.inputs[1]),
                              sum = numbers(op.outputs[0]);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(sum[i] == Approx(x[i] + y[i]).margin(1e-6));
    CHECK(shorter.ops[1].outputs[0] == op.inputs[0]);  // the stem's ReLU
  }
}

TEST_CASE(
    "Every image network of the zoo is scaled and still computes, or says which operator cannot follow") {
  const test::TempFolder folder;
  for (const char* name : {"resnet8", "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_1", "googlenet",
                           "resnext50_32x4d", "densenet121", "s3nas_ours_m_plus"}) {
    CAPTURE(name);
    const auto network = scalable_of_graph(name, zoo::build(name));
    CHECK(network->fixed().width.empty());
    CHECK(network->fixed().image.empty());
    Extent extent = network->base();
    for (std::int64_t& depth : extent.depths) depth += 2;
    extent.width = 0.6;
    extent.image = {96, 96};
    const ir::Graph graph = network->build(extent, 8);
    onnx::export_onnx(graph, folder / "net.onnx");
    CHECK(ir::macs(onnx::import_onnx(folder / "net.onnx")) == ir::macs(graph));
  }
}

TEST_CASE("A file's own small weights do not stand in the way of other widths, and are not kept") {
  const test::TempFolder folder;
  const ir::Graph before = zoo::build("resnet8");
  onnx::export_onnx(before, folder / "net.onnx", {.with_weights = true, .seed = 1});
  ir::Graph graph = onnx::import_onnx(folder / "net.onnx");
  const auto values = [](const ir::Graph& net) {
    std::int64_t count = 0;
    for (const ir::Tensor& tensor : net.tensors) count += tensor.constant && tensor.shape.size() > 0 ? 1 : 0;
    return count;
  };
  REQUIRE(values(graph) > 0);
  CHECK(ir::macs(resized(graph, 2, 8, {32, 32})) == ir::macs(resized(before, 2, 8, {32, 32})));
  forget_weights(graph);
  CHECK(values(graph) == 0);
}

TEST_CASE("An image with its channels last is scaled along its height and width") {
  zoo::Builder b("last", {1, 24, 32, 3});
  const zoo::TensorId x = b.transpose("first", b.input(), {0, 3, 1, 2});
  const auto network = scalable_of_graph("last", b.finish(b.conv("conv", x, {.out = 4, .kernel = 3})));
  CHECK(network->base().image == ir::Hw{24, 32});
  const ir::Graph graph = network->build({{}, 1, {48, 64}}, 8);
  CHECK(graph.shape(graph.inputs[0]) == ir::Shape{1, 48, 64, 3});
  CHECK(graph.shape(graph.outputs[0]) == ir::Shape{1, 4, 48, 64});
}

TEST_CASE("Quantised channels stay") {
  // What an int8 TFLite file imports as: scales belong to channels.
  ir::Graph graph = two_blocks();
  for (ir::Tensor& tensor : graph.tensors) {
    if (tensor.role == ir::TensorRole::activation) tensor.storage = {ir::DType::i8, {0.1}, {0}, 0};
  }
  REQUIRE(ir::is_quantized(graph));
  const auto network = scalable_of_graph("quantised", graph);
  CHECK(network->fixed().width.find("quantis") != std::string::npos);
  CHECK(network->fixed().depth.empty());
}

TEST_CASE(
    "What cannot be scaled at all is refused with a reason a dimension, and taken as it is when asked") {
  const std::string error =
      error_of([] { static_cast<void>(scalable_of_graph("net", zoo::build("shufflenet_v2_x1_0"))); });
  CHECK(says(error, {"net cannot be scaled", "Depth: it has no block",
                     "Width: operator 'stage2.0.shuffle.group'", "Image: operator", "npusim spaces"}));
  CHECK(scalable_of_graph("net", zoo::build("shufflenet_v2_x1_0"), true) != nullptr);
}

}  // namespace
}  // namespace npusim::scale
