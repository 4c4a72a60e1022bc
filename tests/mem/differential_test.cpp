// The run-ahead domain against the ticking one, on random memories and random transfers.
#include <array>

#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"
#include "tests/mem/ticking_domain.h"

namespace npusim::mem::test {
namespace {

template <class T, std::size_t N>
T pick(Rng& rng, const std::array<T, N>& choices) {
  return choices[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(N) - 1))];
}

PortSpec random_port(Rng& rng, std::int64_t interleave) {
  PortSpec port;
  port.name = "random";
  port.write = rng.uniform(0, 2) == 0;
  port.request_bytes = std::min(pick(rng, std::array<std::int64_t, 5>{32, 64, 128, 256, 512}), interleave);
  port.outstanding = pick(rng, std::array<std::int64_t, 5>{2, 3, 8, 16, 40});
  port.issue_den = rng.uniform(1, 67);
  port.issue_num = port.issue_den + rng.uniform(0, 300);
  port.sram_issue_den = rng.uniform(1, 9);
  port.sram_issue_num = port.sram_issue_den + rng.uniform(0, 20);
  port.start_cycles = rng.uniform(0, 3) == 0 ? rng.uniform(0, 100) : 0;
  return port;
}

MemorySpec random_spec(Rng& rng) {
  MemorySpec spec;
  spec.clock_hz = pick(rng, std::array<std::int64_t, 6>{680'000'000, 500'000'000, 1'066'000'000, 333'333'333,
                                                        1'600'000'000, 250'000'000});
  const auto tables = dram_tables();
  const auto table = static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(tables.size()) - 1));
  spec.dram = dram(tables[table], pick(rng, std::array<std::int64_t, 5>{1, 2, 3, 4, 8}));
  spec.dram.interleave_bytes = pick(rng, std::array<std::int64_t, 4>{64, 256, 512, 4096});
  spec.dram.controller_cycles = rng.uniform(0, 40);
  spec.dram.write_queue = pick(rng, std::array<std::int64_t, 5>{0, 0, 1, 4, 16});
  spec.dram.bank_xor = rng.uniform(0, 1) == 0;
  if (rng.uniform(0, 1) == 0) {
    spec.sram.base = 1 << 16;
    spec.sram.bytes = 1 << 15;
    spec.sram.read_bytes_per_cycle = rng.uniform(16, 300);
    spec.sram.write_bytes_per_cycle = rng.uniform(16, 300);
    spec.sram.latency_cycles = rng.uniform(0, 30);
  }
  const std::int64_t ports = rng.uniform(1, 6);
  for (std::int64_t i = 0; i < ports; ++i) spec.ports.push_back(random_port(rng, spec.dram.interleave_bytes));
  return spec;
}

FrFcfsPolicy random_policy(Rng& rng, const DramRules& rules) {
  FrFcfsPolicy policy = default_policy();
  policy.bank_queue = rng.uniform(1, 8);
  policy.read_queue = pick(rng, std::array<std::int64_t, 4>{1, 4, 16, 32});
  policy.write_queue = pick(rng, std::array<std::int64_t, 4>{1, 4, 16, 32});
  policy.hit_cap = rng.uniform(1, 8);
  policy.write_high = rng.uniform(1, policy.write_queue);
  policy.write_low = rng.uniform(0, policy.write_high - 1);
  policy.write_idle = rng.uniform(0, 1) == 0 ? 1 : rng.uniform(1, policy.write_queue);
  policy.page = static_cast<PagePolicy>(rng.uniform(0, 2));
  policy.page_timeout = rng.uniform(0, 200);
  policy.columns_first = rng.uniform(0, 1) == 0;
  policy.read_turns = rng.uniform(0, 1) == 0;
  const bool per_bank = rules.bank_refresh_interval > 0 && rng.uniform(0, 2) == 0;
  policy.refresh = per_bank ? RefreshPolicy::per_bank : RefreshPolicy::all_bank;
  return policy;
}

/// The same memory under policy fr_fcfs.
MemorySpec random_late_spec(Rng& rng) {
  MemorySpec spec = random_spec(rng);
  const DramSpec late = fr_fcfs_dram(spec.dram.timing.standard, spec.dram.channels);
  spec.dram.policy = late.policy;
  spec.dram.fr_fcfs = late.fr_fcfs;
  spec.dram.fr_fcfs.policy = random_policy(rng, late.fr_fcfs.rules);
  if (spec.dram.bank_xor) spec.dram.fr_fcfs.mapping += " ba^ro";
  spec.dram.controller_cycles = rng.uniform(0, 1) == 0 ? 0 : rng.uniform(0, 40);
  spec.dram.fr_fcfs.arbitration = static_cast<Arbitration>(rng.uniform(0, 3));
  spec.sram.arbitration = static_cast<Arbitration>(rng.uniform(0, 3));
  for (PortSpec& port : spec.ports) {
    port.priority = rng.uniform(0, 2);
    port.weight = rng.uniform(1, 4);
  }
  return spec;
}

