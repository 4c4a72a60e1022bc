// What the chip's rules say about blocks (docs/studies/edgetpu.md).
#include <fmt/format.h>

#include "tests/catch.h"
#include "tests/edgetpu/chip.h"
#include "workloads/zoo/builder.h"

using namespace npusim;
using namespace npusim::edgetpu::test;

namespace {

/// Cycles of a block on a map of `side` x `side` x `channels`, expanded eightfold: 1x1, depthwise k x k, 1x1,
/// or fused: k x k, 1x1. The 1x1 back is the same in both and left out.
std::int64_t block_cycles(std::int64_t side, std::int64_t channels, std::int64_t kernel, bool fused) {
  zoo::Builder b("block", {1, channels, side, side});
  const std::int64_t wide = 8 * channels;
  auto x = b.conv("expand", b.input(), {.out = wide, .kernel = fused ? kernel : 1, .pad = zoo::Pad::kSame});
  if (!fused) {
    x = b.conv("depthwise", x, {.out = wide, .kernel = kernel, .groups = wide, .pad = zoo::Pad::kSame});
  }
  const auto report = run(b.finish(x));
  return layer(report, "expand").cycles() + (fused ? 0 : layer(report, "depthwise").cycles());
}

/// A convolution alone on a map of `side` x `side`: its cycles, and what the report says of it.
trace::LayerReport convolution(std::int64_t side, std::int64_t in, std::int64_t out, std::int64_t kernel) {
  const auto report = run(one_conv(in, side, side, out, kernel));
  return layer(report, "conv");
}

/// How much longer 5x5 takes than 3x3 where both are bound by `bound`.
double kernel_ratio(std::int64_t side, std::int64_t in, std::int64_t out, std::string_view bound) {
  const auto large = convolution(side, in, out, 5);
  const auto small = convolution(side, in, out, 3);
  INFO(large.mapping);
  INFO(small.mapping);
  CHECK(large.mapping.starts_with(bound));
  CHECK(small.mapping.starts_with(bound));
  return static_cast<double>(large.cycles()) / static_cast<double>(small.cycles());
}

}  // namespace

TEST_CASE("on large maps the fused block wins up to about 72 channels with 3x3, and loses beyond") {
  // Steps: fused k^2 C/4 8C/64, plain C/4 8C/64 + k^2 8C/4: fused <= plain iff C (k^2 - 1) <= 64 k^2.
  CHECK(block_cycles(28, 48, 3, true) < block_cycles(28, 48, 3, false));
  CHECK(block_cycles(28, 64, 3, true) < block_cycles(28, 64, 3, false));
  CHECK(block_cycles(28, 96, 3, true) > block_cycles(28, 96, 3, false));
}

TEST_CASE("at 150 channels on a small map the fused block takes more than twice as long") {
  CHECK(block_cycles(14, 152, 3, true) > 2 * block_cycles(14, 152, 3, false));
}

TEST_CASE(
    "5x5 costs 2.8 times the steps of 3x3, and more time: its fills of 25 rows have one buffer, no FIFO") {
  const double ratio = kernel_ratio(56, 64, 64, "compute-bound");
  CHECK(ratio > 25.0 / 9);
  CHECK(ratio < 3.3);
}

TEST_CASE("5x5 costs 2.7 times 3x3 where steps bound both: 112x112, 8 to 128 channels") {
  const double ratio = kernel_ratio(112, 8, 128, "compute-bound");
  CHECK(ratio > 2.65);
  CHECK(ratio < 2.75);
}

TEST_CASE(
    "5x5 costs 1.35 times 3x3 where few channels become many and the result spills: 112x112, 3 to 272") {
  const double ratio = kernel_ratio(112, 3, 272, "spill-bound");
  CHECK(ratio > 1.30);
  CHECK(ratio < 1.40);
}

TEST_CASE(
    "on a map of 7x7 the ring bounds either kernel: its rows make 2.8 times, turns of ring and operation "
    "3.1") {
  const double ratio = kernel_ratio(7, 192, 192, "ring-bound");
  CHECK(ratio > 25.0 / 9);
  CHECK(ratio < 3.3);
}

TEST_CASE("fused against plain blocks, in cycles: the table of docs/studies/edgetpu.md") {
  std::string table;
  for (const std::int64_t side : {28, 14}) {
    for (const std::int64_t kernel : {3, 5}) {
      for (const std::int64_t channels : {32, 48, 64, 72, 96, 152}) {
        const auto fused = block_cycles(side, channels, kernel, true);
        const auto plain = block_cycles(side, channels, kernel, false);
        table += fmt::format("| {0}x{0} | {1} | {2}x{2} | {3} | {4} | {5:.2f} |\n", side, channels, kernel,
                             fused, plain, static_cast<double>(fused) / static_cast<double>(plain));
        if (channels <= 48 && side == 28 && kernel == 3) CHECK(fused < plain);
        if (channels >= 96) CHECK(fused > plain);
      }
    }
  }
  WARN(table);
}
