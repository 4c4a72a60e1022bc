// NSGA-II with crossover of choices. Differences from Deb et al. 2002: children are never networks asked for
// before, and equal points of the population count once when it is thinned.
#include <algorithm>
#include <numeric>

#include "nas/search/rounds.h"
#include "nas/space/random.h"

namespace npusim::search {

namespace {

constexpr double kCrossover = 0.9;
constexpr int kTries = 30;  ///< for a child that was not asked for before

class Nsga2 : public Rounds {
 public:
  Nsga2(const space::Space& space, const StrategyOptions& options) : Rounds(space, options) {}

 private:
  void propose() override {
    if (population_.empty()) {
      offer_random(options().population);
      return;
    }
    for (std::size_t i = 0; i < options().population; ++i) {
      if (!offer_child() && !offer_random()) return;
    }
  }

  bool offer_child() {
    for (int t = 0; t < kTries; ++t) {
      const space::Genome& a = choose();
      if (space::uniform_unit(rng()) >= kCrossover) {
        if (offer(space().mutate(a, rng(), options().mutation_rate))) return true;
        continue;
      }
      const space::Genome child = space().cross(a, choose(), rng());
      // mutate() changes at least one gene: leave some children as crossed.
      const bool mutated = space::uniform_unit(rng()) < mutated_share();
      if (offer(mutated ? space().mutate(child, rng(), options().mutation_rate) : child)) return true;
    }
    return false;
  }

  /// The probability that at least one gene changes.
  [[nodiscard]] double mutated_share() const {
    double none = 1;
    for (std::size_t i = 0; i < space().genes().size(); ++i) none *= 1 - options().mutation_rate;
    return 1 - none;
  }

  /// A binary tournament by front, then crowding.
  const space::Genome& choose() {
    const std::size_t a = space::pick(rng(), population_.size());
    const std::size_t b = space::pick(rng(), population_.size());
    if (front_[a] != front_[b]) return population_[front_[a] < front_[b] ? a : b].genome;
    return population_[crowding_[a] >= crowding_[b] ? a : b].genome;
  }

  void learn(const std::vector<Evaluation>& round) override {
    for (const Evaluation& evaluation : round) population_.push_back(judged(evaluation));
    rank();
    std::vector<std::size_t> order(population_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return front_[a] != front_[b] ? front_[a] < front_[b] : crowding_[a] > crowding_[b];
    });
    if (order.size() > options().population) order.resize(options().population);
    std::vector<Evaluation> kept;
    for (const std::size_t i : order) kept.push_back(std::move(population_[i]));
    population_ = std::move(kept);
    rank();
  }

  /// Fronts and crowding of the population.
  void rank() {
    front_ = front_numbers(population_);
    crowding_.assign(population_.size(), 0);
    const std::size_t fronts = 1 + *std::max_element(front_.begin(), front_.end());
    for (std::size_t f = 0; f < fronts; ++f) {
      std::vector<std::size_t> members;
      std::vector<Point> points;
      for (std::size_t i = 0; i < population_.size(); ++i) {
        const Point& point = population_[i].objectives;
        if (front_[i] != f || point.empty()) continue;
        if (std::find(points.begin(), points.end(), point) != points.end()) continue;
        members.push_back(i);
        points.push_back(point);
      }
      const std::vector<double> distances = crowding_distances(points);
      for (std::size_t i = 0; i < members.size(); ++i) crowding_[members[i]] = distances[i];
    }
  }

  std::vector<Evaluation> population_;
  std::vector<std::size_t> front_;
  std::vector<double> crowding_;
};

}  // namespace

std::unique_ptr<Strategy> make_nsga2(const space::Space& space, const StrategyOptions& options) {
  return std::make_unique<Nsga2>(space, options);
}

}  // namespace npusim::search
