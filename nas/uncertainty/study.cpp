#include "nas/uncertainty/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/base/rng.h"

namespace npusim::uncertainty {
namespace {

constexpr std::size_t kMostDraws = 1000;  ///< of one sample

/// In [0, 1), with 53 bits.
double fraction(Rng& rng) { return static_cast<double>(rng.next() >> 11U) * 0x1p-53; }

/// A stream of its own for each guess, whatever other guesses there are.
Rng stream(const StudyOptions& options, const std::string& key, const std::string& purpose) {
  return Rng(fnv1a(fmt::format("{} {} {}", options.seed, key, purpose)));
}

/// By sample: a place in each of `samples` equal parts of [0, 1), shuffled.
std::vector<double> latin_column(const StudyOptions& options, const std::string& key) {
  Rng rng = stream(options, key, "parts");
  std::vector<std::size_t> order(options.samples);
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i) - 1))]);
  }
  std::vector<double> column;
  column.reserve(order.size());
  for (const std::size_t part : order) {
    column.push_back((static_cast<double>(part) + fraction(rng)) / static_cast<double>(options.samples));
  }
  return column;
}

class Planner {
 public:
  Planner(const Config& description, ir::DType dtype, Study& study)
      : base_(std::make_shared<const Config>(description)), dtype_(dtype), study_(study) {}

  void plan() {
    add({});
    for (const Guess& guess : study_.guesses.varied) {
      study_.tornado.emplace_back();
      for (const std::string& value : guess.alternatives()) {
        study_.tornado.back().push_back(variant({guess.key + "=" + value}, {value}));
      }
    }
    std::vector<std::vector<double>> columns;
    for (const Guess& guess : study_.guesses.varied) {
      columns.push_back(latin_column(study_.options, guess.key));
    }
    for (std::size_t i = 0; i < study_.options.samples; ++i) study_.samples.push_back(sample(i, columns));
  }

 private:
  /// The job of the chip with these overrides; throws UserError when it cannot be built.
  std::size_t add(const std::vector<std::string>& overrides) {
    jobs::Chip chip{base_, overrides, ""};
    const Config description = chip.description();
    hw::make_npu(description);
    chip.hash = hw::hardware_hash(description);
    study_.batch.jobs.push_back({study_.batch.chips.size(), 0, dtype_});
    study_.batch.chips.push_back(std::move(chip));
    return study_.batch.jobs.size() - 1;
  }

  Variant variant(const std::vector<std::string>& overrides, std::vector<std::string> values) {
    Variant one{std::move(values), 0, ""};
    try {
      one.job = add(overrides);
    } catch (const UserError& error) {
      one.refused = error.what();
    }
    return one;
  }

  Variant sample(std::size_t index, const std::vector<std::vector<double>>& columns) {
    const auto& guesses = study_.guesses.varied;
    Variant last;
    for (std::size_t draw = 0; draw < kMostDraws; ++draw) {
      std::vector<std::string> values;
      std::vector<std::string> overrides;
      for (std::size_t g = 0; g < guesses.size(); ++g) {
        Rng rng = stream(study_.options, guesses[g].key, fmt::format("again {} {}", index, draw));
        values.push_back(guesses[g].at(draw == 0 ? columns[g][index] : fraction(rng)));
        overrides.push_back(guesses[g].key + "=" + values.back());
      }
      last = variant(overrides, std::move(values));
      if (last.refused.empty()) return last;
      if (draw == 0) ++study_.drawn_again;
    }
    throw UserError(
        fmt::format("--uncertainty: of {} combinations of the guesses the chip takes none, the last: {}",
                    kMostDraws, last.refused));
  }

  std::shared_ptr<const Config> base_;
  ir::DType dtype_;
  Study& study_;
};

Change change_of(const Variant& variant, const jobs::BatchResult& results) {
  Change change{variant.values[0], false, 0, variant.refused};
  if (!variant.refused.empty()) return change;
  const jobs::Result& result = results.results[variant.job];
  change.ran = result.status == jobs::Status::ok;
  change.latency_ms = result.summary.latency_ms;
  change.reason = result.message;
  return change;
}

void add_tornado(const Study& study, const jobs::BatchResult& results, Findings& findings) {
  for (std::size_t g = 0; g < study.tornado.size(); ++g) {
    Swing swing{g, {}, findings.nominal.latency_ms, findings.nominal.latency_ms};
    for (const Variant& variant : study.tornado[g]) {
      swing.changes.push_back(change_of(variant, results));
      if (!swing.changes.back().ran) continue;
      swing.least_ms = std::min(swing.least_ms, swing.changes.back().latency_ms);
      swing.most_ms = std::max(swing.most_ms, swing.changes.back().latency_ms);
    }
    findings.tornado.push_back(std::move(swing));
  }
  // Guesses are ordered by key.
  std::stable_sort(findings.tornado.begin(), findings.tornado.end(),
                   [](const Swing& a, const Swing& b) { return a.swing_ms() > b.swing_ms(); });
}

}  // namespace

Study plan_study(const Config& description, ir::Graph graph, ir::DType dtype, Guesses guesses,
                 const StudyOptions& options) {
  if (guesses.varied.empty()) {
    std::vector<std::string> names;
    for (const Kept& kept : guesses.kept) names.push_back(kept.key);
    throw UserError(fmt::format("--uncertainty: {} has no guessed parameter with a range{}{}",
                                description.text("chip"),
                                names.empty() ? "" : "; guessed without one: ", fmt::join(names, ", ")));
  }
  ensure(options.samples > 0, "at least one sample");
  Study study;
  study.options = options;
  study.guesses = std::move(guesses);
  study.batch.graphs.push_back(std::move(graph));
  Planner(description, dtype, study).plan();
  return study;
}

double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Findings find(const Study& study, const jobs::BatchResult& results) {
  const jobs::Result& nominal = results.results[0];
  if (nominal.status == jobs::Status::invalid) throw UserError(nominal.message);
  Findings findings;
  findings.nominal = nominal.summary;
  std::vector<double> sorted;
  for (const Variant& sample : study.samples) {
    const jobs::Result& result = results.results[sample.job];
    const bool ran = result.status == jobs::Status::ok;
    findings.latencies.push_back(ran ? result.summary.latency_ms : -1);
    findings.failed.push_back(ran ? "" : result.message.empty() ? std::string("not run") : result.message);
    if (ran) sorted.push_back(result.summary.latency_ms);
  }
  if (sorted.empty()) {
    throw UserError(fmt::format("--uncertainty: no sample ran, the first: {}", findings.failed[0]));
  }
  std::sort(sorted.begin(), sorted.end());
  findings.ran = sorted.size();
  findings.least_ms = sorted.front();
  findings.p05_ms = quantile(sorted, 0.05);
  findings.median_ms = quantile(sorted, 0.5);
  findings.p95_ms = quantile(sorted, 0.95);
  findings.most_ms = sorted.back();
  add_tornado(study, results, findings);
  return findings;
}

}  // namespace npusim::uncertainty
