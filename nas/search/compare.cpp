#include "nas/search/compare.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <ostream>

#include "sim/base/error.h"

namespace npusim::search {

namespace {

double median(std::vector<double> values) {
  ensure(!values.empty(), "a median of some values");
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

using Numbers = std::map<space::Genome, std::size_t>;

/// By canonical genome its number.
Numbers numbers_of(const Benchmark& benchmark) {
  Numbers numbers;
  for (std::size_t i = 0; i < benchmark.latency.size(); ++i) {
    const std::optional<space::Genome> genome = benchmark.space->at(i);
    ensure(genome.has_value(), "a benchmark has no more networks than its space");
    numbers.emplace(*genome, i);
  }
  return numbers;
}

/// Answers a strategy from the benchmark and keeps what it found.
class Referee {
 public:
  Referee(const Benchmark& benchmark, const Truth& truth, const Numbers& numbers)
      : benchmark_(benchmark), truth_(truth), numbers_(numbers), best_(lowest()) {}

  Evaluation evaluate(const space::Genome& genome, Aim aim) {
    const std::size_t i = numbers_.at(genome);
    const double latency = benchmark_.latency[i];
    Evaluation evaluation{genome, {}, 0, ""};
    if (std::isnan(latency)) {
      evaluation.failure = "refused";
      return evaluation;
    }
    evaluation.objectives = {-benchmark_.accuracy[i], latency};
    archive_.insert(evaluation);
    if (latency <= truth_.limit && (winner_.empty() || benchmark_.accuracy[i] > best_)) {
      best_ = benchmark_.accuracy[i];
      winner_ = {i};
    }
    if (aim == Aim::limit) evaluation.violation = std::max(0.0, latency / truth_.limit - 1);
    return evaluation;
  }

  [[nodiscard]] std::vector<std::size_t> returned(Aim aim) const {
    if (aim == Aim::limit) return winner_;
    std::vector<std::size_t> front;
    for (const Evaluation& evaluation : archive_.front()) front.push_back(numbers_.at(evaluation.genome));
    return front;
  }

  [[nodiscard]] Checkpoint checkpoint(std::size_t evaluations) const {
    return {evaluations, truth_.best - best_, archive_.hypervolume(truth_.reference) / truth_.hypervolume};
  }

 private:
  [[nodiscard]] double lowest() const {
    double least = truth_.best;
    for (std::size_t i = 0; i < benchmark_.latency.size(); ++i) {
      if (benchmark_.latency[i] <= truth_.limit) least = std::min(least, benchmark_.accuracy[i]);
    }
    return least;
  }

  const Benchmark& benchmark_;
  const Truth& truth_;
  const Numbers& numbers_;
  Archive archive_;
  double best_;                      ///< accuracy within the limit
  std::vector<std::size_t> winner_;  ///< the network that has it, once there is one
};

Trial run(const Benchmark& benchmark, const Truth& truth, const Numbers& numbers, const std::string& strategy,
          Aim aim, std::uint64_t seed, const CompareOptions& options) {
  StrategyOptions strategy_options = options.strategy;
  strategy_options.seed = seed;
  strategy_options.budget = options.budget;
  strategy_options.objectives = 2;
  strategy_options.constrained = aim == Aim::limit;
  if (aim == Aim::limit) {
    strategy_options.limits = {std::numeric_limits<double>::infinity(), truth.limit};
  }
  strategy_options.reward_target = truth.limit;
  const std::unique_ptr<Strategy> searcher = make_strategy(strategy, *benchmark.space, strategy_options);
  Referee referee(benchmark, truth, numbers);
  Trial trial{benchmark.name, strategy, aim, seed, {}, {}};
  std::size_t evaluations = 0;
  for (;;) {
    const std::size_t until = options.every - evaluations % options.every;
    const std::vector<space::Genome> asked = searcher->ask(until);
    if (asked.empty()) break;
    std::vector<Evaluation> results;
    for (const space::Genome& genome : asked) results.push_back(referee.evaluate(genome, aim));
    searcher->tell(results);
    evaluations += asked.size();
    if (evaluations % options.every == 0) trial.checkpoints.push_back(referee.checkpoint(evaluations));
  }
  if (trial.checkpoints.empty() || trial.checkpoints.back().evaluations < evaluations) {
    trial.checkpoints.push_back(referee.checkpoint(evaluations));
  }
  trial.returned = referee.returned(aim);
  return trial;
}

}  // namespace

std::string to_string(Aim aim) { return aim == Aim::front ? "front" : "limit"; }

Trial run_trial(const Benchmark& benchmark, const Truth& truth, const std::string& strategy, Aim aim,
                std::uint64_t seed, const CompareOptions& options) {
  return run(benchmark, truth, numbers_of(benchmark), strategy, aim, seed, options);
}

Comparison compare(const Benchmark& benchmark, const CompareOptions& options) {
  if (options.seeds == 0 || options.budget == 0 || options.every == 0) {
    throw UserError("a comparison needs at least one seed, one evaluation and one between checkpoints");
  }
  const Truth truth = truth_of(benchmark, options.quantile);
  Comparison comparison{benchmark.name,
                        benchmark.latency.size(),
                        truth,
                        options.budget,
                        expected_of_random(benchmark, truth, options.budget),
                        regret_of_most_macs(benchmark, truth),
                        shares_of(benchmark, truth),
                        {}};
  const Numbers numbers = numbers_of(benchmark);
  for (const Aim aim : options.aims) {
    for (const std::string& strategy : options.strategies) {
      for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
        options.progress(fmt::format("{}: {} ({}), seed {}", benchmark.name, strategy, to_string(aim), seed));
        comparison.trials.push_back(run(benchmark, truth, numbers, strategy, aim, seed, options));
      }
    }
  }
  return comparison;
}

Standing standing(const Comparison& comparison, const std::string& strategy, Aim aim) {
  std::map<std::uint64_t, Checkpoint> random;
  for (const Trial& trial : comparison.trials) {
    if (trial.strategy == "random" && trial.aim == aim) random[trial.seed] = trial.checkpoints.back();
  }
  Standing result;
  std::vector<double> regrets, volumes;
  for (const Trial& trial : comparison.trials) {
    if (trial.strategy != strategy || trial.aim != aim) continue;
    const Checkpoint& end = trial.checkpoints.back();
    regrets.push_back(end.regret);
    volumes.push_back(end.hypervolume);
    const auto rival = random.find(trial.seed);
    if (rival == random.end()) continue;
    if (end.regret < rival->second.regret) ++result.less_regret;
    if (end.hypervolume > rival->second.hypervolume) ++result.more_hypervolume;
  }
  result.seeds = regrets.size();
  result.regret = median(regrets);
  result.hypervolume = median(volumes);
  return result;
}

std::string text_of(const Comparison& comparison) {
  std::string text = fmt::format(
      "{}: {} networks, {} evaluations, limit {:.6g}, best within it {:.6g}, {} on the exact front\n"
      "  {:<10} {:<6} {:>8} {:>12} {:>22}\n",
      comparison.benchmark, comparison.networks, comparison.budget, comparison.truth.limit,
      comparison.truth.best, comparison.truth.front.size(), "strategy", "aim", "regret", "hypervolume",
      "beats random (of seeds)");
  std::vector<std::pair<std::string, Aim>> seen;
  for (const Trial& trial : comparison.trials) {
    const std::pair<std::string, Aim> key{trial.strategy, trial.aim};
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
    seen.push_back(key);
    const Standing end = standing(comparison, trial.strategy, trial.aim);
    text += fmt::format("  {:<10} {:<6} {:>8.3f} {:>12.4f} {:>10}, {} of {}\n", trial.strategy,
                        to_string(trial.aim), end.regret, end.hypervolume, fmt::format("{}", end.less_regret),
                        end.more_hypervolume, end.seeds);
  }
  text += fmt::format("  random, expected: {:.3f} {:.4f}; most MACs within the limit: {:.3f}\n",
                      comparison.random.regret, comparison.random.hypervolume, comparison.most_macs);
  return text + text_of(comparison.shares);
}

void write_csv(const std::vector<Comparison>& comparisons, std::ostream& out) {
  out << "benchmark,aim,strategy,seed,evaluations,regret,hypervolume\n";
  for (const Comparison& comparison : comparisons) {
    for (const Trial& trial : comparison.trials) {
      for (const Checkpoint& at : trial.checkpoints) {
        fmt::print(out, "{},{},{},{},{},{:.6g},{:.6g}\n", trial.benchmark, to_string(trial.aim),
                   trial.strategy, trial.seed, at.evaluations, at.regret, at.hypervolume);
      }
    }
  }
}

}  // namespace npusim::search
