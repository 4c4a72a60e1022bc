// What all strategies share: rounds of proposals, each network asked for once, the budget.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "nas/search/pareto.h"
#include "nas/search/strategy.h"
#include "sim/base/rng.h"

namespace npusim::search {

/// A strategy that decides in rounds: it proposes some networks and learns when all of them are told.
class Rounds : public Strategy {
 public:
  std::vector<space::Genome> ask(std::size_t most) final;
  void tell(const std::vector<Evaluation>& results) final;

 protected:
  Rounds(const space::Space& space, const StrategyOptions& options);

  /// Proposes the next round by calling offer(); nothing offered ends the search.
  virtual void propose() = 0;
  /// A round's results, in the order of its offers.
  virtual void learn(const std::vector<Evaluation>& round) = 0;

  /// Adds the network to the round unless it was asked for before; true when added.
  bool offer(space::Genome genome);
  /// Offers a network drawn uniformly from those not asked for; false when there is none left.
  bool offer_random();
  void offer_random(std::size_t count);
  [[nodiscard]] bool asked_before(const space::Genome& genome) const { return asked_.count(genome) > 0; }
  /// What networks are compared by: in a constrained search objective 0 and the violation.
  [[nodiscard]] Evaluation judged(const Evaluation& evaluation) const;
  /// How many more networks may be offered.
  [[nodiscard]] std::size_t left() const;
  [[nodiscard]] const space::Space& space() const { return space_; }
  [[nodiscard]] const StrategyOptions& options() const { return options_; }
  Rng& rng() { return rng_; }

 private:
  std::optional<space::Genome> draw_rare();

  const space::Space& space_;
  StrategyOptions options_;
  Rng rng_;
  std::set<space::Genome> asked_;
  std::deque<space::Genome> queue_;
  std::vector<Evaluation> round_;
  std::size_t outstanding_ = 0;
};

std::unique_ptr<Strategy> make_random(const space::Space& space, const StrategyOptions& options);
/// Regularised evolution (Real et al., arXiv 1802.01548): a tournament among a sample of the population names
/// the parent, its mutant replaces the oldest. Tournaments are won by constraint domination.
std::unique_ptr<Strategy> make_evolution(const space::Space& space, const StrategyOptions& options);
/// NSGA-II (Deb et al. 2002) with uniform crossover of choices.
std::unique_ptr<Strategy> make_nsga2(const space::Space& space, const StrategyOptions& options);
/// Sequential model-based optimisation: boosted trees for each objective; see smbo.cpp.
std::unique_ptr<Strategy> make_smbo(const space::Space& space, const StrategyOptions& options);
/// MnasNet's reward (arXiv 1807.11626) with a policy of independent choices, trained by REINFORCE.
std::unique_ptr<Strategy> make_reward(const space::Space& space, const StrategyOptions& options);

}  // namespace npusim::search
