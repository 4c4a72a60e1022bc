// The largest of many sizes that fits, when fitting is expensive to find out and not quite monotonous.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

namespace npusim::scale {

/// Looks for the largest step that fits: from 0 outwards by doubling, then by halves. What fits need not be
/// all that is smaller: the next kNeighbours steps above the largest found are tried, too, and where one of
/// them fits, the search goes on above it.
class Bisection {
 public:
  static constexpr int kNeighbours = 2;

  /// `lowest` <= 0 <= `highest`.
  Bisection(int lowest, int highest) : lowest_(lowest), highest_(highest) {}

  /// The step to try next; nullopt when all is known.
  [[nodiscard]] std::optional<int> next() const {
    if (!fits_.count(0)) return 0;
    if (best_ && worst_) {
      if (*worst_ - *best_ > 1) return *best_ + (*worst_ - *best_) / 2;
      for (int i = 1; i <= kNeighbours; ++i) {
        const int step = *worst_ + i;
        if (step <= highest_ && !fits_.count(step)) return step;
      }
      return std::nullopt;
    }
    if (best_) return *best_ >= highest_ ? std::nullopt : std::optional(std::min(grown(*best_), highest_));
    return *worst_ <= lowest_ ? std::nullopt : std::optional(std::max(-grown(-*worst_), lowest_));
  }

  /// Whether a step that next() gave fits.
  void tell(int step, bool fits) {
    fits_[step] = fits;
    if (fits) {
      if (worst_ && step > *worst_) {  // larger and yet faster: go on above it
        ++surprises_;
        worst_.reset();
        for (const auto& [other, other_fits] : fits_) {
          if (other > step && !other_fits && !worst_) worst_ = other;
        }
      }
      if (!best_ || step > *best_) best_ = step;
    } else if (!best_ || step > *best_) {
      if (!worst_ || step < *worst_) worst_ = step;
    }
  }

  /// The largest that fits; nullopt when none was found.
  [[nodiscard]] std::optional<int> best() const { return best_; }
  /// How often a step fitted although a smaller one did not.
  [[nodiscard]] std::size_t surprises() const { return surprises_; }

 private:
  static int grown(int step) { return std::max(2 * step, 2); }

  int lowest_, highest_;
  std::map<int, bool> fits_;
  std::optional<int> best_;   ///< the largest that fits
  std::optional<int> worst_;  ///< the smallest above it that does not
  std::size_t surprises_ = 0;
};

}  // namespace npusim::scale
