#include "nas/calibrate/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlopt.hpp>
#include <numeric>

#include "nas/calibrate/objective.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::calibrate {
namespace {

constexpr double kFirstStep = 0.15;  ///< of a local search, in places
constexpr double kSmallestStep = 1e-4;
constexpr double kWideStep = 0.1;     ///< of the Gauss-Newton steps' differences, first
constexpr double kFineStep = 0.01;    ///< and last
constexpr double kWorthwhile = 1e-3;  ///< gain of a step after which another is tried, relative
constexpr int kGaussNewtonSteps = 8;
constexpr double kDamping = 1e-7;  ///< of Gauss-Newton, of the largest curvature

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Index index(std::size_t i) { return static_cast<Index>(i); }

/// A Latin hypercube over the free parameters: each takes one place from each of n equal parts.
std::vector<Setting> design(const std::vector<Parameter>& free, std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<VectorXd> points(n, VectorXd(index(free.size())));
  for (std::size_t j = 0; j < free.size(); ++j) {
    std::vector<std::size_t> parts(n);
    std::iota(parts.begin(), parts.end(), 0U);
    for (std::size_t i = n; i > 1; --i) {
      std::swap(parts[i - 1],
                parts[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i) - 1))]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      points[i][index(j)] = (static_cast<double>(parts[i]) + 0.5) / static_cast<double>(n);
    }
  }
  std::vector<Setting> settings;
  for (const VectorXd& point : points) settings.push_back(setting_at(free, point));
  return settings;
}

class Search {
 public:
  Search(Simulations& simulations, const std::vector<std::size_t>& rows, const SearchOptions& options)
      : simulations_(simulations),
        free_(simulations.problem().free),
        measured_(simulations.problem().measured),
        rows_(rows),
        options_(options) {}

