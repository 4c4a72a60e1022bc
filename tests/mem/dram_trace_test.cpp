// Random and adversarial streams: every command of every channel obeys every rule.
#include <algorithm>

#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/mem/channel_bench.h"
#include "tests/mem/trace_checker.h"

namespace npusim::mem::test {
namespace {

struct Shape {
  std::int64_t banks = 1, rows = 1;  ///< how far requests spread
  std::int64_t write_percent = 0;
  std::int64_t gap = 0;  ///< largest arrival distance
};

Shape random_shape(Rng& rng, std::int64_t banks) {
  Shape shape;
  shape.banks = rng.uniform(0, 1) == 0 ? banks : rng.uniform(1, banks);
  shape.rows = rng.uniform(1, 4);
  shape.write_percent = rng.uniform(0, 2) * 50;
  shape.gap = INT64_C(1) << rng.uniform(0, 9);
  return shape;
}

struct Traced {
  std::vector<DramCommand> commands;
  std::int64_t bursts = 0;
  std::int64_t last_arrival = 0;
};

/// Serves `count` requests of several shapes, with idle gaps of several refresh intervals in between.
Traced random_trace(const DramSpec& spec, Rng& rng, int count) {
  ChannelBench bench(spec);
  Traced traced;
  bench.channel.trace(&traced.commands);
  Shape shape;
  for (int i = 0; i < count; ++i) {
    if (i % 500 == 0) {
      shape = random_shape(rng, spec.timing.banks);
      traced.last_arrival += rng.uniform(0, 4 * spec.timing.trefi);
    }
    traced.last_arrival += rng.uniform(0, shape.gap);
    const bool write = rng.uniform(0, 99) < shape.write_percent;
    const std::int64_t bursts =
        rng.uniform(0, 9) == 0 ? spec.timing.page_bytes / spec.timing.burst_bytes : rng.uniform(1, 4);
    Request request = bench.request(write, rng.uniform(0, shape.banks - 1), rng.uniform(0, shape.rows - 1),
                                    bursts * spec.timing.burst_bytes);
    bench.channel.serve(request, Cycles(traced.last_arrival));
    traced.bursts += bursts;
  }
  return traced;
}

}  // namespace

TEST_CASE("Random streams break no rule of any table, with and without posted writes", "[mem][dram]") {
  std::int64_t commands = 0;
  for (const std::string& name : dram_tables()) {
    for (const std::int64_t queue : {0, 1, 3, 16}) {
      for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        INFO(name << ", write queue " << queue << ", seed " << seed);
        DramSpec spec = dram(name);
        spec.write_queue = queue;
        Rng rng(seed * 100 + static_cast<std::uint64_t>(queue));
        const Traced traced = random_trace(spec, rng, 4000);
        TraceChecker checker(spec.timing);
        REQUIRE(checker.check(traced.commands).empty());
        const auto columns =
            std::count_if(traced.commands.begin(), traced.commands.end(), [](const auto& one) {
              return one.kind == DramCommand::Kind::read || one.kind == DramCommand::Kind::write;
            });
        if (queue == 0) REQUIRE(columns == traced.bursts);
        REQUIRE(checker.refreshes() >= traced.last_arrival / spec.timing.trefi - 1);
        commands += static_cast<std::int64_t>(traced.commands.size());
      }
    }
  }
  CHECK(commands >= 1'000'000);
}

// DRAMsim3's distances for the same JEDEC numbers are RD-WR 23 (tRTRS instead of DRAMSys' tWPRE and tDQSCK:
// 27), WR-RD 38, RD-PRE 12, WR-PRE 51, ACT-PRE 68, PRE-ACT 29, ACT-ACT 97, REF-ACT 448; DRAMSys v5.0 has
// ACT-ACT 16 across banks, five ACTs 64, RD-RD and WR-WR 8, PREab-REFab 34.
TEST_CASE("The smallest distances seen on LPDDR4-3200 are the ones that DRAMsim3 and DRAMSys enforce",
          "[mem][dram]") {
  const DramSpec spec = dram("lpddr4-3200");
  Rng rng(5);
  TraceChecker checker(spec.timing);
  REQUIRE(checker.check(random_trace(spec, rng, 200'000).commands).empty());
  CHECK(checker.smallest("activate-column") == 29);
  CHECK(checker.smallest("activate-precharge") == 68);
  CHECK(checker.smallest("activate-activate same bank") == 97);
  CHECK(checker.smallest("precharge-activate") == 29);
  CHECK(checker.smallest("read-precharge") == 12);
  CHECK(checker.smallest("write-precharge") == 51);
  CHECK(checker.smallest("activate-activate") == 16);
  CHECK(checker.smallest("five activates") == 64);
  CHECK(checker.smallest("read-read") == 8);
  CHECK(checker.smallest("write-write") == 8);
  CHECK(checker.smallest("read-write") == 27);
  CHECK(checker.smallest("write-read") == 38);
  CHECK(checker.smallest("refresh-activate") == 448);
  CHECK(checker.smallest("precharge all-refresh") == 34);
}

TEST_CASE("The checker itself notices a command one clock early", "[mem][dram]") {
  const DramSpec spec = dram("lpddr4-3200");
  const DramTiming& t = spec.timing;
  using Kind = DramCommand::Kind;
  const auto verdict = [&t](std::vector<DramCommand> commands) {
    return TraceChecker(t).check(std::move(commands));
  };
  const DramCommand open{Kind::activate, 100, 0, 7};
  CHECK(verdict({open, {Kind::read, 129, 0, 7}, {Kind::read, 137, 0, 7}, {Kind::precharge, 168, 0, 0}})
            .empty());
  CHECK(verdict({open, {Kind::read, 128, 0, 7}}) == "activate-column broken at clock 128, bank 0");
  CHECK(verdict({open, {Kind::read, 129, 0, 8}}) ==
        "column command to the open row broken at clock 129, bank 0");
  CHECK(verdict({open, {Kind::precharge, 167, 0, 0}}) == "activate-precharge broken at clock 167, bank 0");
  CHECK(verdict({open, {Kind::activate, 115, 1, 7}}) == "activate-activate broken at clock 115, bank 1");
  CHECK(verdict({{Kind::refresh, 6245, 0, 0}}) == "refresh when it is due broken at clock 6245, bank 0");
  CHECK(verdict({open, {Kind::refresh, 6246, 0, 0}}) ==
        "refresh with all banks closed broken at clock 6246, bank 0");
}

}  // namespace npusim::mem::test
