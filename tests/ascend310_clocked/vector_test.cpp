// The clocked vector unit's instructions against the fast engine's timing and against loop nests.
#include "hw_models/ascend310/clocked/vector.h"

#include <algorithm>
#include <cmath>
#include <vector>

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
using Kind = LaneSetting::Kind;
using ir::Function;

/// A vector command. Every row has row_bytes of the widest operand, but for the last, which may have less.
struct Case {
  std::int32_t kind = kSimple;
  LaneSetting lanes;
  std::int64_t operands = 1;
  std::int64_t count = 1, rows = 1, row_bytes = 256, missing = 0, stride = 1;
  [[nodiscard]] std::int64_t bytes() const { return rows * row_bytes - missing; }
  [[nodiscard]] std::int64_t bytes_of_row(std::int64_t row) const {
    return row + 1 < rows ? row_bytes : row_bytes - missing;
  }
  /// Bytes between the first of a row of the first operand and its last.
  [[nodiscard]] std::int64_t span() const {
    const std::int64_t blocks = ceil_div(row_bytes, kBlock);
    return lanes.kind == Kind::function ? std::max((blocks - 1) * stride + 1, blocks) * kBlock : row_bytes;
  }
};

void random_function(Case& made, Rng& rng) {
  static constexpr Function kUnary[] = {Function::relu, Function::abs, Function::neg, Function::exp,
                                        Function::reciprocal};
  static constexpr Function kBinary[] = {Function::add, Function::sub, Function::mul, Function::max,
                                         Function::min};
  made.operands = rng.uniform(1, 2);
  made.lanes.op.function = made.operands == 1 ? kUnary[rng.uniform(0, 4)] : kBinary[rng.uniform(0, 4)];
  made.kind = made.lanes.op.function == Function::exp ? kExp : kSimple;
  if (rng.uniform(0, 9) == 0) made.kind = static_cast<std::int32_t>(rng.uniform(kSimple, kReduce));
  made.count = near(rng, 0, 3, {1});
  made.stride = near(rng, 0, 33, {1, 1, 2, 4, 8, 16, 32, 15, 17});
}

/// Rows of 2 to 1024 bytes, most around one and two repeats of 256; 1 to 40 rows.
Case random_case(const Spec& spec, Rng& rng) {
  for (;;) {
    Case made;
    made.rows = near(rng, 1, 12, {1, 1, 2, 3, 40});
    made.row_bytes = near(rng, 1, 256, {1, 16, 127, 128, 129, 255, 256, 257, 512}) * 2;
    made.lanes.kind = static_cast<Kind>(std::max<std::int64_t>(0, rng.uniform(-3, 3)));
    switch (made.lanes.kind) {
      case Kind::function:
        random_function(made, rng);
        break;
      case Kind::convert:
        made.kind = kConvert;
        made.row_bytes = round_up(made.row_bytes, 4);
        break;
      case Kind::transpose:
        made.kind = kTranspose;
        made.row_bytes = round_up(made.row_bytes, kFractal);
        break;
      case Kind::sum:
        made.kind = kReduce;
        break;
    }
    if (made.lanes.kind == Kind::function && made.rows > 2 && made.row_bytes > 2) {
      made.missing = 2 * rng.uniform(0, 1);
    }
    const std::int64_t row = made.span() + 2 * made.row_bytes + 3 * kBlock;
    if (made.rows * row <= spec.ub_bytes) return made;
  }
}

std::vector<std::uint16_t> halves(std::span<const std::byte> bytes) {
  std::vector<std::uint16_t> out;
  for (std::int64_t i = 0; i < std::ssize(bytes) / 2; ++i) out.push_back(read<std::uint16_t>(bytes, i));
  return out;
}

double value_of(Function function, double a, double b) {
  switch (function) {
    case Function::relu:
      return std::max(a, 0.0);
    case Function::abs:
      return std::abs(a);
    case Function::neg:
      return -a;
    case Function::exp:
      return std::exp(a);
    case Function::reciprocal:
      return 1 / a;
    case Function::add:
      return a + b;
    case Function::sub:
      return a - b;
    case Function::mul:
      return a * b;
    case Function::max:
      return std::max(a, b);
    default:
      return std::min(a, b);
  }
}

