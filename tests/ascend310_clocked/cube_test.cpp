// The clocked cube against the fast engine's timing and against a loop nest.
#include "hw_models/ascend310/clocked/cube.h"

#include <array>
#include <optional>

#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/timing.h"
#include "sim/base/half.h"
#include "tests/ascend310_clocked/bench.h"
#include "tests/ascend310_clocked/draft.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;
using namespace npusim::ascend310::test;

namespace {

constexpr int kCommands = 10'000;

/// The shape of a mad: fractals.
struct Shape {
  std::int64_t m = 1, n = 1, k = 1;
  bool int8 = false;
  bool accumulate = false;
};

/// Sizes at and around what is special: 1, 2 and powers of 2 with their neighbours, tiles that fill half or
/// all of L0A, L0B or L0C (64, 128 fractals of operands, 128, 256 of results).
Shape random_shape(Rng& rng) {
  static constexpr std::array<std::array<std::int64_t, 3>, 12> kFull = {{{64, 1, 1},
                                                                         {128, 1, 1},
                                                                         {1, 64, 1},
                                                                         {1, 128, 1},
                                                                         {1, 1, 64},
                                                                         {1, 1, 128},
                                                                         {1, 2, 64},
                                                                         {2, 1, 63},
                                                                         {16, 8, 1},
                                                                         {16, 16, 1},
                                                                         {9, 14, 2},
                                                                         {127, 1, 1}}};
  Shape shape;
  if (rng.uniform(0, 29) == 0) {
    const auto& full = kFull[static_cast<std::size_t>(rng.uniform(0, std::ssize(kFull) - 1))];
    shape = {full[0], full[1], full[2]};
  } else {
    shape = {near(rng, 1, 5, {1, 1, 2, 3}), near(rng, 1, 5, {1, 1, 2, 3}), near(rng, 1, 6, {1, 1, 2, 9})};
  }
  shape.int8 = rng.uniform(0, 2) == 0;
  shape.accumulate = rng.uniform(0, 1) == 1;
  return shape;
}

/// A mad with operands at the ends of the scratchpads or at their starts.
Draft mad(const Spec& spec, const program::Target& target, const Shape& shape, Rng& rng) {
  Draft draft(target, Pipe::cube, kMad, {shape.m, shape.n, shape.k, shape.int8 ? 1 : 0});
  const auto place = [&](std::int64_t size, std::int64_t bytes) {
    return rng.uniform(0, 1) == 0 ? 0 : size - bytes;
  };
  const std::int64_t a = shape.m * shape.k * kFractal;
  const std::int64_t b = shape.n * shape.k * kFractal;
  const std::int64_t c = shape.m * shape.n * kAccumulator;
  const std::int64_t c_at = place(spec.l0c_bytes, c);
  draft.region(Memory::l0a, false, place(spec.l0a_bytes, a), a);
  draft.region(Memory::l0b, false, place(spec.l0b_bytes, b), b);
  draft.setting(to_setting(MadSetting{shape.accumulate ? 1 : 0}));
  draft.region(Memory::l0c, true, c_at, c);
  return draft;
}

std::span<std::byte> bytes_of(program::Storage& storage, const program::Region& region) {
  return storage.bytes(region.space, region.offset, region.bytes);
}

/// The sum of `count` products by halves: (first half) + (second half).
float tree(const float* products, std::int64_t count) {
  return count == 1 ? products[0] : tree(products, count / 2) + tree(products + count / 2, count - count / 2);
}

/// Element (row, column) of the product, as a loop nest over K. fp16: for each 16 elements of K, in order,
/// their products summed by halves and then added to the accumulator, all in fp32.
float expected_half(const Shape& shape, std::span<const std::byte> a, std::span<const std::byte> b,
                    std::int64_t row, std::int64_t column, float accumulator) {
  for (std::int64_t k = 0; k < shape.k; ++k) {
    std::array<float, 16> products{};
    for (std::int64_t i = 0; i < 16; ++i) {
      const auto left = read<std::uint16_t>(a, ((row / 16 * shape.k + k) * 16 + row % 16) * 16 + i);
      const auto right = read<std::uint16_t>(b, ((k * shape.n + column / 16) * 16 + column % 16) * 16 + i);
      products[static_cast<std::size_t>(i)] = half_value(left) * half_value(right);
    }
    accumulator += tree(products.data(), 16);
  }
  return accumulator;
}

std::int32_t expected_int8(const Shape& shape, std::span<const std::byte> a, std::span<const std::byte> b,
                           std::int64_t row, std::int64_t column, std::int32_t accumulator) {
  for (std::int64_t k = 0; k < shape.k; ++k) {
    for (std::int64_t i = 0; i < 32; ++i) {
      const auto left = read<std::int8_t>(a, ((row / 16 * shape.k + k) * 16 + row % 16) * 32 + i);
      const auto right = read<std::int8_t>(b, ((k * shape.n + column / 16) * 16 + column % 16) * 32 + i);
      accumulator += left * right;
    }
  }
  return accumulator;
}

template <class T, class Expected>
std::int64_t wrong_elements(const Shape& shape, std::span<const std::byte> before,
                            std::span<const std::byte> after, Expected&& expected) {
  std::int64_t wrong = 0;
  for (std::int64_t row = 0; row < shape.m * 16; ++row) {
    for (std::int64_t column = 0; column < shape.n * 16; ++column) {
      const std::int64_t at = ((column / 16 * shape.m + row / 16) * 16 + row % 16) * 16 + column % 16;
      const T start = shape.accumulate ? read<T>(before, at) : T{};
      if (read<T>(after, at) != expected(row, column, start)) ++wrong;
    }
  }
  return wrong;
}

/// What differs between the twin and the fast engine, and between the twin and the loop nest.
struct Difference {
  std::int64_t cycles = 0;
  std::int64_t elements = 0;
};

/// Runs a random mad on the twin.
Difference compare(Bench& bench, const Spec& spec, const program::Target& target, const Shape& shape,
                   Rng& rng) {
  const Draft draft = mad(spec, target, shape, rng);
  program::Storage& storage = bench.storage();
  const auto& regions = draft.program().regions;
  const auto a = bytes_of(storage, regions[0]);
  const auto b = bytes_of(storage, regions[1]);
  const auto c = bytes_of(storage, regions.back());
  for (const auto operand : {a, b}) shape.int8 ? fill_bytes(operand, rng) : fill_half(operand, rng);
  for (std::int64_t i = 0; i < std::ssize(c) / 4; ++i) {
    if (shape.int8) {
      write(c, i, static_cast<std::int32_t>(rng.uniform(-100'000, 100'000)));
    } else {
      write(c, i, static_cast<float>(rng.uniform(-4096, 4096)) / 512.0F);
    }
  }
  const std::vector<std::byte> before(c.begin(), c.end());
  Difference difference;
  difference.cycles = bench.run(draft.program(), draft.command()) - duration(spec, draft.command()).cycles;
  if (shape.int8) {
    difference.elements = wrong_elements<std::int32_t>(
        shape, before, c, [&](std::int64_t row, std::int64_t column, std::int32_t start) {
          return expected_int8(shape, a, b, row, column, start);
        });
  } else {
    difference.elements =
        wrong_elements<float>(shape, before, c, [&](std::int64_t row, std::int64_t column, float start) {
          return expected_half(shape, a, b, row, column, start);
        });
  }
  return difference;
}

Bench cube_bench(const program::Target& target, const Spec& spec) {
  return Bench(target, [&] { return std::make_unique<clocked::Cube>("cube", spec); });
}

}  // namespace

