// The chips' descriptions, and what the template makes of them.
#include "hw_models/edgetpu/phases.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/edgetpu/chip.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

const std::vector<std::string>& chips() {
  static const std::vector<std::string> names = {"edgetpu-coral-usb",  "edgetpu-coral-usb-250mhz",
                                                 "edgetpu-coral-pcie", "edgetpu-pixel4",
                                                 "edgetpu-v1",         "edgetpu-v2",
                                                 "edgetpu-v3"};
  return names;
}

/// 10^12 operations a second at the chip's peak.
double peak_tops(const std::string& name) {
  const auto& npu = chip(name).npu();
  return npu.peak_macs_per_cycle(ir::DType::i8) * 2 * static_cast<double>(npu.machine().clock_hz) / 1e12;
}

}  // namespace

TEST_CASE("every number of every description has its source") {
  for (const auto& name : chips()) {
    const Config config = hw::describe(name);
    for (const auto& key : config.keys()) {
      INFO(name << " " << key);
      if (key == "chip" || key == "link.name" || key.starts_with("mapping.")) continue;
      CHECK(config.provenance(key) != nullptr);
    }
  }
}

TEST_CASE("peaks are the published ones: 4.1 TOPS for Coral, 26.2, 8.73 and 8.73 for the generations") {
  CHECK(peak_tops("edgetpu-coral-usb") == Approx(4.096));
  CHECK(peak_tops("edgetpu-v1") == Approx(26.2).epsilon(0.001));
  CHECK(peak_tops("edgetpu-v2") == Approx(8.73).epsilon(0.001));
  CHECK(peak_tops("edgetpu-v3") == Approx(8.73).epsilon(0.001));
}

TEST_CASE("all chips run MobileNetEdgeTPU, the faster links and clocks in less time") {
  const auto graph = zoo::build("mobilenet_edgetpu");
  double coral = 0;
  for (const auto& name : chips()) {
    INFO(name);
    const double ms = run(graph, name).latency_ms();
    CHECK(ms > 0.1);
    CHECK(ms < 6);
    if (name == "edgetpu-coral-usb") coral = ms;
    if (name == "edgetpu-v1") CHECK(ms < coral / 2);
  }
}

TEST_CASE("unknown keys and impossible values name file and line") {
  CHECK_THROWS_AS(hw::describe("edgetpu-coral-usb", {"tiles.row=4"}), UserError);
  CHECK_THROWS_AS(hw::make_npu(hw::describe("edgetpu-coral-usb", {"tiles.rows=0"})), UserError);
}

TEST_CASE("both kernels take the same cycles") {
  const auto graph = zoo::build("mobilenet_v1_0_25_128");
  hw::Evaluator slow(hw::describe("edgetpu-coral-usb"), kernel::KernelKind::systemc);
  hw::EvaluateOptions options;
  options.dtype = ir::DType::i8;
  options.kernel = kernel::KernelKind::systemc;
  CHECK(slow.evaluate(graph, options).total_cycles == run(graph).total_cycles);
}
