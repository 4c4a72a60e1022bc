// Sequential model-based optimisation: a surrogate for each objective is trained on all that was told,
// candidates are drawn, the predicted best are evaluated, and so on (the loop of ISyNAS, with boosted trees).
//
// For a front, a candidate's merit is its hypervolume improvement over the front so far, the mean over what
// the ensemble's members predict; a batch is chosen one by one, each choice joining the front as predicted.
// For a constrained search it is the improvement of objective 0 over the best so far, the mean over members,
// 0 for a member that predicts a violation.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>

#include "nas/search/rounds.h"
#include "nas/search/surrogate.h"
#include "nas/space/random.h"

namespace npusim::search {

namespace {

constexpr std::size_t kStart = 50;  ///< random networks before the first model, at least
constexpr std::size_t kRandomPool = 500, kNearPool = 1000;
constexpr std::size_t kParents = 60;  ///< good networks that candidates near them start from
constexpr double kNone = 0.005;       ///< a predicted violation that counts as none, where limits are unknown
constexpr double kRoom = 0.05;        ///< from the worst seen to the reference point, in ranges

/// A network and what each member of the surrogates predicts.
struct Candidate {
  space::Genome genome;
  std::vector<Point> predicted;   ///< by member
  std::vector<double> violation;  ///< by member
  double merit = 0;
};

class Smbo : public Rounds {
 public:
  Smbo(const space::Space& space, const StrategyOptions& options) : Rounds(space, options) {
    limits_known_ = std::any_of(options.limits.begin(), options.limits.end(),
                                [](double limit) { return std::isfinite(limit); });
  }

 private:
  void propose() override {
    if (known_.size() < 2) {
      offer_random(std::max(kStart, 2 * space().genes().size()));
      return;
    }
    if (judged_ < 2) return approach();
    train();
    std::vector<Candidate> pool = candidates();
    const std::size_t before = left();
    if (constrained()) {
      choose_best(pool);
    } else {
      choose_front(pool);
    }
    const std::size_t chosen = before - left();
    offer_random(std::max<std::size_t>(1, options().batch - std::min(options().batch, chosen)));
  }

  void learn(const std::vector<Evaluation>& round) override {
    for (const Evaluation& evaluation : round) {
      if (evaluation.objectives.empty()) continue;
      known_.push_back(evaluation);
      judged_ += std::isfinite(evaluation.objectives[0]) ? 1 : 0;
    }
  }

  /// Before anything keeps the limits: children of what exceeds them least.
  void approach() {
    const std::vector<std::size_t> good = parents();
    const auto draw = [&]() -> const space::Genome& {
      return known_[good[space::pick(rng(), good.size())]].genome;
    };
    const std::size_t before = left();
    for (std::size_t i = 0; i < kNearPool && before - left() + 1 < options().batch; ++i) {
      offer(space().mutate(space().cross(draw(), draw(), rng()), rng(), options().mutation_rate));
    }
    offer_random(1);
  }

  [[nodiscard]] bool constrained() const { return options().constrained || options().objectives == 1; }

  void train() {
    std::vector<space::Genome> genomes;
    for (const Evaluation& evaluation : known_) genomes.push_back(evaluation.genome);
    const std::size_t objectives = known_.front().objectives.size();
    std::vector<double> targets(known_.size());
    while (surrogates_.size() < objectives)
      surrogates_.push_back(make_surrogate(options().surrogate, space()));
    for (std::size_t k = 0; k < objectives; ++k) {
      for (std::size_t i = 0; i < known_.size(); ++i) targets[i] = known_[i].objectives[k];
      if (k == 0 && constrained()) fence(targets);
      surrogates_[k]->fit(genomes, targets, rng().next());
    }
    if (limits_known_) return;
    for (std::size_t i = 0; i < known_.size(); ++i) targets[i] = known_[i].violation;
    if (std::all_of(targets.begin(), targets.end(), [](double v) { return v <= 0; })) return;
    if (violation_ == nullptr) violation_ = make_surrogate(options().surrogate, space());
    violation_->fit(genomes, targets, rng().next());
  }