  std::vector<Found> explore() {
    std::vector<Setting> settings = design(free_, 4 * free_.size() + 4, options_.seed);
    Setting own;
    for (const Parameter& one : free_) own.push_back(one.at(one.place(one.start())));
    settings.insert(settings.begin(), own);
    simulations_.prepare(settings);
    std::vector<Found> found;
    for (const Setting& setting : settings) found.push_back({setting, value(setting)});
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.objective < b.objective; });
    if (found.front().objective >= kRefused) {
      throw UserError(fmt::format("--free: the chip takes none of {} settings, the first: {}",
                                  settings.size(), simulations_.at(settings.front()).refused));
    }
    return found;
  }

  /// NLopt from there.
  Found descend(const Found& from) {
    best_ = from;
    nlopt::opt opt(algorithm(), static_cast<unsigned>(free_.size()));
    opt.set_lower_bounds(0);
    opt.set_upper_bounds(1);
    opt.set_min_objective(evaluate, this);
    opt.set_initial_step(kFirstStep);
    opt.set_xtol_abs(kSmallestStep);
    opt.set_maxeval(
        static_cast<int>(options_.evaluations > 0 ? options_.evaluations : 15 + 10 * free_.size()));
    const VectorXd start = places(free_, from.setting);
    std::vector<double> x(start.begin(), start.end());
    double least = 0;
    try {
      opt.optimize(x, least);
    } catch (const nlopt::roundoff_limited&) {
      // As far as it gets: best_ has it.
    }
    return best_;
  }

  /// Gauss-Newton steps from there, with neighbouring levels, as long as they help.
  Found polish(Found from) {
    best_ = std::move(from);
    // Slopes over a wide step first: simulated latencies are stairs.
    for (const double width : {kWideStep, kFineStep}) {
      for (int step = 0; step < kGaussNewtonSteps; ++step) {
        const double before = best_.objective;
        const std::vector<Setting> tries = proposals(width);
        simulations_.prepare(tries);
        for (const Setting& setting : tries) consider(setting);
        if (best_.objective >= before * (1 - kWorthwhile)) break;
      }
    }
    return best_;
  }

 private:
  [[nodiscard]] nlopt::algorithm algorithm() const {
    if (free_.size() == 1 || options_.method == Method::cobyla) return nlopt::LN_COBYLA;
    return options_.method == Method::sbplx ? nlopt::LN_SBPLX : nlopt::LN_BOBYQA;
  }

  double value(const Setting& setting) { return objective(measured_, rows_, simulations_.at(setting)); }

  double consider(const Setting& setting) {
    const double got = value(setting);
    if (got < best_.objective) best_ = {setting, got};
    return got;
  }

  static double evaluate(const std::vector<double>& x, std::vector<double>& /*gradient*/, void* self) {
    auto* const search = static_cast<Search*>(self);
    return search->consider(setting_at(search->free_, Eigen::Map<const VectorXd>(x.data(), index(x.size()))));
  }

  /// Settings that the residuals' slopes make likely: the whole and half a step, and for each key with levels
  /// its neighbours, the keys without levels adapted.
  std::vector<Setting> proposals(double width) {
    const VectorXd here = places(free_, best_.setting);
    linearise(here, width);
    std::vector<bool> moving(free_.size());
    for (std::size_t j = 0; j < free_.size(); ++j) moving[j] = free_[j].numeric();
    const VectorXd full = solve(here, moving);
    std::vector<Setting> list;
    const auto add = [&](VectorXd point) {
      snap(point);
      for (std::size_t j = 0; j < free_.size(); ++j) moving[j] = free_[j].levels() == 0;
      list.push_back(setting_at(free_, solve(point, moving)));
    };
    list.push_back(setting_at(free_, full));
    list.push_back(setting_at(free_, (here + full) / 2));
    add(full);
    add(here);
    for (std::size_t j = 0; j < free_.size(); ++j) {
      if (free_[j].levels() == 0) continue;
      const double level = 1 / static_cast<double>(free_[j].levels() - 1);
      for (const double by : {-level, level}) {
        VectorXd point = here;
        point[index(j)] = std::clamp(place_of_level(j, here[index(j)], by), 0.0, 1.0);
        add(point);
      }
      for (double word = 0; !free_[j].numeric() && word <= 1; word += level) {
        VectorXd point = here;
        point[index(j)] = word;
        add(point);
      }
    }
    return list;
  }

  /// A place whose value is another level's, in the direction of `by`; levels need not be equally far apart.
  [[nodiscard]] double place_of_level(std::size_t j, double from, double by) const {
    const std::string value = free_[j].at(from);
    double to = from + by;
    for (double more = by / 2; free_[j].at(to) == value && to > 0 && to < 1; more *= 2) to += more;
    return to;
  }

  void snap(VectorXd& point) const {
    for (std::size_t j = 0; j < free_.size(); ++j) {
      point[index(j)] = free_[j].place(free_[j].at(point[index(j)]));
    }
  }

  /// Weighted normal equations of the rows' residuals around a point.
  void linearise(const VectorXd& here, double width) {
    const MatrixXd slopes = jacobian(simulations_, best_.setting, width);
    const Prediction& prediction = simulations_.at(best_.setting);
    curvature_ = MatrixXd::Zero(here.size(), here.size());
    gradient_ = VectorXd::Zero(here.size());
    origin_ = here;
    for (const std::size_t i : rows_) {
      const Row& row = measured_.rows[i];
      const double r = residual(row, prediction.latency[i]);
      const double weight = row.weight * robustness(r);
      const VectorXd slope = slopes.row(index(i)).transpose() / relative_sigma(row);
      curvature_ += weight * slope * slope.transpose();
      gradient_ += weight * r * slope;
    }
  }

  /// The best point of the linear model, `moving` coordinates changed from `point`, within [0, 1]: those that
  /// would leave are fixed at their ends and the rest solved again.
  [[nodiscard]] VectorXd solve(VectorXd point, std::vector<bool> moving) const {
    const double damping = kDamping * std::max(curvature_.diagonal().maxCoeff(), 1e-12);
    while (true) {
      std::vector<Index> free;
      for (std::size_t j = 0; j < moving.size(); ++j) {
        if (moving[j]) free.push_back(index(j));
      }
      if (free.empty()) return point;
      const VectorXd slope = gradient_ + curvature_ * (point - origin_);
      MatrixXd a(index(free.size()), index(free.size()));
      VectorXd b(index(free.size()));
      for (std::size_t i = 0; i < free.size(); ++i) {
        for (std::size_t j = 0; j < free.size(); ++j) a(index(i), index(j)) = curvature_(free[i], free[j]);
        a(index(i), index(i)) += damping;
        b[index(i)] = -slope[free[i]];
      }
      const VectorXd step = a.ldlt().solve(b);
      bool left = false;
      VectorXd next = point;
      for (std::size_t i = 0; i < free.size(); ++i) {
        const double to = point[free[i]] + step[index(i)];
        next[free[i]] = std::clamp(to, 0.0, 1.0);
        if (to == next[free[i]]) continue;
        left = true;
        point[free[i]] = next[free[i]];
        moving[static_cast<std::size_t>(free[i])] = false;
      }
      if (!left) return next;
    }
  }

  Simulations& simulations_;
  const std::vector<Parameter>& free_;
  const Measured& measured_;
  const std::vector<std::size_t>& rows_;
  const SearchOptions& options_;
  Found best_;
  VectorXd origin_;
  MatrixXd curvature_;
  VectorXd gradient_;
};

}  // namespace

