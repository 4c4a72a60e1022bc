#include "nas/calibrate/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nas/calibrate/objective.h"
#include "nas/uncertainty/study.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::calibrate {
namespace {

constexpr std::size_t kRowsPerKey = 3;
constexpr double kSame = 1e-6;          ///< objectives that differ by less do not justify a change, relative
constexpr double kHardlyBetter = 0.95;  ///< the objective that remains
/// No chip of ours is that far off: a row beyond has another unit or another network.
constexpr double kAbsurd = 50;
/// From this batch on, a latency that is about one image's shows.
constexpr std::int64_t kTellingBatch = 4;

class Calibrator {
 public:
  Calibrator(const Problem& problem, const Options& options, const RunBatch& run,
             const std::function<void(const Progress&)>& tell)
      : problem_(problem),
        options_(options),
        rows_(problem.measured.rows),
        simulations_(problem, run, tell) {}

  Calibration run() {
    split();
    start();
    fit();
    if (options_.folds >= 2) cross_validate();
    judge();
    simulations_.stage("sensitivity");
    out_.knowledge = identify(simulations_, out_.fitted, out_.train);
    warn();
    out_.spent = simulations_.progress();
    return std::move(out_);
  }

 private:
  void split() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].test) {
        out_.test.push_back(i);
      } else if (rows_[i].weight > 0) {
        out_.train.push_back(i);
      }
    }
  }

  void start() {
    for (const Parameter& one : problem_.free) out_.start.push_back(one.start());
    simulations_.stage("start");
    const Prediction& now = simulations_.at(out_.start);
    if (!now.refused.empty()) throw UserError(now.refused);
    out_.before = now.latency;
    for (std::size_t i = 0; i < rows_.size(); ++i) doubt(i);
    out_.objective_before = objective(problem_.measured, out_.train, now);
  }

  /// Refuses a row in another unit, and warns of one that is of one image. Rows that are only shown are free.
  void doubt(std::size_t i) {
    const Row& row = rows_[i];
    if (row.weight == 0) return;
    const double ratio = row.measured / out_.before[i];
    const std::string_view unit = to_string(problem_.measured.unit);
    const std::string where = fmt::format("{}:{}: {}", problem_.measured.file, row.line, row.network);
    if (ratio > kAbsurd || ratio < 1 / kAbsurd) {
      throw UserError(fmt::format(
          "{}: measured {:.4g} {}, simulated {:.4g} {}: {:.3g} times {}; is the column's unit right "
          "(latency_ms, latency_us, cycles; of the whole batch), and the network?",
          where, row.measured, unit, out_.before[i], unit, ratio > 1 ? ratio : 1 / ratio,
          ratio > 1 ? "less" : "more"));
    }
    const double images = static_cast<double>(row.batch) * ratio;
    if (row.batch >= kTellingBatch && images > 2.0 / 3 && images < 1.5) {
      out_.warnings.push_back(fmt::format(
          "{}: the latency looks like one image's: {:.4g} {} is 1/{:.1f} of what batch {} takes in "
          "simulation; latencies are of the whole batch",
          where, row.measured, unit, 1 / ratio, row.batch));
    }
  }

  double value(const Setting& setting) {
    return objective(problem_.measured, out_.train, simulations_.at(setting));
  }

  void fit() {
    Found found = search(simulations_, out_.train, options_.search, "");
    // The description's own value, wherever the rows do not speak against it.
    for (std::size_t j = 0; j < problem_.free.size(); ++j) {
      const Parameter& one = problem_.free[j];
      Setting kept = found.setting;
      kept[j] = one.at(one.place(one.start()));
      const double got = value(kept);
      if (got <= found.objective * (1 + kSame)) found = {kept, got};
    }
    out_.fitted = found.setting;
    out_.objective_after = found.objective;
    out_.after = simulations_.at(out_.fitted).latency;
  }

  /// By train row: its fold. Whole networks where there are two or more.
  std::vector<std::size_t> folds() {
    std::vector<std::string> groups;  // by train row
    for (const std::size_t i : out_.train) groups.push_back(rows_[i].network);
    std::vector<std::string> distinct = groups;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    out_.whole_networks = distinct.size() >= 2;
    if (!out_.whole_networks) {
      distinct.clear();
      for (std::size_t k = 0; k < groups.size(); ++k) distinct.push_back(groups[k] = fmt::format("{}", k));
    }
    out_.folds = std::min(options_.folds, distinct.size());
    Rng rng(options_.search.seed);
    for (std::size_t i = distinct.size(); i > 1; --i) {
      std::swap(distinct[i - 1],
                distinct[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i) - 1))]);
    }
    std::vector<std::size_t> fold;
    for (const std::string& group : groups) {
      const auto at = std::find(distinct.begin(), distinct.end(), group) - distinct.begin();
      fold.push_back(static_cast<std::size_t>(at) % out_.folds);
    }
    return fold;
  }

  void cross_validate() {
    if (out_.train.size() < 2) return;
    const std::vector<std::size_t> fold = folds();
    out_.crossed.resize(rows_.size());
    SearchOptions options = options_.search;
    options.starts = 1;
    for (std::size_t f = 0; f < out_.folds; ++f) {
      std::vector<std::size_t> seen;
      for (std::size_t k = 0; k < fold.size(); ++k) {
        if (fold[k] != f) seen.push_back(out_.train[k]);
      }
      const Found found =
          search(simulations_, seen, options, fmt::format("fold {} of {}: ", f + 1, out_.folds));
      const Prediction& prediction = simulations_.at(found.setting);
      for (std::size_t k = 0; k < fold.size(); ++k) {
        if (fold[k] == f) out_.crossed[out_.train[k]] = prediction.latency[out_.train[k]];
      }
    }
  }

  [[nodiscard]] Accuracy accuracy(const std::vector<std::size_t>& rows,
                                  const std::vector<double>& predictions) const {
    std::vector<double> measured;
    std::vector<double> predicted;
    std::vector<double> sizes;
    for (const std::size_t i : rows) {
      measured.push_back(rows_[i].measured);
      predicted.push_back(predictions[i]);
      sizes.push_back(std::abs(predictions[i] / rows_[i].measured - 1));
    }
    std::sort(sizes.begin(), sizes.end());
    return {fit::errors_of(measured, predicted), uncertainty::quantile(sizes, 0.5)};
  }

  void judge() {
    out_.train_before = accuracy(out_.train, out_.before);
    out_.train_after = accuracy(out_.train, out_.after);
    if (out_.folds > 0) out_.cross = accuracy(out_.train, out_.crossed);
    if (out_.test.empty()) return;
    out_.test_before = accuracy(out_.test, out_.before);
    out_.test_after = accuracy(out_.test, out_.after);
  }

  void warn() {
    const auto say = [this](std::string text) { out_.warnings.push_back(std::move(text)); };
    const auto share = [](const Accuracy& one) { return fmt::format("{:.2f} %", 100 * one.errors.mape); };
    const std::size_t keys = problem_.free.size();
    if (out_.train.size() < kRowsPerKey * keys) {
      say(fmt::format("{} rows for {} free keys: fewer than {} a key; the fit may follow the noise",
                      out_.train.size(), keys, kRowsPerKey));
    }
    if (out_.objective_after >= out_.objective_before * (1 - kSame)) {
      say("no setting in the bounds fits better than the values that the description has");
    } else if (out_.objective_after > out_.objective_before * kHardlyBetter) {
      say(fmt::format("hardly better than the description as it was: objective {:.4g} instead of {:.4g}",
                      out_.objective_after, out_.objective_before));
    }
    if (out_.cross && out_.cross->errors.mape > out_.train_before.errors.mape) {
      say(fmt::format(
          "overfitted: on rows that a fold had not seen the fit errs by {}, the description as it "
          "was by {}",
          share(*out_.cross), share(out_.train_before)));
    }
    if (out_.test_after && out_.test_after->errors.mape > out_.test_before->errors.mape) {
      say(fmt::format("the test rows fit worse than before: {} instead of {}", share(*out_.test_after),
                      share(*out_.test_before)));
    }
    for (std::size_t j = 0; j < keys; ++j) warn_about(j, say);
    for (const FlatDirection& one : out_.knowledge.flat) {
      say(fmt::format("the rows do not tell apart {}: other pairs fit as well", one.text));
    }
  }

  template <typename Say>
  void warn_about(std::size_t j, const Say& say) const {
    const Parameter& one = problem_.free[j];
    const std::string bound = one.bound_hit(out_.fitted[j]);
    switch (out_.knowledge.keys[j].known) {
      case Known::no_influence:
        return say(fmt::format("{} is not determined: no row's latency changes with it", one.key()));
      case Known::open:
        say(fmt::format(
            "{} is not determined: {}", one.key(),
            one.numeric() ? "any value in its bounds lies in the 95 % range" : "a word has no slope"));
        return;
      case Known::determined:
        break;
    }
    if (!bound.empty() && one.levels() != 2) {
      say(fmt::format("{} = {} is at its bound ({}): the rows ask for more than the bounds allow", one.key(),
                      out_.fitted[j], bound));
    }
  }

  const Problem& problem_;
  const Options& options_;
  const std::vector<Row>& rows_;
  Simulations simulations_;
  Calibration out_;
};

}  // namespace

Calibration calibrate(const Problem& problem, const Options& options, const RunBatch& run,
                      const std::function<void(const Progress&)>& tell) {
  return Calibrator(problem, options, run, tell).run();
}

}  // namespace npusim::calibrate
