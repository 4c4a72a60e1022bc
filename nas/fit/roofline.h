// The analytical performance model: a roofline with several ceilings, fitted to simulated layers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nas/fit/dataset.h"

namespace npusim::fit {

/// cycles = launch + ceilings together + the sum of serial slopes. A ceiling is slope * count; together they
/// are the p-norm of the ceilings: with p infinite their maximum (engines overlap fully), with p = 1 their
/// sum (they do not overlap). All slopes are at least 0. Counts are an operator's features.
struct Roofline {
  double launch = 0;
  double overlap = 0;            ///< p; 0 stands for infinity
  std::vector<double> ceilings;  ///< by feature; 0: no ceiling
  std::vector<double> serial;    ///< by feature
  [[nodiscard]] double cycles(std::span<const double> counts) const;
  /// The feature whose ceiling (or serial slope) takes the most cycles; as many as there are features where
  /// the launch takes more than any.
  [[nodiscard]] std::size_t binding(std::span<const double> counts) const;
};

/// Fewer different operators have no ceilings of their own.
inline constexpr std::size_t kFewestOperators = 12;

/// Of kinds that have too few operators to have their own.
inline constexpr const char* kOtherKinds = "other";

/// By kind of operator. Kinds without an entry use that of their first word ("conv 3x3" that of "conv"), else
/// kOtherKinds.
using Rooflines = std::map<std::string, Roofline>;
const Roofline& roofline_of(const Rooflines& rooflines, const std::string& kind);

/// What operators took, by index in Dataset::operators, and how often they were seen; 0: not at all.
struct Observed {
  std::vector<double> cycles, count;
  explicit Observed(std::size_t operators) : cycles(operators, 0), count(operators, 0) {}
};

/// An operator may take different times in different networks: weights are kept on the chip or not, engines
/// are busy with neighbours. The shortest and the longest are of equal operators in equal circumstances.
enum class Extreme : std::uint8_t { shortest, longest };

/// Fits, for every kind with at least 12 different operators, for each first word's kinds together and for
/// the rest; a kind with fewer has the rest's times one factor, so that one that costs nothing costs nothing.
/// Equal operators are one row with the time that `observed` gives them. For each overlap of {1, 2, 4,
/// infinity}: given the slopes, each ceiling's share in the p-norm is known (Euler: the norm is the sum of
/// the shares times the ceilings), and with the shares the slopes are non-negative least squares; repeated
/// until it settles, with weights that make squares absolute values. Two starts: each ceiling alone, and
/// their sum. What has the smallest error remains.
Rooflines fit_rooflines(const Dataset& data, const Observed& observed);
/// To an extreme; `networks` are the indices to learn from.
Rooflines fit_rooflines(const Dataset& data, std::span<const std::size_t> networks, Extreme extreme);

}  // namespace npusim::fit
