#include "nas/fit/linear.h"

#include <cmath>

#include "nas/fit/learned.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;

namespace {

double unit(Rng& rng) { return static_cast<double>(rng.next() >> 11U) * 0x1p-53; }

/// Independent columns in [0, 10^j).
Matrix random_rows(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  Rng rng(seed);
  Matrix x(rows, columns);
  for (Eigen::Index i = 0; i < rows; ++i) {
    for (Eigen::Index j = 0; j < columns; ++j) x(i, j) = unit(rng) * std::pow(10.0, static_cast<double>(j));
  }
  return x;
}

/// 100 + 3 a + 2 b + c: the columns' units differ by powers of ten.
Vector targets_of(const Matrix& x) {
  return (100 + 3 * x.col(0).array() + 2 * x.col(1).array() + x.col(2).array()).matrix();
}

}  // namespace

TEST_CASE("least squares finds 100 + 3 a + 2 b + c exactly") {
  const Matrix x = random_rows(50, 3, 1);
  const Linear model = fit_linear(LinearKind::linear, x, targets_of(x), 1);
  CHECK(model.intercept == Approx(100));
  CHECK(model.coefficients[0] == Approx(3));
  CHECK(model.coefficients[1] == Approx(2));
  CHECK(model.coefficients[2] == Approx(1));
}

TEST_CASE("every regressor predicts a noiseless line, the penalised ones less exactly") {
  const Matrix x = random_rows(400, 3, 2);
  const Vector y = targets_of(x);
  const std::vector<std::pair<LinearKind, double>> cases{
      {LinearKind::linear, 1e-9}, {LinearKind::ridge, 0.01}, {LinearKind::omp, 1e-9},
      {LinearKind::bayes, 1e-3},  {LinearKind::sgd, 0.01},   {LinearKind::svr, 0.02}};
  for (const auto& [kind, tolerance] : cases) {
    if (kind == LinearKind::svr && !has_liblinear()) continue;
    CAPTURE(static_cast<int>(kind));
    const Linear model = fit_linear(kind, x, y, 1);
    const double error = ((x * model.coefficients).array() + model.intercept - y.array()).abs().maxCoeff();
    CHECK(error < tolerance * (y.maxCoeff() - y.minCoeff()));
  }
}

TEST_CASE("ridge is least squares with the scaled coefficients' squares added") {
  // Two rows of one column: scaled x = -1, 1 and y = -1, 1: w = 2 / (2 + 1).
  const Matrix x = (Matrix(4, 1) << 0, 0, 4, 4).finished();
  const Vector y = (Vector(4) << 10, 10, 20, 20).finished();
  const Linear model = fit_linear(LinearKind::ridge, x, y, 1);
  CHECK(model.coefficients[0] == Approx(2.5 * 4 / 5));
  CHECK(model.intercept == Approx(15 - 2 * 2.0));
}

TEST_CASE("matching pursuit keeps 3 of 6 columns, the ones that matter") {
  const Matrix x = random_rows(80, 6, 3);
  const Vector y = 5 * x.col(1) + 0.1 * x.col(3) + 0.002 * x.col(5);
  const Linear model = fit_linear(LinearKind::omp, x, y, 1);
  for (const Eigen::Index j : {0, 2, 4}) CHECK(model.coefficients[j] == 0);
  CHECK(model.coefficients[1] == Approx(5));
  CHECK(model.coefficients[3] == Approx(0.1));
  CHECK(model.coefficients[5] == Approx(0.002));
}

TEST_CASE("equal columns share their coefficient and have an infinite inflation") {
  Matrix x = random_rows(40, 2, 4);
  x.conservativeResize(Eigen::NoChange, 3);
  x.col(2) = x.col(0);
  const Linear model = fit_linear(LinearKind::linear, x, Vector(4 * x.col(0) + x.col(1)), 1);
  CHECK(model.coefficients[0] == Approx(2));
  CHECK(model.coefficients[2] == Approx(2));
  const Vector inflation = variance_inflation(x);
  CHECK(std::isinf(inflation[0]));
  CHECK(std::isinf(inflation[2]));
  CHECK(inflation[1] < 1.2);
}

