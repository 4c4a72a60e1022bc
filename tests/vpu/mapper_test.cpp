// What the mapper's switches do: fusion, sparsity, DMA engines, barriers; where a network's time goes.
#include <algorithm>

#include "tests/catch.h"
#include "tests/vpu/chip.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::vpu::test {

namespace {

const std::string kMeteorLake = "vpu-meteorlake";

const trace::TimeShare& part(const trace::Report& report, const std::string& name) {
  for (const auto& one : report.time_shares) {
    if (one.name == name) return one;
  }
  FAIL("no part " << name);
  return report.time_shares.front();
}

/// Two convolutions whose map in between, 4 MiB, fits no CMX.
ir::Graph wide_pair() {
  zoo::Builder builder("pair", {1, 16, 256, 256});
  const auto x = builder.conv("a", builder.input(), {64, 1});
  return builder.finish(builder.conv("b", x, {16, 3}));
}

/// Three equal 3x3 convolutions of 64 channels on 56x56.
ir::Graph three() {
  zoo::Builder builder("three", {1, 64, 56, 56});
  auto x = builder.input();
  for (const char* name : {"a", "b", "c"}) x = builder.conv(name, x, {64, 3});
  return builder.finish(x);
}

std::int64_t cycles(const ir::Graph& graph, const std::vector<std::string>& overrides) {
  return run(graph, kMeteorLake, overrides).total_cycles;
}

}  // namespace

TEST_CASE("the parts of a network's time add up to it, and every engine has one") {
  for (const char* network : {"mobilenet_v2", "yolo_v8n"}) {
    CAPTURE(network);
    const auto report = run(zoo::build(network));
    std::int64_t sum = 0;
    for (const auto& one : report.time_shares) {
      CHECK(one.cycles <= one.busy_cycles);
      sum += one.cycles;
    }
    CHECK(sum == report.total_cycles);
    for (const char* name : {"DPU", "DMA", "layer starts", "launch", "waiting"})
      CHECK(part(report, name).cycles > 0);
  }
  CHECK(part(run(zoo::build("mobilenet_v2")), "SHAVE").busy_cycles == 0);
  const auto swish = run(zoo::build("yolo_v8n"));
  CHECK(part(swish, "SHAVE").cycles > part(swish, "DPU").cycles);
}

TEST_CASE("waiting grows with what a barrier takes") {
  const auto graph = zoo::build("mobilenet_v2");
  const auto slow = run(graph, kMeteorLake, {"barrier.latency_ns=1000", "launch.layer_ns=0"});
  const auto fast = run(graph, kMeteorLake, {"barrier.latency_ns=100", "launch.layer_ns=0"});
  CHECK(part(slow, "waiting").cycles > part(fast, "waiting").cycles + 5000);
}

TEST_CASE("fusion keeps in CMX what went through DDR between two layers, and does as many products") {
  const auto graph = wide_pair();
  const auto plain = run(graph);
  const auto fused = run(graph, kMeteorLake, {"mapping.vertical_fusion=true"});
  CHECK(plain.dram_write_bytes > 256 * 256 * 64);
  CHECK(fused.dram_write_bytes == 256 * 256 * 16);
  CHECK(fused.macs == plain.macs);
  CHECK(fused.total_cycles < plain.total_cycles);
  CHECK(fused.layers.size() > plain.layers.size());
}

TEST_CASE("fusion leaves networks alone whose maps stay in CMX") {
  const auto graph = three();
  CHECK(cycles(graph, {"mapping.vertical_fusion=true"}) == cycles(graph, {}));
}

TEST_CASE("fusion of whole networks runs verified: yolo_v3_tiny in both types, on both chips") {
  const auto graph = zoo::build("yolo_v3_tiny");
  for (const auto dtype : {ir::DType::i8, ir::DType::f16}) {
    const auto plain = run(graph, kMeteorLake, {}, dtype);
    const auto fused = run(graph, kMeteorLake, {"mapping.vertical_fusion=true"}, dtype);
    CHECK(fused.dram_write_bytes <= plain.dram_write_bytes);
  }
  run(graph, "vpu-keembay", {"mapping.vertical_fusion=true"});
}

