// Every built-in chip through the command line: it runs, its parts add up, both kernels agree.
#include <nlohmann/json.hpp>

#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/zoo.h"

using namespace npusim::test;
using Json = nlohmann::json;

namespace {

Json report_of(const std::string& chip, const std::string& kernel) {
  const Outcome outcome =
      run_npusim({"run", "--hw", chip, "resnet8", "--format", "json", "--check", "--kernel", kernel});
  INFO(chip << " " << kernel << ": " << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return Json::parse(outcome.out);
}

std::int64_t held(const Json& engine) {
  auto cycles = engine.at("busy_cycles").get<std::int64_t>();
  for (const auto& stall : engine.at("stalls")) cycles += stall.get<std::int64_t>();
  return cycles;
}

}  // namespace

TEST_CASE("every built-in chip runs ResNet-8 with all its MACs; layers and engines add up to the total") {
  const auto macs = npusim::ir::macs(npusim::zoo::build("resnet8", 1)).count();
  for (const auto& chip : npusim::hw::chip_names()) {
    INFO(chip);
    const Json report = report_of(chip, "run-ahead");
    const auto total = report.at("total_cycles").get<std::int64_t>();
    CHECK(total > 0);
    CHECK(report.at("macs") == macs);
    std::int64_t layers = 0;
    for (const auto& layer : report.at("layers")) layers += layer.at("cycles").get<std::int64_t>();
    CHECK(layers == total);
    for (const auto& engine : report.at("engines")) {
      INFO(engine.at("name"));
      CHECK(held(engine) == total);
    }
  }
}

TEST_CASE("every built-in chip takes the same cycles on both kernels") {
  for (const auto& chip : npusim::hw::chip_names()) {
    INFO(chip);
    const Json ahead = report_of(chip, "run-ahead");
    const Json systemc = report_of(chip, "systemc");
    CHECK(ahead.at("total_cycles") == systemc.at("total_cycles"));
    CHECK(ahead.at("engines") == systemc.at("engines"));
    CHECK(ahead.at("layers") == systemc.at("layers"));
  }
}
