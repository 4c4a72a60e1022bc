// Every timing constraint of a channel, bracketed: a request that arrives earlier than the constraint allows
// is served at the same clock as one that arrives exactly then, and one that arrives a clock later is served
// a clock later.
#include "tests/catch.h"
#include "tests/mem/channel_bench.h"

namespace npusim::mem::test {
namespace {

/// Requires that the constraint under test is over exactly when a request arrives at `clock`.
template <class Serve>
void require_released_at(std::int64_t clock, Serve serve) {
  const std::int64_t early = serve(clock - 1);
  const std::int64_t exact = serve(clock);
  const std::int64_t late = serve(clock + 1);
  INFO("arrivals at " << clock - 1 << ", " << clock << ", " << clock + 1 << " respond at " << early << ", "
                      << exact << ", " << late);
  REQUIRE(early == exact);
  REQUIRE(late == exact + 1);
}

}  // namespace

TEST_CASE("In every table: a row miss takes tRCD + RL + burst, a row hit RL + burst", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    ChannelBench bench(dram(name));
    const DramTiming& t = bench.timing;
    REQUIRE(bench.read(1000, 0, 0) == 1000 + t.trcd + bench.read_tail());
    REQUIRE(bench.read(1200, 0, 0) == 1200 + bench.read_tail());
  }
}

TEST_CASE("In every table: a row conflict on a long open row takes tRP more than a miss", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    ChannelBench bench(dram(name));
    const DramTiming& t = bench.timing;
    bench.read(1000, 0, 0);
    REQUIRE(bench.read(1500, 0, 1) == 1500 + t.trp + t.trcd + bench.read_tail());
  }
}

TEST_CASE("In every table: a read of n bursts holds the data bus for n bursts", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    ChannelBench bench(dram(name));
    const DramTiming& t = bench.timing;
    const std::int64_t bytes = 8 * t.burst_bytes;
    REQUIRE(bench.read(1000, 0, 0, bytes) == 1000 + t.trcd + t.rl + 8 * t.burst_clocks);
    require_released_at(1000 + t.trcd + 8 * t.burst_clocks, [&](std::int64_t at) {
      ChannelBench fresh(bench.spec);
      fresh.read(1000, 0, 0, bytes);
      return fresh.read(at, 0, 0);
    });
  }
}

TEST_CASE("A burst that is only touched is transferred whole", "[mem][dram]") {
  ChannelBench bench(dram("lpddr4x-3200"));
  const DramTiming& t = bench.timing;
  Request two_bytes_across = bench.request(false, 0, 0, 2);
  two_bytes_across.offset += t.burst_bytes - 1;
  REQUIRE(bench.channel.serve(two_bytes_across, Cycles(1000)).count() ==
          1000 + t.trcd + t.rl + 2 * t.burst_clocks);
}

TEST_CASE("tRAS: a row is not closed until tRAS after its ACT", "[mem][dram]") {
  ChannelBench bench(dram("lpddr4x-3200"));
  const DramTiming& t = bench.timing;
  REQUIRE(t.tras > t.trcd + t.trtp);  // else tRTP would bind
  require_released_at(1000 + t.tras, [&](std::int64_t at) {
    ChannelBench fresh(bench.spec);
    fresh.read(1000, 0, 0);
    return fresh.read(at, 0, 1);
  });
}

TEST_CASE("tRC: a bank is not opened again until tRC after its ACT, even when tRAS + tRP is over",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.timing.trc += 40;
  ChannelBench bench(spec);
  const DramTiming& t = bench.timing;
  require_released_at(1000 + t.trc - t.trp, [&](std::int64_t at) {
    ChannelBench fresh(spec);
    fresh.read(1000, 0, 0);
    return fresh.read(at, 0, 1);
  });
}

TEST_CASE("tRTP: a row is not closed until tRTP after its last read", "[mem][dram]") {
  ChannelBench bench(dram("lpddr4x-3200"));
  const DramTiming& t = bench.timing;
  const std::int64_t last_read = 1000 + t.trcd + 31 * t.burst_clocks;
  require_released_at(last_read + t.trtp, [&](std::int64_t at) {
    ChannelBench fresh(bench.spec);
    fresh.read(1000, 0, 0, 32 * t.burst_bytes);
    return fresh.read(at, 0, 1);
  });
}

TEST_CASE("tWR: a row is not closed until tWR after its last write's data", "[mem][dram]") {
  ChannelBench bench(dram("lpddr4x-3200"));
  const DramTiming& t = bench.timing;
  require_released_at(1000 + t.trcd + bench.write_tail() + t.twr, [&](std::int64_t at) {
    ChannelBench fresh(bench.spec);
    fresh.write(1000, 0, 0);
    return fresh.read(at, 0, 1);
  });
}

