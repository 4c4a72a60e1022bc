#include "nas/calibrate/identify.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "nas/calibrate/objective.h"
#include "nas/calibrate/search.h"
#include "nas/fit/symmetric.h"

namespace npusim::calibrate {
namespace {

constexpr double kWideStep = 0.05;    ///< of the slopes, in places: the neighbourhood, not its steps
constexpr double kLeastNoise = 1e-3;  ///< relative
constexpr double kNothing = 1e-6;     ///< change of a latency over a key's range that is none, relative
constexpr double kWholeRange = 0.5;   ///< half a 95 % range that spans the range, in places
constexpr double kNamed = 0.05;       ///< share in a direction from which a key is named

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Index index(std::size_t i) { return static_cast<Index>(i); }

/// Slopes and residuals in standard deviations, each row times the root of its weight (of mean 1).
struct Weighted {
  MatrixXd slopes;
  VectorXd residuals;
  MatrixXd plain;  ///< slopes of ln(latency), of these rows
};

Weighted weigh(Simulations& simulations, const Setting& setting, const std::vector<std::size_t>& rows) {
  const Measured& measured = simulations.problem().measured;
  const MatrixXd slopes = jacobian(simulations, setting, kWideStep);
  const Prediction& prediction = simulations.at(setting);
  double sum = 0;
  for (const std::size_t i : rows) sum += measured.rows[i].weight;
  Weighted out{MatrixXd(index(rows.size()), slopes.cols()), VectorXd(index(rows.size())),
               MatrixXd(index(rows.size()), slopes.cols())};
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const Row& row = measured.rows[rows[k]];
    const double r = residual(row, prediction.latency[rows[k]]);
    const double root = std::sqrt(row.weight * static_cast<double>(rows.size()) / sum * robustness(r));
    out.plain.row(index(k)) = slopes.row(index(rows[k]));
    out.slopes.row(index(k)) = out.plain.row(index(k)) * root / relative_sigma(row);
    out.residuals[index(k)] = r * root;
  }
  return out;
}

/// "a up with b down", of a direction in places.
std::string direction_text(const std::vector<std::string>& keys, VectorXd direction) {
  Index largest = 0;
  direction.cwiseAbs().maxCoeff(&largest);
  if (direction[largest] < 0) direction = -direction;
  std::string text;
  for (Index j = 0; j < direction.size(); ++j) {
    if (std::abs(direction[j]) < kNamed) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : " with ", keys[static_cast<std::size_t>(j)],
                        direction[j] > 0 ? "up" : "down");
  }
  return text;
}

/// Half of the 95 % range for a standard deviation of 1.
double student(std::size_t rows, std::size_t keys) {
  if (rows <= keys) return std::numeric_limits<double>::infinity();
  return boost::math::quantile(boost::math::students_t(static_cast<double>(rows - keys)), 0.975);
}

}  // namespace

Knowledge identify(Simulations& simulations, const Setting& setting, const std::vector<std::size_t>& rows) {
  const std::vector<Parameter>& free = simulations.problem().free;
  const Weighted weighted = weigh(simulations, setting, rows);
  Knowledge out;
  out.keys.resize(free.size());
  std::vector<std::size_t> matter;
  for (std::size_t j = 0; j < free.size(); ++j) {
    KeyKnowledge& key = out.keys[j];
    const auto column = weighted.plain.col(index(j));
    const double slope = free[j].place_per_log(setting[j]);
    if (slope > 0) key.elasticity = column.mean() * slope;
    if (column.cwiseAbs().maxCoeff() < kNothing) {
      key.known = free[j].numeric() ? Known::no_influence : Known::open;
    } else {
      matter.push_back(j);
    }
  }
  if (matter.empty()) return out;
  MatrixXd slopes(weighted.slopes.rows(), index(matter.size()));
  std::vector<std::string> names;
  for (std::size_t m = 0; m < matter.size(); ++m) {
    slopes.col(index(m)) = weighted.slopes.col(index(matter[m]));
    names.push_back(free[matter[m]].key());
  }
  const fit::Symmetric solver = fit::decompose(slopes.transpose() * slopes);
  const VectorXd curvatures = solver.values.cwiseMax(std::numeric_limits<double>::min());
  out.condition = std::sqrt(curvatures.maxCoeff() / curvatures.minCoeff());
  const double t = student(rows.size(), matter.size());
  const double freedom = std::max(1.0, static_cast<double>(rows.size()) - static_cast<double>(matter.size()));
  const double noise =
      std::max(std::sqrt(weighted.residuals.squaredNorm() / freedom), kLeastNoise / kModelSigma);
  VectorXd variance = VectorXd::Zero(index(matter.size()));
  for (Index k = 0; k < curvatures.size(); ++k) {
    const VectorXd direction = solver.vectors.col(k);
    variance += direction.cwiseAbs2() / curvatures[k];
    if (t * noise / std::sqrt(curvatures[k]) >= kWholeRange && matter.size() > 1) {
      const std::string text = direction_text(names, direction);
      if (text.find(" with ") != std::string::npos) out.flat.push_back({text});  // one key alone is `open`
    }
  }
  for (std::size_t m = 0; m < matter.size(); ++m) {
    KeyKnowledge& key = out.keys[matter[m]];
    const double half = t * noise * std::sqrt(variance[index(m)]);
    if (!(half < kWholeRange)) {
      key.known = Known::open;
      continue;
    }
    const double here = free[matter[m]].place(setting[matter[m]]);
    key.low = free[matter[m]].at(here - half);
    key.high = free[matter[m]].at(here + half);
  }
  return out;
}

}  // namespace npusim::calibrate
