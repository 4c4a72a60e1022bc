#include "nas/search/objectives.h"

#include <cmath>
#include <limits>

#include "tests/catch.h"
#include "tests/search_cli/errors.h"

namespace npusim::search {
namespace {

using test::error_of;
using test::says;

/// Score 80, 10 M MACs, 2 M weights; 3 and 5 ms on two chips, 4 and 8 MB.
Measured network() {
  Measured one;
  one.score = 80;
  one.macs = 10'000'000;
  one.params = 2'000'000;
  one.chips = {{300, 3, 4'000'000, true, ""}, {500, 5, 8'000'000, true, ""}};
  return one;
}

TEST_CASE("Two chips of 3 and 5 ms are 5 ms at worst, 4 on the mean, and two objectives of a front") {
  Goals goals;
  CHECK(judge({1}, network(), goals).objectives == std::vector<double>{-80, 5});
  goals.combine = Combine::mean;
  CHECK(judge({1}, network(), goals).objectives == std::vector<double>{-80, 4});
  goals.combine = Combine::front;
  CHECK(judge({1}, network(), goals).objectives == std::vector<double>{-80, 3, 5});
  CHECK(objective_names(goals, {"a", "b"}) ==
        std::vector<std::string>{"score", "latency_ms.a", "latency_ms.b"});
}

TEST_CASE("A hard limit of 4 ms is exceeded by a quarter, one of 5 ms is kept") {
  Goals goals;
  goals.limits.latency_ms = 5;
  CHECK(judge({1}, network(), goals).violation == 0);
  goals.limits.latency_ms = 4;
  CHECK(judge({1}, network(), goals).violation == Approx(0.25));
  goals.limits.params = 1e6;  // twice what is allowed adds 1
  CHECK(judge({1}, network(), goals).violation == Approx(1.25));
  goals.limits.dram_mb = 6.4;
  CHECK(judge({1}, network(), goals).violation == Approx(1.5));
}

TEST_CASE("A soft limit of 2.5 ms at 5 ms and exponent -1 halves the score and forbids nothing") {
  Goals goals;
  goals.limits.latency_ms = 2.5;
  goals.limits.soft = true;
  goals.limits.exponent = -1;
  const Evaluation priced = judge({1}, network(), goals);
  CHECK(priced.violation == 0);
  CHECK(priced.objectives[0] == Approx(-40));
  Measured negative = network();
  negative.score = -80;  // as much is taken off
  CHECK(judge({1}, negative, goals).objectives[0] == Approx(120));
}

TEST_CASE("Limits are told by objective, or not at all where one is on something that is none") {
  Goals goals;
  CHECK(limits_by_objective(goals, 2).empty());
  goals.limits.latency_ms = 4;
  const double none = std::numeric_limits<double>::infinity();
  CHECK(limits_by_objective(goals, 2) == std::vector<double>{none, 4});
  goals.combine = Combine::front;
  CHECK(limits_by_objective(goals, 2) == std::vector<double>{none, 4, 4});
  goals.limits.params = 1e6;
  CHECK(limits_by_objective(goals, 2).empty());
  goals.objectives = {"score", "params", "latency"};
  CHECK(limits_by_objective(goals, 2) == std::vector<double>{none, 1e6, 4, 4});
  goals.limits.soft = true;
  CHECK(limits_by_objective(goals, 2).empty());
}

TEST_CASE("A network beyond a limit that nobody scored has an infinite objective 0 and its violation") {
  Goals goals;
  goals.limits.latency_ms = 4;
  Measured over = network();
  over.scored = false;
  const Evaluation evaluation = judge({1}, over, goals);
  CHECK(evaluation.failure.empty());
  CHECK(std::isinf(evaluation.objectives[0]));
  CHECK(evaluation.objectives[1] == 5);
  CHECK(evaluation.violation == Approx(0.25));
}

TEST_CASE("What a chip refuses or an evaluator could not judge has no objectives and says why") {
  Measured refused = network();
  refused.chips[1].refusal = "b: no tiling";
  CHECK(judge({1}, refused, Goals{}).failure == "b: no tiling");
  CHECK(judge({1}, refused, Goals{}).objectives.empty());
  refused.score_failure = "diverged";
  CHECK(judge({1}, refused, Goals{}).failure == "diverged");
}

TEST_CASE("Unknown, repeated and misplaced objectives are refused with the nearest name") {
  Goals goals;
  goals.objectives = {"score", "latensy"};
  CHECK(says(error_of([&] { static_cast<void>(check(goals)); }), {"latensy", "did you mean 'latency'"}));
  goals.objectives = {"score", "macs", "macs"};
  CHECK(says(error_of([&] { static_cast<void>(check(goals)); }), {"twice"}));
  goals.objectives = {"latency", "score"};
  CHECK(says(error_of([&] { static_cast<void>(check(goals)); }), {"'score' first"}));
  CHECK(says(error_of([&] { static_cast<void>(combine_of("wurst")); }), {"did you mean 'worst'"}));
}

}  // namespace
}  // namespace npusim::search
