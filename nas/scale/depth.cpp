#include "nas/scale/depth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <set>

#include "sim/base/error.h"

namespace npusim::scale {
namespace {

constexpr std::int64_t kMore = 6;
constexpr double kReach = 1.01;
constexpr std::size_t kMostCombinations = std::size_t{1} << 22U;

using Depths = std::vector<std::int64_t>;

class DepthScaling {
 public:
  DepthScaling(Bench& bench, const DepthOptions& options) : bench_(bench), options_(options) {}

  Scaled run() {
    const Scalable& network = bench_.network();
    if (!network.fixed().depth.empty()) {
      throw UserError(fmt::format("--how depth: {}: {}", network.name(), network.fixed().depth));
    }
    Variant* base = find(network.base().depths);
    bench_.simulate({base});
    if (!base->runs()) {
      throw UserError(fmt::format("{}: {}", bench_.options().chip.name, base->on_chip().refusal));
    }
    base_ms_ = base->latency_ms();
    set_ranges();
    measure_stages();
    Scaled scaled;
    std::vector<Variant*> picked = pick(scaled.screen);
    bench_.simulate(picked);
    std::vector<Variant*> fitting;
    for (Variant& one : variants_) {
      if (one.runs() && one.latency_ms() <= options_.latency_ms) fitting.push_back(&one);
    }
    bench_.score(fitting);
    check_sums(scaled.screen);
    scaled.variants.assign(variants_.begin(), variants_.end());
    settle(scaled, bench_, options_.latency_ms);
    return scaled;
  }

 private:
  /// What is known about a combination before it is simulated.
  struct Sum {
    Depths depths;
    double ms = 0;
    bool full = false;  ///< another block in any stage would exceed the target
  };

  Variant* find(const Depths& depths) {
    for (Variant& one : variants_) {
      if (one.extent.depths == depths) return &one;
    }
    Variant made;
    made.extent = bench_.network().base();
    made.extent.depths = depths;
    variants_.push_back(std::move(made));
    return &variants_.back();
  }

  void set_ranges() {
    const Depths& base = bench_.network().base().depths;
    ranges_ = options_.ranges;
    if (ranges_.empty()) {
      const bool grow = base_ms_ <= options_.latency_ms;
      for (const std::int64_t depth : base) {
        ranges_.emplace_back(grow ? depth : 1, grow ? depth + kMore : depth);
      }
    }
    if (ranges_.size() != base.size()) {
      throw UserError(fmt::format("--repeats: expected {} ranges, one a stage of {}, got {}", base.size(),
                                  bench_.network().name(), ranges_.size()));
    }
    double combinations = 1;
    for (const auto& [low, high] : ranges_) combinations *= static_cast<double>(high - low + 1);
    if (combinations > static_cast<double>(kMostCombinations)) {
      throw UserError(
          fmt::format("--repeats: {:.3g} combinations of depths are more than {}: narrow the ranges",
                      combinations, kMostCombinations));
    }
  }

  /// By stage and depth from the range's least, what that depth alone adds to the network's latency.
  void measure_stages() {
    const Depths& base = bench_.network().base().depths;
    std::vector<std::vector<Variant*>> alone(ranges_.size());
    std::vector<Variant*> all;
    for (std::size_t s = 0; s < ranges_.size(); ++s) {
      for (std::int64_t depth = ranges_[s].first; depth <= ranges_[s].second; ++depth) {
        Depths depths = base;
        depths[s] = depth;
        alone[s].push_back(find(depths));
        all.push_back(alone[s].back());
      }
    }
    bench_.simulate(all);
    for (const std::vector<Variant*>& stage : alone) {
      added_ms_.emplace_back();
      for (const Variant* one : stage) {
        // What the chip refuses alone it is not offered with more.
        added_ms_.back().push_back(one->runs() ? one->latency_ms() - base_ms_ : INFINITY);
      }
    }
  }

