#include "nas/scale/compound.h"

#include <cmath>
#include <functional>
#include <set>

#include "nas/scale/bisection.h"
#include "tests/catch.h"
#include "tests/scale/networks.h"

namespace npusim::scale {
namespace {

using test::kOursM;

double doubling(const Coefficients& c) { return c.depth * c.width * c.width * c.image * c.image; }

/// What a bisection from -20 to 20 finds, and by the way which steps it tried.
std::optional<int> found(const std::function<bool(int)>& fits, std::set<int>* tried = nullptr,
                         std::size_t* surprises = nullptr) {
  Bisection bisection(-20, 20);
  for (std::optional<int> step = bisection.next(); step; step = bisection.next()) {
    CHECK(*step >= -20);
    CHECK(*step <= 20);
    if (tried != nullptr) CHECK(tried->insert(*step).second);
    bisection.tell(*step, fits(*step));
  }
  if (surprises != nullptr) *surprises = bisection.surprises();
  return bisection.best();
}

TEST_CASE("A bisection finds the largest step that fits, wherever it is, and tries two above it") {
  for (int limit = -20; limit <= 20; ++limit) {
    CAPTURE(limit);
    std::set<int> tried;
    CHECK(found([&](int step) { return step <= limit; }, &tried) == limit);
    for (int above = limit + 1; above <= std::min(limit + 3, 20); ++above) CHECK(tried.count(above) == 1);
    CHECK(tried.size() <= 13);
  }
  CHECK(found([](int) { return false; }) == std::nullopt);
}

TEST_CASE("A bisection goes on above a step that fits although a smaller one does not") {
  std::size_t surprises = 0;
  CHECK(found([](int step) { return step <= 4 || step == 7; }, nullptr, &surprises) == 7);
  CHECK(surprises == 1);
  const std::set<int> holes{6, 7, 9};
  CHECK(found([&](int step) { return step <= 11 && holes.count(step) == 0; }) == 11);
  // Three above is out of its sight.
  CHECK(found([](int step) { return step <= 4 || step == 9; }) == 4);
}

TEST_CASE("EfficientNet's families double the MACs, but for the published one, which has 1.92") {
  const CompoundRule rule = efficientnet_rule({});
  CHECK(rule.families.size() == 15);
  CHECK(doubling(rule.families.front()) == Approx(1.2 * 1.1 * 1.1 * 1.15 * 1.15));
  for (std::size_t i = 1; i < rule.families.size(); ++i) CHECK(doubling(rule.families[i]) == Approx(2));
}

TEST_CASE("S3NAS' families have one coefficient for depth and width") {
  const CompoundRule rule = s3nas_rule({});
  REQUIRE(rule.families.size() == 5);
  for (const Coefficients& c : rule.families) {
    CHECK(c.depth == c.width);
    CHECK(c.image >= c.depth);
    CHECK(doubling(c) == Approx(2));
  }
}

TEST_CASE("A dimension that is fixed stays, and the others double the MACs") {
  for (const CompoundRule& rule :
       {efficientnet_rule({"no blocks", "", ""}), s3nas_rule({"no blocks", "", ""})}) {
    REQUIRE_FALSE(rule.families.empty());
    for (const Coefficients& c : rule.families) {
      CHECK(c.depth == 1);
      CHECK(doubling(c) == Approx(2));
    }
  }
  const CompoundRule image = efficientnet_rule({"no", "no", ""});
  REQUIRE(image.families.size() == 1);
  CHECK(image.families.front().image == Approx(std::sqrt(2)));
  CHECK(efficientnet_rule({"no", "no", "no"}).families.empty());
  CHECK(s3nas_rule({"no", "no", "no"}).families.empty());
}

TEST_CASE("S3NAS' L and XL are exponents of one family") {
  const auto network = scalable_of_space(kOursM);
  // XL: 1.22 times depth and width, 332 / 224 times the image.
  const Coefficients xl{1.22, 1.22, 332.0 / 224};
  CHECK(extent_of(*network, xl, 1, false) == Extent{{4, 5, 9, 5, 13}, 1.22, {332, 332}});
  CHECK(extent_of(*network, xl, 0, false) == network->base());
  const Extent l = extent_of(*network, {1.1, 1.1, 268.0 / 224}, 1, false);
  CHECK(l == Extent{{3, 4, 8, 4, 12}, 1.1, {268, 268}});
}

TEST_CASE("Depths are rounded up or to the nearest, and nothing shrinks away") {
  const auto network = scalable_of_space(kOursM);
  CHECK(extent_of(*network, {1.1, 1, 1}, 1, true).depths == std::vector<std::int64_t>{4, 5, 8, 5, 13});
  CHECK(extent_of(*network, {1.1, 1, 1}, 1, false).depths == std::vector<std::int64_t>{3, 4, 8, 4, 12});
  const Extent least = extent_of(*network, {1.4, 1.2, 1.4}, -8, true);
  CHECK(least.depths == std::vector<std::int64_t>{1, 1, 1, 1, 1});
  CHECK(least.image == ir::Hw{32, 32});
}

}  // namespace
}  // namespace npusim::scale
