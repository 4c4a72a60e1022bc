// Eigenvalues in one place: Eigen's solver takes a compiler ten seconds a file.
#pragma once

#include "nas/fit/linear.h"

namespace npusim::fit {

struct Symmetric {
  Vector values;   ///< ascending
  Matrix vectors;  ///< a column each, of length 1
};
/// The eigenvalues and eigenvectors of a symmetric matrix; only its lower triangle is read.
Symmetric decompose(const Matrix& symmetric);

}  // namespace npusim::fit
