// Who waited for whom at the DRAM: the account adds up, and is what masters cost each other.
#include <algorithm>
#include <numeric>

#include "sim/base/rng.h"
#include "sim/mem/fr_fcfs_channel.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {
namespace {

PortSpec port(bool write, std::int64_t request_bytes = 64) {
  PortSpec spec;
  spec.name = write ? "write" : "read";
  spec.write = write;
  spec.request_bytes = request_bytes;
  spec.issue_num = spec.issue_den = 1;
  return spec;
}

/// One channel whose main clock is the DRAM's, so that cycles are clocks.
MemorySpec one_clock(const std::string& table, std::vector<PortSpec> ports, RefreshPolicy refresh) {
  MemorySpec spec;
  spec.dram = fr_fcfs_dram(table);
  spec.dram.fr_fcfs.policy.refresh = refresh;
  spec.dram.interleave_bytes = 2048;
  spec.clock_hz = spec.dram.timing.clock_hz;
  spec.ports = std::move(ports);
  return spec;
}

std::int64_t others(const PortWaits& waits) {
  return std::accumulate(waits.others.begin(), waits.others.end(), std::int64_t{0});
}
std::int64_t total(const PortWaits& waits) {
  return waits.service + waits.own + waits.refresh + others(waits);
}

/// When each port's last transfer ends, and what its requests waited for.
struct Outcome {
  std::vector<std::int64_t> end;
  std::vector<PortWaits> waits;
};

Outcome outcome(const MemorySpec& spec, const Script& script) {
  const auto domain = make_memory_domain(spec);
  Outcome result;
  result.end.resize(spec.ports.size());
  for (const Completion& done : play(*domain, script)) result.end[done.port] = done.end.count();
  result.waits = domain->counters().waits;
  return result;
}

/// Only the ports of `script` from `first` to before `last`.
Script alone(const Script& script, std::size_t first, std::size_t last) {
  Script own(script.size());
  for (std::size_t i = first; i < last; ++i) own[i] = script[i];
  return own;
}

/// Single bursts, one after another, in rows that no other port uses: `port` has the rows with this
/// remainder.
std::vector<Transfer> lone_bursts(Rng& rng, const DramRules& rules, std::int64_t port, std::int64_t ports,
                                  std::int64_t count, std::int64_t pause) {
  std::vector<Transfer> transfers;
  const std::int64_t row_bytes = rules.columns * rules.burst_bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = rng.uniform(0, 3) * ports + port;
    const std::int64_t bank = rng.uniform(0, 3);
    const std::int64_t column = rng.uniform(0, rules.columns - 1);
    const std::int64_t address = (row * rules.banks() + bank) * row_bytes + column * rules.burst_bytes;
    transfers.push_back({pause + rng.uniform(0, 60), {run(address, rules.burst_bytes)}});
  }
  return transfers;
}

/// Longer than any distance of the tables' rules but refresh.
constexpr std::int64_t kLongPause = 400;

}  // namespace

TEST_CASE("A port alone with one read at a time and long pauses waits for nothing", "[mem][waits]") {
  for (const char* table : {"lpddr4-3200", "ddr4-2400", "lpddr5-6400"}) {
    INFO(table);
    const MemorySpec spec = one_clock(table, {port(false)}, RefreshPolicy::none);
    Rng rng(3);
    const Outcome result = outcome(spec, {lone_bursts(rng, spec.dram.fr_fcfs.rules, 0, 1, 500, kLongPause)});
    CHECK(result.waits[0].service > 500);
    CHECK(result.waits[0].own == 0);
    CHECK(result.waits[0].refresh == 0);
    CHECK(others(result.waits[0]) == 0);
  }
}

TEST_CASE("Four chips slow each other down by what the controller charges to the others, to the cycle",
          "[mem][waits]") {
  // Each chip is a read port and a write port, each with one burst at a time.
  constexpr std::size_t kChips = 4;
  std::int64_t slowest = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const char* table : {"lpddr4-3200", "lpddr4x-4266", "ddr4-2400"}) {
      std::vector<PortSpec> ports;
      for (std::size_t chip = 0; chip < kChips; ++chip) {
        ports.push_back(port(false));
        ports.push_back(port(true));
      }
      MemorySpec spec = one_clock(table, ports, RefreshPolicy::none);
      spec.dram.fr_fcfs.arbitration = static_cast<Arbitration>(seed % 4);
      Rng rng(seed);
      Script script;
      for (std::size_t i = 0; i < ports.size(); ++i) {
        script.push_back(lone_bursts(rng, spec.dram.fr_fcfs.rules, static_cast<std::int64_t>(i),
                                     static_cast<std::int64_t>(ports.size()), 300, kLongPause));
      }
      const Outcome together = outcome(spec, script);
      for (std::size_t i = 0; i < ports.size(); ++i) {
        INFO(table << ", seed " << seed << ", port " << i);
        const Outcome single = outcome(spec, alone(script, i, i + 1));
        REQUIRE(others(single.waits[i]) == 0);
        REQUIRE(together.waits[i].own == 0);
        REQUIRE(together.end[i] - single.end[i] == others(together.waits[i]));
        slowest = std::max(slowest, together.end[i] - single.end[i]);
      }
    }
  }
  CHECK(slowest > 5000);  // they do get into each other's way
}

