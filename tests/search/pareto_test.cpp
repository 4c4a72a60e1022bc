#include "nas/search/pareto.h"

#include <cmath>
#include <limits>

#include "nas/space/random.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

/// Points on a grid of `side` values an objective, so that some are equal and boxes can be counted.
std::vector<Point> grid_points(Rng& rng, std::size_t count, std::size_t objectives, std::int64_t side) {
  std::vector<Point> points(count);
  for (Point& point : points) {
    for (std::size_t k = 0; k < objectives; ++k) {
      point.push_back(static_cast<double>(rng.uniform(0, side - 1)));
    }
  }
  return points;
}

/// By counting the unit boxes below {side, side, ...} that some point dominates.
double counted_volume(const std::vector<Point>& points, std::int64_t side, std::size_t objectives) {
  double volume = 0;
  const auto boxes = static_cast<std::int64_t>(std::pow(side, objectives));
  for (std::int64_t box = 0; box < boxes; ++box) {
    for (const Point& point : points) {
      bool inside = true;
      std::int64_t rest = box;
      for (std::size_t k = 0; k < objectives; ++k, rest /= side) {
        inside = inside && point[k] <= static_cast<double>(rest % side);
      }
      if (!inside) continue;
      ++volume;
      break;
    }
  }
  return volume;
}

Evaluation evaluated(std::vector<double> objectives, double violation = 0) {
  return {{}, std::move(objectives), violation, ""};
}

TEST_CASE("hypervolume equals the boxes counted, for 200 random sets in 2, 3 and 4 dimensions") {
  Rng rng(1);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t objectives = 2 + static_cast<std::size_t>(trial % 3);
    const std::int64_t side = 7;
    const auto points = grid_points(rng, static_cast<std::size_t>(trial % 12), objectives, side + 1);
    const Point reference(objectives, static_cast<double>(side));
    CHECK(hypervolume(points, reference) == counted_volume(points, side, objectives));
  }
}

TEST_CASE("points of volume 8 and 9 that share 6 have volume 11 together") {
  CHECK(hypervolume({{0, 2}, {1, 1}}, {4, 4}) == 11);
  CHECK(hypervolume({{0, 2}}, {4, 4}) == 8);
  CHECK(hypervolume({{1, 1}}, {4, 4}) == 9);
  CHECK(hypervolume({{4, 0}}, {4, 4}) == 0);
  CHECK(hypervolume({}, {4, 4}) == 0);
}

TEST_CASE("the gain of a point is the difference of hypervolumes with and without it") {
  Rng rng(2);
  double gained = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t objectives = 2 + static_cast<std::size_t>(trial % 2);
    std::vector<Point> points = grid_points(rng, 6, objectives, 9);
    const Point point = grid_points(rng, 1, objectives, 9).front(), reference(objectives, 8);
    const double before = hypervolume(points, reference);
    const double gain = hypervolume_gain(points, point, reference);
    points.push_back(point);
    CHECK(gain == hypervolume(points, reference) - before);
    gained += gain;
  }
  CHECK(gained > 0);
}

TEST_CASE("a point dominates another when it is nowhere worse and somewhere better") {
  CHECK(dominates({1, 2}, {1, 3}));
  CHECK_FALSE(dominates({1, 2}, {1, 2}));
  CHECK_FALSE(dominates({1, 3}, {2, 2}));
}

TEST_CASE("failed networks lose to violating ones, these to ones that keep limits") {
  const Evaluation failed{{}, {}, 0, "refused"}, far = evaluated({1, 1}, 0.5), near = evaluated({9, 9}, 0.1),
                                                 good = evaluated({5, 5});
  CHECK(constraint_dominates(far, failed));
  CHECK(constraint_dominates(near, far));
  CHECK(constraint_dominates(good, near));
  CHECK_FALSE(constraint_dominates(near, good));
  CHECK_FALSE(constraint_dominates(failed, failed));
  CHECK(constraint_dominates(good, evaluated({5, 6})));
  CHECK(front_numbers({failed, far, near, good}) == std::vector<std::size_t>{3, 2, 1, 0});
}

TEST_CASE("fronts peel off by brute force for 60 random sets of 25") {
  Rng rng(3);
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<Evaluation> left;
    for (const Point& point : grid_points(rng, 25, 2, 10)) {
      left.push_back(evaluated(point, trial % 2 == 0 ? 0 : static_cast<double>(rng.uniform(0, 2))));
    }
    const std::vector<std::size_t> numbers = front_numbers(left);
    for (std::size_t i = 0; i < left.size(); ++i) {
      // One more than the worst of those that beat it.
      std::size_t expected = 0;
      for (std::size_t j = 0; j < left.size(); ++j) {
        if (constraint_dominates(left[j], left[i])) expected = std::max(expected, numbers[j] + 1);
      }
      CHECK(numbers[i] == expected);
    }
  }
}

TEST_CASE("the archive keeps what brute force finds nondominated, whatever the order") {
  Rng rng(4);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<Point> points = grid_points(rng, 40, trial % 2 == 0 ? 2 : 3, 12);
    Archive forward, backward;
    for (const Point& point : points) forward.insert(evaluated(point));
    for (std::size_t i = points.size(); i > 0; --i) backward.insert(evaluated(points[i - 1]));
    std::vector<Point> front;
    for (const std::size_t i : nondominated(points)) front.push_back(points[i]);
    std::sort(front.begin(), front.end());
    CHECK(forward.points() == front);
    CHECK(backward.points() == front);
  }
  Archive archive;
  CHECK_FALSE(archive.insert(evaluated({0, 0}, 0.01)));
  CHECK_FALSE(archive.insert({{}, {}, 0, "refused"}));
  CHECK(archive.insert(evaluated({1, 1})));
  CHECK_FALSE(archive.insert(evaluated({1, 1})));
  CHECK(archive.insert(evaluated({0, 1})));
  CHECK(archive.front().size() == 1);
  CHECK(archive.hypervolume({2, 2}) == 2);
}

TEST_CASE("of four points in a row the inner ones' crowding is the sum of their neighbours' distances") {
  const std::vector<double> distances = crowding_distances({{0, 10}, {2, 5}, {3, 4}, {10, 0}});
  CHECK(std::isinf(distances[0]));
  CHECK(distances[1] == Approx(0.3 + 0.6));
  CHECK(distances[2] == Approx(0.8 + 0.5));
  CHECK(std::isinf(distances[3]));
}

}  // namespace
}  // namespace npusim::search
