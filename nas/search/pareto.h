// Which evaluations are better than others, and by how much a set of them is good: dominance, fronts,
// hypervolume. All objectives are minimised.
#pragma once

#include <cstddef>
#include <vector>

#include "nas/search/strategy.h"

namespace npusim::search {

using Point = std::vector<double>;

/// True when `a` is better than `b` by constraint domination (Deb et al. 2002): what has objectives beats
/// what failed; of two that exceed limits the one that exceeds them less; what keeps limits beats what does
/// not; of two that keep them the one that dominates.
bool constraint_dominates(const Evaluation& a, const Evaluation& b);

/// By evaluation its front: 0 for what nothing constraint-dominates, 1 for what only front 0 does, and so on.
std::vector<std::size_t> front_numbers(const std::vector<Evaluation>& evaluations);

/// By point its crowding distance among `points` (Deb et al. 2002): infinity at the ends of each objective.
std::vector<double> crowding_distances(const std::vector<Point>& points);

/// Indices, ascending, of the points that no other dominates; of equal points the first.
std::vector<std::size_t> nondominated(const std::vector<Point>& points);

/// The volume that `points` dominate within the box below `reference`, exactly: by a sweep in two dimensions,
/// else by the recursion of WFG (While et al. 2012). Points may be dominated; those not below the reference
/// in all objectives add nothing.
double hypervolume(const std::vector<Point>& points, const Point& reference);

/// By how much the hypervolume grows when `point` joins `points`.
double hypervolume_gain(const std::vector<Point>& points, const Point& point, const Point& reference);

/// The Pareto front of what was told so far, of networks that keep all limits.
class Archive {
 public:
  /// True when the evaluation enters the front; whatever it dominates leaves. Failures, violations and points
  /// equal to one of the front do not enter.
  bool insert(const Evaluation& evaluation);
  /// Ascending by objective 0, then 1, ...
  [[nodiscard]] const std::vector<Evaluation>& front() const { return front_; }
  [[nodiscard]] std::vector<Point> points() const;
  [[nodiscard]] double hypervolume(const Point& reference) const;

 private:
  std::vector<Evaluation> front_;
};

}  // namespace npusim::search
