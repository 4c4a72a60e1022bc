// A port as an executor sees it: issue, respond, done.
#include "sim/mem/dma_port.h"

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {
namespace {

struct PortBench {
  explicit PortBench(const PortSpec& port_spec) : spec(make(port_spec)), map(spec), port(port_spec, 3, map) {}

  static MemorySpec make(const PortSpec& port_spec) {
    MemorySpec spec;
    spec.clock_hz = 1'000'000'000;
    spec.dram = dram("lpddr4x-3200", 2);
    spec.sram = {1 << 20U, 1 << 20U, 64, 64, 5};
    spec.ports = {port_spec};
    check(spec);
    return spec;
  }

  MemorySpec spec;
  AddressMap map;
  DmaPort port;
};

PortSpec port_spec(std::int64_t outstanding) {
  PortSpec spec;
  spec.name = "dma port";
  spec.outstanding = outstanding;
  return spec;
}

}  // namespace

TEST_CASE("Requests carry port, slot, channel and the address within the channel", "[mem]") {
  PortBench bench(port_spec(2));
  bench.port.start(std::vector{run(200, 400), run((1 << 20U) + 100, 60)}, Cycles(10));
  struct Expected {
    std::int64_t offset, bytes;
    std::uint16_t target, slot;
  };
  // Blocks of 256 alternate between two channels; the second run lies in the SRAM's window.
  const std::vector<Expected> expected{{200, 56, 0, 0}, {0, 256, 1, 1}, {256, 88, 0, 0}, {100, 60, 2, 1}};
  std::int64_t at = 11;
  for (const Expected& one : expected) {
    REQUIRE(bench.port.issuing());
    REQUIRE(bench.port.next_issue().count() == at);
    const Request request = bench.port.issue(Cycles(at));
    CHECK(request.offset == one.offset);
    CHECK(request.bytes == one.bytes);
    CHECK(request.target == one.target);
    CHECK(request.slot == one.slot);
    CHECK(request.port == 3);
    bench.port.respond(request.slot, Cycles(at + 2));
    at += 4;
  }
  REQUIRE(!bench.port.issuing());
  REQUIRE(bench.port.done());
  REQUIRE(bench.port.end().count() == 11 + 3 * 4 + 2);  // the SRAM's interval is 2 cycles
}

TEST_CASE("A port waits for the response of its oldest request, whatever came back since", "[mem]") {
  PortBench bench(port_spec(2));
  bench.port.start(std::vector{run(0, 3 * 256)}, Cycles(0));
  const Request first = bench.port.issue(Cycles(1));
  const Request second = bench.port.issue(Cycles(5));
  bench.port.respond(second.slot, Cycles(20));
  REQUIRE(bench.port.next_issue() == kNever);  // the first response is not known yet
  REQUIRE(bench.port.not_before().count() == 9);
  REQUIRE(bench.port.awaited_by_issue() == first.target);
  bench.port.respond(first.slot, Cycles(100));
  REQUIRE(bench.port.next_issue().count() == 100);
  const Request third = bench.port.issue(Cycles(100));
  REQUIRE(!bench.port.issuing());
  REQUIRE(!bench.port.done());
  bench.port.respond(third.slot, Cycles(101));
  REQUIRE(bench.port.done());
  const Completion done = bench.port.take_completion();
  CHECK(done.end.count() == 104);  // the third request's own four cycles
  CHECK(done.release.count() == 104);
  CHECK(done.ideal.count() == 1 + 3 * 4);  // from the start to the first request, then three intervals
  CHECK(done.port == 3);
  REQUIRE(!bench.port.active());
  REQUIRE_THROWS_AS(bench.port.take_completion(), InternalError);
}

TEST_CASE("A stall forgives no time: pacing starts anew at the late request", "[mem]") {
  PortSpec spec = port_spec(2);
  spec.issue_num = 7;
  spec.issue_den = 2;
  PortBench bench(spec);
  bench.port.start(std::vector{run(0, 5 * 256)}, Cycles(0));
  std::vector<std::int64_t> issued;
  while (bench.port.issuing()) {
    const Cycles at = bench.port.next_issue();
    issued.push_back(at.count());
    const Request request = bench.port.issue(at);
    bench.port.respond(request.slot, issued.size() == 1 ? Cycles(50) : at + Cycles(2));
  }
  // 1, 4.5 -> 5; then 50, 53.5 -> 54, 57.
  CHECK(issued == std::vector<std::int64_t>{1, 5, 50, 54, 57});
}

TEST_CASE("Queued transfers go on without a gap, fractions included, and complete in order", "[mem]") {
  PortSpec spec = port_spec(8);
  spec.issue_num = 7;
  spec.issue_den = 2;
  PortBench bench(spec);
  for (int i = 0; i < 3; ++i) bench.port.start(std::vector{run(0, 256)}, Cycles(0));
  std::vector<Request> requests;
  std::vector<std::int64_t> issued;
  while (bench.port.issuing()) {
    issued.push_back(bench.port.next_issue().count());
    requests.push_back(bench.port.issue(bench.port.next_issue()));
  }
  CHECK(issued == std::vector<std::int64_t>{1, 5, 8});  // 1, 4.5, 8
  bench.port.respond(requests[1].slot, Cycles(20));
  REQUIRE(!bench.port.done());  // the first transfer still waits
  bench.port.respond(requests[0].slot, Cycles(30));
  bench.port.respond(requests[2].slot, Cycles(25));
  struct Expected {
    std::int64_t start, release, ideal, end;
  };
  // 8 - 4.5 rounds to 3 of the second transfer's cycles: what the first one rounded up is given back.
  for (const Expected& one : {Expected{0, 5, 5, 30}, Expected{5, 8, 3, 30}, Expected{8, 12, 4, 30}}) {
    REQUIRE(bench.port.done());
    const Completion done = bench.port.take_completion();
    CHECK(done.start.count() == one.start);
    CHECK(done.release.count() == one.release);
    CHECK(done.ideal.count() == one.ideal);
    CHECK(done.end.count() == one.end);
  }
  REQUIRE(!bench.port.active());
}

TEST_CASE("A reset in the middle of a transfer leaves nothing behind", "[mem]") {
  PortBench bench(port_spec(4));
  bench.port.start(std::vector{run(0, 10 * 256)}, Cycles(0));
  bench.port.issue(Cycles(1));
  bench.port.issue(Cycles(5));
  bench.port.reset();
  MemoryCounters counters;
  bench.port.add_counters(counters);
  REQUIRE(counters.requests == 0);
  REQUIRE(!bench.port.active());
  bench.port.start(std::vector{run(0, 256)}, Cycles(0));
  const Request request = bench.port.issue(bench.port.next_issue());
  bench.port.respond(request.slot, Cycles(9));
  REQUIRE(bench.port.done());
  REQUIRE(bench.port.end().count() == 9);
}

TEST_CASE("Strided runs are walked inner first, then outer, negative strides too", "[mem]") {
  PortBench bench(port_spec(4));
  program::Region region = run(10'240, 512);
  region.inner = 2;
  region.inner_stride = 1024;
  region.outer = 2;
  region.outer_stride = -4096;
  bench.port.start(std::vector{region}, Cycles(0));
  std::vector<std::int64_t> addresses;
  while (bench.port.issuing()) {
    const Cycles at = bench.port.next_issue();
    const Request request = bench.port.issue(at);
    bench.port.respond(request.slot, at + Cycles(2));
    addresses.push_back((request.offset / 256 * 2 + request.target) * 256 + request.offset % 256);
  }
  CHECK(addresses == std::vector<std::int64_t>{10'240, 10'496, 11'264, 11'520, 6144, 6400, 7168, 7424});
}

}  // namespace npusim::mem::test
