#include "nas/search/benchmark.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

constexpr double kReferenceQuantile = 0.1;
/// A probability that is left out.
constexpr double kNegligible = 1e-15;

/// Latencies at which the integral over latency is taken, at most about twice as many.
constexpr std::size_t kSteps = 2000;

/// The numbers of networks that have a latency.
std::vector<std::size_t> runnable(const Benchmark& benchmark) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < benchmark.latency.size(); ++i) {
    if (!std::isnan(benchmark.latency[i])) all.push_back(i);
  }
  return all;
}

/// The expected largest accuracy above `floor` of `draws` networks of `total` without repeats, less `floor`,
/// where only those of `ranked` (by accuracy, descending) with latencies of at most `limit` count.
double expected_best(const Benchmark& benchmark, const std::vector<std::size_t>& ranked, double limit,
                     double floor, std::size_t draws) {
  const auto total = static_cast<double>(benchmark.latency.size());
  double sum = 0, none_before = 1, seen = 0;
  for (const std::size_t i : ranked) {
    if (benchmark.accuracy[i] <= floor || none_before < kNegligible) break;
    if (benchmark.latency[i] > limit) continue;
    const double drawn = std::min(1.0, static_cast<double>(draws) / (total - seen));
    sum += none_before * drawn * (benchmark.accuracy[i] - floor);
    none_before *= 1 - drawn;
    ++seen;
  }
  return sum;
}

}  // namespace

double quantile_of(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  const auto place = static_cast<std::size_t>(quantile * static_cast<double>(values.size()));
  return values[std::min(place, values.size() - 1)];
}

Truth truth_of(const Benchmark& benchmark, double quantile) {
  const std::vector<std::size_t> all = runnable(benchmark);
  if (all.empty() || quantile <= 0 || quantile > 1) {
    throw UserError("a benchmark needs networks that run and a quantile above 0 and of at most 1");
  }
  std::vector<double> latencies, accuracies;
  std::vector<std::pair<Point, std::size_t>> points;
  for (const std::size_t i : all) {
    latencies.push_back(benchmark.latency[i]);
    accuracies.push_back(benchmark.accuracy[i]);
  }
  Truth truth;
  truth.limit = quantile_of(latencies, quantile);
  truth.reference = {-quantile_of(accuracies, kReferenceQuantile),
                     *std::max_element(latencies.begin(), latencies.end())};
  truth.best = -std::numeric_limits<double>::infinity();
  for (const std::size_t i : all) {
    if (benchmark.latency[i] <= truth.limit) truth.best = std::max(truth.best, benchmark.accuracy[i]);
    points.push_back({{-benchmark.accuracy[i], benchmark.latency[i]}, i});
  }
  std::sort(points.begin(), points.end());
  for (const auto& [point, network] : points) {
    if (!truth.front.empty() && point[1] >= truth.front.back()[1]) continue;
    truth.front.push_back(point);
    truth.front_networks.push_back(network);
  }
  truth.hypervolume = hypervolume(truth.front, truth.reference);
  return truth;
}

Expected expected_of_random(const Benchmark& benchmark, const Truth& truth, std::size_t evaluations) {
  std::vector<std::size_t> ranked = runnable(benchmark);
  std::stable_sort(ranked.begin(), ranked.end(), [&](std::size_t a, std::size_t b) {
    return benchmark.accuracy[a] > benchmark.accuracy[b];
  });
  std::vector<double> latencies;
  double lowest = truth.best;
  for (const std::size_t i : ranked) {
    latencies.push_back(benchmark.latency[i]);
    if (benchmark.latency[i] <= truth.limit) lowest = std::min(lowest, benchmark.accuracy[i]);
  }
  std::sort(latencies.begin(), latencies.end());
  latencies.erase(std::unique(latencies.begin(), latencies.end()), latencies.end());
  // Of very many the steps are widened: the sum below stays a lower bound, a few thousandths off.
  const std::size_t stride = 1 + latencies.size() / kSteps;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < latencies.size(); i += stride) latencies[kept++] = latencies[i];
  latencies.resize(kept);
  Expected expected;
  expected.regret = truth.best - lowest - expected_best(benchmark, ranked, truth.limit, lowest, evaluations);
  // The volume is the integral over latency of the best accuracy within that latency, above the reference.
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    const double next = i + 1 < latencies.size() ? latencies[i + 1] : truth.reference[1];
    expected.hypervolume += (next - latencies[i]) *
                            expected_best(benchmark, ranked, latencies[i], -truth.reference[0], evaluations);
  }
  expected.hypervolume /= truth.hypervolume;
  return expected;
}

double regret_of_most_macs(const Benchmark& benchmark, const Truth& truth) {
  double most = -1, sum = 0, count = 0;
  for (const std::size_t i : runnable(benchmark)) {
    if (benchmark.latency[i] > truth.limit || benchmark.macs[i] < most) continue;
    if (benchmark.macs[i] > most) sum = count = 0;
    most = benchmark.macs[i];
    sum += benchmark.accuracy[i];
    ++count;
  }
  return truth.best - sum / count;
}

Benchmark shuffled(Benchmark benchmark, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double>& values = benchmark.accuracy;
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[space::pick(rng, i)]);
  benchmark.name += " shuffled";
  return benchmark;
}

}  // namespace npusim::search
