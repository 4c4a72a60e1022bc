// The loop of a search: a strategy asks, an evaluator and the simulator answer, an archive keeps the front.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/search/cascade.h"
#include "nas/search/evaluators.h"
#include "nas/search/objectives.h"
#include "nas/search/pareto.h"
#include "nas/search/strategy.h"
#include "nas/sweep/grid.h"

namespace npusim::search {

/// A network that was evaluated.
struct Seen {
  space::Genome genome;
  std::string encoding;                ///< of the network
  std::vector<std::string> overrides;  ///< of the chip's description, "key=value": its hardware genes
  std::string hw_hash;                 ///< of the chip with them; "" without hardware genes
  Measured measured;
  Evaluation evaluation;
  [[nodiscard]] bool simulated() const;  ///< on every chip
  [[nodiscard]] bool refused() const;    ///< by a chip
};

/// How far a search is, after a round.
struct Step {
  std::size_t evaluated = 0;
  std::size_t front = 0;
  double hypervolume = 0;
};

struct SearchOptions {
  std::string strategy = "nsga2";
  StrategyOptions of_strategy;  ///< `objectives` and `limits` are set by the search
  Goals goals;
  ScreenOptions screen;
  std::vector<sweep::Axis> genes;  ///< of the chip's description, searched with the network
  std::size_t round = 50;          ///< networks that are evaluated together
  std::size_t workers = 1;
  std::string version;  ///< jobs::version_text()
  jobs::Store* store = nullptr;
  bool resume = false;  ///< the store must have some of the first round
  std::function<void(const Step&)> progress = [](const Step&) {};
};

/// Where a search's time went. Not part of what it found.
struct Effort {
  std::size_t simulations = 0;  ///< asked for, including those that the store answered
  std::size_t run = 0;          ///< of these, simulated now
  std::size_t table = 0;        ///< besides, for the screen's table of blocks
  double table_s = 0;           ///< of that
  double build_s = 0, score_s = 0, simulate_s = 0, screen_s = 0, strategy_s = 0;
  [[nodiscard]] double total_s() const {
    return build_s + score_s + simulate_s + table_s + screen_s + strategy_s;
  }
};

struct SearchResult {
  std::vector<Seen> seen;          ///< in the order asked
  std::vector<std::size_t> front;  ///< indices in `seen`, ascending by objective 0
  /// Of the hypervolume: the worst of each objective in the first round.
  Point reference;
  std::vector<Step> history;
  Effort effort;
  Screen::Account screen;
};

/// Searches `space` on `chips`. Every network on the front was simulated on every chip. The result (but
/// not the effort) follows from the arguments alone: a search that was killed and is repeated finds what it
/// did in the store and goes on. The evaluator is asked about a network when its latency is known and all
/// hard limits are kept, with a screen: when at the slow end of what is expected they are. Throws UserError:
/// for goals that cannot be met by anything seen (with the fastest network), for evaluators that do not work,
/// when stopped. The caller must be single-threaded.
SearchResult run_search(std::shared_ptr<const space::Space> space, const std::vector<SearchChip>& chips,
                        Evaluator& evaluator, const SearchOptions& options);

}  // namespace npusim::search
