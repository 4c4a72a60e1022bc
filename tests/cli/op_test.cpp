// `npusim op`: one operator, or one transfer, on any chip.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;
using Json = nlohmann::json;

namespace {

Json report_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "op");
  arguments.insert(arguments.end(), {"--format", "json"});
  const Outcome outcome = run_npusim(arguments);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return Json::parse(outcome.out);
}

std::vector<std::string> convolution(const std::string& chip) {
  return {"--hw", chip,       "conv", "--in",  "1x64x56x56", "--out-channels",
          "128",  "--kernel", "3x3",  "--pad", "1"};
}

}  // namespace

TEST_CASE("npusim op runs a 3x3 convolution of 231,211,008 MACs on every kind of chip") {
  for (const std::string chip : {"ascend310", "midap", "edgetpu-coral-usb", "vpu-meteorlake"}) {
    INFO(chip);
    const Json report = report_of(convolution(chip));
    CHECK(report.at("macs") == 56 * 56 * 64 * 128 * 9);
    CHECK(report.at("mac_utilization").get<double>() > 0);
    CHECK(report.at("mac_utilization").get<double>() <= 1);
  }
}

TEST_CASE("with --local an operator moves no byte of DRAM and takes less time than with its transfers") {
  auto arguments = convolution("vpu-meteorlake");
  const auto whole = report_of(arguments).at("total_cycles").get<std::int64_t>();
  arguments.emplace_back("--local");
  const Json local = report_of(arguments);
  CHECK(local.at("total_cycles").get<std::int64_t>() < whole);
  CHECK(local.at("dram").at("read_bytes") == 0);
  CHECK(local.at("dram").at("write_bytes") == 0);
}

TEST_CASE("twice as many bytes take a VPU's DMA longer, but not twice as long: a latency is in front") {
  const auto cycles = [](const std::string& bytes) {
    return report_of({"--hw", "vpu-meteorlake", "dma", "--bytes", bytes, "--from", "ddr", "--to", "cmx"})
        .at("total_cycles")
        .get<std::int64_t>();
  };
  CHECK(cycles("131072") > cycles("65536"));
  CHECK(cycles("131072") < 2 * cycles("65536"));
}

TEST_CASE("npusim op says what it expected of an operator, a shape and a place") {
  const auto error = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"op", "--hw", "vpu-meteorlake"});
    const Outcome outcome = run_npusim(arguments);
    CHECK(outcome.exit_code == 1);
    return outcome.err;
  };
  CHECK(contains(error({"conw", "--in", "1x64x56x56"}), "did you mean 'conv'"));
  CHECK(contains(error({"conv", "--in", "64x56x56"}), "expected NxCxHxW"));
  CHECK(contains(error({"dma", "--bytes", "64", "--from", "dddr", "--to", "cmx"}), "did you mean 'ddr'"));
}