float tree(const std::vector<float>& values, std::size_t from, std::size_t count) {
  if (count == 1) return values[from];
  return tree(values, from, count / 2) + tree(values, from + count / 2, count / 2);
}

/// One row of the result, element by element, from rows of the operands.
std::vector<std::uint16_t> expected_row(const Case& made, std::span<const std::byte> first,
                                        std::span<const std::byte> second, std::int64_t bytes) {
  std::vector<std::uint16_t> out;
  const auto a = halves(first);
  switch (made.lanes.kind) {
    case Kind::function: {
      for (std::int64_t i = 0; i < bytes / 2; ++i) {
        const double left = half_value(a[static_cast<std::size_t>(i / 16 * made.stride * 16 + i % 16)]);
        float right = made.operands == 2 ? half_value(read<std::uint16_t>(second, i)) : 0;
        for (std::int64_t n = 0; n < made.count; ++n) {
          right = round_to_half(static_cast<float>(value_of(made.lanes.op.function, left, right)));
        }
        out.push_back(half_bits(right));
      }
      return out;
    }
    case Kind::convert:
      for (std::int64_t i = 0; i < bytes / 4; ++i) out.push_back(half_bits(read<float>(first, i)));
      return out;
    case Kind::transpose:
      for (std::int64_t tile = 0; tile < bytes / kFractal; ++tile) {
        for (std::int64_t i = 0; i < 256; ++i) {
          out.push_back(a[static_cast<std::size_t>(tile * 256 + i % 16 * 16 + i / 16)]);
        }
      }
      return out;
    case Kind::sum:
      for (std::int64_t repeat = 0; repeat < ceil_div(bytes, 256); ++repeat) {
        std::vector<float> values(128);
        for (std::int64_t i = repeat * 128; i < std::min((repeat + 1) * 128, bytes / 2); ++i) {
          values[static_cast<std::size_t>(i - repeat * 128)] = half_value(a[static_cast<std::size_t>(i)]);
        }
        out.push_back(half_bits(tree(values, 0, 128)));
      }
      return out;
  }
  return out;
}

bool same(std::uint16_t a, std::uint16_t b) {
  return a == b || (std::isnan(half_value(a)) && std::isnan(half_value(b)));
}

struct Difference {
  std::int64_t cycles = 0;
  std::int64_t conflict = 0;  ///< cycles that the fast engine charges to bank conflicts
  std::int64_t elements = 0;
};

/// Regions for the rows of `count` operands and the result, one behind the other.
std::vector<program::Region> place(Draft& draft, const Case& made, Rng& rng) {
  std::vector<program::Region> regions;
  std::int64_t at = rng.uniform(0, 1) * kBlock;
  for (std::int64_t i = 0; i <= made.operands; ++i) {
    const bool write = i == made.operands;
    const std::int64_t bytes = i == 0 ? made.span() : made.row_bytes;
    auto& region = draft.region(Memory::ub, write, at, bytes);
    region.inner = made.rows;
    region.inner_stride = round_up(bytes, kBlock);
    at += made.rows * region.inner_stride;
    regions.push_back(region);
  }
  return regions;
}

