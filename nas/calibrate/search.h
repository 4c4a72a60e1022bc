// The setting that fits a set of rows best.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/calibrate/simulations.h"

namespace npusim::calibrate {

enum class Method : std::uint8_t { bobyqa, cobyla, sbplx };

struct SearchOptions {
  std::uint64_t seed = 1;
  std::size_t starts = 2;          ///< local searches, from the best of the design
  std::size_t evaluations = 0;     ///< of each local search, at most; 0: 15 + 10 a parameter
  Method method = Method::bobyqa;  ///< of one parameter always COBYLA: BOBYQA needs two
};

struct Found {
  Setting setting;
  double objective = 0;
};

/// Places of a setting in [0, 1].
Eigen::VectorXd places(const std::vector<Parameter>& free, const Setting& setting);
Setting setting_at(const std::vector<Parameter>& free, const Eigen::VectorXd& places);

/// The change of ln(predicted) by row over a change of place, by central differences over `step` to both
/// sides (at least a level; one-sided at an end), at a setting that the chip takes. Columns of what it
/// refuses, and of words, are 0.
Eigen::MatrixXd jacobian(Simulations& simulations, const Setting& setting, double step);

/// Minimises objective() over `rows`: the description's own values and a Latin hypercube that follows from
/// the seed, then NLopt's local searches from the best of them, then Gauss-Newton steps with whole levels and
/// their neighbours. Deterministic. Throws UserError when the chip refuses every setting tried.
Found search(Simulations& simulations, const std::vector<std::size_t>& rows, const SearchOptions& options,
             const std::string& stage);

}  // namespace npusim::calibrate
