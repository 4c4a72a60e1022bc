// Linear support vector regression by liblinear, where that was found.
#include "nas/fit/linear.h"
#include "sim/base/error.h"

#ifdef NPUSIM_LIBLINEAR
#include <linear.h>
#endif

namespace npusim::fit {

#ifdef NPUSIM_LIBLINEAR

bool has_liblinear() { return true; }

Vector fit_svr(const Matrix& features, const Vector& targets) {
  const auto rows = static_cast<std::size_t>(features.rows());
  const auto columns = static_cast<std::size_t>(features.cols());
  std::vector<feature_node> nodes(rows * (columns + 1));
  std::vector<feature_node*> lines(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    lines[i] = &nodes[i * (columns + 1)];
    for (std::size_t j = 0; j < columns; ++j) {
      lines[i][j] = {static_cast<int>(j) + 1,
                     features(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j))};
    }
    lines[i][columns] = {-1, 0};
  }
  std::vector<double> labels(targets.data(), targets.data() + targets.size());
  problem data{};
  data.l = static_cast<int>(rows);
  data.n = static_cast<int>(columns);
  data.y = labels.data();
  data.x = lines.data();
  data.bias = -1;
  parameter options{};
  options.solver_type = L2R_L2LOSS_SVR;
  options.C = 1;
  options.p = 0.01;
  options.eps = 1e-6;
  set_print_string_function([](const char*) {});
  model* trained = train(&data, &options);
  Vector w(features.cols());
  for (std::size_t j = 0; j < columns; ++j) w[static_cast<Eigen::Index>(j)] = trained->w[j];
  free_and_destroy_model(&trained);
  return w;
}

#else

bool has_liblinear() { return false; }

Vector fit_svr(const Matrix&, const Vector&) {
  throw UserError("this npusim was built without liblinear (liblinear-dev): no model svr");
}

#endif

}  // namespace npusim::fit
