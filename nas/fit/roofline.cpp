#include "nas/fit/roofline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "nas/fit/linear.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Index = Eigen::Index;

constexpr int kMostRounds = 40;
/// Rounds without a thousandth of progress.
constexpr int kPatience = 8;
/// Residuals below this share of the median count by their square.
constexpr double kFloor = 0.01;
constexpr double kTiny = 1e-9;

/// Different operators of one kind: a row each.
struct Rows {
  Matrix counts;
  Vector cycles;
  Vector weights;
};

/// The ceilings' p-norm.
double together(double overlap, const Vector& ceilings) {
  const double top = ceilings.size() == 0 ? 0 : ceilings.maxCoeff();
  if (overlap == 0 || top <= 0) return top;
  return top * std::pow((ceilings.array() / top).pow(overlap).sum(), 1 / overlap);
}

/// d norm / d ceiling, which adds up with the ceilings to the norm; ties of a maximum go to the first.
Vector shares(double overlap, const Vector& ceilings) {
  Vector share = Vector::Zero(ceilings.size());
  const double norm = together(overlap, ceilings);
  if (norm <= 0) {
    share.setConstant(1 / static_cast<double>(std::max<Index>(1, ceilings.size())));
  } else if (overlap == 0) {
    Index top = 0;
    ceilings.maxCoeff(&top);
    share[top] = 1;
  } else {
    share = (ceilings.array() / norm).pow(overlap - 1);
  }
  return share;
}

Vector predictions(const Rows& rows, double overlap, const Vector& slopes) {
  const Index columns = rows.counts.cols();
  Vector out(rows.counts.rows());
  for (Index i = 0; i < out.size(); ++i) {
    const Vector counts = rows.counts.row(i);
    out[i] = slopes[0] + together(overlap, counts.cwiseProduct(slopes.segment(1, columns))) +
             counts.dot(slopes.segment(1 + columns, columns));
  }
  return out;
}

/// Weights with which squares are absolute values, but for residuals below a hundredth of the median. An
/// operator that the chip treats unlike what its counts say then bends no ceiling.
Vector robust(const Rows& rows, const Vector& residuals) {
  const Vector sizes = residuals.cwiseAbs().cwiseProduct(rows.weights.cwiseSqrt());
  Vector sorted = sizes;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  const double floor = std::max(kFloor * sorted[sorted.size() / 2], kTiny * rows.cycles.maxCoeff());
  return rows.weights.cwiseQuotient(sizes.cwiseMax(floor));
}

double loss(const Rows& rows, const Vector& residuals) {
  // Absolute: what a network's error adds up from, outliers included once.
  return residuals.cwiseAbs().dot(rows.weights.cwiseSqrt());
}

/// Launch, slopes of ceilings, slopes of serial counts, and what they miss by.
struct Slopes {
  Vector values;
  double error = std::numeric_limits<double>::infinity();
};

/// Every ceiling is what it would be alone.
Vector alone(const Rows& rows) {
  const Index columns = rows.counts.cols();
  Vector slopes = Vector::Zero(1 + 2 * columns);
  for (Index j = 0; j < columns; ++j) {
    const double squares = rows.counts.col(j).squaredNorm();
    if (squares > 0) slopes[1 + j] = std::max(0.0, rows.counts.col(j).dot(rows.cycles) / squares);
  }
  return slopes;
}

Slopes fit_slopes(const Rows& rows, double overlap, Vector slopes) {
  const Index n = rows.counts.rows();
  const Index columns = rows.counts.cols();
  Slopes best;
  Vector weights = rows.weights;
  int since = 0;
  for (int round = 0; round < kMostRounds && since < kPatience; ++round) {
    Matrix a(n, 1 + 2 * columns);
    a.col(0).setOnes();
    for (Index i = 0; i < n; ++i) {
      const Vector counts = rows.counts.row(i);
      const Vector share = shares(overlap, counts.cwiseProduct(slopes.segment(1, columns)));
      a.row(i).segment(1, columns) = counts.cwiseProduct(share);
      a.row(i).segment(1 + columns, columns) = counts;
    }
    const Vector roots = weights.cwiseSqrt();
    const Vector next = nonnegative_least_squares(roots.asDiagonal() * a, roots.cwiseProduct(rows.cycles));
    // Half a step: full ones swing between two assignments of rows to ceilings.
    slopes = round == 0 ? next : Vector(0.5 * (slopes + next));
    const Vector residuals = predictions(rows, overlap, slopes) - rows.cycles;
    const double now = loss(rows, residuals);
    since = now < best.error * (1 - 1e-3) ? 0 : since + 1;
    if (now < best.error) best = {slopes, now};
    weights = robust(rows, residuals);
  }
  return best;
}

Roofline fit_one(const Rows& rows) {
  const Vector start = alone(rows);
  // Where ceilings add up, the fit has one minimum: a second start for those that overlap.
  const Slopes sum = fit_slopes(rows, 1, start);
  double overlap = 1;
  Slopes best = sum;
  for (const double p : {2.0, 4.0, 0.0}) {
    for (const Vector& from : {start, sum.values}) {
      Slopes here = fit_slopes(rows, p, from);
      if (here.error >= best.error) continue;
      best = std::move(here);
      overlap = p;
    }
  }
  const Index columns = rows.counts.cols();
  const Vector& slopes = best.values;
  return {slopes[0],
          overlap,
          {slopes.data() + 1, slopes.data() + 1 + columns},
          {slopes.data() + 1 + columns, slopes.data() + slopes.size()}};
}

