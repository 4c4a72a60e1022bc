#include "nas/search/cascade.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nas/fit/dataset.h"
#include "nas/fit/model.h"
#include "nas/fit/space_predictor.h"
#include "nas/table/measure.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

/// A refit is due when more than this share of recent simulations lay outside of their range: twice the
/// models' nominal 10 %.
constexpr double kMostOutside = 0.2;
constexpr std::size_t kFewestRecent = 20;  ///< simulations before that share means something
constexpr double kNsPerMs = 1e6;
constexpr const char* kAdditive = "additive";
/// Share of simulations that the additive model's range holds, as that of the fitted ones.
constexpr double kCoverage = 0.9;
/// Sums of a table that are further off than this share do not screen: blocks influence each other.
constexpr double kWidest = 0.1;

double infinity() { return std::numeric_limits<double>::infinity(); }

}  // namespace

std::vector<std::string> screen_names() {
  std::vector<std::string> names{kAdditive};
  const std::vector<std::string>& fitted = fit::model_names();
  names.insert(names.end(), fitted.begin(), fitted.end());
  return names;
}

BlockCosts measure_blocks(const space::Space& space, const SearchChip& chip, const jobs::BatchOptions& how,
                          std::size_t most) {
  table::MeasureOptions measure;
  measure.contexts = {table::Context::isolated};
  measure.dtype = chip.dtype;
  const std::vector<space::Block> blocks = space.all_blocks();
  if (blocks.size() > most) {
    throw UserError(fmt::format("a table of {} takes {} simulations, more than the {} networks", space.name(),
                                blocks.size(), most));
  }
  table::Plan plan = table::make_plan(blocks, &space, {chip.description, {}, chip.hash}, measure);
  const jobs::BatchResult results = jobs::run_batch(plan.batch, how);
  if (results.stopped) throw UserError("stopped; what was done is kept: repeat the command to continue");
  const table::Table table = table::finish(std::move(plan), results);
  return {table::AdditiveModel(table, table::Context::isolated), results.distinct};
}

struct Screen::Chip {
  SearchChip chip;
  /// Of "additive": the table, what it says of what was simulated, in ns, and how that compares.
  std::optional<table::AdditiveModel> table;
  std::vector<double> sums_ns, simulated_ns;
  double factor = 1, relative = 0;
  bool fitted = false;
  std::size_t learnt = 0;  ///< simulations
  std::vector<ir::Graph> graphs;
  std::vector<jobs::Result> results;
  std::unique_ptr<fit::Predictor> predictor;
};

Screen::Screen(ScreenOptions options, std::shared_ptr<const space::Space> space,
               std::vector<SearchChip> chips)
    : options_(std::move(options)), space_(std::move(space)) {
  const std::vector<std::string> names = screen_names();
  if (std::find(names.begin(), names.end(), options_.model) == names.end()) {
    throw UserError(fmt::format("--screen: '{}' is none of {}{}", options_.model, fmt::join(names, ", "),
                                suggestion(options_.model, names)));
  }
  if (options_.learn_from == 0) options_.learn_from = options_.model == kAdditive ? 30 : 100;
  next_fit_ = options_.learn_from;
  for (SearchChip& chip : chips) {
    chips_.push_back(std::make_unique<Chip>());
    chips_.back()->chip = std::move(chip);
  }
}

Screen::~Screen() = default;

std::size_t Screen::prepare(const jobs::BatchOptions& how, std::size_t most) {
  if (options_.model != kAdditive) return 0;
  std::size_t simulations = 0;
  for (const auto& chip : chips_) {
    try {
      BlockCosts costs = measure_blocks(*space_, chip->chip, how, most);
      chip->table = std::move(costs.sums);
      simulations += costs.simulations;
    } catch (const UserError& error) {
      throw UserError(fmt::format("--screen additive: {}", error.what()));
    }
  }
  return simulations;
}

bool Screen::ready() const {
  return std::all_of(chips_.begin(), chips_.end(), [](const auto& chip) { return chip->fitted; });
}

std::optional<double> Screen::sum_ns(const Chip& chip, const space::Genome& genome) const {
  try {
    return chip.table->latency_ns(*space_, genome);
  } catch (const UserError&) {  // the chip refused one of its blocks
    return std::nullopt;
  }
}

