#include "nas/scale/compound.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>

#include "nas/scale/bisection.h"
#include "sim/base/error.h"

namespace npusim::scale {
namespace {

constexpr int kStepsPerUnit = 16;
constexpr int kLowest = -8 * kStepsPerUnit, kHighest = 6 * kStepsPerUnit;
constexpr std::int64_t kSideMultiple = 4, kLeastSide = 32;

std::int64_t scaled_side(std::int64_t side, double factor) {
  if (factor == 1) return side;
  const auto wanted = static_cast<double>(side) * factor / static_cast<double>(kSideMultiple);
  return std::max(std::min(side, kLeastSide),
                  kSideMultiple * static_cast<std::int64_t>(std::llround(wanted)));
}

std::string rule_text(const Coefficients& c, double exponent) {
  if (exponent == 0) return "";
  return fmt::format("({:.4g} {:.4g} {:.4g})^{:.4g}", c.depth, c.width, c.image, exponent);
}

/// All families at once, a round of simulations a step.
class Compound {
 public:
  Compound(Bench& bench, const CompoundRule& rule, double latency_ms)
      : bench_(bench),
        rule_(rule),
        latency_ms_(latency_ms),
        families_(rule.families.size(), Bisection(kLowest, kHighest)) {}

  Scaled run() {
    while (round()) {
    }
    std::vector<Variant*> fitting;
    for (Variant& one : variants_) {
      if (fits(one)) fitting.push_back(&one);
    }
    bench_.score(fitting);
    Scaled scaled;
    for (std::size_t f = 0; f < families_.size(); ++f) {
      scaled.families.push_back({rule_.families[f], {}});
      const std::optional<int> best = families_[f].best();
      if (best) scaled.families.back().largest = index_of(find(f, *best));
    }
    scaled.variants.assign(variants_.begin(), variants_.end());
    note(scaled);
    settle(scaled, bench_, latency_ms_);
    return scaled;
  }

 private:
  struct Asked {
    std::size_t family;
    int step;
    Variant* variant;
  };

  bool round() {
    std::vector<Asked> asked;
    std::vector<Variant*> open;
    for (std::size_t f = 0; f < families_.size(); ++f) {
      const std::optional<int> step = families_[f].next();
      if (!step) continue;
      asked.push_back({f, *step, find(f, *step)});
      open.push_back(asked.back().variant);
    }
    bench_.simulate(open);
    for (const Asked& one : asked) families_[one.family].tell(one.step, fits(*one.variant));
    return !asked.empty();
  }

  /// The variant of that step; the same one for equal extents.
  Variant* find(std::size_t family, int step) {
    const Coefficients& coefficients = rule_.families[family];
    const double exponent = static_cast<double>(step) / kStepsPerUnit;
    Variant made;
    made.extent = extent_of(bench_.network(), coefficients, exponent, rule_.depth_up);
    made.rule = rule_text(coefficients, exponent);
    for (Variant& other : variants_) {
      if (other.extent == made.extent) return &other;
    }
    variants_.push_back(std::move(made));
    return &variants_.back();
  }

  [[nodiscard]] std::size_t index_of(const Variant* one) const {
    std::size_t index = 0;
    while (&variants_[index] != one) ++index;
    return index;
  }

  [[nodiscard]] bool fits(const Variant& one) const { return one.runs() && one.latency_ms() <= latency_ms_; }

  void note(Scaled& scaled) const {
    std::size_t surprises = 0, ends = 0;
    for (const Bisection& family : families_) {
      surprises += family.surprises();
      ends += family.best() == kHighest ? 1 : 0;
    }
    if (surprises > 0) {
      scaled.notes.push_back(fmt::format(
          "latency did not grow with the exponent: {} times a larger variant met the target although a "
          "smaller one did not",
          surprises));
    }
    if (ends > 0) {
      scaled.notes.push_back(
          fmt::format("{} of {} families still meet the target at the largest exponent tried, {}", ends,
                      families_.size(), kHighest / kStepsPerUnit));
    }
  }

  Bench& bench_;
  const CompoundRule& rule_;
  double latency_ms_;
  std::vector<Bisection> families_;
  std::deque<Variant> variants_;  ///< pointers to its elements stay valid
};

}  // namespace

CompoundRule efficientnet_rule(const Scalable::Fixed& fixed) {
  CompoundRule rule{{}, true};
  const auto add = [&](double depth, double width, double image) {
    if (!fixed.depth.empty()) depth = 1;
    if (!fixed.width.empty()) width = 1;
    if (!fixed.image.empty()) image = 1;
    const bool known = std::any_of(rule.families.begin(), rule.families.end(), [&](const Coefficients& c) {
      return c.depth == depth && c.width == width && c.image == image;
    });
    const bool shrinks = depth < 1 || width < 1 || image < 1;
    if (!known && !shrinks && (depth > 1 || width > 1 || image > 1))
      rule.families.push_back({depth, width, image});
  };
  if (fixed.depth.empty() && fixed.width.empty() && fixed.image.empty()) add(1.2, 1.1, 1.15);
  for (int d = 10; d <= 14; ++d) {
    for (int w = 10; w <= 12; ++w) {
      const double depth = fixed.depth.empty() ? d / 10.0 : 1;
      double width = fixed.width.empty() ? w / 10.0 : 1;
      if (!fixed.image.empty() && fixed.width.empty()) width = std::sqrt(2 / depth);
      add(depth, width, std::sqrt(2 / depth) / width);
    }
  }
  return rule;
}

CompoundRule s3nas_rule(const Scalable::Fixed& fixed) {
  CompoundRule rule;
  const double by_depth = fixed.depth.empty() ? 1 : 0, by_width = fixed.width.empty() ? 1 : 0;
  for (int half = 2; half <= 6; ++half) {
    const double exponent = fixed.image.empty() ? half / 2.0 : 0;
    const double doubling = by_depth + 2 * by_width + 2 * exponent;
    if (doubling == 0 || (exponent == 0 && half > 2)) continue;
    const double c = std::pow(2, 1 / doubling);
    rule.families.push_back({std::pow(c, by_depth), std::pow(c, by_width), std::pow(c, exponent)});
  }
  return rule;
}

Extent extent_of(const Scalable& network, const Coefficients& coefficients, double exponent, bool depth_up) {
  Extent extent = network.base();
  const auto factor = [&](double coefficient) { return std::pow(coefficient, exponent); };
  for (std::int64_t& depth : extent.depths) {
    // 1e-9: a product that should be whole is not rounded up.
    const double wanted = static_cast<double>(depth) * factor(coefficients.depth);
    depth = std::max<std::int64_t>(1, depth_up ? static_cast<std::int64_t>(std::ceil(wanted - 1e-9))
                                               : static_cast<std::int64_t>(std::llround(wanted)));
  }
  extent.width = factor(coefficients.width);
  extent.image = {scaled_side(extent.image.h, factor(coefficients.image)),
                  scaled_side(extent.image.w, factor(coefficients.image))};
  return extent;
}

Scaled scale_compound(Bench& bench, const CompoundRule& rule, double latency_ms) {
  ensure(!rule.families.empty(), "something to scale");
  return Compound(bench, rule, latency_ms).run();
}

}  // namespace npusim::scale
