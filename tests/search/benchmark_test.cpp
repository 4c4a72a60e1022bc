#include "nas/search/benchmark.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>

#include "nas/search/compare.h"
#include "nas/space/random.h"
#include "sim/base/error.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

/// Ten networks of nb201 with integers for accuracies and latencies; one that the chip refuses.
Benchmark ten() {
  return {"ten",
          space::make_space("nb201"),
          {20, 31, 45, 45, 60, 72, 71, 90, 33, 99},
          {1, 2, 2, 3, 4, 4, 6, 8, 9, std::numeric_limits<double>::quiet_NaN()},
          {1, 5, 5, 7, 9, 9, 2, 3, 4, 9}};
}

TEST_CASE("the truth of ten networks: limit, best, front, reference") {
  const Truth truth = truth_of(ten(), 0.5);
  CHECK(truth.limit == 4);
  CHECK(truth.best == 72);
  CHECK(truth.reference == Point{-20, 9});
  CHECK(truth.front == std::vector<Point>{{-90, 8}, {-72, 4}, {-45, 2}, {-20, 1}});
  CHECK(truth.hypervolume == (90 - 20) * 1 + (72 - 20) * 4 + (45 - 20) * 2);
  CHECK(regret_of_most_macs(ten(), truth) == 72 - 66);
}

TEST_CASE("shares of kinds: of all networks, of the exact front, of the best within a limit") {
  const Benchmark benchmark = ten();
  const Truth truth = truth_of(benchmark, 0.5);
  CHECK(truth.front_networks == std::vector<std::size_t>{7, 5, 2, 0});
  const std::vector<Share> shares = shares_of(benchmark, truth);
  REQUIRE(shares.size() == 6 * 5);
  // Of networks 0 to 9 each operator stands on the first edge of two; the chip refuses network 9.
  const std::vector<space::Gene>& genes = benchmark.space->genes();
  for (std::size_t k = 0; k < 5; ++k) {
    CHECK(shares[k].gene == genes[0].name);
    CHECK(shares[k].kind == genes[0].choices[k]);
    CHECK(shares[k].space == Approx(k == 4 ? 1.0 / 9 : 2.0 / 9));
    CHECK(shares[k].front == (k == 0 || k == 2 ? 0.5 : 0));
    // Quantiles 0.1, 0.3 and 0.6 of nine latencies are 1, 2 and 4: networks 0; 0 to 2; 0 to 5.
    CHECK(shares[k].limit[0] == (k == 0 ? 1 : 0));
    CHECK(shares[k].limit[1] == Approx(k < 3 ? 1.0 / 3 : 0));
    CHECK(shares[k].limit[2] == Approx(k == 0 ? 2.0 / 6 : 1.0 / 6));
  }
  CHECK(text_of(shares).find("of the best 100") != std::string::npos);
}

TEST_CASE("choices that differ in numbers only are of one kind where there are more than 8") {
  const std::vector<space::Gene> bench = space::make_space("mbconv-bench")->genes();
  CHECK(kind_of(bench[0], 0) == "k");
  CHECK(kind_of(bench[0], 8) == "k");
  CHECK(kind_of(bench[0], 9) == "f");
  CHECK(kind_of({"width", {"8", "16"}}, 1) == "16");
  CHECK(kind_of({"width", std::vector<std::string>(9, "16")}, 1) == "16");
}

TEST_CASE("what random search expects of 3 of ten networks is the mean over all 120 subsets") {
  const Benchmark benchmark = ten();
  const Truth truth = truth_of(benchmark, 0.5);
  double regret = 0, volume = 0;
  for (std::size_t a = 0; a < 10; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      for (std::size_t c = 0; c < b; ++c) {
        std::vector<Point> points;
        double best = 20;  // the lowest within the limit
        for (const std::size_t i : {a, b, c}) {
          if (std::isnan(benchmark.latency[i])) continue;
          points.push_back({-benchmark.accuracy[i], benchmark.latency[i]});
          if (benchmark.latency[i] <= truth.limit) best = std::max(best, benchmark.accuracy[i]);
        }
        regret += (truth.best - best) / 120;
        volume += hypervolume(points, truth.reference) / truth.hypervolume / 120;
      }
    }
  }
  const Expected expected = expected_of_random(benchmark, truth, 3);
  CHECK(expected.regret == Approx(regret));
  CHECK(expected.hypervolume == Approx(volume));
  CHECK(expected_of_random(benchmark, truth, 10).regret == Approx(0).margin(1e-12));
  CHECK(expected_of_random(benchmark, truth, 10).hypervolume == Approx(1));
}

