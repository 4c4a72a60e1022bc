// The clocked way out of L0C against the fast engine's timing and against a loop nest.
#include <algorithm>
#include <cmath>
#include <vector>

#include "hw_models/ascend310/clocked/vector.h"
#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/timing.h"
#include "sim/base/half.h"
#include "sim/base/units.h"
#include "tests/ascend310_clocked/bench.h"
#include "tests/ascend310_clocked/draft.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;
using namespace npusim::ascend310::test;

namespace {

constexpr int kCommands = 10'000;
using ir::Function;

/// A copy_out and how many instructions of each class follow the cube.
struct Case {
  CopyOutSetting setting;
  std::int64_t n = 1;
  std::int64_t simple = 0, exp = 0, convert = 0;
  [[nodiscard]] bool bias() const { return setting.first_bias >= 0; }
  [[nodiscard]] std::int64_t pixels() const {
    std::int64_t sum = 0;
    for (const auto run : setting.pixels) sum += run;
    return sum;
  }
};

void random_steps(Case& made, Rng& rng) {
  auto& steps = made.setting.steps;
  if (rng.uniform(0, 2) == 0) steps.push_back({{Function::relu, 0, 0}, false, 0});
  // A ReLU with the rounding is free; whatever comes later takes instructions.
  const std::int64_t paid = near(rng, 0, 4, {0, 1, 2});
  bool residual = false;
  for (std::int64_t i = 0; i < paid; ++i) {
    CopyOutStep step;
    switch (rng.uniform(0, 3)) {
      case 0:
        if (residual) break;
        step.op.function = Function::add;
        step.residual = residual = true;
        made.simple += 1;
        break;
      case 1:
        step.op = {Function::clip, 0, 6};
        made.simple += 2;
        break;
      case 2:
        step.op.function = Function::exp;
        made.exp += 1;
        break;
      default:
        step.op.function = Function::abs;
        made.simple += 1;
        break;
    }
    if (step.op.function == Function::relu) continue;
    steps.push_back(step);
  }
  made.convert = rng.uniform(0, 9) == 0 ? 1 : 0;
}

/// Runs of 1 to 40 pixels, each beginning with a fractal; up to 6 runs and 4 columns of fractals.
Case random_case(Rng& rng) {
  Case made;
  auto& setting = made.setting;
  made.n = near(rng, 1, 4, {1, 2});
  setting.m = 0;
  for (std::int64_t run = near(rng, 1, 6, {1, 1, 2}); run > 0; --run) {
    setting.pixels.push_back(near(rng, 1, 40, {1, 15, 16, 17, 32}));
    setting.m += ceil_div(setting.pixels.back(), 16);
  }
  if (rng.uniform(0, 1) == 0) setting.first_bias = rng.uniform(0, 3);
  setting.columns = near(rng, 1, made.n * 16, {made.n * 16, made.n * 16 - 1});
  random_steps(made, rng);
  return made;
}

/// Element (run, column of 16, pixel, column in it) of the result.
float expected(const Case& made, float accumulator, float bias, float residual, std::int64_t column) {
  if (column >= made.setting.columns) return 0;
  float value = round_to_half(made.bias() ? accumulator + bias : accumulator);
  for (const auto& step : made.setting.steps) {
    double result = value;
    switch (step.op.function) {
      case Function::relu:
        result = std::max(value, 0.0F);
        break;
      case Function::add:
        result = static_cast<double>(value) + residual;
        break;
      case Function::clip:
        result = std::clamp(static_cast<double>(value), step.op.alpha, step.op.beta);
        break;
      case Function::exp:
        result = std::exp(static_cast<double>(value));
        break;
      default:
        result = std::abs(value);
        break;
    }
    value = round_to_half(static_cast<float>(result));
  }
  return value;
}

/// Where a command's operands lie in UB.
struct Places {
  std::int64_t bias = 0, residual = 0, result = 0, bytes = 0;
};

Places place(Draft& draft, const Case& made) {
  Places at;
  at.bytes = made.pixels() * made.n * kBlock;
  at.residual = round_up((std::max<std::int64_t>(made.setting.first_bias, 0) + made.n * 16) * 4, kBlock);
  at.result = at.residual + at.bytes;
  const std::int64_t fractals = made.setting.m * made.n;
  draft.region(Memory::l0c, false, 0, fractals * kAccumulator);
  if (made.bias()) draft.region(Memory::ub, false, at.bias, at.residual);
  const auto& steps = made.setting.steps;
  if (std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.residual; })) {
    draft.region(Memory::ub, false, at.residual, at.bytes);
  }
  draft.region(Memory::ub, true, at.result, at.bytes);
  return at;
}

