// Words between narrow and wide memory.
#include "hw_models/edgetpu/clocked/mover.h"

#include "tests/catch.h"
#include "tests/edgetpu_clocked/lone.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

/// Commands that take other cycles than the fast engine says, or leave a wrong byte.
std::int64_t faults_of(const Chip& chip, std::int64_t commands, std::uint64_t seed,
                       const clocked::Faults& faults = {}) {
  Rng rng(seed);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Mover>("mover", chip.spec, faults); });
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < commands; ++i) {
    const bool fill = rng.uniform(0, 1) == 1;
    const std::int64_t words = rng.uniform(1, 80);
    const std::int64_t bytes = words * chip.spec.dot;
    // Channels of a map that holds more: runs, in narrow memory.
    program::Region narrow = region_of(Space::narrow, fill, rng.uniform(0, 64) * 4, bytes);
    if (words % 3 == 0) {
      narrow.bytes = bytes / 3;
      narrow.inner = 3;
      narrow.inner_stride = bytes / 3 + 16;
    }
    const program::Region wide = region_of(Space::wide, !fill, rng.uniform(0, 64) * 4, bytes);
    const auto program = program_of(chip, {}, fill ? Queue::fill : Queue::spill, fill ? kFill : kSpill,
                                    {words}, {fill ? wide : narrow, fill ? narrow : wide});
    std::vector<std::byte> expected;
    const clocked::Bank bank(chip.spec, bench.storage(), rng.uniform(0, chip.spec.tiles() - 1));
    const auto source = [&](std::int64_t at) {
      if (fill) return bank.wide(wide.offset + at, 1);
      return bank.narrow(narrow.offset + at / narrow.bytes * narrow.inner_stride + at % narrow.bytes, 1);
    };
    const auto target = [&](std::int64_t at) {
      if (!fill) return bank.wide(wide.offset + at, 1);
      return bank.narrow(narrow.offset + at / narrow.bytes * narrow.inner_stride + at % narrow.bytes, 1);
    };
    for (std::int64_t at = 0; at < bytes; ++at) {
      source(at)[0] = static_cast<std::byte>(byte(rng));
      expected.push_back(source(at)[0]);
    }
    bool right = difference(bench, chip, program) == 0;
    for (std::int64_t at = 0; at < bytes; ++at) {
      right = right && target(at)[0] == expected[static_cast<std::size_t>(at)];
    }
    if (!right) ++bad;
  }
  return bad;
}

}  // namespace

TEST_CASE("10,000 moves between narrow and wide memory take the fast engine's cycles and lose no byte") {
  CHECK(faults_of(Chip(), 10'000, 31) == 0);
}

TEST_CASE("at other rates, too: 0.25, 0.333, 1 and 7.001 cycles a word") {
  for (const char* rate : {"0.25", "0.333", "1", "7.001"}) {
    INFO(rate);
    CHECK(faults_of(Chip({std::string("spill.cycles_per_word=") + rate}), 300, 32) == 0);
  }
}

TEST_CASE("a mover that takes two words at a time is caught") {
  clocked::Faults faults;
  faults.wide_words = true;
  CHECK(faults_of(Chip(), 100, 33, faults) == 100);
}