TEST_CASE("tRRD: the second bank opens tRRD after the first", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    DramSpec spec = dram(name);
    spec.timing.trrd = spec.timing.burst_clocks + 9;
    spec.timing.tfaw = 1;
    require_released_at(1000 + spec.timing.trrd, [&](std::int64_t at) {
      ChannelBench fresh(spec);
      fresh.read(1000, 0, 0);
      return fresh.read(at, 1, 0);
    });
  }
}

TEST_CASE("tFAW: the fifth bank opens tFAW after the first, the fourth does not wait", "[mem][dram]") {
  ChannelBench bench(dram("ddr4-2400"));
  const DramTiming& t = bench.timing;
  REQUIRE(t.tfaw > 4 * t.trrd);
  const auto open_four = [&](ChannelBench& fresh) {
    for (std::int64_t bank = 0; bank < 3; ++bank) fresh.read(1000, bank, 0);
    REQUIRE(fresh.read(1000, 3, 0) == 1000 + 3 * t.trrd + t.trcd + fresh.read_tail());
  };
  require_released_at(1000 + t.tfaw, [&](std::int64_t at) {
    ChannelBench fresh(bench.spec);
    open_four(fresh);
    return fresh.read(at, 4, 0);
  });
}

TEST_CASE("In every table: a read follows a write by WL + burst + tWTR", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    ChannelBench bench(dram(name));
    const DramTiming& t = bench.timing;
    bench.read(1000, 0, 0);  // opens the row
    REQUIRE(bench.write(1500, 0, 0) == 1500 + bench.write_tail());
    require_released_at(1500 + t.wl + t.burst_clocks + t.twtr, [&](std::int64_t at) {
      ChannelBench fresh(bench.spec);
      fresh.read(1000, 0, 0);
      fresh.write(1500, 0, 0);
      return fresh.read(at, 0, 0);
    });
  }
}

TEST_CASE("In every table: a write follows a read by tRTW", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    ChannelBench bench(dram(name));
    require_released_at(1500 + bench.timing.trtw, [&](std::int64_t at) {
      ChannelBench fresh(bench.spec);
      fresh.read(1000, 0, 0);
      fresh.read(1500, 0, 0);
      return fresh.write(at, 0, 0);
    });
  }
}

TEST_CASE("An ACT overlaps the data of an earlier request to another bank", "[mem][dram]") {
  ChannelBench bench(dram("lpddr4x-3200"));
  const DramTiming& t = bench.timing;
  const std::int64_t first = bench.read(1000, 0, 0, 256);
  // Eight bursts take 64 clocks, more than tRRD + tRCD: the second row is open when the bus becomes free.
  REQUIRE(bench.read(1000, 1, 0, 256) == first + 8 * t.burst_clocks);
}

TEST_CASE("Refresh: a column command goes before tREFI or after the refresh, in every table", "[mem][dram]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    const DramSpec spec = dram(name);
    const DramTiming& t = spec.timing;
    const auto hit = [&](std::int64_t at) {
      ChannelBench bench(spec);
      bench.read(1000, 0, 0);
      return bench.read(at, 0, 0);
    };
    const std::int64_t tail = t.rl + t.burst_clocks;
    // At tREFI - 1 the open row still serves.
    REQUIRE(hit(t.trefi - 1) == t.trefi - 1 + tail);
    // From tREFI on: precharge all, refresh, open again.
    const std::int64_t ready = t.trefi + t.trp_all + t.trfc;
    REQUIRE(hit(t.trefi) == ready + t.trcd + tail);
    require_released_at(ready, hit);
  }
}

TEST_CASE("Refresh: with all rows closed it starts at tREFI and takes tRFC", "[mem][dram]") {
  const DramSpec spec = dram("ddr4-3200");
  require_released_at(spec.timing.trefi + spec.timing.trfc, [&](std::int64_t at) {
    ChannelBench bench(spec);
    return bench.read(at, 0, 0);
  });
}

TEST_CASE("Refresh: it waits for the write recovery of a row still in use", "[mem][dram]") {
  const DramSpec spec = dram("lpddr4x-3200");
  const DramTiming& t = spec.timing;
  const std::int64_t precharge = t.trefi - 1 + t.wl + t.burst_clocks + t.twr;
  require_released_at(precharge + t.trp_all + t.trfc, [&](std::int64_t at) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    bench.write(t.trefi - 1, 0, 0);
    return bench.read(at, 0, 0);
  });
}

TEST_CASE("Refresh: an idle gap of 10^12 clocks is exact and refreshes once each tREFI", "[mem][dram]") {
  const DramSpec spec = dram("lpddr4x-3200");
  const DramTiming& t = spec.timing;
  const std::int64_t due = INT64_C(1'000'000'000'000) / t.trefi * t.trefi;
  require_released_at(due + t.trfc, [&](std::int64_t at) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    const std::int64_t response = bench.read(at, 0, 0);
    MemoryCounters counters;
    bench.channel.add_counters(counters, Cycles(at));
    REQUIRE(counters.refreshes == due / t.trefi);
    REQUIRE(counters.row_misses == 2);
    return response;
  });
}