  /// Brings outliers on the bad side to Tukey's fence: how bad the worst are teaches nothing about the best.
  static void fence(std::vector<double>& targets) {
    std::vector<double> sorted = targets;
    std::sort(sorted.begin(), sorted.end());
    const double quarter = sorted[sorted.size() / 4], three = sorted[3 * sorted.size() / 4];
    for (double& target : targets) target = std::min(target, three + 1.5 * (three - quarter));
  }

  /// Good networks: of the first fronts; for a constrained search those with the least objective 0 that keep
  /// the limits, then those that nearly do.
  [[nodiscard]] std::vector<std::size_t> parents() const {
    std::vector<Evaluation> seen;
    for (const Evaluation& evaluation : known_) seen.push_back(judged(evaluation));
    const std::vector<std::size_t> fronts = front_numbers(seen);
    std::vector<std::size_t> order(known_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return fronts[a] < fronts[b]; });
    if (order.size() > kParents) order.resize(kParents);
    return order;
  }

  std::vector<Candidate> candidates() {
    std::set<space::Genome> genomes;
    for (std::size_t i = 0; i < kRandomPool; ++i) genomes.insert(space().sample(rng()));
    const std::vector<std::size_t> good = parents();
    const auto draw = [&]() -> const space::Genome& {
      return known_[good[space::pick(rng(), good.size())]].genome;
    };
    for (std::size_t i = 0; i < kNearPool; ++i) {
      const space::Genome start = i % 2 == 0 ? draw() : space().cross(draw(), draw(), rng());
      genomes.insert(i % 4 == 3 ? start : space().mutate(start, rng(), options().mutation_rate));
    }
    std::erase_if(genomes, [this](const space::Genome& genome) { return asked_before(genome); });
    return predict({genomes.begin(), genomes.end()});
  }

  /// Members are as far off as predictions have been: evenly spread from one standard error better to one
  /// worse.
  static double hope(std::size_t member, std::size_t members) {
    if (members < 2) return 0;
    return 2 * static_cast<double>(member) / static_cast<double>(members - 1) - 1;
  }

  [[nodiscard]] std::vector<Candidate> predict(const std::vector<space::Genome>& genomes) const {
    std::vector<Candidate> candidates;
    for (const space::Genome& genome : genomes) candidates.push_back({genome, {}, {}});
    for (std::size_t k = 0; k < surrogates_.size(); ++k) {
      const std::vector<std::vector<double>> all = surrogates_[k]->predict(genomes);
      for (std::size_t i = 0; i < genomes.size(); ++i) {
        const std::vector<double>& members = all[i];
        candidates[i].predicted.resize(members.size(), Point(surrogates_.size()));
        for (std::size_t m = 0; m < members.size(); ++m) {
          candidates[i].predicted[m][k] = members[m] + surrogates_[k]->noise() * hope(m, members.size());
        }
      }
    }
    std::vector<std::vector<double>> violations;
    if (violation_ != nullptr) violations = violation_->predict(genomes);
    for (std::size_t i = 0; i < genomes.size(); ++i) {
      candidates[i].violation = violations.empty() ? std::vector<double>(candidates[i].predicted.size(), 0)
                                                   : std::move(violations[i]);
    }
    return candidates;
  }

  /// Whether the member predicts that limits are kept.
  [[nodiscard]] bool feasible(const Candidate& candidate, std::size_t member) const {
    const Point& point = candidate.predicted[member];
    for (std::size_t k = 0; k < options().limits.size() && k < point.size(); ++k) {
      if (point[k] > options().limits[k]) return false;
    }
    return candidate.violation[member] <= kNone;
  }