TEST_CASE("With refresh, own queues and reordering every clock of business has one cause", "[mem][waits]") {
  std::int64_t charged = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    std::vector<PortSpec> ports;
    for (int i = 0; i < 6; ++i) ports.push_back(port(i % 3 == 2));
    const MemorySpec spec = one_clock("lpddr4-3200", ports, RefreshPolicy::all_bank);
    FrFcfsChannel channel(spec.dram, spec.clock_hz, spec.ports);
    struct Interval {
      std::int64_t from = 0, to = 0;
    };
    std::vector<std::vector<Interval>> business(ports.size());
    std::int64_t clock = 1;
    constexpr std::int64_t kRequests = 600;
    std::vector<std::vector<std::int64_t>> arrivals(ports.size());
    for (std::int64_t i = 0; i < kRequests; ++i) {
      Request request;
      request.port = static_cast<std::uint16_t>(rng.uniform(0, 5));
      request.write = ports[request.port].write;
      request.bytes = static_cast<std::int32_t>(rng.uniform(1, 8) * 32);
      // No address twice: nothing is merged or forwarded.
      request.offset = (rng.uniform(0, 3) * 1000 + i) * 256 * 64 + rng.uniform(0, 3) * 2048;
      request.slot = static_cast<std::uint16_t>(arrivals[request.port].size());
      arrivals[request.port].push_back(clock);
      channel.push(request, Cycles(clock));
      if (rng.uniform(0, 2) == 0) clock += rng.uniform(0, 6) == 0 ? rng.uniform(1, 3000) : rng.uniform(0, 90);
      channel.advance_to(Cycles(clock));
    }
    while (channel.next_event() < kNever) channel.advance_to(channel.next_event() + Cycles(1));
    REQUIRE(channel.done().size() == kRequests);
    for (const Response& response : channel.done()) {
      const std::int64_t behind = ports[response.port].write ? 1 : spec.dram.fr_fcfs.rules.read_end;
      business[response.port].push_back(
          {arrivals[response.port][response.slot], response.finish.count() - behind + 1});
    }
    MemoryCounters counters;
    channel.add_counters(counters, Cycles(clock));
    for (std::size_t i = 0; i < ports.size(); ++i) {
      std::sort(business[i].begin(), business[i].end(),
                [](const Interval& a, const Interval& b) { return a.from < b.from; });
      std::int64_t clocks = 0;
      std::int64_t until = 0;
      for (const Interval& one : business[i]) {
        clocks += std::max<std::int64_t>(0, one.to - std::max(until, one.from));
        until = std::max(until, one.to);
      }
      INFO("seed " << seed << ", port " << i);
      REQUIRE(total(counters.waits[i]) == clocks);
      REQUIRE(counters.waits[i].others[i] == 0);
      charged += others(counters.waits[i]);
    }
  }
  CHECK(charged > 100'000);
}

TEST_CASE("A read behind one foreign burst of the same bank is charged with it, clock by clock",
          "[mem][waits]") {
  // Port 1's read opens row 0 of bank 0; port 0's read of row 1 comes one cycle later.
  const MemorySpec spec = one_clock("lpddr4-3200", {port(false), port(false)}, RefreshPolicy::none);
  const DramRules& rules = spec.dram.fr_fcfs.rules;
  const std::int64_t row = rules.banks() * rules.columns * rules.burst_bytes;
  const Outcome both = outcome(spec, {{{1, {run(row, 32)}}}, {{0, {run(0, 32)}}}});
  const Outcome single = outcome(spec, {{{1, {run(row, 32)}}}, {}});
  const std::int64_t trcd = rules.distance(Scope::bank, Command::activate, Command::read);
  const std::int64_t tras = rules.distance(Scope::bank, Command::activate, Command::precharge);
  const std::int64_t trp = rules.distance(Scope::bank, Command::precharge, Command::activate);
  CHECK(single.waits[0].service == 2 + trcd);
  // The other's ACT is a clock before ours could have been; then its row must stay open, then close.
  CHECK(both.waits[0].service == 2 + trcd);
  CHECK(both.waits[0].others[1] == tras + trp - 1);
  CHECK(both.end[0] - single.end[0] == tras + trp - 1);
  CHECK(both.waits[1].others[0] == 0);
  CHECK(both.waits[1].own + both.waits[1].refresh == 0);
}

TEST_CASE("A read that arrives with a refresh waits for the refresh, not for a port", "[mem][waits]") {
  const MemorySpec spec = one_clock("lpddr4-3200", {port(false), port(false)}, RefreshPolicy::all_bank);
  const DramRules& rules = spec.dram.fr_fcfs.rules;
  // The request reaches the channel two cycles after its start.
  const Outcome result = outcome(spec, {{{rules.refresh_interval - 1, {run(0, 32)}}}, {}});
  const std::int64_t trcd = rules.distance(Scope::bank, Command::activate, Command::read);
  CHECK(result.waits[0].service == 2 + trcd);
  CHECK(result.waits[0].refresh == rules.distance(Scope::rank, Command::refresh, Command::activate) - 2);
  CHECK(others(result.waits[0]) + result.waits[0].own == 0);
}

}  // namespace npusim::mem::test
