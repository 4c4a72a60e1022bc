// The in-order front end: what issuing costs, and how a full queue holds it up.
#include "tests/catch.h"
#include "tests/kernel/toy.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;
using trace::Stall;

TEST_CASE("a command is issued after its issue cycles and one flag cycle a wait and set") {
  const Toy toy(true, {"front", 5, 2, 8});
  Script script(toy);
  script.task("t").work(kA, 1, {{}, {0, 1}}).work(kB, 1, {{0}, {}}).work(kB, 1, {{1}, {}}).work(kA, 100);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 0).start == 5 + 2 * 2);
    CHECK(span_of(result, 1).start == 9 + 5 + 2);  // its flag was set at 10 and seen at 13
    CHECK(span_of(result, 2).start == 16 + 5 + 2);
    CHECK(span_of(result, 3).start == 23 + 5);
    REQUIRE(result.engines.size() == 5);
    CHECK(result.engines[4].name == "front");
    CHECK(result.engines[4].busy_cycles == 28);
    CHECK(result.engines[4].commands == 4);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a dispatcher whose queues hold d commands keeps back the (d+1)-th until one retires") {
  constexpr std::int64_t kIssue = 2;
  constexpr std::int64_t kLong = 1000;
  for (const std::int64_t depth : {1, 2, 3, 8}) {
    const Toy toy(true, {"front", kIssue, 0, depth});
    // A command for b stands behind `ahead` long ones for a.
    for (const std::int64_t ahead : {depth, depth + 1, depth + 2}) {
      Script script(toy);
      script.task("t");
      for (std::int64_t i = 0; i < ahead; ++i) script.work(kA, kLong);
      script.work(kB, 1);
      std::int64_t expected = kIssue * (ahead + 1);
      if (ahead == depth + 1) expected = kIssue + kLong + 1 + kIssue;
      // The second of a starts when the first is over, or, held back with d = 1, a cycle later.
      if (ahead == depth + 2) expected = kIssue + 2 * kLong + 1 + (depth == 1 ? 1 : 0) + kIssue;
      for (const auto kind : kKinds) {
        INFO("depth " << depth << " ahead " << ahead << " kernel " << name(kind));
        const auto result = run(toy, script.done(), kind);
        CHECK(span_of(result, static_cast<std::uint32_t>(ahead)).start == expected);
        const auto& front = result.engines[4];
        CHECK(front.busy_cycles == kIssue * (ahead + 1));
        CHECK(front.stalls[Stall::queue_full] == expected - front.busy_cycles);
        CHECK(sums_fault(result).empty());
      }
    }
  }
}

TEST_CASE("an engine that waits for a command to be issued is charged queue_full") {
  const Toy toy(true, {"front", 50, 0, 4});
  Script script(toy);
  script.task("t", 9).work(kA, 10).work(kA, 10);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(result.total_cycles == 9 + 50 + 50 + 10);
    CHECK(result.engines[kA].stalls[Stall::queue_full] == 50 + 40);
    CHECK(result.engines[kA].stalls[Stall::dependency] == 0);
  }
}

TEST_CASE("a dispatcher goes on to the next task only when the task before is complete") {
  const Toy toy(true, {"front", 1, 0, 32});
  Script script(toy);
  script.task("one").work(kA, 500).task("two", 20).work(kB, 5);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 1).start == 1 + 500 + 20 + 1);
    CHECK(sums_fault(result).empty());
  }
}
