#include "nas/search/cascade.h"

#include <algorithm>
#include <cmath>

#include "nas/fit/dataset.h"
#include "nas/fit/model.h"
#include "nas/fit/space_predictor.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

/// A refit is due when more than this share of recent simulations lay outside of their range: twice the
/// models' nominal 10 %.
constexpr double kMostOutside = 0.2;
constexpr std::size_t kFewestRecent = 20;  ///< simulations before that share means something
constexpr double kNsPerMs = 1e6;

}  // namespace

struct Screen::Chip {
  SearchChip chip;
  std::vector<ir::Graph> graphs;
  std::vector<jobs::Result> results;
  std::unique_ptr<fit::Predictor> predictor;
};

Screen::Screen(ScreenOptions options, std::shared_ptr<const space::Space> space,
               std::vector<SearchChip> chips)
    : options_(std::move(options)), space_(std::move(space)), next_fit_(options_.learn_from) {
  for (SearchChip& chip : chips) {
    chips_.push_back(std::make_unique<Chip>());
    chips_.back()->chip = std::move(chip);
  }
}

Screen::~Screen() = default;

bool Screen::ready() const {
  return std::all_of(chips_.begin(), chips_.end(),
                     [](const auto& chip) { return chip->predictor != nullptr; });
}

Screen::Expected Screen::expect(std::size_t chip, const space::Genome& genome) const {
  const fit::Predictor& predictor = *chips_.at(chip)->predictor;
  const double middle = predictor.predict_ns(genome);
  const fit::Interval interval = predictor.interval_ns(genome);
  return {(middle - options_.margin * (middle - interval.low_ns)) / kNsPerMs, middle / kNsPerMs,
          (middle + options_.margin * (interval.high_ns - middle)) / kNsPerMs};
}

void Screen::learn(std::size_t chip, const space::Genome& genome, const ir::Graph& graph,
                   const jobs::Result& result) {
  Chip& one = *chips_.at(chip);
  if (result.status != jobs::Status::ok) return;
  if (one.predictor != nullptr) {
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
  one.graphs.push_back(graph);
  one.results.push_back(result);
}

bool Screen::due() const {
  std::size_t fewest = chips_.front()->graphs.size();
  for (const auto& chip : chips_) fewest = std::min(fewest, chip->graphs.size());
  if (fewest < options_.learn_from || fewest == fitted_to_) return false;
  const bool wrong = recent_ >= kFewestRecent &&
                     static_cast<double>(recent_outside_) > kMostOutside * static_cast<double>(recent_);
  return fewest >= next_fit_ || (ready() && wrong);
}

void Screen::update() {
  if (!due()) return;
  std::size_t fewest = chips_.front()->graphs.size();
  for (const auto& chip : chips_) {
    fewest = std::min(fewest, chip->graphs.size());
    fit(*chip);
  }
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
  ++account_.fits;
}

}  // namespace npusim::search
