// Random workloads on the clocked DPU: the fast engine's cycles, a loop nest's numbers.
#include "tests/catch.h"
#include "tests/vpu_clocked/trial.h"

using namespace npusim;
using namespace npusim::vpu;
using namespace npusim::vpu::test;

namespace {

/// The first thing that is wrong in `trials` workloads from `first_seed` on; "" for nothing.
std::string run_all(Chip chip, std::uint64_t first_seed, int trials, bool numbers, std::int64_t most_macs) {
  for (int i = 0; i < trials; ++i) {
    Trial trial(chip.spec(), first_seed + static_cast<std::uint64_t>(i), most_macs);
    std::string fault = trial.run(chip, numbers);
    if (!fault.empty()) return fault;
  }
  return "";
}

}  // namespace

TEST_CASE("10,000 workloads take a Meteor Lake DPU as many edges as the fast engine says") {
  CHECK(run_all(Chip("vpu-meteorlake"), 1, 10'000, false, 4'000'000) == "");
}

TEST_CASE("of these workloads, hundreds each are bound by the array, by the reads and by the writes") {
  const Chip chip("vpu-meteorlake");
  Spec wide_array = chip.spec();
  wide_array.macs *= 2;
  Spec wide_reads = chip.spec();
  wide_reads.read_bytes *= 2;
  Spec fast_writes = chip.spec();
  fast_writes.u8.out_bound = fast_writes.f16.out_bound = 10;
  int array = 0;
  int reads = 0;
  int writes = 0;
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    const Workload work = Trial(chip.spec(), seed, 4'000'000).work();
    if (work.op != DpuOp::conv && work.op != DpuOp::image_conv) continue;
    const std::int64_t cycles = dpu_cycles(chip.spec(), work);
    array += dpu_cycles(wide_array, work) < cycles ? 1 : 0;
    reads += dpu_cycles(wide_reads, work) < cycles ? 1 : 0;
    writes += dpu_cycles(fast_writes, work) < cycles ? 1 : 0;
  }
  CHECK(array > 300);
  CHECK(reads > 1000);
  CHECK(writes > 300);
}

TEST_CASE("10,000 workloads take a KeemBay DPU as many edges as the fast engine says") {
  CHECK(run_all(Chip("vpu-keembay"), 20'001, 10'000, false, 200'000) == "");
}

TEST_CASE("3,000 workloads give a loop nest's numbers, in the fast engine's cycles") {
  CHECK(run_all(Chip("vpu-meteorlake"), 40'001, 2000, true, 100'000) == "");
  CHECK(run_all(Chip("vpu-keembay"), 50'001, 1000, true, 100'000) == "");
}

namespace {

using clocked::Structure;

/// How many of 300 convolutions, windows or sums a DPU that is not as described takes other edges for.
int differing(const Chip& chip, const Spec& twin, const Structure& structure, std::uint64_t first_seed = 1) {
  Chip spoilt(chip, twin, structure);
  int count = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + 300; ++seed) {
    Trial trial(chip.spec(), seed, 2'000'000);
    count += trial.run(spoilt, false).empty() ? 0 : 1;
  }
  return count;
}

}  // namespace

TEST_CASE("a DPU that is not as described is caught: ports, operand buffers, stages, skips, clocks") {
  const Chip chip("vpu-meteorlake");
  const Spec& spec = chip.spec();
  const Structure whole(spec);
  CHECK(differing(chip, spec, whole) == 0);
  const auto spoilt = [&](auto&& change) {
    Structure structure = whole;
    change(structure);
    return differing(chip, spec, structure);
  };
  CHECK(spoilt([](Structure& s) { --s.ports; }) > 100);
  CHECK(spoilt([](Structure& s) { s.operand_words = 2; }) > 20);
  CHECK(spoilt([](Structure& s) { s.start_stages = 1; }) == 300);
  CHECK(spoilt([](Structure& s) { s.skips_padding = false; }) > 100);
  CHECK(spoilt([](Structure& s) { s.skips_zeros = false; }) > 5);
  Spec twin = spec;
  twin.cmx_clock_hz -= 5'000'000;
  CHECK(differing(chip, twin, whole) > 200);
  twin = spec;
  twin.write_bytes = 48;
  CHECK(differing(chip, twin, whole) > 200);
  twin = spec;
  twin.modes[0].x = twin.modes[1].x = twin.modes[2].x = 12;
  CHECK(differing(chip, twin, whole) > 20);
}

TEST_CASE("a KeemBay DPU with other blocks, 8 lanes fewer, or without the skip of padding is caught") {
  const Chip chip("vpu-keembay");
  const Structure whole(chip.spec());
  CHECK(differing(chip, chip.spec(), whole) == 0);
  Structure structure = whole;
  structure.skips_padding = false;
  CHECK(differing(chip, chip.spec(), structure) > 10);
  Spec twin = chip.spec();
  twin.modes[0].x = 8;
  CHECK(differing(chip, twin, whole) > 10);
  twin = chip.spec();
  twin.macs = 128;
  CHECK(differing(chip, twin, whole) > 50);
  twin = chip.spec();
  twin.image_channels = 12;
  CHECK(differing(chip, twin, whole) > 5);
}

TEST_CASE("a command whose valid taps are not those of its window is refused") {
  Chip chip("vpu-meteorlake");
  Trial trial(chip.spec(), 3);
  REQUIRE(trial.work().op != DpuOp::eltwise);
  CHECK(trial.run(chip, true) == "");
  ++trial.work().valid;
  CHECK_THROWS(trial.run(chip, true));
}

TEST_CASE("Lunar Lake's DPU and other ports, write widths, rates and clocks: 2,000 workloads agree") {
  CHECK(run_all(Chip("vpu-lunarlake"), 60'001, 1000, false, 2'000'000) == "");
  const std::vector<std::string> overrides[] = {
      {"dpu.read_bytes_per_cmx_clock=64", "dpu.write_bytes_per_cmx_clock=32"},
      {"dpu.int8.array=1.3", "dpu.fp16.array=0.7", "dpu.int8.write_tail=0.9", "dpu.fp16.write_tail=0.1"},
      {"dpu.int8.activation_reads=1", "dpu.int8.weight_reads=0.5", "dpu.fp16.writes=4"},
      {"clock_mhz=1850", "cmx.clock_mhz=971"},
      {"clock_mhz=975", "dpu.int8_macs_per_cycle=512", "dpu.int8.overhead_cycles=0"}};
  for (const auto& changes : overrides) {
    INFO(changes.front());
    CHECK(run_all(Chip("vpu-meteorlake", changes), 70'001, 200, false, 1'000'000) == "");
  }
}
