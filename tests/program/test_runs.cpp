// Runs of strided regions, against a plain loop.
#include "sim/base/rng.h"
#include "sim/program/runs.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::program;

namespace {

std::vector<std::pair<std::int64_t, std::int64_t>> runs_of(const Region& region) {
  std::vector<std::pair<std::int64_t, std::int64_t>> runs;
  for_each_run(region, [&](Run run) { runs.emplace_back(run.begin, run.end); });
  return runs;
}

using Runs = std::vector<std::pair<std::int64_t, std::int64_t>>;

}  // namespace

TEST_CASE("a plain region is one run") { CHECK(runs_of({0, false, 10, 5}) == Runs{{10, 15}}); }

TEST_CASE("repetitions that touch are one run, inner alone or inner and outer") {
  CHECK(runs_of({0, false, 0, 4, 3, 4}) == Runs{{0, 12}});
  CHECK(runs_of({0, false, 0, 4, 3, 4, 2, 12}) == Runs{{0, 24}});
  CHECK(runs_of({0, false, 0, 4, 3, 4, 2, 20}) == Runs{{0, 12}, {20, 32}});
  CHECK(runs_of({0, false, 0, 4, 1, 0, 2, 4}) == Runs{{0, 8}});
}

TEST_CASE("a thousand million repetitions of the same bytes are visited once") {
  CHECK(runs_of({0, false, 8, 4, 1000000000, 0, 1000000000, 0}) == Runs{{8, 12}});
}

TEST_CASE("an outer stride equal to the run's bytes does not join runs that the inner stride parts") {
  CHECK(runs_of({0, false, 0, 4, 2, 8, 2, 4}) == Runs{{0, 4}, {8, 12}, {4, 8}, {12, 16}});
}

TEST_CASE("of 20000 random regions the runs cover the bytes of a plain loop, and overlaps are told") {
  Rng rng(3);
  int overlapping = 0;
  for (int n = 0; n < 20000; ++n) {
    const Region region{0,
                        true,
                        rng.uniform(0, 4),
                        rng.uniform(1, 4),
                        rng.uniform(1, 4),
                        rng.uniform(0, 9),
                        rng.uniform(1, 4),
                        rng.uniform(0, 25)};
    std::vector<int> expected(128, 0);
    std::int64_t end = 0;
    for (std::int64_t o = 0; o < region.outer; ++o) {
      for (std::int64_t i = 0; i < region.inner; ++i) {
        for (std::int64_t b = 0; b < region.bytes; ++b) {
          const std::int64_t at = region.offset + o * region.outer_stride + i * region.inner_stride + b;
          ++expected[static_cast<std::size_t>(at)];
          end = std::max(end, at + 1);
        }
      }
    }
    // Repetitions at stride 0 are visited once.
    const std::int64_t repeats =
        (region.inner_stride == 0 ? region.inner : 1) * (region.outer_stride == 0 ? region.outer : 1);
    std::vector<int> covered(128, 0);
    for (const auto& [from, to] : runs_of(region)) {
      for (std::int64_t at = from; at < to; ++at)
        covered[static_cast<std::size_t>(at)] += static_cast<int>(repeats);
    }
    const bool twice = std::any_of(expected.begin(), expected.end(), [](int count) { return count > 1; });
    overlapping += twice ? 1 : 0;
    INFO(region.offset << " +" << region.bytes << " x" << region.inner << "/" << region.inner_stride << " x"
                       << region.outer << "/" << region.outer_stride);
    REQUIRE(covered == expected);
    REQUIRE(extent_end(region) == end);
    REQUIRE(overlaps_itself(region) == twice);
  }
  CHECK(overlapping > 2000);
  CHECK(overlapping < 18000);
}