VectorXd places(const std::vector<Parameter>& free, const Setting& setting) {
  VectorXd point(index(free.size()));
  for (std::size_t j = 0; j < free.size(); ++j) point[index(j)] = free[j].place(setting[j]);
  return point;
}

Setting setting_at(const std::vector<Parameter>& free, const VectorXd& places) {
  Setting setting;
  for (std::size_t j = 0; j < free.size(); ++j) setting.push_back(free[j].at(places[index(j)]));
  return setting;
}

MatrixXd jacobian(Simulations& simulations, const Setting& setting, double step) {
  const std::vector<Parameter>& free = simulations.problem().free;
  std::vector<std::pair<Setting, Setting>> sides;
  std::vector<Setting> all{setting};
  for (std::size_t j = 0; j < free.size(); ++j) {
    const double here = free[j].place(setting[j]);
    const double wide =
        free[j].levels() == 0 ? step : std::max(step, 1 / static_cast<double>(free[j].levels() - 1));
    std::pair<Setting, Setting> pair{setting, setting};
    pair.first[j] = free[j].at(here - wide);
    pair.second[j] = free[j].at(here + wide);
    all.push_back(pair.first);
    all.push_back(pair.second);
    sides.push_back(std::move(pair));
  }
  simulations.prepare(all);
  const Prediction& middle = simulations.at(setting);
  ensure(middle.refused.empty(), "slopes only where the chip can be built");
  MatrixXd slopes = MatrixXd::Zero(index(middle.latency.size()), index(free.size()));
  for (std::size_t j = 0; j < free.size(); ++j) {
    const auto usable = [&](const Setting& one) {
      return simulations.at(one).refused.empty() ? one : setting;
    };
    const Setting low = usable(sides[j].first);
    const Setting high = usable(sides[j].second);
    const double width = free[j].place(high[j]) - free[j].place(low[j]);
    if (width <= 0 || !free[j].numeric()) continue;
    for (std::size_t i = 0; i < middle.latency.size(); ++i) {
      slopes(index(i), index(j)) =
          std::log(simulations.at(high).latency[i] / simulations.at(low).latency[i]) / width;
    }
  }
  return slopes;
}

Found search(Simulations& simulations, const std::vector<std::size_t>& rows, const SearchOptions& options,
             const std::string& stage) {
  Search one(simulations, rows, options);
  simulations.stage(stage + "design");
  const std::vector<Found> design = one.explore();
  Found best = design.front();
  const std::size_t starts = std::min(options.starts, design.size());
  for (std::size_t i = 0; i < starts; ++i) {
    if (design[i].objective >= kRefused) break;
    simulations.stage(fmt::format("{}search {} of {}", stage, i + 1, starts));
    const Found found = one.descend(design[i]);
    if (found.objective < best.objective) best = found;
  }
  simulations.stage(stage + "last steps");
  return one.polish(best);
}

}  // namespace npusim::calibrate
