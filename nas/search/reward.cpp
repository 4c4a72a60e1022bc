// MnasNet's scalar reward with a policy.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "nas/search/rounds.h"
#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

constexpr double kStep = 0.15;     ///< of the policy's logits, by unit of scaled advantage
constexpr double kBaseline = 0.9;  ///< share of the old baseline that stays after a batch
constexpr double kEntropy = 0.01;  ///< weight of the entropy's gradient: keeps choices open
constexpr double kUniform = 0.05;  ///< share of choices drawn uniformly
constexpr int kTries = 50;         ///< draws for a network that was not asked for before

class Reward : public Rounds {
 public:
  Reward(const space::Space& space, const StrategyOptions& options)
      : Rounds(space, options), target_(options.reward_target) {
    if (options.objectives < 2) {
      throw UserError("strategy reward: expected two objectives, an accuracy and a latency");
    }
    for (const space::Gene& gene : space.genes()) logits_.emplace_back(gene.choices.size(), 0.0);
    if (target_ <= 0 && options.limits.size() > 1 && std::isfinite(options.limits[1])) {
      target_ = options.limits[1];
    }
  }

 private:
  void propose() override {
    for (std::size_t i = 0; i < options().batch; ++i) {
      bool found = false;
      for (int t = 0; t < kTries && !found; ++t) found = offer(draw());
      if (!found && !offer_random()) return;
    }
  }

  space::Genome draw() {
    space::Genome genome;
    for (const std::vector<double>& logits : logits_) {
      const bool uniform = space::uniform_unit(rng()) < kUniform;
      const std::size_t choice =
          uniform ? space::pick(rng(), logits.size()) : space::pick_weighted(rng(), softmax(logits));
      genome.push_back(static_cast<std::uint16_t>(choice));
    }
    return genome;
  }

  static std::vector<double> softmax(const std::vector<double>& logits) {
    const double top = *std::max_element(logits.begin(), logits.end());
    std::vector<double> shares;
    for (const double logit : logits) shares.push_back(std::exp(logit - top));
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (double& share : shares) share /= sum;
    return shares;
  }

  void learn(const std::vector<Evaluation>& round) override {
    if (target_ <= 0) target_ = median_latency(round);
    note_lowest(round);
    std::vector<double> rewards;
    for (const Evaluation& evaluation : round) rewards.push_back(reward(evaluation));
    const auto count = static_cast<double>(rewards.size());
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / count;
    baseline_ = started_ ? kBaseline * baseline_ + (1 - kBaseline) * mean : mean;
    double square = 0;
    for (const double r : rewards) square += (r - mean) * (r - mean) / count;
    scale_ = started_ ? kBaseline * scale_ + (1 - kBaseline) * std::sqrt(square) : std::sqrt(square);
    started_ = true;
    for (std::size_t i = 0; i < round.size(); ++i) {
      step(round[i].genome, scale_ > 0 ? (rewards[i] - baseline_) / scale_ : 0);
    }
  }

  [[nodiscard]] double reward(const Evaluation& evaluation) const {
    if (evaluation.objectives.empty()) return 0;
    const double judged = -evaluation.objectives[0], latency = evaluation.objectives[1];
    const double accuracy = std::isfinite(judged) ? judged : lowest_;
    if (accuracy < 0 || latency <= 0) {
      throw UserError("strategy reward: expected accuracies of at least 0 and latencies above 0");
    }
    return accuracy * std::pow(latency / target_, options().reward_exponent);
  }

  void note_lowest(const std::vector<Evaluation>& round) {
    for (const Evaluation& evaluation : round) {
      if (evaluation.objectives.empty() || !std::isfinite(evaluation.objectives[0])) continue;
      lowest_ = judged_ ? std::min(lowest_, -evaluation.objectives[0]) : -evaluation.objectives[0];
      judged_ = true;
    }
  }

  static double median_latency(const std::vector<Evaluation>& round) {
    std::vector<double> latencies;
    for (const Evaluation& evaluation : round) {
      if (evaluation.objectives.size() > 1) latencies.push_back(evaluation.objectives[1]);
    }
    if (latencies.empty()) return 1;
    std::sort(latencies.begin(), latencies.end());
    return latencies[latencies.size() / 2];
  }

  /// The gradient of advantage * log(policy) and of the entropy, for the genes with a say.
  void step(const space::Genome& genome, double advantage) {
    const std::vector<bool> active = space().active(genome);
    const double bounded = std::clamp(advantage, -3.0, 3.0);
    for (std::size_t g = 0; g < genome.size(); ++g) {
      if (!active[g]) continue;
      const std::vector<double> shares = softmax(logits_[g]);
      double entropy = 0;
      for (const double share : shares) entropy -= share * std::log(std::max(share, 1e-12));
      for (std::size_t c = 0; c < shares.size(); ++c) {
        const double chosen = c == genome[g] ? 1 : 0;
        const double flatter = -shares[c] * (std::log(std::max(shares[c], 1e-12)) + entropy);
        logits_[g][c] += kStep * (bounded * (chosen - shares[c]) + kEntropy * flatter);
      }
    }
  }

  double target_;
  double baseline_ = 0, scale_ = 0;
  bool started_ = false;
  /// The lowest accuracy so far stands in for that of networks which exceed a hard limit and were not judged.
  double lowest_ = 1;
  bool judged_ = false;
  std::vector<std::vector<double>> logits_;  ///< by gene and choice
};

}  // namespace

std::unique_ptr<Strategy> make_reward(const space::Space& space, const StrategyOptions& options) {
  return std::make_unique<Reward>(space, options);
}

}  // namespace npusim::search
