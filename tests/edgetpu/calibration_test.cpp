// Against the world: published latencies of whole networks on Coral's USB stick at a desktop and on its Dev
// Board, and of single layers (tests/data/reference).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/catch.h"
#include "tests/edgetpu/chip.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::edgetpu::test;

namespace {

struct Row {
  std::string network, device;
  double measured = 0;  ///< milliseconds
};

/// Rows of the file whose device is one of `devices`.
std::vector<Row> rows_of(const std::vector<std::string>& devices) {
  std::ifstream file(NPUSIM_SOURCE_DIR "/tests/data/reference/edgetpu_measured.csv");
  REQUIRE(file.good());
  std::string line;
  std::getline(file, line);
  REQUIRE(line == "network,resolution,precision,device,latency_ms,source");
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; row.size() < 5 && std::getline(cells, cell, ',');) row.push_back(cell);
    if (std::find(devices.begin(), devices.end(), row.at(3)) == devices.end()) continue;
    rows.push_back({row[0] + " " + row[1], row[3], std::stod(row[4])});
  }
  return rows;
}

const std::map<std::string, std::string>& built_in() {
  static const std::map<std::string, std::string> names = {
      {"inception_v1 224x224", "inception_v1"},
      {"mobilenet_v1_1.0 224x224", "mobilenet_v1_tf"},
      {"mobilenet_v1_0.25 128x128", "mobilenet_v1_0_25_128_tf"},
      {"mobilenet_v2_1.0 224x224", "mobilenet_v2_tf"},
      {"vgg16 224x224", "vgg16"},
      {"efficientnet_edgetpu_S 224x224", "efficientnet_edgetpu_s"},
      {"posenet_mobilenet_v1_0.75 353x481", "posenet_353x481"},
      {"posenet_mobilenet_v1_0.75 481x641", "posenet_481x641"}};
  return names;
}

double simulate(const std::string& chip_name, const std::string& network) {
  static std::map<std::pair<std::string, std::string>, double> known;
  const auto key = std::pair(chip_name, network);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known[key] = chip(chip_name).evaluate(zoo::build(network), {ir::DType::i8}).latency_ms();
}

/// A row's relative error.
double error_of_row(const Row& row) {
  const bool board = row.device == "coral_devboard_pcie";
  const double ms = simulate(board ? "edgetpu-coral-pcie" : "edgetpu-coral-usb", built_in().at(row.network));
  return (ms - row.measured) / row.measured;
}

/// Ten depthwise convolutions of 1x5 on 4 x 1668 positions between two 1x1 convolutions, as the public
/// micro-benchmark has them; `layers` 0: its baseline.
double micro_ms(std::int64_t channels, std::int64_t layers) {
  zoo::Builder b("micro", {1, 1, 4, 1668});
  auto x = b.conv("expand", b.input(), {.out = channels});
  for (std::int64_t i = 0; i < layers; ++i) {
    zoo::Conv conv{.out = channels, .groups = channels, .pad = zoo::Pad(0)};
    conv.kernel.h = 1;
    conv.kernel.w = 5;
    x = b.conv(fmt::format("depthwise{}", i), x, conv);
  }
  const auto graph = b.finish(b.conv("reduce", x, {.out = 1}));
  auto& stick = chip("edgetpu-coral-usb", {"op.depthwise_extra_steps=1"});
  return stick.evaluate(graph, {ir::DType::i8}).latency_ms();
}

}  // namespace

TEST_CASE("the calibration rows of Coral's stick and Dev Board are met within 8 % on average") {
  const auto rows = rows_of({"coral_usb3_desktop", "coral_usb3_x86", "coral_devboard_pcie"});
  REQUIRE(rows.size() == 21);
  std::string table;
  double sum = 0;
  for (const Row& row : rows) {
    const double error = error_of_row(row);
    sum += std::abs(error);
    table += fmt::format("{:34} {:20} {:8.2f} ms {:+6.1f} %\n", row.network, row.device, row.measured,
                         100 * error);
  }
  const double mape = 100 * sum / static_cast<double>(rows.size());
  WARN(table + fmt::format("MAPE {:.2f} %", mape));
  CHECK(mape <= 8.0);
}

TEST_CASE("known deviation: on the Dev Board Inception v1 and EfficientNet-S come out an eighth too fast",
          "[deviation]") {
  std::int64_t rows = 0;
  for (const Row& row : rows_of({"coral_devboard_pcie"})) {
    if (row.network != "inception_v1 224x224" && row.network != "efficientnet_edgetpu_S 224x224") continue;
    ++rows;
    CHECK(error_of_row(row) < -0.08);
    CHECK(error_of_row(row) > -0.18);
  }
  CHECK(rows == 3);
}

TEST_CASE("known deviation: MobileNet v1 0.25 at 128x128 comes out a fifth too fast", "[deviation]") {
  const double error = error_of_row({"mobilenet_v1_0.25 128x128", "coral_usb3_desktop", 0.9});
  CHECK(error < -0.12);
  CHECK(error > -0.28);
}

TEST_CASE(
    "a depthwise layer of the micro-benchmark takes its steps; past narrow memory about twice as long") {
  std::map<std::int64_t, double> one;
  for (const Row& row : rows_of({"coral_usb3_libedgetpu-max_500MHz"})) {
    const auto from = row.network.find("_C") + 2;
    const std::int64_t channels = std::stoll(row.network.substr(from));
    const double ms = (micro_ms(channels, 10) - micro_ms(channels, 0)) / 10;
    one[channels] = ms;
    INFO(fmt::format("C {}: measured {} ms, simulated {:.3f} ms", channels, row.measured, ms));
    CHECK(std::abs(ms - row.measured) <= 0.15 * row.measured);
  }
  REQUIRE(one.size() == 9);
  CHECK(one[256] > 1.8 * one[224]);
}
