// npusim mem as users run it.
#include <algorithm>

#include "nas/fit/mem.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;
using npusim::fit::Counts;
using npusim::fit::MemWeights;

TEST_CASE("MEM is the share of m in the weighted counts, 0 of nothing") {
  CHECK(npusim::fit::mem(Counts{100, 10, 5}, MemWeights{2, 4, 12}) == Approx(200.0 / 300));
  CHECK(npusim::fit::mem(Counts{}, MemWeights{2, 4, 12}) == 0);
}

TEST_CASE(
    "mem simulates 6 of 30 networks, counts all 30, and tells another file's mMEM with the same weights") {
  const TempFolder folder;
  const std::string data = folder / "nb201.json";
  REQUIRE(run_npusim({"fit", "--hw", "midap", "--space", "nb201", "-n", "12", "--seed", "3", "--model",
                      "linear", "--features", "isynet", "--no-store", "-j", "1", "--save-data", data})
              .exit_code == 0);
  const Outcome some = run_npusim({"mem", "--hw", "midap", "--space", "nb201", "-n", "30", "--simulate", "6",
                                   "--weights", data, "--no-store", "-j", "1"});
  INFO(some.out << some.err);
  REQUIRE(some.exit_code == 0);
  CHECK(contains(some.err, "6 simulations: 6 run"));
  CHECK(contains(some.out, "fitted to 18 simulated networks"));
  CHECK(contains(some.out, "mMEM of 30 random networks of nb201 (seed 1): "));
  CHECK(contains(some.out, "mMEM of 12 networks of " + data + ": "));
}

TEST_CASE("mem with fewer than 5 networks, and --simulate with named ones, say what to do") {
  const Outcome few = run_npusim({"mem", "--hw", "midap", "--no-store", "resnet8", "-j", "1"});
  CHECK(few.exit_code == 1);
  CHECK(contains(few.err, "fewer than 5 networks cannot tell the weights"));
  const Outcome named = run_npusim({"mem", "--hw", "midap", "--simulate", "2", "resnet8"});
  CHECK(named.exit_code == 1);
  CHECK(contains(named.err, "--simulate is for the random networks of --space"));
}
