#include "nas/fit/mem.h"

#include "nas/fit/errors.h"

namespace npusim::fit {

double mem(const Counts& counts, const MemWeights& weights) {
  const double matrix = weights.m * counts.m;
  const double all = matrix + weights.v * counts.v + weights.d * counts.d;
  return all == 0 ? 0 : matrix / all;
}

MemFit fit_mem(const Dataset& data) {
  check(data);
  const auto rows = static_cast<Eigen::Index>(data.networks.size());
  Matrix x(rows, 3);
  Vector y(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const Network& network = data.networks[static_cast<std::size_t>(i)];
    const std::vector<double> sums = data.sums(network);  // m, v, d come first
    x.row(i) << sums[0], sums[1], sums[2];
    y[i] = static_cast<double>(network.cycles);
  }
  Linear model = fit_linear(LinearKind::linear, x, y, 0);
  MemFit fit;
  fit.unbounded = {model.coefficients[0], model.coefficients[1], model.coefficients[2]};
  fit.clipped = model.coefficients.minCoeff() < 0;
  if (fit.clipped) {
    Matrix with_constant(rows, 4);
    with_constant << Vector::Ones(rows), x;
    const Vector weights = nonnegative_least_squares(with_constant, y);
    model = {weights[0], weights.tail(3)};
  }
  fit.weights = {model.coefficients[0], model.coefficients[1], model.coefficients[2]};
  fit.constant = model.intercept;
  const Vector predicted = (x * model.coefficients).array() + model.intercept;
  const Errors errors = errors_of(std::vector<double>(y.begin(), y.end()),
                                  std::vector<double>(predicted.begin(), predicted.end()));
  fit.r2 = errors.r2;
  fit.mape = errors.mape;
  return fit;
}

}  // namespace npusim::fit
