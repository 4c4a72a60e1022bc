#include "nas/scale/depth.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/search_cli/errors.h"

namespace npusim::scale {
namespace {

using test::error_of;
using test::says;

const std::string kTwoStages = "isynet:1-000010777-000010777-000000000-000000000-000000000-000000000";

/// A small ISyNet on MIDAP, judged by its parameters.
struct Small {
  std::unique_ptr<Scalable> network = scalable_of_space("isynet@32:" + kTwoStages.substr(7));
  std::unique_ptr<search::Evaluator> evaluator;
  std::unique_ptr<Bench> bench;

  explicit Small(std::size_t workers = 2) {
    search::EvaluatorOptions who;
    who.kind = "proxy:params";
    evaluator = search::make_evaluator(who, nullptr);
    const Config description = hw::describe("midap");
    BenchOptions how;
    how.chip = {"midap", std::make_shared<const Config>(description), hw::hardware_hash(description),
                ir::DType::i8};
    how.workers = workers;
    how.version = "test";
    bench = std::make_unique<Bench>(*network, *evaluator, how);
  }
  Scaled scale(const DepthOptions& options) { return scale_depth(*bench, options); }
};

double latency_of(Small& small, std::vector<std::int64_t> depths) {
  Variant one;
  one.extent = small.network->base();
  one.extent.depths = std::move(depths);
  small.bench->simulate({&one});
  return one.latency_ms();
}

TEST_CASE("With a budget for all, the chosen network is the best of all combinations, each simulated") {
  Small small;
  REQUIRE(small.network->base().depths == std::vector<std::int64_t>{1, 1});
  const double target = latency_of(small, {2, 3});
  DepthOptions options;
  options.latency_ms = target;
  options.ranges = {{1, 4}, {1, 4}};
  options.budget = 16;
  const Scaled scaled = small.scale(options);
  double best = 0;
  for (std::int64_t a = 1; a <= 4; ++a) {
    for (std::int64_t b = 1; b <= 4; ++b) {
      const ir::Graph graph = small.network->build({{a, b}, 1, {32, 32}}, 8);
      if (latency_of(small, {a, b}) <= target) best = std::max<double>(best, ir::parameters(graph));
    }
  }
  const Variant& chosen = scaled.variants[scaled.front.front()];
  CHECK(chosen.measured.score == best);
  CHECK(chosen.latency_ms() <= target);
  CHECK(scaled.screen.combinations == 16);
  CHECK(scaled.screen.checked > 0);
  CHECK(scaled.screen.worst_error < 0.05);
}

TEST_CASE("The front falls in score with latency, and nothing within the target beats it") {
  Small small;
  DepthOptions options;
  options.latency_ms = latency_of(small, {3, 3});
  options.ranges = {{1, 4}, {1, 4}};
  const Scaled scaled = small.scale(options);
  REQUIRE(scaled.front.size() > 1);
  for (std::size_t r = 1; r < scaled.front.size(); ++r) {
    const Variant &better = scaled.variants[scaled.front[r - 1]], &faster = scaled.variants[scaled.front[r]];
    CHECK(better.measured.score > faster.measured.score);
    CHECK(better.latency_ms() > faster.latency_ms());
  }
  for (const Variant& one : scaled.variants) {
    if (one.latency_ms() > options.latency_ms) continue;
    const auto beats = [&](std::size_t f) {
      const Variant& other = scaled.variants[f];
      return one.latency_ms() < other.latency_ms() && one.measured.score > other.measured.score;
    };
    CHECK(std::none_of(scaled.front.begin(), scaled.front.end(), beats));
  }
}

TEST_CASE("A budget of 4 simulates 4 combinations besides the stages' own, two of them full") {
  Small small;
  DepthOptions options;
  options.latency_ms = latency_of(small, {4, 4});
  options.ranges = {{1, 6}, {1, 6}};
  options.budget = 4;
  const Scaled scaled = small.scale(options);
  CHECK(scaled.screen.full == 2);
  // The network, five more depths of each stage, and at most four combinations.
  CHECK(scaled.variants.size() <= 11 + 4);
  CHECK(scaled.variants.size() > 11);
}

TEST_CASE("One worker and three find the same") {
  Small one(1), three(3);
  DepthOptions options;
  options.latency_ms = latency_of(one, {3, 2});
  options.ranges = {{1, 3}, {1, 3}};
  const Scaled a = one.scale(options), b = three.scale(options);
  REQUIRE(a.variants.size() == b.variants.size());
  for (std::size_t i = 0; i < a.variants.size(); ++i) {
    CHECK(a.variants[i].extent == b.variants[i].extent);
    CHECK(a.variants[i].latency_ms() == b.variants[i].latency_ms());
  }
  CHECK(a.front == b.front);
}

TEST_CASE("A network above the target loses blocks") {
  Small small;
  Small larger;
  larger.network =
      scalable_of_space("isynet@32:1-030010777-030010777-000000000-000000000-000000000-000000000");
  Bench bench(*larger.network, *larger.evaluator, small.bench->options());
  DepthOptions options;
  options.latency_ms = latency_of(small, {2, 2}) * 1.001;
  const Scaled scaled = scale_depth(bench, options);
  for (const std::int64_t depth : scaled.variants[scaled.front.front()].extent.depths) CHECK(depth <= 4);
}

TEST_CASE("Ranges that do not fit, too many combinations and an unreachable target are refused") {
  Small small;
  DepthOptions options;
  options.latency_ms = 1;
  options.ranges = {{1, 2}};
  CHECK(says(error_of([&] { static_cast<void>(small.scale(options)); }), {"--repeats", "2 ranges", "got 1"}));
  options.ranges = {{1, 1000}, {1, 10'000}};
  CHECK(says(error_of([&] { static_cast<void>(small.scale(options)); }), {"combinations", "narrow"}));
  options.ranges = {{1, 2}, {1, 2}};
  options.latency_ms = 1e-6;
  CHECK(says(error_of([&] { static_cast<void>(small.scale(options)); }),
             {"no variant of isynet@32:", "takes 1e-06 ms or less", "The fastest", "d1-1 w1 32x32"}));
}

}  // namespace
}  // namespace npusim::scale