TEST_CASE("inflation of columns that correlate by 0.6 is 1 / (1 - 0.36)") {
  // Orthogonal u and v of norm 1: a = u, b = 0.6 u + 0.8 v.
  Matrix x(4, 2);
  x.col(0) << 1, 1, -1, -1;
  x.col(1) = 0.6 * x.col(0) + 0.8 * Vector((Vector(4) << 1, -1, 1, -1).finished());
  CHECK(variance_inflation(x)[0] == Approx(1 / 0.64));
}

TEST_CASE("the same seed gives the same bits in every regressor") {
  const Matrix x = random_rows(60, 4, 5);
  const Vector y = (x.rowwise().sum().array() + 7).sqrt();
  for (int kind = 0; kind < 6; ++kind) {
    if (kind == static_cast<int>(LinearKind::svr) && !has_liblinear()) continue;
    const Linear a = fit_linear(static_cast<LinearKind>(kind), x, y, 9);
    const Linear b = fit_linear(static_cast<LinearKind>(kind), x, y, 9);
    CHECK(a.intercept == b.intercept);
    CHECK(a.coefficients == b.coefficients);
  }
  CHECK(Perceptron::train(x, y, 3).parameters() == Perceptron::train(x, y, 3).parameters());
  CHECK(Perceptron::train(x, y, 3).parameters() != Perceptron::train(x, y, 4).parameters());
  if (has_xgboost()) CHECK(BoostedTrees::train(x, y, 3).json() == BoostedTrees::train(x, y, 3).json());
}

TEST_CASE("learned models follow a product that no line does, and survive their text") {
  const Matrix x = random_rows(300, 2, 6);
  const Vector y = 5 + x.col(0).cwiseProduct(x.col(1)).array();
  const Perceptron net = Perceptron::train(x, y, 1);
  const Perceptron copy = Perceptron::from(net.parameters(), 2);
  double error = 0;
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    const Vector row = x.row(i);
    error += std::abs(net(row) / y[i] - 1) / static_cast<double>(x.rows());
    CHECK(copy(row) == net(row));
  }
  CHECK(error < 0.02);
  CHECK_THROWS_AS(Perceptron::from({1, 2, 3}, 2), UserError);
  if (!has_xgboost()) return;
  const BoostedTrees trees = BoostedTrees::train(x, y, 1);
  const Vector row = x.row(0);
  CHECK(trees(row) == Approx(y[0]).epsilon(0.2));
  CHECK(BoostedTrees::from(trees.json())(row) == trees(row));
  CHECK_THROWS_AS(BoostedTrees::from("no trees"), UserError);
}

TEST_CASE("4 rows are too few for 3 features, 5 are enough; NaN is refused") {
  const Matrix x = random_rows(5, 3, 7);
  CHECK_THROWS_AS(fit_linear(LinearKind::linear, x.topRows(4), targets_of(x).head(4), 1), UserError);
  CHECK_NOTHROW(fit_linear(LinearKind::linear, x, targets_of(x), 1));
  Matrix holes = x;
  holes(2, 1) = std::nan("");
  CHECK_THROWS_AS(fit_linear(LinearKind::linear, holes, targets_of(x), 1), UserError);
}

TEST_CASE("non-negative least squares is least squares where that is positive") {
  const Matrix a = random_rows(30, 3, 8);
  const Vector x = nonnegative_least_squares(a, Vector(a * (Vector(3) << 1, 2, 3).finished()));
  CHECK(x[0] == Approx(1));
  CHECK(x[1] == Approx(2));
  CHECK(x[2] == Approx(3));
}

TEST_CASE("non-negative least squares meets the conditions of an optimum on 50 random problems") {
  Rng rng(9);
  for (int trial = 0; trial < 50; ++trial) {
    const Matrix a = random_rows(12, 6, rng.next());
    Vector b(12);
    for (double& one : b) one = unit(rng) - 0.5;
    const Vector x = nonnegative_least_squares(a, b);
    const Vector gradient = a.transpose() * (b - a * x);
    for (Eigen::Index j = 0; j < x.size(); ++j) {
      CHECK(x[j] >= 0);
      const double scale = a.col(j).norm() * b.norm();
      CHECK(gradient[j] < 1e-9 * scale);                          // growing it does not help
      if (x[j] > 0) CHECK(std::abs(gradient[j]) < 1e-9 * scale);  // nor does shrinking
    }
  }
}
