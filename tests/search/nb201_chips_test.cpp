// The shipped cycles of NAS-Bench-201's cells are those that the chips take now, and what follows from them
// (docs/studies/nb201.md).
#include <algorithm>
#include <set>

#include "nas/search/compare.h"
#include "nas/search/nb201.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/zoo/nb201.h"

namespace npusim::search {
namespace {

constexpr std::int64_t kCells = 15625;
const char* const kAdvice =
    "the chip's model has changed: run scripts/nb201_simulate.py NPUSIM --approve, then "
    "scripts/nb201_study.py, and see what that changes in docs/studies/nb201.md";

TEST_CASE("four chips' cycles of all 15,625 cells are shipped") {
  std::set<std::string> chips;
  for (const SimulatedCells& cells : nb201_simulated()) {
    CAPTURE(cells.chip);
    chips.insert(cells.chip);
    REQUIRE(cells.cycles.size() == static_cast<std::size_t>(kCells));
    CHECK(*std::min_element(cells.cycles.begin(), cells.cycles.end()) > 0);
    CHECK(cells.clock_mhz > 0);
  }
  CHECK(chips == std::set<std::string>{"ascend310", "edgetpu-coral-usb", "midap", "vpu-meteorlake"});
}

TEST_CASE("30 cells drawn with seed 1 take the shipped cycles on every chip, of the same hardware") {
  const auto space = space::make_space("nb201");
  for (const SimulatedCells& cells : nb201_simulated()) {
    hw::Evaluator& chip = test::evaluator(cells.chip);
    INFO(cells.chip << ": " << kAdvice);
    CHECK(hw::hardware_hash(hw::describe(cells.chip)) == cells.hardware);
    hw::EvaluateOptions options;
    options.dtype = chip.npu().dtypes().front();
    CHECK(ir::to_string(options.dtype) == cells.dtype);
    Rng rng(1);
    for (int i = 0; i < 30; ++i) {
      const auto cell = static_cast<std::size_t>(rng.uniform(0, kCells - 1));
      const space::Genome genome = *space->at(cell);
      CAPTURE(space->encode(genome));
      const trace::Report report = chip.evaluate(space->build(genome), options);
      CHECK(report.total_cycles == cells.cycles[cell]);
      CHECK(report.clock_mhz == cells.clock_mhz);
    }
  }
}

TEST_CASE("a chip's name is a device of the benchmark, its latency in ms") {
  const SimulatedCells& cells = nb201_simulated().front();
  const Benchmark benchmark = nb201_benchmark("cifar10", cells.chip);
  CHECK(benchmark.name == "nb201 cifar10 " + cells.chip);
  CHECK(benchmark.latency[7] == static_cast<double>(cells.cycles[7]) / (cells.clock_mhz * 1000));
  CHECK(benchmark.accuracy == nb201_benchmark("cifar10", "fpga").accuracy);
  CHECK_THROWS_AS(nb201_benchmark("cifar10", "ascend301"), UserError);
  CHECK_THROWS_AS(nb201_benchmark("cifar11", "fpga"), UserError);
}

/// The share of 3x3 among the convolutions of the cells on the exact front.
double plain_share(const std::string& chip) {
  const Benchmark benchmark = nb201_benchmark("cifar100", chip);
  const std::vector<Point> front = truth_of(benchmark, 0.3).front;
  double conv3 = 0, all = 0;
  for (std::size_t i = 0; i < benchmark.accuracy.size(); ++i) {
    const Point point{-benchmark.accuracy[i], benchmark.latency[i]};
    if (std::find(front.begin(), front.end(), point) == front.end()) continue;
    const space::Genome genome = *benchmark.space->at(i);
    for (const std::uint16_t op : genome) {
      conv3 += op == static_cast<std::uint16_t>(zoo::CellOp::conv3) ? 1 : 0;
      all += op == static_cast<std::uint16_t>(zoo::CellOp::conv3) ||
                     op == static_cast<std::uint16_t>(zoo::CellOp::conv1)
                 ? 1
                 : 0;
    }
  }
  return conv3 / all;
}

TEST_CASE("fronts: two thirds of the Ascend's and the VPU's convolutions are 3x3, half of the others'") {
  for (const char* chip : {"ascend310", "vpu-meteorlake"}) CHECK(plain_share(chip) > 0.65);
  for (const char* chip : {"midap", "edgetpu-coral-usb"}) CHECK(plain_share(chip) < 0.57);
}

TEST_CASE("the best cell within the eyeriss table's limit is too slow for every chip's own") {
  const Benchmark published = nb201_benchmark("cifar100", "eyeriss");
  const double limit = truth_of(published, 0.3).limit;
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < published.accuracy.size(); ++i) {
    if (published.latency[i] > limit) continue;
    if (published.latency[chosen] > limit || published.accuracy[i] > published.accuracy[chosen]) chosen = i;
  }
  for (const SimulatedCells& cells : nb201_simulated()) {
    CAPTURE(cells.chip);
    const Benchmark own = nb201_benchmark("cifar100", cells.chip);
    CHECK(own.latency[chosen] > 1.2 * truth_of(own, 0.3).limit);
  }
}

TEST_CASE("nsga2 finds 98.5 % of the exact hypervolume in 500 evaluations on every chip's column") {
  CompareOptions options;
  options.strategies = {"nsga2"};
  options.aims = {Aim::front};
  options.every = 500;
  for (const SimulatedCells& cells : nb201_simulated()) {
    const Comparison found = compare(nb201_benchmark("cifar100", cells.chip), options);
    INFO(text_of(found));
    CHECK(standing(found, "nsga2", Aim::front).hypervolume >= 0.985);
  }
}

}  // namespace
}  // namespace npusim::search