Difference compare(Bench& bench, const Spec& spec, const program::Target& target, const Case& made,
                   Rng& rng) {
  Draft draft(target, Pipe::vector, kVector, {made.kind, made.count, made.bytes(), made.rows, made.stride});
  draft.setting(to_setting(made.lanes));
  const auto regions = place(draft, made, rng);
  program::Storage& storage = bench.storage();
  const auto& last = regions.back();
  fill_half(storage.bytes(last.space, 0, last.offset + last.inner * last.inner_stride), rng);
  const auto row = [&](std::size_t region, std::int64_t number) {
    const auto& at = regions[region];
    return storage.bytes(at.space, at.offset + number * at.inner_stride, at.bytes);
  };
  std::vector<std::vector<std::uint16_t>> right;
  for (std::int64_t i = 0; i < made.rows && made.count > 0; ++i) {
    const auto second = made.operands == 2 ? row(1, i) : std::span<std::byte>();
    right.push_back(expected_row(made, row(0, i), second, made.bytes_of_row(i)));
  }
  Difference difference;
  const auto fast = duration(spec, draft.command());
  difference.conflict = fast.bank_conflict;
  difference.cycles = bench.run(draft.program(), draft.command()) - fast.cycles;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto result = halves(row(regions.size() - 1, static_cast<std::int64_t>(i)));
    for (std::size_t j = 0; j < right[i].size(); ++j) {
      if (!same(result[j], right[i][j])) ++difference.elements;
    }
  }
  return difference;
}

Bench vector_bench(const program::Target& target, const Spec& spec) {
  return Bench(target, [&] { return std::make_unique<clocked::Vector>("vector", spec); });
}

}  // namespace

TEST_CASE(
    "10,000 random vector commands end on the edge that the fast engine says, with the loop nest's numbers") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, spec);
  Rng rng(128);
  std::int64_t conflicts = 0;
  for (int i = 0; i < kCommands; ++i) {
    const Case made = random_case(spec, rng);
    const Difference difference = compare(bench, spec, target, made, rng);
    INFO("command " << i << ": class " << made.kind << ", lanes " << static_cast<int>(made.lanes.kind)
                    << ", count " << made.count << ", " << made.rows << " rows of " << made.row_bytes
                    << ", stride " << made.stride);
    REQUIRE(difference.cycles == 0);
    REQUIRE(difference.elements == 0);
    conflicts += difference.conflict > 0 ? 1 : 0;
  }
  CHECK(conflicts > kCommands / 20);  // the commands do meet bank conflicts
}

TEST_CASE("vector units of other rates, latencies and bank groups agree with the fast engine") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{
           {"vector.exp_bytes_per_cycle=32", "vector.transpose_bytes_per_cycle=64"},
           {"vector.convert_bytes_per_cycle=512", "vector.reduce_bytes_per_cycle=128"},
           {"vector.startup_cycles=0", "vector.latency_cycles=0", "vector.reduce_latency_cycles=1"},
           {"vector.row_issue_cycles=0"},
           {"vector.row_issue_cycles=9"},
           {"buffers.ub_bank_groups=4"},
           {"buffers.ub_bank_groups=12"},
       }) {
    const Spec spec = spec_with(overrides);
    const program::Target target = make_target(spec);
    Bench bench = vector_bench(target, spec);
    Rng rng(17);
    for (int i = 0; i < 300; ++i) {
      const Case made = random_case(spec, rng);
      const Difference difference = compare(bench, spec, target, made, rng);
      INFO(overrides[0] << ", command " << i);
      REQUIRE(difference.cycles == 0);
      REQUIRE(difference.elements == 0);
    }
  }
}

TEST_CASE("a vector unit with one stage too many is caught, once an instruction") {
  const Spec spec = spec_with();
  Spec longer = spec;
  ++longer.vector_latency;
  ++longer.reduce_latency;
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, longer);
  Rng rng(2);
  for (int i = 0; i < 50; ++i) {
    const Case made = random_case(spec, rng);
    CHECK(compare(bench, spec, target, made, rng).cycles == made.count);
  }
}

TEST_CASE("a vector unit with 15 bank groups instead of 16 is caught by a stride of 16 blocks") {
  const Spec spec = spec_with();
  Spec other = spec;
  other.ub_bank_groups = 15;
  const program::Target target = make_target(spec);
  Bench bench = vector_bench(target, other);
  Rng rng(2);
  Case made;
  made.lanes.op.function = Function::relu;
  made.stride = 16;
  CHECK(compare(bench, spec, target, made, rng).cycles == -7);
  made.stride = 1;
  CHECK(compare(bench, spec, target, made, rng).cycles == 0);
}
