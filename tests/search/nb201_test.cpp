// The acceptance test of every strategy: NAS-Bench-201's true accuracies (CIFAR-100) against published
// latencies, limit at the 30 % quantile, 500 evaluations. Ten seeds; medians are means of the middle two.
#include <algorithm>
#include <cmath>

#include "nas/search/compare.h"
#include "sim/base/error.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

Comparison compared(const Benchmark& benchmark, std::vector<std::string> strategies, std::vector<Aim> aims,
                    std::size_t seeds = 10) {
  CompareOptions options;
  options.strategies = std::move(strategies);
  options.aims = std::move(aims);
  options.seeds = seeds;
  options.every = 500;
  return compare(benchmark, options);
}

TEST_CASE("the table has the published bests: 91.57, 73.26 and 47.33 %") {
  const double best[] = {91.57, 73.26, 47.3333};
  const char* const sets[] = {"cifar10", "cifar100", "imagenet16"};
  for (std::size_t i = 0; i < 3; ++i) {
    const Benchmark benchmark = nb201_benchmark(sets[i], "eyeriss");
    REQUIRE(benchmark.accuracy.size() == 15625);
    CHECK(*std::max_element(benchmark.accuracy.begin(), benchmark.accuracy.end()) == best[i]);
  }
  // Rows 0 and 1 of the published table.
  const Benchmark benchmark = nb201_benchmark("cifar100", "fpga");
  const auto at = [&](const char* text) {
    const space::Genome wanted = benchmark.space->decode(text);
    for (std::size_t i = 0;; ++i) {
      if (*benchmark.space->at(i) == wanted) return i;
    }
  };
  CHECK(benchmark.accuracy[at("433000")] == 53.68);
  CHECK(benchmark.latency[at("433000")] == 2.573);
  CHECK(benchmark.accuracy[at("220420")] == 70.16);
  CHECK(benchmark.latency[at("220420")] == 5.3154);
  CHECK_THROWS_AS(nb201_benchmark("cifar100", "eyris"), UserError);
}

TEST_CASE("random search over 300 seeds finds what its closed form says") {
  for (const char* device : {"eyeriss", "fpga"}) {
    const Comparison random = compared(nb201_benchmark("cifar100", device), {"random"}, {Aim::front}, 300);
    double regret = 0, volume = 0, regret2 = 0, volume2 = 0;
    for (const Trial& trial : random.trials) {
      const Checkpoint& end = trial.checkpoints.back();
      regret += end.regret / 300;
      volume += end.hypervolume / 300;
      regret2 += end.regret * end.regret / 300;
      volume2 += end.hypervolume * end.hypervolume / 300;
    }
    // Within four standard errors of the mean.
    CHECK(std::abs(regret - random.random.regret) < 4 * std::sqrt((regret2 - regret * regret) / 300));
    CHECK(std::abs(volume - random.random.hypervolume) < 4 * std::sqrt((volume2 - volume * volume) / 300));
  }
}

TEST_CASE("nsga2 finds 98.5 % of the exact hypervolume in 500 evaluations") {
  for (const char* device : {"eyeriss", "fpga"}) {
    const Comparison found = compared(nb201_benchmark("cifar100", device), {"nsga2"}, {Aim::front});
    INFO(text_of(found));
    CHECK(standing(found, "nsga2", Aim::front).hypervolume >= 0.985);
  }
}

TEST_CASE("smbo finds 99 % of the exact hypervolume in 500 evaluations") {
  for (const char* device : {"eyeriss", "fpga"}) {
    const Comparison found = compared(nb201_benchmark("cifar100", device), {"smbo"}, {Aim::front});
    INFO(text_of(found));
    CHECK(standing(found, "smbo", Aim::front).hypervolume >= 0.99);
    for (const Trial& trial : found.trials) CHECK(trial.checkpoints.back().hypervolume <= 1);
  }
}

TEST_CASE("smbo within a limit is at most 0.25 points short of the best after 500 evaluations") {
  for (const char* device : {"eyeriss", "fpga"}) {
    const Comparison found = compared(nb201_benchmark("cifar100", device), {"smbo"}, {Aim::limit});
    INFO(text_of(found));
    CHECK(standing(found, "smbo", Aim::limit).regret <= 0.25);
    CHECK(standing(found, "smbo", Aim::limit).regret < found.most_macs);
  }
}

// The limit is the largest latency, so that nothing but accuracy counts: latencies can be learnt still.
TEST_CASE("with shuffled accuracies nothing can be learnt: no strategy's regret is below random's") {
  CompareOptions options;
  options.aims = {Aim::limit};
  options.quantile = 1;
  options.seeds = 20;
  options.strategies = {"random", "evolution", "nsga2", "reward"};
  const Comparison noise = compare(shuffled(nb201_benchmark("cifar100", "fpga"), 1), options);
  const Comparison truth = compare(nb201_benchmark("cifar100", "fpga"), options);
  const auto mean = [](const Comparison& found, const std::string& strategy) {
    double sum = 0;
    for (const Trial& trial : found.trials) {
      if (trial.strategy == strategy) sum += trial.checkpoints.back().regret / 20;
    }
    return sum;
  };
  for (const std::string& strategy : options.strategies) {
    CAPTURE(strategy);
    // Random's regret is about exponential: its mean over 20 seeds strays by 1 / sqrt(20) of itself.
    CHECK(mean(noise, strategy) > noise.random.regret * (1 - 3 / std::sqrt(20.0)));
  }
  // The same bound is crossed where there is something to learn.
  CHECK(mean(truth, "nsga2") < truth.random.regret * (1 - 3 / std::sqrt(20.0)));
}

}  // namespace
}  // namespace npusim::search
