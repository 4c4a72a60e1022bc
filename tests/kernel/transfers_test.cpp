// DMA engines: transfers in flight, bytes, waits charged to DRAM.
#include "tests/catch.h"
#include "tests/kernel/toy.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;
using trace::Stall;

namespace {

program::Program loads(const Toy& toy, int count, std::int64_t bytes) {
  Script script(toy);
  script.task("t");
  for (int i = 0; i < count; ++i) script.move(kLoad, i * bytes, bytes);
  return script.done();
}

}  // namespace

TEST_CASE("an engine with one transfer in flight hands over the next a cycle after the last byte") {
  Toy toy;
  toy.spec().engines[kLoad].transfers_in_flight = 1;
  Script alone(toy);
  alone.task("t").move(kLoad, 0, 1024);
  for (const auto kind : kKinds) {
    const std::int64_t end = run(toy, alone.done(), kind).total_cycles;
    const auto result = run(toy, loads(toy, 2, 1024), kind);
    CHECK(span_of(result, 1).start == end + 1);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("with two or more transfers in flight the next starts as soon as the requests before are issued") {
  std::int64_t serial = 0;
  for (const std::int64_t flight : {1, 2, 4}) {
    Toy toy;
    toy.spec().engines[kLoad].transfers_in_flight = flight;
    for (const auto kind : kKinds) {
      const auto result = run(toy, loads(toy, 8, 1024), kind);
      INFO("in flight " << flight << " kernel " << name(kind));
      for (std::uint32_t i = 1; i < 8; ++i) CHECK(span_of(result, i).start >= span_of(result, i - 1).end);
      if (flight == 1) serial = result.total_cycles;
      if (flight == 4) {
        CHECK(span_of(result, 1).start == span_of(result, 0).end);
        CHECK(result.total_cycles < serial);
      }
      CHECK(result.memory.dram_read_bytes == 8 * 1024);
      CHECK(sums_fault(result).empty());
    }
  }
}

TEST_CASE("a layer counts the bytes it moved, and a machine with two ports both directions") {
  Toy toy;
  Script script(toy);
  script.task("in").move(kLoad, 0, 4096).task("out").move(kStore, 8192, 1000).task("none").work(kA, 1);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(result.layers[0].dram_read_bytes == 4096);
    CHECK(result.layers[0].dram_write_bytes == 0);
    CHECK(result.layers[1].dram_read_bytes == 0);
    CHECK(result.layers[1].dram_write_bytes == 1000);
    CHECK(result.layers[2].dram_read_bytes + result.layers[2].dram_write_bytes == 0);
  }
}

TEST_CASE("a wait for a transfer is charged to dram, a wait for an engine to dependency") {
  Toy toy;
  Script script(toy);
  script.task("t").move(kLoad, 0, 65536, {{}, {0}}).work(kA, 10, {{0}, {1}}).work(kB, 10, {{1}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    const auto& a = result.engines[kA];
    CHECK(a.stalls[Stall::dram] == span_of(result, 1).start);
    CHECK(a.stalls[Stall::dram] > 500);
    CHECK(a.stalls[Stall::dependency] == 0);
    CHECK(result.engines[kB].stalls[Stall::dependency] == span_of(result, 2).start);
    CHECK(result.engines[kLoad].busy_cycles > 0);
  }
}

TEST_CASE("the wait for the last byte after the last request is charged to dram, not to idle") {
  const Toy toy;
  Script script(toy);
  script.task("t").move(kLoad, 0, 4096);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    const auto& load = result.engines[kLoad];
    const std::int64_t drain = result.total_cycles - span_of(result, 0).end;
    CHECK(drain > toy.spec().memory.dram.controller_cycles);
    CHECK(load.stalls[Stall::dram] >= drain);
    CHECK(load.stalls[Stall::idle] == 0);
    CHECK(load.busy_cycles + load.stalls[Stall::dram] == result.total_cycles);
  }
}

TEST_CASE("a transfer of no bytes completes") {
  Toy toy;
  Script script(toy);
  script.task("t").move(kLoad, 0, 0, {{}, {0}}).work(kA, 10, {{0}, {}});
  for (const auto kind : kKinds) CHECK(run(toy, script.done(), kind).total_cycles >= 10);
}
