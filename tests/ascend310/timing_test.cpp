// Cycles of single commands, from the published rules; the parameters are read from the spec.
#include "hw_models/ascend310/timing.h"

#include <initializer_list>

#include "sim/base/error.h"
#include "tests/ascend310/chip.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;
using ascend310::test::spec;

namespace {

program::Command command(Opcode opcode, std::initializer_list<std::int32_t> args) {
  program::Command made;
  made.opcode = opcode;
  std::copy(args.begin(), args.end(), made.args.begin());
  return made;
}

std::int64_t cycles(Opcode opcode, std::initializer_list<std::int32_t> args) {
  return duration(spec(), command(opcode, args)).cycles;
}

/// Row switches of a run of pixels, one pixel at a time.
std::int64_t counted_switches(std::int64_t first, std::int64_t pixels, std::int64_t width) {
  std::int64_t switches = 0;
  for (std::int64_t p = first + 1; p < first + pixels; ++p) {
    const bool same_fractal = (p - first) % 16 != 0;
    if (same_fractal && p % width == 0) ++switches;
  }
  return switches;
}

}  // namespace

TEST_CASE("a 16x16x16 tile keeps the cube busy for one cycle after its fill") {
  CHECK(mad_cycles(spec(), 1, 1, 1) == spec().cube_fill + 1);
  CHECK(cycles(kMad, {1, 1, 1}) == spec().cube_fill + 1);
}

TEST_CASE("a tile of m x n x k fractals takes m*n*k cycles after its fill") {
  for (const std::int64_t m : {1, 3, 16}) {
    for (const std::int64_t n : {1, 2, 16}) {
      for (const std::int64_t k : {1, 4, 9})
        CHECK(mad_cycles(spec(), m, n, k) == spec().cube_fill + m * n * k);
    }
  }
}

TEST_CASE("load2d moves one fractal of 512 bytes a cycle to L0A and one in two cycles to L0B") {
  // Published port rates: 512 and 256 bytes a cycle.
  CHECK(spec().l0a_rate == 512);
  CHECK(spec().l0b_rate == 256);
  for (const std::int64_t fractals : {1, 2, 7, 64}) {
    CHECK(load2d_cycles(spec(), true, fractals) == spec().load2d_start + fractals);
    CHECK(load2d_cycles(spec(), false, fractals) == spec().load2d_start + 2 * fractals);
  }
  CHECK(cycles(kLoad2dA, {4, 3}) == load2d_cycles(spec(), true, 12));
  CHECK(cycles(kLoad2dB, {4, 3}) == load2d_cycles(spec(), false, 12));
}

TEST_CASE("load3d costs a fractal `stride` cycles plus one a row switch at strides 1, 2, 4 and 8") {
  for (const std::int64_t stride : {1, 2, 4, 8}) {
    for (const std::int64_t switches : {0, 1, 5}) {
      for (const std::int64_t k : {1, 9}) {
        const std::int64_t expected = spec().load3d_start + (3 * stride + switches) * k;
        CHECK(load3d_cycles(spec(), 3, switches, k, stride) == expected);
        CHECK(cycles(kLoad3dA, {3, static_cast<std::int32_t>(k), static_cast<std::int32_t>(switches),
                                static_cast<std::int32_t>(stride)}) == expected);
      }
    }
  }
}

TEST_CASE("load3d at any other stride moves 32 bytes a cycle, whatever the rows") {
  for (const std::int64_t stride : {3, 5, 6, 7, 16}) {
    CHECK(load3d_cycles(spec(), 2, 9, 5, stride) ==
          spec().load3d_start + 5 * (2 * kFractal / spec().load3d_other_rate));
  }
  CHECK(load3d_cycles(spec(), 1, 0, 1, 3) - spec().load3d_start == 16);
}

TEST_CASE("a fractal of 16 pixels on a wide row switches no row; on a row of 7 pixels two or three") {
  CHECK(row_switches(0, 16, 56) == 0);
  CHECK(row_switches(48, 16, 56) == 1);  // pixels 48..63 cross from row 0 to row 1
  CHECK(row_switches(40, 16, 56) == 0);  // pixels 40..55 end with the row
  CHECK(row_switches(41, 16, 56) == 1);
  CHECK(row_switches(0, 16, 16) == 0);
  CHECK(row_switches(0, 16, 7) == 2);  // rows 0, 1, 2
  CHECK(row_switches(5, 16, 7) == 2);  // pixels 5..20
  CHECK(row_switches(6, 16, 7) == 3);  // pixels 6..21
  CHECK(row_switches(0, 16, 1) == 15);
}

TEST_CASE("row switches equal a count pixel by pixel, for all starts, lengths up to 70 and widths up to 40") {
  for (std::int64_t width = 1; width <= 40; ++width) {
    for (std::int64_t first = 0; first < 45; ++first) {
      for (std::int64_t pixels = 1; pixels <= 70; pixels += 3) {
        REQUIRE(row_switches(first, pixels, width) == counted_switches(first, pixels, width));
      }
    }
  }
}

