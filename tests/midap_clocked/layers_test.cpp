// Random layers on the twin: every command takes the fast engine's cycles, every number is a loop nest's.
#include <exception>

#include "hw_models/midap/clocked/pipeline.h"
#include "hw_models/midap/target.h"
#include "tests/catch.h"
#include "tests/midap_clocked/bench.h"
#include "tests/midap_clocked/trial.h"

using namespace npusim;
using namespace npusim::midap;
using namespace npusim::midap::test;

namespace {

struct Chip {
  explicit Chip(const std::vector<std::string>& overrides = {}) : spec(spec_with(overrides)) {}
  Spec spec;
  program::Target target = make_target(spec);
};

/// A fresh twin: its registers hold nothing.
std::string run(const Chip& chip, Work work, std::uint64_t seed, std::int64_t& commands,
                const Trial::Spoil& spoil = {}) {
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Pipeline>("pipeline", chip.spec); });
  Trial trial(chip.spec, work, seed);
  const std::string fault = trial.run(bench, chip.target, commands, spoil);
  return fault.empty() ? "" : trial.describe() + ": " + fault;
}

std::int64_t run_all(const Chip& chip, Work work, std::uint64_t first_seed, int trials) {
  std::int64_t commands = 0;
  for (int i = 0; i < trials; ++i) {
    const std::string fault = run(chip, work, first_seed + static_cast<std::uint64_t>(i), commands);
    CHECK(fault == "");
    if (!fault.empty()) break;
  }
  return commands;
}

}  // namespace

TEST_CASE("10,000 commands of convolutions take the fast engine's cycles and give a loop nest's numbers") {
  const Chip chip;
  CHECK(run_all(chip, Work::conv, 1000, 1300) >= 10'000);
}

TEST_CASE("extended operators take the fast engine's cycles and give a loop nest's numbers") {
  const Chip chip;
  for (const Work work :
       {Work::depthwise, Work::max_pool, Work::average_pool, Work::sum, Work::product, Work::gemm}) {
    INFO(static_cast<int>(work));
    CHECK(run_all(chip, work, 5000, 150) > 500);
  }
}

TEST_CASE("a padding off by one and a kernel one tap too wide are caught") {
  const Chip chip;
  const auto caught = [&](const Trial::Spoil& spoil) {
    int count = 0;
    for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
      std::int64_t commands = 0;
      try {
        count += run(chip, Work::conv, seed, commands, spoil).empty() ? 0 : 1;
      } catch (const std::exception&) {
        ++count;  // it reads a plane that is in no bank, or a weight that is in no memory
      }
    }
    return count;
  };
  CHECK(caught({}) == 0);
  CHECK(caught([](PipelineSetting& s) { ++s.top; }) >= 30);
  CHECK(caught([](PipelineSetting& s) { ++s.kw; }) >= 30);
}