std::int64_t wrong_elements(const Case& made, const Places& at, program::Storage& storage) {
  const std::int64_t fractals = made.setting.m * made.n;
  const auto c = storage.bytes(space_id(0, Memory::l0c), 0, fractals * kAccumulator);
  const auto ub = storage.bytes(space_id(0, Memory::ub), 0, at.result + at.bytes);
  std::int64_t wrong = 0;
  std::int64_t element = 0;  // of the result, in its own order
  std::int64_t first = 0;    // fractal of the run
  for (const std::int64_t pixels : made.setting.pixels) {
    for (std::int64_t n = 0; n < made.n; ++n) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (std::int64_t i = 0; i < 16; ++i, ++element) {
          const std::int64_t fractal = n * made.setting.m + first + pixel / 16;
          const std::int64_t column = n * 16 + i;
          const auto accumulator = read<float>(c, fractal * 256 + pixel % 16 * 16 + i);
          const float bias = made.bias() ? read<float>(ub, made.setting.first_bias + column) : 0;
          const float residual = half_value(read<std::uint16_t>(ub, at.residual / 2 + element));
          const float right = expected(made, accumulator, bias, residual, column);
          if (half_value(read<std::uint16_t>(ub, at.result / 2 + element)) != right) ++wrong;
        }
      }
    }
    first += ceil_div(pixels, 16);
  }
  return wrong;
}

struct Difference {
  std::int64_t cycles = 0;
  std::int64_t elements = 0;
};

Difference compare(Bench& bench, const Spec& spec, const program::Target& target, const Case& made,
                   Rng& rng) {
  const std::int64_t fractals = made.setting.m * made.n;
  Draft draft(target, Pipe::vector, kVectorCopyOut,
              {fractals, made.bias() ? 1 : 0, made.simple, made.exp, made.convert});
  draft.setting(to_setting(made.setting));
  const Places at = place(draft, made);
  auto& storage = bench.storage();
  const auto c = storage.bytes(space_id(0, Memory::l0c), 0, fractals * kAccumulator);
  for (std::int64_t i = 0; i < std::ssize(c) / 4; ++i) {
    write(c, i, static_cast<float>(rng.uniform(-1'000'000, 1'000'000)) / 100'000.0F);
  }
  fill_half(storage.bytes(space_id(0, Memory::ub), 0, at.result + at.bytes), rng);
  const auto bias = storage.bytes(space_id(0, Memory::ub), 0, at.residual);
  for (std::int64_t i = 0; i < std::ssize(bias) / 4; ++i) {
    write(bias, i, static_cast<float>(rng.uniform(-10'000, 10'000)) / 3'000.0F);
  }
  Difference difference;
  difference.cycles = bench.run(draft.program(), draft.command()) - duration(spec, draft.command()).cycles;
  difference.elements = wrong_elements(made, at, storage);
  return difference;
}

/// int8: a residual of another exponent, a ReLU, or nothing behind the rescaling.
Case random_int8_case(Rng& rng) {
  Case made = random_case(rng);
  made.setting.int8 = 1;
  made.n = round_up(made.n, 2);
  made.setting.columns = near(rng, 1, made.n * 16, {made.n * 16, made.n * 16 - 1, 17});
  made.setting.shift = rng.uniform(6, 12);
  made.setting.exponent = rng.uniform(-8, 0);
  made.setting.residual_exponent = rng.uniform(-8, 0);
  made.setting.steps.clear();
  made.simple = made.exp = 0;
  made.convert = 1;
  if (rng.uniform(0, 1) == 0) {
    made.setting.steps.push_back({{Function::add, 0, 0}, true, rng.uniform(-8, 0)});
    made.simple = 1;
  }
  if (rng.uniform(0, 1) == 0) {
    const std::int64_t before =
        made.setting.steps.empty() ? made.setting.exponent : made.setting.steps[0].exponent;
    made.setting.steps.push_back({{Function::relu, 0, 0}, false, before});
  }
  return made;
}

/// round(value * 2^-shift), ties to even, as int8.
std::int64_t narrowed(double value, std::int64_t shift) {
  const double scaled = std::nearbyint(std::ldexp(value, -static_cast<int>(shift)));
  return static_cast<std::int64_t>(std::clamp(scaled, -128.0, 127.0));
}

std::int64_t expected_int8(const Case& made, std::int64_t sum, std::int64_t residual, std::int64_t column) {
  if (column >= made.setting.columns) return 0;
  std::int64_t q = narrowed(static_cast<double>(sum), made.setting.shift);
  std::int64_t exponent = made.setting.exponent;
  for (const auto& step : made.setting.steps) {
    double value = std::ldexp(static_cast<double>(q), static_cast<int>(exponent));
    if (step.residual) {
      value += std::ldexp(static_cast<double>(residual), static_cast<int>(made.setting.residual_exponent));
    } else {
      value = std::max(value, 0.0);
    }
    exponent = step.exponent;
    q = narrowed(value, exponent);
  }
  return q;
}

Difference compare_int8(Bench& bench, const Spec& spec, const program::Target& target, const Case& made,
                        Rng& rng) {
  const std::int64_t fractals = made.setting.m * made.n;
  Draft draft(target, Pipe::vector, kVectorCopyOut, {fractals, made.bias() ? 1 : 0, made.simple, 0, 1});
  draft.setting(to_setting(made.setting));
  // Results of one byte: half of what place() reckons with.
  const std::int64_t bytes = made.pixels() * made.n * 16;
  const std::int64_t biases =
      round_up((std::max<std::int64_t>(made.setting.first_bias, 0) + made.n * 16) * 4, kBlock);
  draft.region(Memory::l0c, false, 0, fractals * kAccumulator);
  if (made.bias()) draft.region(Memory::ub, false, 0, biases);
  const auto& steps = made.setting.steps;
  if (!steps.empty() && steps[0].residual) draft.region(Memory::ub, false, biases, bytes);
  draft.region(Memory::ub, true, biases + bytes, bytes);
  auto& storage = bench.storage();
  const auto c = storage.bytes(space_id(0, Memory::l0c), 0, fractals * kAccumulator);
  const auto ub = storage.bytes(space_id(0, Memory::ub), 0, biases + 2 * bytes);
  fill_bytes(ub, rng);
  for (std::int64_t i = 0; i < std::ssize(c) / 4; ++i) {
    write(c, i, static_cast<std::int32_t>(rng.uniform(-100'000, 100'000)));
  }
  for (std::int64_t i = 0; i < biases / 4; ++i)
    write(ub, i, static_cast<std::int32_t>(rng.uniform(-9'000, 9'000)));
  Difference difference;
  difference.cycles = bench.run(draft.program(), draft.command()) - duration(spec, draft.command()).cycles;
  std::int64_t element = 0;
  std::int64_t first = 0;
  for (const std::int64_t pixels : made.setting.pixels) {
    for (std::int64_t block = 0; block < made.n / 2; ++block) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        for (std::int64_t i = 0; i < 32; ++i, ++element) {
          const std::int64_t column = block * 32 + i;
          const std::int64_t fractal = column / 16 * made.setting.m + first + pixel / 16;
          std::int64_t sum = read<std::int32_t>(c, fractal * 256 + pixel % 16 * 16 + column % 16);
          if (made.bias()) sum += read<std::int32_t>(ub, made.setting.first_bias + column);
          const std::int64_t right =
              expected_int8(made, sum, read<std::int8_t>(ub, biases + element), column);
          if (read<std::int8_t>(ub, biases + bytes + element) != right) ++difference.elements;
        }
      }
    }
    first += ceil_div(pixels, 16);
  }
  return difference;
}