program::Region random_region(Rng& rng) {
  program::Region region;
  region.bytes = rng.uniform(0, 7) == 0 ? rng.uniform(1, 3000) : rng.uniform(1, 300);
  region.inner = rng.uniform(1, 3);
  region.inner_stride = rng.uniform(0, 2) == 0 ? region.bytes : rng.uniform(0, 5000);
  region.outer = rng.uniform(1, 2);
  region.outer_stride = rng.uniform(0, 40'000);
  region.offset = rng.uniform(0, 3) == 0 ? rng.uniform(0, 1 << 24) : rng.uniform(0, 1 << 17);
  return region;
}

Script random_script(Rng& rng, std::size_t ports, std::int64_t transfers) {
  Script script(ports);
  for (auto& list : script) {
    for (std::int64_t i = 0; i < transfers; ++i) {
      Transfer transfer;
      transfer.gap = rng.uniform(0, 1) == 0 ? 0 : rng.uniform(0, rng.uniform(0, 15) == 0 ? 4000 : 60);
      const std::int64_t regions = rng.uniform(0, 40) == 0 ? 0 : rng.uniform(1, 2);
      for (std::int64_t r = 0; r < regions; ++r) transfer.runs.push_back(random_region(rng));
      list.push_back(std::move(transfer));
    }
  }
  return script;
}

bool same(const Completion& a, const Completion& b) {
  return a.port == b.port && a.start == b.start && a.release == b.release && a.end == b.end &&
         a.ideal == b.ideal && a.bytes == b.bytes && a.dram_bytes == b.dram_bytes &&
         a.sram_bytes == b.sram_bytes;
}

/// Index of the first difference, or -1.
std::int64_t first_difference(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i >= a.size() || i >= b.size() || !same(a[i], b[i])) return static_cast<std::int64_t>(i);
  }
  return -1;
}

void require_same(const MemoryCounters& a, const MemoryCounters& b) {
  REQUIRE(a.dram_read_bytes == b.dram_read_bytes);
  REQUIRE(a.dram_write_bytes == b.dram_write_bytes);
  REQUIRE(a.sram_read_bytes == b.sram_read_bytes);
  REQUIRE(a.sram_write_bytes == b.sram_write_bytes);
  REQUIRE(a.requests == b.requests);
  REQUIRE(a.bursts == b.bursts);
  REQUIRE(a.row_hits == b.row_hits);
  REQUIRE(a.row_misses == b.row_misses);
  REQUIRE(a.refreshes == b.refreshes);
  REQUIRE(a.waits == b.waits);
}

}  // namespace

TEST_CASE("100,000 random transfers on 500 random memories end at the same cycles in both executors",
          "[mem]") {
  std::size_t transfers = 0;
  std::size_t waited = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Rng rng(seed);
    const MemorySpec spec = random_spec(rng);
    const Script script = random_script(rng, spec.ports.size(), 61);
    TickingDomain ticking(spec);
    const auto expected = play(ticking, script);
    const auto domain = make_memory_domain(spec);
    const auto actual = play(*domain, script);
    INFO("seed " << seed);
    REQUIRE(first_difference(expected, actual) == -1);
    require_same(ticking.counters(), domain->counters());
    domain->reset();
    REQUIRE(first_difference(expected, play(*domain, script, Style::ahead)) == -1);
    require_same(ticking.counters(), domain->counters());
    transfers += actual.size();
    for (const Completion& done : actual) {
      if (done.end - done.start > done.ideal * 2) ++waited;
    }
  }
  CHECK(transfers >= 100'000);
  CHECK(waited >= 10'000);  // contention is really there
}

TEST_CASE("Transfers queued behind each other on a port end at the same cycles in both executors", "[mem]") {
  std::size_t transfers = 0;
  std::size_t overlaps = 0;
  for (std::uint64_t seed = 1001; seed <= 1300; ++seed) {
    for (const Style style : {Style::overlapped, Style::chained}) {
      Rng rng(seed);
      const MemorySpec spec = random_spec(rng);
      const Script script = random_script(rng, spec.ports.size(), 61);
      TickingDomain ticking(spec);
      const auto expected = play(ticking, script, style);
      const auto domain = make_memory_domain(spec);
      const auto actual = play(*domain, script, style);
      INFO("seed " << seed << (style == Style::chained ? ", chained" : ", overlapped"));
      REQUIRE(first_difference(expected, actual) == -1);
      require_same(ticking.counters(), domain->counters());
      transfers += actual.size();
      std::vector<Cycles> last_end(spec.ports.size(), Cycles(0));
      for (const Completion& done : actual) {
        REQUIRE(done.ideal <= done.release - done.start);
        REQUIRE(done.release <= done.end);
        REQUIRE(last_end[done.port] <= done.end);
        if (done.start < last_end[done.port]) ++overlaps;
        last_end[done.port] = done.end;
      }
    }
  }
  CHECK(transfers >= 100'000);
  CHECK(overlaps >= 10'000);  // transfers really do issue while the one before still waits for responses
}

TEST_CASE("15,000 random transfers on 100 random fr-fcfs memories end at the same cycles as clock by clock",
          "[mem]") {
  std::size_t transfers = 0;
  std::size_t waited = 0;
  for (std::uint64_t seed = 2001; seed <= 2100; ++seed) {
    Rng rng(seed);
    const MemorySpec spec = random_late_spec(rng);
    const Script script = random_script(rng, spec.ports.size(), 41);
    const Style style = seed % 3 == 0 ? Style::horizon : seed % 3 == 1 ? Style::overlapped : Style::chained;
    TickingDomain ticking(spec);
    const auto expected = play(ticking, script, style);
    const auto domain = make_memory_domain(spec);
    const auto actual = play(*domain, script, style);
    INFO("seed " << seed);
    REQUIRE(first_difference(expected, actual) == -1);
    require_same(ticking.counters(), domain->counters());
    domain->reset();
    REQUIRE(first_difference(expected, play(*domain, script, style)) == -1);
    require_same(ticking.counters(), domain->counters());
    if (style == Style::horizon) {
      domain->reset();
      REQUIRE(first_difference(expected, play(*domain, script, Style::ahead)) == -1);
    }
    transfers += actual.size();
    for (const Completion& done : actual) {
      if (done.end - done.start > done.ideal * 2) ++waited;
    }
  }
  CHECK(transfers >= 12'000);
  CHECK(waited >= 2'000);  // contention is really there
}

}  // namespace npusim::mem::test
