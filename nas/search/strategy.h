// How a search chooses networks: strategies ask for evaluations and are told the results.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nas/space/space.h"

namespace npusim::search {

/// What is known of a network.
struct Evaluation {
  space::Genome genome;  ///< canonical
  /// All to be minimised (an accuracy enters negated); empty when it failed. Objective 0 is infinite for what
  /// exceeds a hard limit and was therefore not judged: strategies learn from the others alone.
  std::vector<double> objectives;
  /// By how much hard limits are exceeded, each as a share of its limit, summed; 0: feasible.
  double violation = 0;
  std::string failure;  ///< why there are no objectives: a chip refuses it, an evaluator failed
};

/// True when `a` is at least as good as `b` in all objectives and better in one (no limits considered).
bool dominates(const std::vector<double>& a, const std::vector<double>& b);

/// Chooses what to evaluate next. Everything depends on the seed and the evaluations told, in order, not on
/// how many are asked for at a time: a search is resumed by asking again and answering from the store.
class Strategy {
 public:
  virtual ~Strategy() = default;
  /// At most `most` canonical genomes to evaluate next, never one asked for before; empty when the strategy
  /// has nothing more to ask: the budget is spent or the space exhausted. What was asked is told before the
  /// next ask.
  virtual std::vector<space::Genome> ask(std::size_t most) = 0;
  /// The results of what was asked, in the same order. Throws UserError when a strategy cannot use them.
  virtual void tell(const std::vector<Evaluation>& results) = 0;
};

/// What a strategy may know beforehand.
struct StrategyOptions {
  std::uint64_t seed = 1;
  std::size_t budget = 500;    ///< evaluations in all
  std::size_t objectives = 2;  ///< how many; 1: the search is constrained by violation alone
  /// False: seeks the whole front. True: seeks the least objective 0 of networks without violation; the other
  /// objectives are told so that a strategy may learn from them where the limits are.
  bool constrained = false;
  /// By objective the hard limit that Evaluation::violation counts, infinity for none; empty: unknown, and
  /// strategies learn violations from what they are told.
  std::vector<double> limits = {};
  std::size_t population = 50;      ///< of the evolutionary ones
  std::size_t batch = 10;           ///< evaluations between two decisions of smbo, evolution and reward
  double mutation_rate = 0.1;       ///< by gene
  std::string surrogate = "trees";  ///< of smbo: make_surrogate()
  /// Of `reward`: objective 0 is the negated accuracy, objective 1 the latency: reward = acc *
  /// (lat/target)^w. 0: the limit of objective 1, else the first batch's median latency.
  double reward_target = 0;
  double reward_exponent = -0.07;  ///< MnasNet's w
};

/// "random", "evolution" (regularised), "nsga2", "smbo", "reward". Throws UserError for another name with the
/// nearest. The space must outlive the strategy.
std::unique_ptr<Strategy> make_strategy(const std::string& name, const space::Space& space,
                                        const StrategyOptions& options);
std::vector<std::string> strategy_names();

}  // namespace npusim::search