  [[nodiscard]] double added(std::size_t stage, std::int64_t depth) const {
    return added_ms_[stage][static_cast<std::size_t>(depth - ranges_[stage].first)];
  }
  [[nodiscard]] double sum_of(const Depths& depths) const {
    double sum = base_ms_;
    for (std::size_t s = 0; s < depths.size(); ++s) sum += added(s, depths[s]);
    return sum;
  }
  [[nodiscard]] bool in_ranges(const Depths& depths) const {
    for (std::size_t s = 0; s < depths.size(); ++s) {
      if (depths[s] < ranges_[s].first || depths[s] > ranges_[s].second) return false;
    }
    return true;
  }

  [[nodiscard]] bool full(const Depths& depths, double sum) const {
    for (std::size_t s = 0; s < depths.size(); ++s) {
      if (depths[s] == ranges_[s].second) continue;
      if (sum - added(s, depths[s]) + added(s, depths[s] + 1) <= options_.latency_ms) return false;
    }
    return true;
  }

  /// Combinations within reach, by their sums.
  std::vector<Sum> within_reach(Screen& screen) const {
    std::vector<Sum> sums;
    Depths depths;
    for (const auto& range : ranges_) depths.push_back(range.first);
    for (std::size_t s = 0; s < depths.size();) {
      ++screen.combinations;
      const double sum = sum_of(depths);
      if (sum <= kReach * options_.latency_ms) sums.push_back({depths, sum, full(depths, sum)});
      for (s = 0; s < depths.size() && depths[s] == ranges_[s].second; ++s) depths[s] = ranges_[s].first;
      if (s < depths.size()) ++depths[s];
    }
    std::stable_sort(sums.begin(), sums.end(), [](const Sum& a, const Sum& b) { return a.ms < b.ms; });
    screen.within_reach = sums.size();
    return sums;
  }

  std::vector<Variant*> pick(Screen& screen) {
    const std::vector<Sum> sums = within_reach(screen);
    std::set<std::size_t> picked;
    for (std::size_t i = sums.size(); i-- > 0 && 2 * picked.size() < options_.budget;) {
      if (sums[i].full) picked.insert(i);
    }
    screen.full = picked.size();
    const std::size_t rest = std::min(options_.budget - picked.size(), sums.size());
    for (std::size_t k = 0; k < rest; ++k) picked.insert(k * sums.size() / rest);
    std::vector<Variant*> variants;
    for (const std::size_t i : picked) variants.push_back(find(sums[i].depths));
    return variants;
  }

  /// How far sums are off where they are sums: in variants that change more than one stage.
  void check_sums(Screen& screen) {
    const Depths& base = bench_.network().base().depths;
    for (Variant& one : variants_) {
      if (!in_ranges(one.extent.depths) || !one.runs()) continue;
      one.estimate_ms = sum_of(one.extent.depths);
      std::size_t changed = 0;
      for (std::size_t s = 0; s < base.size(); ++s) changed += one.extent.depths[s] != base[s] ? 1 : 0;
      if (changed < 2) continue;
      const double error = std::abs(*one.estimate_ms / one.latency_ms() - 1);
      ++screen.checked;
      screen.mean_error += error;
      screen.worst_error = std::max(screen.worst_error, error);
      const bool expected = *one.estimate_ms <= options_.latency_ms;
      if (expected != (one.latency_ms() <= options_.latency_ms)) ++screen.wrong_side;
    }
    if (screen.checked > 0) screen.mean_error /= static_cast<double>(screen.checked);
  }

  Bench& bench_;
  const DepthOptions& options_;
  double base_ms_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;
  std::vector<std::vector<double>> added_ms_;
  std::deque<Variant> variants_;  ///< pointers to its elements stay valid
};

}  // namespace

Scaled scale_depth(Bench& bench, const DepthOptions& options) { return DepthScaling(bench, options).run(); }

}  // namespace npusim::scale
