#include "nas/search/strategy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "nas/search/rounds.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Strategy> (*make)(const space::Space&, const StrategyOptions&);
};

constexpr std::array kStrategies{Entry{"random", make_random}, Entry{"evolution", make_evolution},
                                 Entry{"nsga2", make_nsga2}, Entry{"smbo", make_smbo},
                                 Entry{"reward", make_reward}};

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kStrategies) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Strategy> make_strategy(const std::string& name, const space::Space& space,
                                        const StrategyOptions& options) {
  for (const Entry& entry : kStrategies) {
    if (name == entry.name) return entry.make(space, options);
  }
  throw UserError(fmt::format("no strategy is called '{}'{} (there are {})", name,
                              suggestion(name, strategy_names()), fmt::join(strategy_names(), ", ")));
}

}  // namespace npusim::search
