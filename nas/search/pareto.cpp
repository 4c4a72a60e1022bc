#include "nas/search/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::search {

bool dominates(const Point& a, const Point& b) {
  ensure(a.size() == b.size(), "points of equally many objectives");
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

bool constraint_dominates(const Evaluation& a, const Evaluation& b) {
  const bool a_failed = a.objectives.empty(), b_failed = b.objectives.empty();
  if (a_failed || b_failed) return !a_failed && b_failed;
  if (a.violation > 0 || b.violation > 0) return a.violation < b.violation;
  return dominates(a.objectives, b.objectives);
}

std::vector<std::size_t> front_numbers(const std::vector<Evaluation>& evaluations) {
  const std::size_t n = evaluations.size();
  std::vector<std::size_t> dominators(n, 0), number(n, 0), current;
  std::vector<std::vector<std::size_t>> dominated(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (!constraint_dominates(evaluations[i], evaluations[j])) continue;
      dominated[i].push_back(j);
      ++dominators[j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (dominators[i] == 0) current.push_back(i);
  }
  for (std::size_t front = 0; !current.empty(); ++front) {
    std::vector<std::size_t> next;
    for (const std::size_t i : current) {
      number[i] = front;
      for (const std::size_t j : dominated[i]) {
        if (--dominators[j] == 0) next.push_back(j);
      }
    }
    current = std::move(next);
  }
  return number;
}

std::vector<double> crowding_distances(const std::vector<Point>& points) {
  std::vector<double> distance(points.size(), 0);
  std::vector<std::size_t> order(points.size());
  const std::size_t objectives = points.empty() ? 0 : points.front().size();
  for (std::size_t k = 0; k < objectives; ++k) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return points[a][k] < points[b][k]; });
    const double range = points[order.back()][k] - points[order.front()][k];
    distance[order.front()] = distance[order.back()] = std::numeric_limits<double>::infinity();
    if (range <= 0 || !std::isfinite(range)) continue;
    for (std::size_t i = 1; i + 1 < order.size(); ++i) {
      distance[order[i]] += (points[order[i + 1]][k] - points[order[i - 1]][k]) / range;
    }
  }
  return distance;
}

std::vector<std::size_t> nondominated(const std::vector<Point>& points) {
  std::vector<std::size_t> order(points.size()), kept;
  std::iota(order.begin(), order.end(), std::size_t{0});
  // In lexicographic order only earlier points can dominate later ones.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  for (const std::size_t i : order) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::size_t j) {
      return points[j] == points[i] || dominates(points[j], points[i]);
    });
    if (!covered) kept.push_back(i);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

namespace {

double box(const Point& point, const Point& reference) {
  double volume = 1;
  for (std::size_t i = 0; i < point.size(); ++i) volume *= reference[i] - point[i];
  return volume;
}

bool below(const Point& point, const Point& reference) {
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!(point[i] < reference[i])) return false;
  }
  return true;
}

/// Of a front in two dimensions, ascending by the first objective.
double staircase(const std::vector<Point>& front, const Point& reference) {
  double volume = 0, top = reference[1];
  for (const Point& point : front) {
    if (point[1] >= top) continue;
    volume += (reference[0] - point[0]) * (top - point[1]);
    top = point[1];
  }
  return volume;
}

/// `points` with each objective at least that of `point`: what they cover of the point's box.
std::vector<Point> limited(const std::vector<Point>& points, std::size_t from, const Point& point) {
  std::vector<Point> all;
  for (std::size_t i = from; i < points.size(); ++i) {
    all.push_back(points[i]);
    for (std::size_t k = 0; k < point.size(); ++k) all.back()[k] = std::max(all.back()[k], point[k]);
  }
  return all;
}

}  // namespace

double hypervolume(const std::vector<Point>& points, const Point& reference) {
  std::vector<Point> front;
  for (const Point& point : points) {
    ensure(point.size() == reference.size(), "points and reference of equally many objectives");
    if (below(point, reference)) front.push_back(point);
  }
  std::sort(front.begin(), front.end());
  if (reference.size() == 2) return staircase(front, reference);
  std::vector<Point> kept;
  for (const std::size_t i : nondominated(front)) kept.push_back(front[i]);
  double volume = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    volume += box(kept[i], reference) - hypervolume(limited(kept, i + 1, kept[i]), reference);
  }
  return volume;
}

double hypervolume_gain(const std::vector<Point>& points, const Point& point, const Point& reference) {
  if (!below(point, reference)) return 0;
  for (const Point& other : points) {
    if (other == point || dominates(other, point)) return 0;
  }
  return box(point, reference) - hypervolume(limited(points, 0, point), reference);
}

bool Archive::insert(const Evaluation& evaluation) {
  if (evaluation.objectives.empty() || evaluation.violation > 0) return false;
  const Point& point = evaluation.objectives;
  for (const Evaluation& other : front_) {
    if (other.objectives == point || dominates(other.objectives, point)) return false;
  }
  std::erase_if(front_, [&](const Evaluation& other) { return dominates(point, other.objectives); });
  const auto place =
      std::lower_bound(front_.begin(), front_.end(), evaluation,
                       [](const auto& a, const auto& b) { return a.objectives < b.objectives; });
  front_.insert(place, evaluation);
  return true;
}

std::vector<Point> Archive::points() const {
  std::vector<Point> all;
  for (const Evaluation& evaluation : front_) all.push_back(evaluation.objectives);
  return all;
}

double Archive::hypervolume(const Point& reference) const { return search::hypervolume(points(), reference); }

}  // namespace npusim::search