TEST_CASE("sparsity of weights or of activations skips products, both skip what the larger one does") {
  const auto graph = three();
  const std::vector<std::string> still = {"launch.inference_ns=0", "launch.layer_ns=0"};
  const auto with = [&](const std::string& key) {
    auto overrides = still;
    if (!key.empty()) overrides.push_back(key);
    return cycles(graph, overrides);
  };
  const auto dense = with("");
  const auto weights = with("mapping.weight_density=0.5");
  const auto activations = with("mapping.activation_density=0.5");
  CHECK(weights < dense * 80 / 100);
  CHECK(activations < dense * 80 / 100);
  const auto one = with("mapping.layer_density=b=1/0.5");
  CHECK(one < dense);
  CHECK(one > activations);
  auto both = still;
  both.emplace_back("mapping.weight_density=0.5");
  both.emplace_back("mapping.activation_density=0.8");
  CHECK(cycles(graph, both) == weights);
}

TEST_CASE("sparse weights are loaded packed: half of them and a bit each") {
  const auto graph = three();
  const auto dense = run(graph);
  const auto sparse = run(graph, kMeteorLake, {"mapping.weight_density=0.5"});
  CHECK(dense.dram_read_bytes - sparse.dram_read_bytes == 3 * 64 * (576 - (288 + 80)));
}

TEST_CASE("two DMA engines bring a layer's weights faster than one") {
  zoo::Builder builder("fc", {1, 1024, 1, 1});
  const auto graph = builder.finish(builder.conv("fc", builder.input(), {4096, 1}));
  const auto two = run(graph, kMeteorLake, {"launch.inference_ns=0"});
  const auto one = run(graph, kMeteorLake, {"launch.inference_ns=0", "dma.engines=1"});
  CHECK(one.dram_read_bytes == two.dram_read_bytes);
  CHECK(one.total_cycles > two.total_cycles * 14 / 10);
}

TEST_CASE("barriers are taken over when there are few: eight cost MobileNetV2 time, two are not enough") {
  const auto graph = zoo::build("mobilenet_v2");
  const auto all = cycles(graph, {});
  CHECK(cycles(graph, {"barrier.count=1000"}) <= all);
  std::int64_t fewest = 64;
  while (fewest > 1 && error_of(graph, {"barrier.count=" + std::to_string(fewest / 2)}).empty()) fewest /= 2;
  CHECK(fewest < 64);
  CHECK(cycles(graph, {"barrier.count=" + std::to_string(fewest)}) > all);
  const std::string error = error_of(graph, {"barrier.count=1"});
  CHECK(error.find("more than barrier.count = 1 barriers at once") != std::string::npos);
}

TEST_CASE("an image with its channels last is padded pixel by pixel, at dma.run_cmx_clocks each") {
  const auto image = [](bool last) {
    zoo::Builder builder("image", last ? ir::Shape{1, 64, 64, 3} : ir::Shape{1, 3, 64, 64});
    const auto x = last ? builder.transpose("first", builder.input(), {0, 3, 1, 2}) : builder.input();
    return builder.finish(builder.conv("conv", x, {16, 3}));
  };
  const auto seven = run(image(true), kMeteorLake, {"dma.run_cmx_clocks=20"});
  CHECK(seven.layers[0].op == "expand");
  const auto six = run(image(true), kMeteorLake, {"dma.run_cmx_clocks=10"});
  // 2048 pixels of each engine, ten clocks of 975 MHz less.
  CHECK(seven.total_cycles - six.total_cycles == Approx(2048 * 10 * 1300 / 975).epsilon(0.01));
  CHECK(run(image(false)).layers[0].op == "permute");
}

TEST_CASE(
    "an image's factor and offset cost nothing in int8, and a pass over 16 channels and a slice of 4 in "
    "fp16") {
  const auto graph = [](bool scaled) {
    zoo::Builder builder("scaled", {1, 64, 64, 3});
    auto x = builder.transpose("first", builder.input(), {0, 3, 1, 2});
    if (scaled) {
      x = builder.mul("mul", x, builder.scalar("factor", 0.5));
      x = builder.add("add", x, builder.scalar("offset", -1));
    }
    return builder.finish(builder.conv("conv", x, {16, 3}));
  };
  CHECK(cycles(graph(true), {}) == cycles(graph(false), {}));
  const auto plain = run(graph(false), kMeteorLake, {}, ir::DType::f16);
  const auto scaled = run(graph(true), kMeteorLake, {}, ir::DType::f16);
  CHECK(scaled.layers.size() == plain.layers.size() + 2);
  CHECK(scaled.total_cycles > plain.total_cycles);
}

}  // namespace npusim::vpu::test
