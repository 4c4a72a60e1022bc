// When commands start: flags, queue order, tasks; and where the cycles go.
#include "tests/catch.h"
#include "tests/kernel/toy.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;
using trace::Stall;

TEST_CASE("a command starts flag_latency cycles after the set it waits for, not one earlier or later") {
  for (const std::int64_t latency : {1, 3, 17}) {
    Toy toy;
    toy.spec().flag_latency = latency;
    // Queue b is busy until one cycle before, exactly at, and one cycle after the flag is seen.
    for (const std::int64_t shift : {-1, 0, 1}) {
      const std::int64_t seen = 50 + latency;
      Script script(toy);
      script.task("t").work(kA, 50, {{}, {0}}).work(kB, seen + shift).work(kB, 10, {{0}, {}});
      const auto program = script.done();
      for (const auto kind : kKinds) {
        INFO("latency " << latency << " shift " << shift << " kernel " << name(kind));
        const auto result = run(toy, program, kind);
        CHECK(span_of(result, 2).start == std::max(seen, seen + shift));
        CHECK(result.total_cycles == std::max(seen, seen + shift) + 10);
      }
    }
  }
}

TEST_CASE("a command that waits for three flags starts after the latest of them") {
  Toy toy;
  Script script(toy);
  script.task("t").work(kA, 5, {{}, {0}}).work(kA, 6, {{}, {1}}).work(kA, 7, {{}, {2}});
  script.work(kB, 1, {{2, 0, 1}, {}});
  for (const auto kind : kKinds) {
    CHECK(span_of(run(toy, script.done(), kind), 3).start == 5 + 6 + 7 + toy.spec().flag_latency);
  }
}

TEST_CASE("a flag set long before its wait costs nothing") {
  Toy toy;
  Script script(toy);
  script.task("t").work(kA, 1, {{}, {0}}).work(kB, 40).work(kB, 2, {{0}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 2).start == 40);
    CHECK(result.engines[kB].stalls[Stall::dependency] == 0);
  }
}

TEST_CASE("a queue runs its commands in order and back to back") {
  Toy toy;
  Script script(toy);
  script.task("t");
  const std::int64_t lengths[] = {7, 1, 30, 2, 11};
  for (const auto length : lengths) script.work(kA, length);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    std::int64_t at = 0;
    for (std::uint32_t i = 0; i < 5; ++i) {
      CHECK(span_of(result, i).start == at);
      at += lengths[i];
      CHECK(span_of(result, i).end == at);
    }
    CHECK(result.engines[kA].busy_cycles == at);
    CHECK(result.engines[kA].commands == 5);
  }
}

TEST_CASE("a blocked command blocks those behind it in its queue, and nobody else") {
  Toy toy;
  Script script(toy);
  script.task("t").work(kB, 5, {{3}, {}}).work(kB, 5).work(kA, 20).work(kA, 80, {{}, {3}}).work(kA, 9);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 4).start == 100);
    CHECK(span_of(result, 0).start == 100 + toy.spec().flag_latency);
    CHECK(span_of(result, 1).start == 105 + toy.spec().flag_latency);
  }
}

TEST_CASE("a task starts its launch cycles after the last command of the task before") {
  Toy toy;
  Script script(toy);
  script.task("one", 100).work(kA, 10).work(kB, 25);
  script.task("two", 7).work(kA, 3);
  script.task("three").work(kB, 4);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    REQUIRE(result.layers.size() == 3);
    CHECK(result.layers[0].start_cycle == 0);
    CHECK(result.layers[0].end_cycle == 125);
    CHECK(result.layers[1].end_cycle == 125 + 7 + 3);
    CHECK(result.layers[2].end_cycle == 135 + 4);
    CHECK(span_of(result, 2).start == 132);
    CHECK(span_of(result, 3).start == 135);
    for (const auto& engine : result.engines) CHECK(engine.stalls[Stall::launch] == 107);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a task without commands takes its launch cycles, at the beginning, in between and at the end") {
  Toy toy;
  Script script(toy);
  script.task("host", 60).task("empty").task("work", 5).work(kA, 8).task("free").task("last", 9);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    REQUIRE(result.layers.size() == 5);
    CHECK(result.total_cycles == 60 + 5 + 8 + 9);
    CHECK(result.layers[0].cycles() == 60);
    CHECK(result.layers[1].cycles() == 0);
    CHECK(result.layers[3].cycles() == 0);
    CHECK(result.layers[4].start_cycle == 73);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a program without tasks takes no cycles") {
  Toy toy;
  for (const auto kind : kKinds) CHECK(run(toy, Script(toy).done(), kind).total_cycles == 0);
}

TEST_CASE("every cycle of an engine is busy or has one reason") {
  Toy toy;
  const std::int64_t latency = toy.spec().flag_latency;
  Script script(toy);
  // a: works 30 of which 12 lost to conflicts; b: waits for it, works 10; a: works 5 more meanwhile.
  script.task("t", 11).work(kA, 30, {{}, {0}}, 12).work(kA, 5).work(kB, 10, {{0}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    const auto& a = result.engines[kA];
    const auto& b = result.engines[kB];
    CHECK(result.total_cycles == 11 + 30 + latency + 10);
    CHECK(a.busy_cycles == 30 - 12 + 5);
    CHECK(a.stalls[Stall::bank_conflict] == 12);
    CHECK(a.stalls[Stall::idle] == latency + 10 - 5);
    CHECK(a.stalls[Stall::dependency] == 0);
    CHECK(b.busy_cycles == 10);
    CHECK(b.stalls[Stall::dependency] == 30 + latency);
    CHECK(b.stalls[Stall::launch] == 11);
    CHECK(result.engines[kLoad].stalls[Stall::idle] == result.total_cycles - 11);
    CHECK(sums_fault(result).empty());
    // A layer is described by its engine.
    CHECK(result.layers[0].busy_cycles == a.busy_cycles);
    CHECK(result.layers[0].stalls.by_reason == a.stalls.by_reason);
  }
}
