// Regularised (aging) evolution.
#include <algorithm>
#include <deque>

#include "nas/search/rounds.h"
#include "nas/space/random.h"

namespace npusim::search {

namespace {

constexpr std::size_t kTournament = 10;
constexpr int kTries = 30;  ///< for a mutant that was not asked for before

class Evolution : public Rounds {
 public:
  Evolution(const space::Space& space, const StrategyOptions& options) : Rounds(space, options) {}

 private:
  void propose() override {
    if (population_.empty()) {
      offer_random(options().population);
      return;
    }
    for (std::size_t i = 0; i < options().batch; ++i) {
      const space::Genome& parent = choose().genome;
      bool found = false;
      for (int t = 0; t < kTries && !found; ++t) {
        found = offer(space().mutate(parent, rng(), options().mutation_rate));
      }
      if (!found && !offer_random()) return;
    }
  }

  void learn(const std::vector<Evaluation>& round) override {
    for (const Evaluation& evaluation : round) {
      population_.push_back(judged(evaluation));
      if (population_.size() > options().population) population_.pop_front();
    }
  }

  /// The first of a sample, in random order, that no other of the sample constraint-dominates.
  const Evaluation& choose() {
    std::vector<const Evaluation*> sample;
    for (std::size_t i = 0; i < kTournament; ++i) {
      sample.push_back(&population_[space::pick(rng(), population_.size())]);
    }
    for (const Evaluation* candidate : sample) {
      const bool beaten = std::any_of(sample.begin(), sample.end(), [candidate](const Evaluation* other) {
        return constraint_dominates(*other, *candidate);
      });
      if (!beaten) return *candidate;
    }
    return *sample.front();
  }

  std::deque<Evaluation> population_;  ///< oldest first
};

}  // namespace

std::unique_ptr<Strategy> make_evolution(const space::Space& space, const StrategyOptions& options) {
  return std::make_unique<Evolution>(space, options);
}

}  // namespace npusim::search