Screen::Expected Screen::expect(std::size_t chip, const space::Genome& genome) const {
  const Chip& one = *chips_.at(chip);
  if (one.table) {
    const std::optional<double> sum = sum_ns(one, genome);
    if (!sum) return {0, 0, infinity()};
    const double middle = *sum * one.factor / kNsPerMs;
    const double half = options_.margin * one.relative;
    return {middle * (1 - std::min(half, 1.0)), middle, middle * (1 + half)};
  }
  const fit::Predictor& predictor = *one.predictor;
  const double middle = predictor.predict_ns(genome);
  const fit::Interval interval = predictor.interval_ns(genome);
  return {(middle - options_.margin * (middle - interval.low_ns)) / kNsPerMs, middle / kNsPerMs,
          (middle + options_.margin * (interval.high_ns - middle)) / kNsPerMs};
}

void Screen::learn(std::size_t chip, const space::Genome& genome, const ir::Graph& graph,
                   const jobs::Result& result) {
  Chip& one = *chips_.at(chip);
  if (result.status != jobs::Status::ok) return;
  if (one.fitted) {
    const Expected expected = expect(chip, genome);
    const double actual = result.summary.latency_ms;
    const bool outside = actual < expected.low_ms || actual > expected.high_ms;
    const auto before = static_cast<double>(account_.checked++);
    account_.outside += outside ? 1 : 0;
    account_.mean_error =
        (account_.mean_error * before + std::abs(expected.middle_ms / actual - 1)) / (before + 1);
    ++recent_;
    recent_outside_ += outside ? 1 : 0;
  }
  ++one.learnt;
  if (one.table) {
    const std::optional<double> sum = sum_ns(one, genome);
    if (!sum) return;
    one.sums_ns.push_back(*sum);
    one.simulated_ns.push_back(result.summary.latency_ms * kNsPerMs);
    return;
  }
  one.graphs.push_back(graph);
  one.results.push_back(result);
}

std::size_t Screen::fewest_learnt() const {
  std::size_t fewest = chips_.front()->learnt;
  for (const auto& chip : chips_) fewest = std::min(fewest, chip->learnt);
  return fewest;
}

bool Screen::due() const {
  const std::size_t fewest = fewest_learnt();
  if (fewest < options_.learn_from || fewest == fitted_to_) return false;
  const bool wrong = recent_ >= kFewestRecent &&
                     static_cast<double>(recent_outside_) > kMostOutside * static_cast<double>(recent_);
  return fewest >= next_fit_ || (ready() && wrong);
}

void Screen::update() {
  if (!due()) return;
  const std::size_t fewest = fewest_learnt();
  bool given_up = false;
  for (const auto& chip : chips_) {
    if (chip->table) {
      fit_sums(*chip);
    } else {
      fit(*chip);
    }
    chip->fitted = !chip->table || chip->relative <= kWidest;
    given_up = given_up || !chip->fitted;
    ++account_.fits;
  }
  account_.given_up = given_up;
  fitted_to_ = fewest;
  next_fit_ = 2 * fewest;
  recent_ = recent_outside_ = 0;
}

void Screen::fit(Chip& chip) {
  const fit::Dataset data =
      fit::make_dataset(*chip.chip.description, chip.chip.dtype, chip.graphs, chip.results);
  fit::FitOptions how;
  how.model = options_.model;
  how.seed = options_.seed;
  fit::FitResult result = fit::fit(data, how);
  chip.predictor = std::make_unique<fit::SpacePredictor>(std::move(result.model), space_,
                                                         *chip.chip.description, "the search's screen");
}

void Screen::fit_sums(Chip& chip) {
  std::vector<double> ratios, errors;
  for (std::size_t i = 0; i < chip.sums_ns.size(); ++i) {
    ratios.push_back(chip.simulated_ns[i] / chip.sums_ns[i]);
  }
  if (ratios.empty()) return;
  std::sort(ratios.begin(), ratios.end());
  chip.factor = ratios[ratios.size() / 2];
  for (const double ratio : ratios) errors.push_back(std::abs(ratio / chip.factor - 1));
  std::sort(errors.begin(), errors.end());
  // Split conformal prediction: the ceil((n + 1) coverage)-th of n errors.
  const auto rank = static_cast<std::size_t>(std::ceil(static_cast<double>(errors.size() + 1) * kCoverage));
  chip.relative = errors[std::min(rank, errors.size()) - 1];
}

}  // namespace npusim::search
