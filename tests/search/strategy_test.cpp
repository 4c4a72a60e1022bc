#include "nas/search/strategy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "nas/search/pareto.h"
#include "nas/space/product.h"
#include "sim/base/error.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

/// Two objectives in conflict on the space nb201: choice 4 of each edge is best for the first, choice 0 for
/// the second.
Evaluation judge(const space::Genome& genome, double limit = std::numeric_limits<double>::infinity()) {
  double good = 1, cost = 1;
  for (std::size_t g = 0; g < genome.size(); ++g) {
    good += genome[g] * static_cast<double>(g + 1);
    cost += genome[g] * genome[g];
  }
  return {genome, {-good, cost}, cost > limit ? cost / limit - 1 : 0, ""};
}

struct Record {
  std::vector<space::Genome> asked;
  Archive archive;
  double best = 0;  ///< least objective 0 without violation
};

Record search(const std::string& name, const space::Space& space, StrategyOptions options, std::size_t most,
              double limit = std::numeric_limits<double>::infinity()) {
  const std::unique_ptr<Strategy> strategy = make_strategy(name, space, options);
  Record record;
  for (;;) {
    const std::vector<space::Genome> asked = strategy->ask(most);
    if (asked.empty()) return record;
    std::vector<Evaluation> results;
    for (const space::Genome& genome : asked) {
      record.asked.push_back(genome);
      results.push_back(judge(genome, limit));
      record.archive.insert(results.back());
      if (results.back().violation <= 0) record.best = std::min(record.best, results.back().objectives[0]);
    }
    strategy->tell(results);
  }
}

TEST_CASE("each strategy spends its budget of 200 on networks of the space, none twice") {
  const auto space = space::make_space("nb201");
  for (const std::string& name : strategy_names()) {
    CAPTURE(name);
    const Record record = search(name, *space, {.seed = 3, .budget = 200}, 7);
    CHECK(record.asked.size() == 200);
    CHECK(std::set<space::Genome>(record.asked.begin(), record.asked.end()).size() == 200);
    for (const space::Genome& genome : record.asked) CHECK_NOTHROW(space->check(genome));
  }
}

TEST_CASE("the same seed asks the same, however many are asked for at a time; another seed other networks") {
  const auto space = space::make_space("s3nas");
  for (const std::string& name : strategy_names()) {
    CAPTURE(name);
    const Record once = search(name, *space, {.seed = 4, .budget = 80}, 1);
    const Record again = search(name, *space, {.seed = 4, .budget = 80}, 33);
    const Record other = search(name, *space, {.seed = 5, .budget = 80}, 33);
    CHECK(once.asked == again.asked);
    CHECK(once.asked != other.asked);
    for (const space::Genome& genome : once.asked) CHECK(space->canonical(genome) == genome);
  }
}

/// 81 networks that are never built.
class Tiny : public space::ProductSpace {
 public:
  Tiny() : ProductSpace("tiny", std::vector<space::Gene>(4, {"gene", {"a", "b", "c"}})) {}
  [[nodiscard]] space::Genome largest() const override { return {2, 2, 2, 2}; }
  [[nodiscard]] std::vector<space::Block> blocks(const space::Genome&) const override { return {}; }
  [[nodiscard]] std::vector<space::Block> all_blocks() const override { return {}; }
};

TEST_CASE("a space is searched to its end: 81 networks of a budget of 200") {
  const Tiny tiny;
  for (const std::string& name : strategy_names()) {
    CAPTURE(name);
    const Record record = search(name, tiny, {.seed = 1, .budget = 200}, 50);
    CHECK(record.asked.size() == 81);
    CHECK(std::set<space::Genome>(record.asked.begin(), record.asked.end()).size() == 81);
  }
}

TEST_CASE("all but random find a larger front than random in 300 evaluations of an easy problem") {
  const auto space = space::make_space("nb201");
  const Point reference{0, 98};
  const double random =
      search("random", *space, {.seed = 1, .budget = 300}, 50).archive.hypervolume(reference);
  for (const char* name : {"evolution", "nsga2", "smbo"}) {
    CAPTURE(name);
    const Record record = search(name, *space, {.seed = 1, .budget = 300}, 50);
    CHECK(record.archive.hypervolume(reference) > 1.02 * random);
  }
}

TEST_CASE("within a limit each but random finds better networks than random, limits given or only felt") {
  const auto space = space::make_space("nb201");
  const double limit = 12;
  const double endless = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& limits : {std::vector<double>{endless, limit}, std::vector<double>{}}) {
    StrategyOptions options{.seed = 2, .budget = 300, .constrained = true, .limits = limits};
    const double random = search("random", *space, options, 50, limit).best;
    for (const char* name : {"evolution", "nsga2", "smbo"}) {
      CAPTURE(name, limits.size());
      CHECK(search(name, *space, options, 50, limit).best < random);
    }
  }
}

TEST_CASE("reward's policy moves to networks of higher reward") {
  const auto space = space::make_space("nb201");
  const auto mean_reward = [](const Record& record, std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) {
      const Evaluation evaluation = judge(record.asked[i]);
      sum += -evaluation.objectives[0] * std::pow(evaluation.objectives[1] / 30, -0.07);
    }
    return sum / static_cast<double>(to - from);
  };
  const Record record = search("reward", *space, {.seed = 1, .budget = 500, .reward_target = 30}, 50);
  CHECK(mean_reward(record, 400, 500) > 1.2 * mean_reward(record, 0, 100));
}

TEST_CASE("strategies go on where a third of all networks fails") {
  const auto space = space::make_space("nb201");
  for (const std::string& name : strategy_names()) {
    CAPTURE(name);
    const std::unique_ptr<Strategy> strategy = make_strategy(name, *space, {.seed = 1, .budget = 150});
    std::size_t asked_in_all = 0, lucky = 0;
    for (;;) {
      const std::vector<space::Genome> asked = strategy->ask(50);
      if (asked.empty()) break;
      std::vector<Evaluation> results;
      for (const space::Genome& genome : asked) {
        results.push_back(judge(genome));
        if (genome[0] < 2) results.back() = {genome, {}, 0, "refused"};
        if (genome[0] >= 2) ++lucky;
      }
      asked_in_all += asked.size();
      strategy->tell(results);
    }
    CHECK(asked_in_all == 150);
    CHECK(lucky > 50);
  }
}

TEST_CASE("strategies go on where every network fails") {
  const auto space = space::make_space("nb201");
  for (const std::string& name : strategy_names()) {
    CAPTURE(name);
    const std::unique_ptr<Strategy> strategy = make_strategy(name, *space, {.seed = 1, .budget = 150});
    std::size_t asked_in_all = 0;
    for (;;) {
      const std::vector<space::Genome> asked = strategy->ask(50);
      if (asked.empty()) break;
      std::vector<Evaluation> results;
      for (const space::Genome& genome : asked) results.push_back({genome, {}, 0, "refused"});
      asked_in_all += asked.size();
      strategy->tell(results);
    }
    CHECK(asked_in_all == 150);
  }
}

TEST_CASE("an unknown strategy is an error that names the nearest") {
  const auto space = space::make_space("nb201");
  CHECK_THROWS_WITH(
      make_strategy("nsga", *space, {}),
      "no strategy is called 'nsga'; did you mean 'nsga2'? (there are random, evolution, nsga2, "
      "smbo, reward)");
  CHECK_THROWS_AS(make_strategy("random", *space, {.batch = 0}), UserError);
  CHECK_THROWS_AS(make_strategy("reward", *space, {.objectives = 1}), UserError);
}

}  // namespace
}  // namespace npusim::search
