// Whole networks: what is published, what switches cost, what is refused.
#include <algorithm>
#include <cmath>

#include "tests/catch.h"
#include "tests/vpu/chip.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::vpu::test {

namespace {

/// Error of a network's simulated latency.
double latency_error(const std::string& network, double ms, const std::string& chip = "vpu-meteorlake",
                     ir::DType dtype = ir::DType::i8) {
  return run(zoo::build(network), chip, {}, dtype).latency_ms() / ms - 1;
}

ir::Graph one_conv(const ir::Shape& in, const zoo::Conv& conv) {
  zoo::Builder builder("one", in);
  return builder.finish(builder.conv("conv", builder.input(), conv));
}

const trace::EngineReport& engine(const trace::Report& report, const std::string& name) {
  for (const auto& one : report.engines) {
    if (one.name == name) return one;
  }
  FAIL("no engine " << name);
  return report.engines.front();
}

}  // namespace

TEST_CASE("MobileNetV2 takes what is published within 20 %: 0.77 ms on Meteor Lake, 0.78 on KeemBay") {
  CHECK(std::abs(latency_error("mobilenet_v2", 0.77)) < 0.2);
  CHECK(std::abs(latency_error("mobilenet_v2", 0.78, "vpu-keembay")) < 0.2);
}

TEST_CASE("yolo_v8n and BERT take what is published within 20 %") {
  CHECK(std::abs(latency_error("yolo_v8n", 9.04)) < 0.2);
  CHECK(std::abs(latency_error("bert_base_cased", 13.37)) < 0.2);
  CHECK(std::abs(latency_error("bert_large_uncased_squad", 115.92)) < 0.2);
}

TEST_CASE("networks whose image has its channels last take what is published within 20 %") {
  CHECK(std::abs(latency_error("yolo_v3_tiny", 2.87)) < 0.2);
  CHECK(std::abs(latency_error("ssd_mobilenet_v1", 1.57)) < 0.2);
  // Frames a second with requests in flight: four images in one program.
  const auto rate_error = [](const char* network, ir::DType dtype, double fps) {
    return run(zoo::build(network, 4), "vpu-meteorlake", {}, dtype).latency_ms() * fps / 4000 - 1;
  };
  CHECK(std::abs(rate_error("yolo_v3_tiny", ir::DType::i8, 390)) < 0.2);
  CHECK(std::abs(rate_error("yolo_v3_tiny", ir::DType::f16, 286.75)) < 0.2);
  CHECK(std::abs(rate_error("ssd_mobilenet_v1", ir::DType::i8, 761.67)) < 0.2);
  CHECK(std::abs(rate_error("ssd_mobilenet_v1", ir::DType::f16, 346.76)) < 0.2);
}

TEST_CASE("without prefetch weights arrive after the layer in front has ended: MobileNetV2 takes longer") {
  const auto graph = zoo::build("mobilenet_v2");
  const auto ahead = run(graph);
  const auto behind = run(graph, "vpu-meteorlake", {"mapping.prefetch_weights=false"});
  CHECK(behind.total_cycles > ahead.total_cycles * 104 / 100);
  CHECK(behind.dram_read_bytes == ahead.dram_read_bytes);
}

TEST_CASE("weights of a layer are loaded while the layer in front computes, unless prefetch is off") {
  const auto overlaps = [](const std::vector<std::string>& overrides) {
    hw::Evaluator chip(hw::describe("vpu-meteorlake", overrides), kernel::KernelKind::run_ahead);
    hw::EvaluateOptions options;
    options.dtype = ir::DType::i8;
    options.spans = true;
    const auto report = chip.evaluate(zoo::build("mobilenet_v2"), options);
    std::int64_t count = 0;
    for (const auto& load : report.spans) {
      if (report.engines[load.engine].name != "dma0.in") continue;
      for (const auto& work : report.spans) {
        const bool dpu = report.engines[work.engine].name == "tile0.dpu0";
        if (dpu && work.task < load.task && load.start < work.end && work.start < load.end) ++count;
      }
    }
    return count;
  };
  CHECK(overlaps({}) > 40);
  CHECK(overlaps({"mapping.prefetch_weights=false"}) == 0);
}

TEST_CASE("maps that do not stay in CMX cost DDR traffic both ways") {
  const auto graph = zoo::build("mobilenet_v2");
  const auto kept = run(graph);
  const auto spilled = run(graph, "vpu-meteorlake", {"mapping.keep_activations=false"});
  CHECK(kept.dram_write_bytes < 10'000);
  CHECK(spilled.dram_write_bytes > 5'000'000);
  CHECK(spilled.total_cycles > kept.total_cycles);
}

TEST_CASE("two images in one program take less than twice the time of one") {
  const auto one = run(zoo::build("mobilenet_v2"));
  const auto two = run(zoo::build("mobilenet_v2", 2));
  CHECK(two.total_cycles < 2 * one.total_cycles);
  CHECK(two.batch == 2);
}

TEST_CASE("ResNet-50 runs on every VPU in both types") {
  const auto graph = zoo::build("resnet50");
  for (const char* chip : {"vpu-meteorlake", "vpu-keembay", "vpu-lunarlake"}) {
    const auto int8 = run(graph, chip);
    const auto fp16 = run(graph, chip, {}, ir::DType::f16);
    CHECK(fp16.total_cycles > int8.total_cycles);
    CHECK(int8.coverage.macs_percent == Approx(100));
  }
}

TEST_CASE("an operator with its operands in CMX moves nothing and takes the DPU's own cycles") {
  const auto graph = one_conv({1, 64, 16, 16}, {256, 1, 1, 1, 0});
  const auto report =
      run(graph, "vpu-meteorlake", {"mapping.local_operands=true", "tiles=1", "dpu.mode=CUBOID_8x16"});
  CHECK(report.dram_read_bytes + report.dram_write_bytes == 0);
  // The array: 256 pixels * 256 channels * 64 / 2048 MACs = 2048 cycles, 1536 edges of CMX's clock; 410 of
  // 1024 words follow: edge 1946 is passed in cycle 2595; 60 are overhead. Intel measured 2601
  // (dpu_measured.csv).
  CHECK(report.total_cycles == 2595 + 60);
  CHECK(engine(report, "tile0.dpu0").busy_cycles == report.total_cycles);
}

TEST_CASE("activations without a place in post-processing run on SHAVEs") {
  zoo::Builder builder("swish", {1, 64, 28, 28});
  const auto graph = builder.finish(builder.conv_act("conv", builder.input(), {64, 3}, zoo::Act::silu));
  const auto report = run(graph);
  CHECK(engine(report, "tile0.shave0").busy_cycles > 0);
  CHECK(engine(report, "tile1.shave1").busy_cycles > 0);
}

TEST_CASE("every number of the VPUs' descriptions has a source") {
  for (const char* name : {"vpu-meteorlake", "vpu-keembay", "vpu-lunarlake"}) {
    const Config config = hw::describe(name);
    for (const auto& key : config.keys()) {
      const std::string value = config.raw(key);
      const bool numeric = !value.empty() && (value[0] == '[' || (value[0] >= '0' && value[0] <= '9'));
      INFO(name << ": " << key);
      if (numeric) CHECK(config.provenance(key) != nullptr);
    }
  }
}

}  // namespace npusim::vpu::test
