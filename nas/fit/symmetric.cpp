#include "nas/fit/symmetric.h"

namespace npusim::fit {

Symmetric decompose(const Matrix& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(symmetric);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

}  // namespace npusim::fit