TEST_CASE("shuffling keeps the accuracies and moves nearly all") {
  const Benchmark before = nb201_benchmark("cifar10", "eyeriss");
  Benchmark after = shuffled(before, 1);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.accuracy.size(); ++i) {
    if (before.accuracy[i] != after.accuracy[i]) ++moved;
  }
  CHECK(moved > 15000);
  std::vector<double> a = before.accuracy;
  std::sort(a.begin(), a.end());
  std::sort(after.accuracy.begin(), after.accuracy.end());
  CHECK(a == after.accuracy);
}

TEST_CASE("a standing is the median over seeds and counts wins over random with the same seed") {
  Comparison comparison;
  const auto add = [&comparison](const char* strategy, std::uint64_t seed, double regret, double volume) {
    comparison.trials.push_back({"b", strategy, Aim::front, seed, {{10, regret, volume}}});
  };
  add("random", 1, 1.0, 0.8);
  add("random", 2, 2.0, 0.9);
  add("nsga2", 1, 0.5, 0.9);
  add("nsga2", 2, 2.0, 0.8);
  const Standing end = standing(comparison, "nsga2", Aim::front);
  CHECK(end.regret == 1.25);
  CHECK(end.hypervolume == Approx(0.85));
  CHECK(end.seeds == 2);
  CHECK(end.less_regret == 1);
  CHECK(end.more_hypervolume == 1);
}

TEST_CASE(
    "the picture of a comparison has a line for each strategy and aim, at the bottom where regret ends at "
    "0") {
  CompareOptions options;
  options.strategies = {"random", "nsga2"};
  options.strategy.population = 4;
  options.budget = 200;
  options.seeds = 3;
  Comparison comparison = compare(nb201_benchmark("cifar10", "fpga"), options);
  for (Trial& trial : comparison.trials) {
    if (trial.strategy == "nsga2") trial.checkpoints.back().regret = 0;
  }
  const std::string picture = picture_of({comparison});
  const auto count = [&picture](const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = picture.find(text); at != std::string::npos; at = picture.find(text, at + 1))
      ++found;
    return found;
  };
  CHECK(count("<polyline") == 4);
  CHECK(count("<polygon") == 4);
  CHECK(count("nb201 cifar10 fpga") == 2);
  // A panel is 380 x 230 below a head of 30; its axes leave 60, 16, 34 and 44 free.
  CHECK(count("364.0,216.0 ' fill='none' stroke='#0072b2'") == 1);
  CHECK(picture.find("nan") == std::string::npos);
}

TEST_CASE("a benchmark from a file must list every network, once, in numbers") {
  const std::string file = "search_benchmark_test.csv";
  const auto error_of = [&file](const std::string& text) -> std::string {
    std::ofstream(file) << text;
    try {
      static_cast<void>(table_benchmark(space::make_space("nb201"), file));
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const std::string head = "encoding,accuracy,latency_ms\n";
  CHECK(error_of("encoding,latency_ms\n").find("expected a column 'accuracy'") != std::string::npos);
  CHECK(error_of(head + "000000,high,1\n").find("line 2: 'high' is not a number") != std::string::npos);
  CHECK(error_of(head + "000000,1,1\n000000,1,1\n").find("line 3: network 000000 is there twice") !=
        std::string::npos);
  CHECK(error_of(head + "000000,1,1\n").find("network 100000 is missing (1 of 15625") != std::string::npos);
  // A whole one, where the chip refuses the network 100000.
  const Benchmark source = nb201_benchmark("cifar10", "fpga");
  std::string text = head;
  for (std::size_t i = 0; i < source.accuracy.size(); ++i) {
    text += source.space->encode(*source.space->at(i)) + "," + std::to_string(source.accuracy[i]) + "," +
            (i == 1 ? "" : std::to_string(source.latency[i])) + "\n";
  }
  std::ofstream(file) << text;
  const Benchmark read = table_benchmark(space::make_space("nb201"), file);
  CHECK(read.accuracy[7] == source.accuracy[7]);
  CHECK(read.latency[7] == Approx(source.latency[7]));
  CHECK(std::isnan(read.latency[1]));
  std::remove(file.c_str());
}

}  // namespace
}  // namespace npusim::search
