// How good the strategies are: on benchmarks whose truth is known, against random search at equal budget.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "nas/search/benchmark.h"
#include "nas/search/shares.h"
#include "nas/search/strategy.h"

namespace npusim::search {

/// What a search seeks.
enum class Aim : std::uint8_t {
  front,  ///< all trade-offs between accuracy and latency
  limit   ///< the highest accuracy within the benchmark's latency limit
};
std::string to_string(Aim aim);

/// How far a search was after some evaluations.
struct Checkpoint {
  std::size_t evaluations = 0;
  double regret = 0;       ///< accuracy lost within the limit; as in Expected where nothing fits yet
  double hypervolume = 0;  ///< of the front found, as a share of the exact one
};

/// One strategy on a benchmark.
struct Trial {
  std::string benchmark, strategy;
  Aim aim = Aim::front;
  std::uint64_t seed = 0;
  std::vector<Checkpoint> checkpoints;  ///< every CompareOptions::every evaluations, the last at the end
  /// Numbers of the networks that the search returns: its front by accuracy, descending; of Aim::limit the
  /// best within the limit, or none.
  std::vector<std::size_t> returned = {};
};

struct Comparison;

struct CompareOptions {
  std::vector<std::string> strategies = strategy_names();
  std::vector<Aim> aims = {Aim::front, Aim::limit};
  std::size_t budget = 500;
  std::size_t seeds = 10;         ///< 1, 2, ...
  std::size_t every = 50;         ///< evaluations between checkpoints
  double quantile = 0.3;          ///< of latency, the limit
  StrategyOptions strategy = {};  ///< seed, budget, aim and limits are filled in
  std::function<void(const std::string&)> progress = [](const std::string&) {};  ///< told each trial
  /// Looks at each benchmark's comparison in run_compare(); what it returns is appended to the text.
  std::function<std::string(const Benchmark&, const Comparison&)> afterwards = {};
};

/// Searches the benchmark once.
Trial run_trial(const Benchmark& benchmark, const Truth& truth, const std::string& strategy, Aim aim,
                std::uint64_t seed, const CompareOptions& options);

/// What compare() found of one benchmark.
struct Comparison {
  std::string benchmark;
  std::size_t networks = 0;
  Truth truth;
  std::size_t budget = 0;
  Expected random;       ///< of `budget` evaluations
  double most_macs = 0;  ///< regret_of_most_macs()
  std::vector<Share> shares;
  std::vector<Trial> trials;
};
Comparison compare(const Benchmark& benchmark, const CompareOptions& options);

/// The median over trials of a strategy and aim at the end (the mean of the middle two of an even number),
/// and in how many of them it was better than random search with the same seed and aim.
struct Standing {
  double regret = 0, hypervolume = 0;
  std::size_t seeds = 0, less_regret = 0, more_hypervolume = 0;
};
Standing standing(const Comparison& comparison, const std::string& strategy, Aim aim);

/// A table for people, one row a strategy and aim.
std::string text_of(const Comparison& comparison);
/// "benchmark,aim,strategy,seed,evaluations,regret,hypervolume", a row a checkpoint.
void write_csv(const std::vector<Comparison>& comparisons, std::ostream& out);

/// SVG: a row a comparison; regret within the limit and hypervolume against evaluations, for each strategy
/// the median over seeds in a band from the lower to the upper quartile.
std::string picture_of(const std::vector<Comparison>& comparisons);

/// What there is to say of some comparisons.
struct CompareOutput {
  std::string text;     ///< text_of() and what CompareOptions::afterwards adds
  std::string csv;      ///< write_csv()
  std::string picture;  ///< picture_of()
};

/// Compares on benchmarks by name, for the command line: "nb201:<data set>:<device>", or a CSV file of all
/// networks of `space` (table_benchmark()). Appends ":shuffled" for the control with shuffled accuracies.
/// Throws UserError.
CompareOutput run_compare(const std::vector<std::string>& benchmarks, const std::string& space,
                          const CompareOptions& options);

}  // namespace npusim::search
