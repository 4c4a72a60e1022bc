#include "nas/search/rounds.h"

#include <algorithm>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {
/// Draws before the networks that are left are listed instead; only spaces of at most kListed are.
constexpr int kDraws = 200;
constexpr double kListed = 1e7;
}  // namespace

Rounds::Rounds(const space::Space& space, const StrategyOptions& options)
    : space_(space), options_(options), rng_(options.seed) {
  if (options.batch == 0 || options.population < 4) {
    throw UserError("a search needs a batch of at least 1 and a population of at least 4");
  }
}

std::size_t Rounds::left() const {
  return options_.budget > asked_.size() ? options_.budget - asked_.size() : 0;
}

bool Rounds::offer(space::Genome genome) {
  genome = space_.canonical(std::move(genome));
  if (left() == 0 || !asked_.insert(genome).second) return false;
  queue_.push_back(std::move(genome));
  return true;
}

Evaluation Rounds::judged(const Evaluation& evaluation) const {
  if (!options_.constrained || evaluation.objectives.empty()) return evaluation;
  return {evaluation.genome, {evaluation.objectives[0]}, evaluation.violation, evaluation.failure};
}

std::optional<space::Genome> Rounds::draw_rare() {
  if (space_.count() > kListed) return std::nullopt;
  std::vector<space::Genome> rest;
  for (std::uint64_t i = 0;; ++i) {
    std::optional<space::Genome> genome = space_.at(i);
    if (!genome) break;
    *genome = space_.canonical(std::move(*genome));
    if (asked_.count(*genome) == 0) rest.push_back(std::move(*genome));
  }
  if (rest.empty()) return std::nullopt;
  return rest[space::pick(rng_, rest.size())];
}

bool Rounds::offer_random() {
  if (left() == 0) return false;
  for (int i = 0; i < kDraws; ++i) {
    if (offer(space_.sample(rng_))) return true;
  }
  std::optional<space::Genome> genome = draw_rare();
  return genome && offer(std::move(*genome));
}

void Rounds::offer_random(std::size_t count) {
  for (std::size_t i = 0; i < count && offer_random(); ++i) {
  }
}

std::vector<space::Genome> Rounds::ask(std::size_t most) {
  ensure(outstanding_ == 0, "what was asked is told before the next ask");
  if (queue_.empty()) propose();
  std::vector<space::Genome> genomes;
  while (genomes.size() < most && !queue_.empty()) {
    genomes.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  outstanding_ = genomes.size();
  return genomes;
}

void Rounds::tell(const std::vector<Evaluation>& results) {
  ensure(results.size() == outstanding_, "as many results as were asked for");
  outstanding_ = 0;
  round_.insert(round_.end(), results.begin(), results.end());
  if (!queue_.empty()) return;
  const std::vector<Evaluation> round = std::move(round_);
  round_.clear();
  if (!round.empty()) learn(round);
}

}  // namespace npusim::search