TEST_CASE("Posted writes are acknowledged the clock after they arrive until the buffer is full",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 4;
  ChannelBench bench(spec);
  const DramTiming& t = bench.timing;
  for (std::int64_t i = 0; i < 4; ++i) REQUIRE(bench.write(1000, 0, 0, 256) == 1001);
  // The fifth waits for the first one's eight bursts: ACT, tRCD, then the bus.
  REQUIRE(bench.write(1000, 0, 0, 256) == 1000 + t.trcd + 8 * t.burst_clocks + 1);
}

TEST_CASE("Posted writes leave a read alone until the buffer is full", "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 4;
  const DramTiming& t = spec.timing;
  const auto read_after = [&](std::int64_t writes) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    bench.read(1100, 0, 0);
    for (std::int64_t i = 0; i < writes; ++i) bench.write(1100, 0, 0);
    return bench.read(1101, 0, 0);
  };
  const std::int64_t tail = t.rl + t.burst_clocks;
  REQUIRE(read_after(3) == 1100 + t.burst_clocks + tail);
  const std::int64_t last_write = 1100 + t.trtw + 3 * t.burst_clocks;
  REQUIRE(read_after(4) == last_write + t.wl + t.burst_clocks + t.twtr + tail);
}

TEST_CASE("Posted writes drain in a lull as long as a turnaround", "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 16;
  const DramTiming& t = spec.timing;
  const auto read_at = [&](std::int64_t at) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    bench.write(1001, 0, 0);
    return bench.read(at, 0, 0);
  };
  const std::int64_t lull = 1000 + t.trcd + t.burst_clocks + t.trtw + t.wl + t.burst_clocks + t.twtr;
  const std::int64_t tail = t.rl + t.burst_clocks;
  REQUIRE(read_at(lull) == lull + tail);  // nothing drained before it
  REQUIRE(read_at(lull + 1) == lull + t.wl + t.burst_clocks + t.twtr + tail);
}

TEST_CASE("Posted writes: once a lull's drain has begun they follow each other without another lull",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 16;
  const DramTiming& t = spec.timing;
  const std::int64_t lull = 1000 + t.trcd + t.burst_clocks + t.trtw + t.wl + t.burst_clocks + t.twtr;
  const auto read_at = [&](std::int64_t at) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    for (int i = 0; i < 3; ++i) bench.write(1001, 0, 0);
    return bench.read(at, 0, 0);
  };
  // The third write goes two bursts after the first; a read that arrives before then comes ahead of it.
  const std::int64_t third = lull + 2 * t.burst_clocks;
  const std::int64_t after_write = t.wl + t.burst_clocks + t.twtr + t.rl + t.burst_clocks;
  REQUIRE(read_at(third) == lull + t.burst_clocks + after_write);
  REQUIRE(read_at(third + 1) == third + after_write);
}

TEST_CASE("Posted writes: a read ends a lull's drain, and the next write waits for a lull again",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 16;
  const DramTiming& t = spec.timing;
  const auto read_at = [&](std::int64_t distance) {
    ChannelBench bench(spec);
    bench.read(1000, 0, 0);
    bench.write(1001, 0, 0);
    bench.read(1500, 0, 0);  // the write has drained in the lull before
    bench.write(1501, 0, 0);
    return bench.read(1500 + distance, 0, 0) - 1500;
  };
  const std::int64_t lull = t.burst_clocks + t.trtw + t.wl + t.burst_clocks + t.twtr;
  const std::int64_t tail = t.rl + t.burst_clocks;
  REQUIRE(read_at(lull) == lull + tail);
  REQUIRE(read_at(lull + 1) == lull + t.wl + t.burst_clocks + t.twtr + tail);
}

TEST_CASE("Posted writes: a read that arrives with the write that fills the buffer goes behind the batch",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4x-3200");
  spec.write_queue = 2;
  const DramTiming& t = spec.timing;
  const auto read_at = [&](std::int64_t at) {
    ChannelBench bench(spec);
    bench.read(900, 0, 0);
    bench.read(1000, 0, 0);
    bench.write(1000, 0, 0);
    bench.write(1000, 0, 0);  // full: WR at tRTW and a burst later
    bench.write(1001, 0, 0);  // has to wait for the first WR to be over
    bench.write(1001, 0, 0);  // fills the buffer again, when the second WR is over
    return bench.read(at, 0, 0);
  };
  const std::int64_t full = 1000 + t.trtw + 2 * t.burst_clocks;
  const std::int64_t after_write = t.wl + t.burst_clocks + t.twtr + t.rl + t.burst_clocks;
  REQUIRE(read_at(full - 1) == full - t.burst_clocks + after_write);
  REQUIRE(read_at(full) == full + t.burst_clocks + after_write);
}

}  // namespace npusim::mem::test
