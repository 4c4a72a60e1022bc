#include "nas/fit/errors.h"

#include <cmath>
#include <limits>
#include <vector>

#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;
using Numbers = std::vector<double>;

TEST_CASE("errors of 100, 200, 400 predicted as 110, 190, 400") {
  const Errors errors = errors_of(Numbers{100, 200, 400}, Numbers{110, 190, 400});
  CHECK(errors.count == 3);
  CHECK(errors.mape == Approx(0.05));
  CHECK(errors.rmse == Approx(std::sqrt(200.0 / 3)));
  CHECK(errors.worst == Approx(0.10));
  CHECK(errors.within5 == Approx(2.0 / 3));
  CHECK(errors.within10 == Approx(1.0));
  // Variance around 233.3 is 46666.7 in all.
  CHECK(errors.r2 == Approx(1 - 200 / 46666.6667));
  CHECK(errors.spearman == Approx(1));
  CHECK(errors.kendall == Approx(1));
}

TEST_CASE("a reversed order has rank correlations of -1, one swap of four a Kendall of 2/3") {
  CHECK(errors_of(Numbers{1, 2, 3}, Numbers{3, 2, 1}).spearman == Approx(-1));
  CHECK(errors_of(Numbers{1, 2, 3}, Numbers{3, 2, 1}).kendall == Approx(-1));
  CHECK(errors_of(Numbers{1, 2, 3, 4}, Numbers{2, 1, 3, 4}).kendall == Approx(4.0 / 6));
  CHECK(errors_of(Numbers{1, 2, 3, 4}, Numbers{2, 1, 3, 4}).spearman == Approx(0.8));
}

TEST_CASE("ties share a rank, and a constant prediction has no correlation") {
  // scipy.stats.kendalltau([1, 2, 2, 3], [1, 2, 3, 4]) is 0.912871, spearmanr 0.948683.
  CHECK(errors_of(Numbers{1, 2, 2, 3}, Numbers{1, 2, 3, 4}).kendall == Approx(0.912871));
  CHECK(errors_of(Numbers{1, 2, 2, 3}, Numbers{1, 2, 3, 4}).spearman == Approx(0.948683));
  CHECK(errors_of(Numbers{1, 2, 3}, Numbers{2, 2, 2}).spearman == 0);
  CHECK(errors_of(Numbers{1, 2, 3}, Numbers{2, 2, 2}).kendall == 0);
}

TEST_CASE("errors of NaN or of a latency of 0 are refused") {
  CHECK_THROWS_AS(errors_of(Numbers{1, 2}, Numbers{1, std::nan("")}), UserError);
  CHECK_THROWS_AS(errors_of(Numbers{0, 2}, Numbers{1, 2}), UserError);
  CHECK_THROWS_AS(errors_of(Numbers{1, std::numeric_limits<double>::infinity()}, Numbers{1, 2}), UserError);
}

TEST_CASE("the 90 % interval of 19 residuals is the 18th smallest size, of 8 there is none") {
  Numbers residuals;
  for (int i = 1; i <= 19; ++i) residuals.push_back(i % 2 == 0 ? i : -i);
  CHECK(conformal_quantile(residuals, 0.9) == 18);
  residuals.resize(9);
  CHECK(conformal_quantile(residuals, 0.9) == 9);
  residuals.resize(8);
  CHECK_THROWS_AS(conformal_quantile(residuals, 0.9), UserError);
}
