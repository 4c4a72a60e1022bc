#include "nas/search/fresh.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

constexpr double kSlower = 1e-6;

/// By network its simulated latency in ms.
using Latencies = std::map<std::size_t, double>;

std::vector<std::size_t> draw(const Benchmark& benchmark, const FreshOptions& options) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < benchmark.latency.size(); ++i) {
    if (!std::isnan(benchmark.latency[i])) all.push_back(i);
  }
  Rng rng(options.seed);
  const std::size_t count = std::min(options.sample, all.size());
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + space::pick(rng, all.size() - i)]);
  all.resize(count);
  return all;
}

Latencies simulate(const Benchmark& benchmark, const std::set<std::size_t>& networks, const SearchChip& chip,
                   const FreshOptions& options) {
  jobs::Batch batch;
  batch.chips.push_back({chip.description, {}, chip.hash});
  for (const std::size_t i : networks) {
    batch.jobs.push_back({0, batch.makers.size(), chip.dtype, false});
    batch.makers.emplace_back([space = benchmark.space, i] { return space->build(*space->at(i)); });
  }
  jobs::BatchOptions how;
  how.workers = options.workers;
  how.version = options.version;
  how.store = options.store;
  const jobs::BatchResult results = jobs::run_batch(batch, how);
  if (results.stopped) throw UserError("stopped; what was done is kept: repeat the command to continue");
  Latencies latencies;
  auto result = results.results.begin();
  for (const std::size_t i : networks) {
    if (result->status != jobs::Status::ok) {
      const std::string text =
          fmt::format("{}:{} on {}: {}", benchmark.space->name(),
                      benchmark.space->encode(*benchmark.space->at(i)), chip.name, result->message);
      if (result->status == jobs::Status::failed) throw InternalError(text);
      throw UserError(text);
    }
    latencies[i] = (result++)->summary.latency_ms;
  }
  return latencies;
}

void add(Gap& gap, const Benchmark& benchmark, const Latencies& latencies,
         const std::vector<std::size_t>& networks) {
  for (const std::size_t i : networks) {
    const double off = latencies.at(i) / benchmark.latency[i] - 1;
    gap.mean += off;
    gap.size += std::abs(off);
    if (std::abs(off) > std::abs(gap.worst)) gap.worst = off;
    if (off > kSlower) ++gap.slower;
  }
  gap.networks += networks.size();
}

void finish(Gap& gap, std::size_t searches) {
  const auto count = static_cast<double>(std::max<std::size_t>(gap.networks, 1));
  for (double* sum : {&gap.mean, &gap.size, &gap.slower}) *sum /= count;
  for (double* sum : {&gap.volume, &gap.known_volume, &gap.broken}) {
    *sum /= static_cast<double>(std::max<std::size_t>(searches, 1));
  }
}

void add_search(Gap& gap, const Benchmark& benchmark, const Truth& truth, const Latencies& latencies,
                const Trial& trial) {
  add(gap, benchmark, latencies, trial.returned);
  std::vector<Point> points;
  for (const std::size_t i : trial.returned) {
    points.push_back({-benchmark.accuracy[i], latencies.at(i)});
    if (trial.aim == Aim::limit && latencies.at(i) > truth.limit) ++gap.broken;
  }
  gap.volume += hypervolume(points, truth.reference) / truth.hypervolume;
  gap.known_volume += trial.checkpoints.back().hypervolume;
}

}  // namespace

std::vector<Gap> simulate_returned(const Benchmark& benchmark, const Comparison& comparison,
                                   const SearchChip& chip, const FreshOptions& options) {
  const std::vector<std::size_t> sample = draw(benchmark, options);
  std::set<std::size_t> networks(sample.begin(), sample.end());
  for (const Trial& trial : comparison.trials) networks.insert(trial.returned.begin(), trial.returned.end());
  const Latencies latencies = simulate(benchmark, networks, chip, options);
  std::vector<Gap> gaps(1);
  add(gaps.front(), benchmark, latencies, sample);
  finish(gaps.front(), 0);
  std::vector<std::size_t> searches(1);
  for (const Trial& trial : comparison.trials) {
    auto gap = std::find_if(gaps.begin(), gaps.end(), [&](const Gap& other) {
      return other.strategy == trial.strategy && other.aim == trial.aim;
    });
    if (gap == gaps.end()) {
      gap = gaps.insert(gaps.end(), Gap{trial.strategy, trial.aim});
      searches.push_back(0);
    }
    ++searches[static_cast<std::size_t>(gap - gaps.begin())];
    add_search(*gap, benchmark, comparison.truth, latencies, trial);
  }
  for (std::size_t i = 1; i < gaps.size(); ++i) finish(gaps[i], searches[i]);
  return gaps;
}

std::string text_of(const std::vector<Gap>& gaps, const std::string& chip) {
  std::string text = fmt::format(
      "  simulated afresh on {}: how far from the benchmark's latencies\n"
      "  {:<10} {:<6} {:>8} {:>9} {:>9} {:>9} {:>8}   {}\n",
      chip, "strategy", "aim", "networks", "mean %", "mean |%|", "worst %", "slower", "in the end");
  for (const Gap& gap : gaps) {
    const bool uniform = gap.strategy.empty();
    text += fmt::format("  {:<10} {:<6} {:>8} {:>+9.3f} {:>9.3f} {:>+9.3f} {:>6.0f} %",
                        uniform ? "(uniform)" : gap.strategy, uniform ? "" : to_string(gap.aim), gap.networks,
                        100 * gap.mean, 100 * gap.size, 100 * gap.worst, 100 * gap.slower);
    if (!uniform && gap.aim == Aim::front) {
      text += fmt::format("   hypervolume {:.4f} for {:.4f}", gap.volume, gap.known_volume);
    } else if (!uniform) {
      text += fmt::format("   {:.0f} % above the limit", 100 * gap.broken);
    }
    text += "\n";
  }
  return text;
}

}  // namespace npusim::search
