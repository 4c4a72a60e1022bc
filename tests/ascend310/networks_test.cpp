// Whole networks, generated and imported: programs verified, sums exact, nothing left out; and the same
// report however often and after whatever else.
#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "workloads/onnx/import.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::ascend310::test;

namespace {

/// Networks that take well under a second at batch 16.
bool quick(const zoo::NetInfo& net) {
  return net.macs.value * net.macs.unit < 2'500'000'000 && net.resolution.w <= 300;
}

std::string text(const ir::Graph& graph, hw::Evaluator& evaluator = chip()) {
  return trace::to_json(evaluator.evaluate(graph, {}), false);
}

ir::Graph import_file(const std::string& name, std::int64_t batch) {
  onnx::ImportOptions options;
  options.batch = batch;
  return onnx::import_onnx(NPUSIM_SOURCE_DIR "/tests/data/onnx/" + name + ".onnx", options);
}

const std::vector<std::string>& files() {
  static const std::vector<std::string> names = {
      "efficientnet_b1", "inception_v3", "mobilenet_v2", "mobilenet_v3_large",
      "resnet18",        "resnet50",     "vgg16",        "vit_b_16"};
  return names;
}

}  // namespace

TEST_CASE(
    "every built-in network runs at batch 1 in fp16, every third in int8: verified, sums exact, coverage 100 "
    "%") {
  int number = 0;
  for (const auto& net : zoo::networks()) {
    const auto graph = zoo::build(net.name);
    const bool both = number++ % 3 == 0;
    for (const auto dtype : kTypes) {
      if (dtype == ir::DType::i8 && !both) continue;
      INFO(net.name << " " << ir::to_string(dtype));
      const auto report = run(graph, dtype);
      CHECK(report.batch == 1);
      CHECK(report.layers.size() > 5);
      CHECK(report.mac_utilization() < 1);
    }
  }
}

TEST_CASE(
    "every fifth small built-in network runs at batch 16 in fp16, verified, and no faster per image than "
    "peak") {
  int count = 0;
  for (const auto& net : zoo::networks()) {
    if (!quick(net) || count++ % 5 != 0) continue;
    const auto one = run(zoo::build(net.name, 1));
    const auto many = run(zoo::build(net.name, 16));
    INFO(net.name);
    CHECK(many.batch == 16);
    CHECK(many.macs == 16 * one.macs);
    CHECK(many.total_cycles > one.total_cycles);
    CHECK(many.total_cycles < 16 * one.total_cycles + 16 * one.total_cycles / 4);
    CHECK(many.mac_utilization() < 1);
  }
  CHECK(count >= 30);
}

TEST_CASE("ResNet-18, MobileNetV2, SqueezeNet and ISyNet-N0 run at batch 16 in int8, faster than in fp16") {
  for (const auto* name : {"resnet18", "mobilenet_v2", "squeezenet1_1", "isynet_n0"}) {
    const auto graph = zoo::build(name, 16);
    INFO(name);
    CHECK(run(graph, ir::DType::i8).total_cycles < run(graph).total_cycles);
  }
}

TEST_CASE("the eight ONNX files run at batch 1 in fp16 and int8, and six of them at batch 16") {
  for (const auto& name : files()) {
    INFO(name);
    const auto graph = import_file(name, 1);
    for (const auto dtype : kTypes) run(graph, dtype);
    if (name == "vit_b_16" || name == "vgg16") continue;
    CHECK(run(import_file(name, 16)).batch == 16);
  }
}

TEST_CASE("an exported network takes within 1 % of the cycles of the generated one of that name") {
  for (const auto& name : files()) {
    const auto file = run(import_file(name, 1)).total_cycles;
    const auto generated = run(zoo::build(name)).total_cycles;
    INFO(name << " " << file << " " << generated);
    CHECK(std::abs(file - generated) * 100 <= generated);
  }
}

TEST_CASE("both kernels give the same report for whole networks") {
  for (const auto* name : {"resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x1_0", "isynet_n2",
                           "googlenet", "efficientnet_b0", "vit_b_16"}) {
    const auto graph = zoo::build(name);
    auto ahead = run(graph);
    auto stepped = run(graph, ir::DType::f16, kernel::KernelKind::systemc);
    INFO(name);
    CHECK(stepped.events > ahead.events);
    stepped.events = ahead.events;  // the effort differs, nothing else
    REQUIRE(trace::to_json(stepped, false) == trace::to_json(ahead, false));
  }
}

TEST_CASE("a network gives the same report twice, and after ninety-nine other runs in the process") {
  const auto graph = zoo::build("squeezenet1_1", 2);
  const auto first = text(graph);
  REQUIRE(text(graph) == first);
  int runs = 0;
  for (; runs < 96; ++runs) {
    const auto nets = {"resnet8", "mobilenet_v1_0_25", "shufflenet_v2_x0_5", "mobilenet_v3_small"};
    static_cast<void>(text(zoo::build(nets.begin()[runs % 4], 1 + runs % 3)));
  }
  for (; runs < 99; ++runs) {  // and other chips, elaborated in between
    hw::Evaluator other(hw::describe("ascend310", {"cores=" + std::to_string(runs - 95)}),
                        kernel::KernelKind::run_ahead);
    static_cast<void>(text(zoo::build("resnet8"), other));
  }
  REQUIRE(text(graph) == first);
  hw::Evaluator fresh(hw::describe("ascend310"), kernel::KernelKind::run_ahead);
  REQUIRE(text(graph, fresh) == first);
}

TEST_CASE("a trace has a span for every command and does not change the report") {
  const auto graph = zoo::build("resnet8");
  hw::EvaluateOptions options;
  options.spans = true;
  auto with = chip().evaluate(graph, options);
  CHECK(with.spans.size() == static_cast<std::size_t>(with.commands));
  CHECK(with.span_names.size() == with.spans.size());
  with.spans.clear();
  with.span_names.clear();
  CHECK(trace::to_json(with, false) == text(graph));
}