  void choose_best(std::vector<Candidate>& pool) {
    double best = std::numeric_limits<double>::infinity(), worst = -best;
    for (const Evaluation& evaluation : known_) {
      if (std::isfinite(evaluation.objectives[0])) worst = std::max(worst, evaluation.objectives[0]);
      if (evaluation.violation <= 0) best = std::min(best, evaluation.objectives[0]);
    }
    if (!std::isfinite(best)) best = worst;
    for (Candidate& candidate : pool) {
      // What improves nothing is ordered by its mean behind all that does.
      double mean = 0, share = 0;
      for (std::size_t m = 0; m < candidate.predicted.size(); ++m) {
        if (!feasible(candidate, m)) continue;
        candidate.merit += std::max(0.0, best - candidate.predicted[m][0]);
        mean += candidate.predicted[m][0];
        ++share;
      }
      if (candidate.merit > 0) continue;
      candidate.merit = share > 0 ? best - mean / share : -std::numeric_limits<double>::max();
    }
    std::stable_sort(pool.begin(), pool.end(),
                     [](const Candidate& a, const Candidate& b) { return a.merit > b.merit; });
    offer_first(pool, options().batch - 1);
  }

  void offer_first(const std::vector<Candidate>& pool, std::size_t count) {
    for (std::size_t i = 0; i < pool.size() && i < count; ++i) offer(pool[i].genome);
  }

  /// Where improvements are measured from: beyond the worst seen, but not beyond limits.
  [[nodiscard]] Point reference() const {
    Point low = known_.front().objectives, high = low;
    for (const Evaluation& evaluation : known_) {
      for (std::size_t k = 0; k < low.size(); ++k) {
        if (!std::isfinite(evaluation.objectives[k])) continue;
        low[k] = std::min(low[k], evaluation.objectives[k]);
        high[k] = std::isfinite(high[k]) ? std::max(high[k], evaluation.objectives[k]) : low[k];
      }
    }
    for (std::size_t k = 0; k < low.size(); ++k) {
      high[k] += kRoom * (high[k] - low[k]);
      if (k < options().limits.size()) high[k] = std::min(high[k], options().limits[k]);
    }
    return high;
  }

  [[nodiscard]] double gain(const std::vector<Point>& front, const Candidate& candidate,
                            const Point& reference) const {
    double sum = 0;
    for (std::size_t m = 0; m < candidate.predicted.size(); ++m) {
      if (feasible(candidate, m)) sum += hypervolume_gain(front, candidate.predicted[m], reference);
    }
    return sum;
  }

  /// Greedily: gains only shrink as the front grows, so a candidate whose gain is up to date and still the
  /// largest is the best.
  void choose_front(std::vector<Candidate>& pool) {
    Archive archive;
    for (const Evaluation& evaluation : known_) archive.insert(evaluation);
    std::vector<Point> front = archive.points();
    const Point corner = reference();
    struct Entry {
      double merit;
      std::size_t index, round;
      bool operator<(const Entry& other) const {
        return merit != other.merit ? merit < other.merit : index > other.index;
      }
    };
    std::priority_queue<Entry> best;
    for (std::size_t i = 0; i < pool.size(); ++i) best.push({gain(front, pool[i], corner), i, 0});
    for (std::size_t round = 0; round + 1 < options().batch && !best.empty();) {
      const Entry top = best.top();
      best.pop();
      if (top.merit <= 0) return;
      if (top.round < round) {
        best.push({gain(front, pool[top.index], corner), top.index, round});
        continue;
      }
      offer(pool[top.index].genome);
      Point mean(corner.size());
      for (const Point& point : pool[top.index].predicted) {
        for (std::size_t k = 0; k < mean.size(); ++k) {
          mean[k] += point[k] / static_cast<double>(pool[top.index].predicted.size());
        }
      }
      front.push_back(mean);
      ++round;
    }
  }

  std::vector<Evaluation> known_;  ///< what did not fail
  std::size_t judged_ = 0;         ///< of these, with an objective 0
  bool limits_known_ = false;
  std::vector<std::unique_ptr<SurrogateModel>> surrogates_;  ///< by objective
  std::unique_ptr<SurrogateModel> violation_;                ///< where limits are unknown and were exceeded
};

}  // namespace

std::unique_ptr<Strategy> make_smbo(const space::Space& space, const StrategyOptions& options) {
  return std::make_unique<Smbo>(space, options);
}

}  // namespace npusim::search