TEST_CASE("10,000 random mads end on the edge that the fast cube says, with the loop nest's numbers") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = cube_bench(target, spec);
  Rng rng(20261121);
  for (int i = 0; i < kCommands; ++i) {
    const Shape shape = random_shape(rng);
    const Difference difference = compare(bench, spec, target, shape, rng);
    INFO("command " << i << ": " << shape.m << " x " << shape.n << " x " << shape.k << " fractals, int8 "
                    << shape.int8 << ", accumulate " << shape.accumulate);
    REQUIRE(difference.cycles == 0);
    REQUIRE(difference.elements == 0);
  }
}

TEST_CASE(
    "a cube with one pipeline stage too many is caught by its first command, in time and not in numbers") {
  const Spec spec = spec_with();
  Spec longer = spec;
  ++longer.cube_fill;
  const program::Target target = make_target(spec);
  Bench bench = cube_bench(target, longer);
  Rng rng(1);
  for (int i = 0; i < 50; ++i) {
    const Difference difference = compare(bench, spec, target, random_shape(rng), rng);
    CHECK(difference.cycles == 1);
    CHECK(difference.elements == 0);
  }
}

TEST_CASE("cubes of other sizes and pipelines, down to no stage at all, agree with the fast cube") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{
           {"cube.m=8", "cube.n=8"},
           {"cube.m=32", "cube.n=16"},
           {"cube.m=16", "cube.n=4"},
           {"cube.k_fp16=32", "cube.k_int8=64"},
           {"cube.k_fp16=8", "cube.k_int8=16"},
           {"cube.fill_cycles=0"},
           {"cube.fill_cycles=1"},
           {"cube.fill_cycles=3"},
       }) {
    const Spec spec = spec_with(overrides);
    const program::Target target = make_target(spec);
    Bench bench = cube_bench(target, spec);
    Rng rng(7);
    for (int i = 0; i < 60; ++i) {
      const Shape shape = random_shape(rng);
      const Difference difference = compare(bench, spec, target, shape, rng);
      INFO(overrides[0] << ", command " << i);
      REQUIRE(difference.cycles == 0);
      // A slab of another depth changes the order of additions in fp32.
      if (shape.int8 || spec.cube_k_fp16 == 16) REQUIRE(difference.elements == 0);
    }
  }
}