TEST_CASE(
    "8 blocks in UB take 8 cycles at a stride of 16 blocks, 4 at 8, 2 at 4 and 1 at 1, 2 and odd ones") {
  CHECK(spec().ub_bank_groups == 16);
  CHECK(bank_rounds(spec(), 16) == 8);
  CHECK(bank_rounds(spec(), 32) == 8);
  CHECK(bank_rounds(spec(), 8) == 4);
  CHECK(bank_rounds(spec(), 24) == 4);
  CHECK(bank_rounds(spec(), 4) == 2);
  for (const std::int64_t stride : {1, 2, 3, 5, 6, 7, 9, 15, 17}) CHECK(bank_rounds(spec(), stride) == 1);
}

TEST_CASE("bank rounds equal the fullest of 16 bank groups, for all strides up to 200 blocks") {
  for (std::int64_t stride = 1; stride <= 200; ++stride) {
    std::int64_t blocks[16] = {};
    std::int64_t most = 0;
    for (std::int64_t i = 0; i < 8; ++i) most = std::max(most, ++blocks[i * stride % 16]);
    REQUIRE(bank_rounds(spec(), stride) == most);
  }
}

TEST_CASE("a vector instruction passes over 256 bytes a cycle after its start and latency") {
  const std::int64_t overhead = spec().vector_startup + spec().vector_latency;
  CHECK(spec().vector_rate == 256);
  CHECK(cycles(kVector, {kSimple, 1, 256, 1, 1}) == overhead + 1);
  CHECK(cycles(kVector, {kSimple, 1, 257, 1, 1}) == overhead + 2);  // a repeat more
  CHECK(cycles(kVector, {kSimple, 1, 1, 1, 1}) == overhead + 1);
  CHECK(cycles(kVector, {kSimple, 1, 25600, 1, 1}) == overhead + 100);
  CHECK(cycles(kVector, {kSimple, 5, 25600, 1, 1}) == 5 * (overhead + 100));
}

TEST_CASE("slow vector classes take their own rates: exp 64 bytes a cycle, transposition 128") {
  const std::int64_t overhead = spec().vector_startup + spec().vector_latency;
  CHECK(cycles(kVector, {kExp, 1, 25600, 1, 1}) == overhead + 25600 / spec().exp_rate);
  CHECK(cycles(kVector, {kTranspose, 1, 25600, 1, 1}) == overhead + 25600 / spec().transpose_rate);
  CHECK(cycles(kVector, {kConvert, 1, 25600, 1, 1}) == overhead + 25600 / spec().convert_rate);
  CHECK(cycles(kVector, {kReduce, 1, 25600, 1, 1}) ==
        spec().vector_startup + spec().reduce_latency + 25600 / spec().reduce_rate);
}

TEST_CASE(
    "a row cannot share a repeat with the next: ten rows of 100 bytes take ten repeats or their issue") {
  const std::int64_t overhead = spec().vector_startup + spec().vector_latency;
  CHECK(cycles(kVector, {kSimple, 1, 1000, 10, 1}) ==
        overhead + 10 * std::max<std::int64_t>(1, spec().row_issue));
  CHECK(cycles(kVector, {kSimple, 1, 10 * 25600, 10, 1}) == overhead + 10 * 100);
}

TEST_CASE("bank conflicts multiply the passes and are told apart from the work") {
  const auto smooth = duration(spec(), command(kVector, {kSimple, 3, 25600, 1, 1}));
  CHECK(smooth.bank_conflict == 0);
  for (const std::int32_t stride : {4, 8, 16}) {
    const auto rough = duration(spec(), command(kVector, {kSimple, 3, 25600, 1, stride}));
    CHECK(rough.bank_conflict == 3 * 100 * (bank_rounds(spec(), stride) - 1));
    CHECK(rough.cycles == smooth.cycles + rough.bank_conflict);
  }
}

TEST_CASE("copying a result out of L0C moves 256 bytes a cycle: four cycles a 16x16 tile of fp32") {
  const std::int64_t start = spec().vector_startup;
  CHECK(spec().l0c_ub_rate == 256);
  CHECK(cycles(kVectorCopyOut, {1, 0, 0, 0, 0}) == start + 4);
  CHECK(cycles(kVectorCopyOut, {64, 0, 0, 0, 0}) == start + 4 * 64);
  // An epilogue adds passes: bias over fp32 accumulators, functions over fp16 results.
  const std::int64_t plain = start + 4 * 64;
  const std::int64_t overhead = spec().vector_startup + spec().vector_latency;
  CHECK(cycles(kVectorCopyOut, {64, 1, 0, 0, 0}) == plain + overhead + 4 * 64);
  CHECK(cycles(kVectorCopyOut, {64, 0, 2, 0, 0}) == plain + 2 * (overhead + 2 * 64));
  CHECK(cycles(kVectorCopyOut, {64, 0, 0, 1, 0}) == plain + overhead + 64 * kFractal / spec().exp_rate);
}

TEST_CASE("a memory command has no duration of its own: asking for it is an InternalError") {
  CHECK_THROWS_AS(duration(spec(), command(kLoadGlobal, {})), InternalError);
  CHECK_THROWS_AS(duration(spec(), command(kStoreGlobal, {})), InternalError);
}
