// The shipped cycles of NAS-Bench-201's cells are those that the chips take now.
#include <algorithm>
#include <set>

#include "nas/search/benchmark.h"
#include "nas/search/nb201.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/evaluated.h"

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

}  // namespace
}  // namespace npusim::search