Bench vector_bench(const program::Target& target, const Spec& spec) {
  return Bench(target, [&] { return std::make_unique<clocked::Vector>("vector", spec); });
}

}  // namespace

TEST_CASE("10,000 random copy_outs end on the edge that the fast engine says, with the loop nest's numbers") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, spec);
  Rng rng(2048);
  for (int i = 0; i < kCommands; ++i) {
    const Case made = random_case(rng);
    const Difference difference = compare(bench, spec, target, made, rng);
    INFO("command " << i << ": " << made.setting.m << " x " << made.n << " fractals, bias "
                    << made.setting.first_bias << ", " << made.setting.steps.size() << " steps in "
                    << made.simple << " + " << made.exp << " + " << made.convert << " instructions");
    REQUIRE(difference.cycles == 0);
    REQUIRE(difference.elements == 0);
  }
}

TEST_CASE(
    "3,000 random copy_outs of int8 results end on the edge that the fast engine says, with exact numbers") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, spec);
  Rng rng(88);
  for (int i = 0; i < 3'000; ++i) {
    const Case made = random_int8_case(rng);
    const Difference difference = compare_int8(bench, spec, target, made, rng);
    INFO("command " << i << ": " << made.setting.m << " x " << made.n << " fractals, shift "
                    << made.setting.shift);
    REQUIRE(difference.cycles == 0);
    REQUIRE(difference.elements == 0);
  }
}

TEST_CASE("ways out of L0C of other rates agree with the fast engine") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{
           {"l0c_to_ub_bytes_per_cycle=512"},
           {"l0c_to_ub_bytes_per_cycle=100"},
           {"vector.startup_cycles=0", "vector.latency_cycles=0"},
           {"buffers.ub_bank_groups=4"},
       }) {
    const Spec spec = spec_with(overrides);
    const program::Target target = make_target(spec);
    Bench bench = vector_bench(target, spec);
    Rng rng(5);
    for (int i = 0; i < 100; ++i) {
      const Difference difference = compare(bench, spec, target, random_case(rng), rng);
      INFO(overrides[0] << ", command " << i);
      REQUIRE(difference.cycles == 0);
      REQUIRE(difference.elements == 0);
    }
  }
}

TEST_CASE(
    "a way out with one stage too many is caught, once for the copy and once for each instruction behind "
    "it") {
  const Spec spec = spec_with();
  Spec longer = spec;
  ++longer.vector_startup;
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, longer);
  Rng rng(6);
  for (int i = 0; i < 50; ++i) {
    const Case made = random_case(rng);
    CHECK(compare(bench, spec, target, made, rng).cycles ==
          1 + (made.bias() ? 1 : 0) + made.simple + made.exp + made.convert);
  }
}