Observed extremes_of(const Dataset& data, std::span<const std::size_t> networks, Extreme extreme) {
  Observed all(data.operators.size());
  for (const std::size_t network : networks) {
    for (const Sample& sample : data.networks[network].samples) {
      const auto cycles = static_cast<double>(sample.cycles);
      double& known = all.cycles[sample.op];
      const bool first = all.count[sample.op]++ == 0;
      if (first || (extreme == Extreme::shortest ? cycles < known : cycles > known)) known = cycles;
    }
  }
  return all;
}

Rows rows_of(const Dataset& data, const Observed& observed, const std::vector<std::size_t>& operators) {
  const auto n = static_cast<Index>(operators.size());
  Rows rows{Matrix(n, static_cast<Index>(data.features.size())), Vector(n), Vector(n)};
  double mean = 0;
  for (const std::size_t op : operators) mean += observed.cycles[op] / static_cast<double>(n);
  for (Index i = 0; i < n; ++i) {
    const std::size_t op = operators[static_cast<std::size_t>(i)];
    for (std::size_t j = 0; j < data.features.size(); ++j) {
      rows.counts(i, static_cast<Index>(j)) = data.operators[op].features[j];
    }
    rows.cycles[i] = observed.cycles[op];
    // Long layers may miss by more cycles than short ones; frequent ones matter more.
    rows.weights[i] = observed.count[op] / (observed.cycles[op] + mean + 1);
  }
  return rows;
}

/// The roofline times one factor, with which these operators take together what they took.
Roofline scaled(Roofline roofline, const Dataset& data, const Observed& observed,
                const std::vector<std::size_t>& operators) {
  double took = 0, predicted = 0;
  for (const std::size_t op : operators) {
    took += observed.count[op] * observed.cycles[op];
    predicted += observed.count[op] * roofline.cycles(data.operators[op].features);
  }
  if (predicted <= 0) return roofline;
  const double factor = took / predicted;
  roofline.launch *= factor;
  for (double& slope : roofline.ceilings) slope *= factor;
  for (double& slope : roofline.serial) slope *= factor;
  return roofline;
}

}  // namespace

double Roofline::cycles(std::span<const double> counts) const {
  double top = 0;
  double sum = launch;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    top = std::max(top, ceilings[i] * counts[i]);
    sum += serial[i] * counts[i];
  }
  if (overlap == 0 || top <= 0) return sum + top;
  double powers = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (ceilings[i] > 0) powers += std::pow(ceilings[i] * counts[i] / top, overlap);
  }
  return sum + top * std::pow(powers, 1 / overlap);
}

std::size_t Roofline::binding(std::span<const double> counts) const {
  std::size_t best = counts.size();
  double most = launch;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double here = std::max(ceilings[i], serial[i]) * counts[i];
    if (here > most) {
      most = here;
      best = i;
    }
  }
  return best;
}

const Roofline& roofline_of(const Rooflines& rooflines, const std::string& kind) {
  const auto own = rooflines.find(kind);
  if (own != rooflines.end()) return own->second;
  const auto family = rooflines.find(kind.substr(0, kind.find(' ')));
  if (family != rooflines.end()) return family->second;
  return rooflines.at(kOtherKinds);
}

Rooflines fit_rooflines(const Dataset& data, std::span<const std::size_t> networks, Extreme extreme) {
  return fit_rooflines(data, extremes_of(data, networks, extreme));
}

Rooflines fit_rooflines(const Dataset& data, const Observed& observed) {
  std::map<std::string, std::vector<std::size_t>> kinds;
  std::vector<std::size_t> rest;
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < data.operators.size(); ++i) {
    if (observed.count[i] == 0) continue;
    const std::string& kind = data.operators[i].kind;
    all.push_back(i);
    kinds[kind].push_back(i);
    const std::string family = kind.substr(0, kind.find(' '));
    if (family != kind) kinds[family].push_back(i);
  }
  Rooflines fitted;
  std::vector<std::string> few;
  for (const auto& [kind, operators] : kinds) {
    if (operators.size() >= kFewestOperators) {
      fitted.emplace(kind, fit_one(rows_of(data, observed, operators)));
    } else if (kind.find(' ') == std::string::npos) {
      few.push_back(kind);
      rest.insert(rest.end(), operators.begin(), operators.end());
    }
  }
  if (all.size() < kFewestOperators) {
    throw UserError(std::to_string(all.size()) +
                    " different operators are too few to fit ceilings: at least " +
                    std::to_string(kFewestOperators) + " are needed");
  }
  const Roofline others = fit_one(rows_of(data, observed, rest.size() >= kFewestOperators ? rest : all));
  for (const std::string& kind : few) fitted.emplace(kind, scaled(others, data, observed, kinds.at(kind)));
  fitted.emplace(kOtherKinds, others);
  return fitted;
}

}  // namespace npusim::fit
