// Fronts and hypervolumes against pagmo's.
#include <pagmo/utils/hypervolume.hpp>
#include <pagmo/utils/multi_objective.hpp>

#include "nas/search/pareto.h"
#include "nas/space/random.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

std::vector<Point> random_points(Rng& rng, std::size_t count, std::size_t objectives) {
  std::vector<Point> points(count);
  for (Point& point : points) {
    for (std::size_t k = 0; k < objectives; ++k) point.push_back(space::uniform_unit(rng));
  }
  return points;
}

TEST_CASE("hypervolumes of 40 random sets in 2 to 5 dimensions are pagmo's") {
  Rng rng(5);
  for (int trial = 0; trial < 40; ++trial) {
    const std::size_t objectives = 2 + static_cast<std::size_t>(trial % 4);
    const std::vector<Point> points = random_points(rng, 40, objectives);
    const Point reference(objectives, 1.0);
    CHECK(hypervolume(points, reference) ==
          Approx(pagmo::hypervolume(points).compute(reference)).epsilon(1e-9));
  }
}

TEST_CASE("front numbers and crowding distances of random sets are pagmo's") {
  Rng rng(6);
  for (int trial = 0; trial < 20; ++trial) {
    const std::vector<Point> points = random_points(rng, 60, 2 + static_cast<std::size_t>(trial % 2));
    std::vector<Evaluation> evaluations;
    for (const Point& point : points) evaluations.push_back({{}, point, 0, ""});
    const auto sorted = pagmo::fast_non_dominated_sorting(points);
    const std::vector<std::size_t> numbers = front_numbers(evaluations);
    CHECK(numbers == std::vector<std::size_t>(std::get<3>(sorted).begin(), std::get<3>(sorted).end()));
    std::vector<Point> front;
    for (const auto i : std::get<0>(sorted).front()) front.push_back(points[i]);
    if (front.size() < 2) continue;
    const std::vector<double> ours = crowding_distances(front), theirs = pagmo::crowding_distance(front);
    for (std::size_t i = 0; i < front.size(); ++i) CHECK(ours[i] == Approx(theirs[i]));
  }
}

}  // namespace
}  // namespace npusim::search
