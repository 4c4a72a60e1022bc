// The memory domain as a chip sees it: bandwidth, sharing, routing, completions.
#include <algorithm>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {
namespace {

PortSpec port(bool write, std::int64_t issue_num, std::int64_t issue_den, std::int64_t outstanding) {
  PortSpec spec;
  spec.name = write ? "write" : "read";
  spec.write = write;
  spec.issue_num = issue_num;
  spec.issue_den = issue_den;
  spec.outstanding = outstanding;
  return spec;
}

/// 680 MHz, eight LPDDR4X-3200 channels: 51.2 GB/s, 75.3 bytes a cycle.
MemorySpec chip(std::vector<PortSpec> ports) {
  MemorySpec spec;
  spec.clock_hz = 680'000'000;
  spec.dram = dram("lpddr4x-3200", 8);
  spec.ports = std::move(ports);
  return spec;
}

std::int64_t cycles(const Completion& done) { return (done.end - done.start).count(); }

/// Bytes of `bytes` moved in `elapsed` cycles as percent of the DRAM's peak.
double percent_of_peak(const MemorySpec& spec, std::int64_t bytes, std::int64_t elapsed) {
  const DramTiming& t = spec.dram.timing;
  const double peak = static_cast<double>(spec.dram.channels) * static_cast<double>(t.burst_bytes) *
                      static_cast<double>(t.clock_hz) / static_cast<double>(t.burst_clocks);
  const double seconds = static_cast<double>(elapsed) / static_cast<double>(spec.clock_hz);
  return 100 * static_cast<double>(bytes) / seconds / peak;
}

constexpr std::int64_t kMiB = 1 << 20U;

}  // namespace

TEST_CASE("A sequential stream reaches 90 to 92.9 % of peak on 8 channels with all-bank refresh", "[mem]") {
  for (const bool write : {false, true}) {
    const MemorySpec spec = chip({port(write, 2, 1, 128)});
    const Completion done = transfer(spec, {run(0, 16 * kMiB)});
    // Refresh alone takes tRFC / tREFI = 7.2 %.
    CHECK(percent_of_peak(spec, done.bytes, cycles(done)) >= 90.0);
    CHECK(percent_of_peak(spec, done.bytes, cycles(done)) <= 92.9);
  }
}

TEST_CASE("Every table streams at its own bandwidth less refresh, on 4 channels", "[mem]") {
  for (const std::string& name : dram_tables()) {
    INFO(name);
    MemorySpec spec = chip({port(false, 1, 1, 256)});
    spec.clock_hz = 1'000'000'000;
    spec.dram = dram(name, 4);
    const Completion done = transfer(spec, {run(0, 16 * kMiB)});
    const DramTiming& t = spec.dram.timing;
    const double refresh = 100 * static_cast<double>(t.trfc) / static_cast<double>(t.trefi);
    const double percent = percent_of_peak(spec, done.bytes, cycles(done));
    CHECK(percent <= 100 - refresh + 0.1);
    CHECK(percent >= 100 - refresh - 3);
  }
}

TEST_CASE("A port slower than memory is bound by its own issue interval: 256 B at 67 B a cycle", "[mem]") {
  MemorySpec spec = chip({port(false, 256, 67, 64)});
  spec.ports[0].start_cycles = 20;
  spec.dram.timing.trfc = 1;  // without refresh nothing holds the port up
  const Completion done = transfer(spec, {run(0, 67 * 256 * 100)});
  REQUIRE(done.ideal.count() == 20 + 256 * 100);
  REQUIRE(done.end - done.start >= done.ideal);
  REQUIRE(cycles(done) - done.ideal.count() < 100);
}

TEST_CASE("Two ports with the same demand finish the same stream within 2 % of each other", "[mem]") {
  const MemorySpec spec = chip({port(false, 2, 1, 64), port(false, 2, 1, 64)});
  const auto domain = make_memory_domain(spec);
  const auto done = play(*domain, {{{0, {run(0, 4 * kMiB)}}}, {{0, {run(64 * kMiB + 16384, 4 * kMiB)}}}});
  REQUIRE(done.size() == 2);
  const Completion alone = transfer(spec, {run(0, 4 * kMiB)});
  CHECK(cycles(done[1]) - cycles(done[0]) <= cycles(done[1]) / 50);
  CHECK(cycles(done[0]) > cycles(alone) * 19 / 10);
}

TEST_CASE("Runs of 32 bytes get an eighth of the bandwidth of runs of 256: a package costs the same",
          "[mem]") {
  const MemorySpec spec = chip({port(false, 256, 67, 64)});
  program::Region blocks = run(0, 32);
  blocks.inner = 4096;
  blocks.inner_stride = 256;
  const Completion whole = transfer(spec, {run(0, 4096 * 256)});
  const Completion parts = transfer(spec, {blocks});
  REQUIRE(parts.bytes * 8 == whole.bytes);
  REQUIRE(parts.ideal == whole.ideal);
  CHECK(cycles(parts) <= cycles(whole));
  CHECK(cycles(parts) * 100 >= cycles(whole) * 95);
}

TEST_CASE("A run is cut at multiples of the request size: 256 bytes from 128 cost two requests", "[mem]") {
  const MemorySpec spec = chip({port(false, 10, 1, 8)});
  const auto ideal = [&spec](std::int64_t offset, std::int64_t bytes) {
    return transfer(spec, {run(offset, bytes)}).ideal.count();
  };
  // One cycle to the first request, then ten each.
  CHECK(ideal(0, 256) == 11);
  CHECK(ideal(128, 256) == 21);
  CHECK(ideal(255, 2) == 21);
  CHECK(ideal(255, 258) == 31);
  CHECK(ideal(256, 1) == 11);
}

TEST_CASE("Fractional issue intervals add up within a transfer and round up at its end", "[mem]") {
  const MemorySpec spec = chip({port(false, 10, 3, 8)});
  for (std::int64_t n = 1; n <= 12; ++n) {
    REQUIRE(transfer(spec, {run(0, 256 * n)}).ideal.count() == 1 + ceil_div(10 * n, 3));
  }
}

TEST_CASE("Two outstanding requests make a port wait for memory's latency", "[mem]") {
  MemorySpec spec = chip({port(false, 1, 1, 2)});
  spec.dram.controller_cycles = 500;
  const Completion done = transfer(spec, {run(0, 256 * 100)});
  CHECK(cycles(done) >= 50 * 500);
  CHECK(cycles(done) <= 50 * 600);
}

TEST_CASE("The shared SRAM's window takes its traffic at the SRAM's bandwidth", "[mem]") {
  MemorySpec spec = chip({port(false, 4, 1, 64), port(true, 4, 1, 64)});
  spec.sram = {8 * kMiB, kMiB, 64, 32, 10};
  const Completion in = transfer(spec, {run(8 * kMiB, 64 * 1024)});
  REQUIRE(in.sram_bytes == 64 * 1024);
  REQUIRE(in.dram_bytes == 0);
  // First issue at 1, arrival at 2, then 64 B a cycle, then the latency.
  CHECK(cycles(in) == 2 + 64 * 1024 / 64 + 10);

  const auto domain = make_memory_domain(spec);
  const auto both = play(*domain, {{{0, {run(8 * kMiB, 64 * 1024)}}}, {{0, {run(8 * kMiB, 64 * 1024)}}}});
  REQUIRE(both.size() == 2);
  CHECK(cycles(both[0]) == cycles(in));  // reads and writes have a pipe each
  CHECK(cycles(both[1]) == 2 + 64 * 1024 / 32 + 10);
}

TEST_CASE("A run across the window's edge is counted where each byte lies", "[mem]") {
  MemorySpec spec = chip({port(true, 4, 1, 64)});
  spec.sram = {8 * kMiB, kMiB, 64, 32, 10};
  const auto domain = make_memory_domain(spec);
  const auto done = play(*domain, {{{0, {run(8 * kMiB - 1000, 3000), run(9 * kMiB - 500, 1000)}}}});
  REQUIRE(done.at(0).dram_bytes == 1000 + 500);
  REQUIRE(done.at(0).sram_bytes == 2000 + 500);
  REQUIRE(done.at(0).bytes == 4000);
  const MemoryCounters& counters = domain->counters();
  CHECK(counters.dram_write_bytes == 1500);
  CHECK(counters.sram_write_bytes == 2500);
  CHECK(counters.dram_read_bytes + counters.sram_read_bytes == 0);
}

TEST_CASE("Consecutive interleaving blocks go to all channels: 8 blocks take hardly longer than one",
          "[mem]") {
  const MemorySpec spec = chip({port(false, 1, 1, 64)});
  const std::int64_t one = cycles(transfer(spec, {run(0, 256)}));
  const std::int64_t eight = cycles(transfer(spec, {run(0, 8 * 256)}));
  program::Region same_channel = run(0, 256);
  same_channel.inner = 8;
  same_channel.inner_stride = 8 * 256;
  const std::int64_t clustered = cycles(transfer(spec, {same_channel}));
  // The port issues one a cycle; the two clocks' edges shift by less than a cycle.
  CHECK(eight >= one + 6);
  CHECK(eight <= one + 8);
  // Seven more requests of 64 clocks each on one channel.
  CHECK(clustered >= one + 7 * 64 * 680 / 1600);
}

TEST_CASE("Posted writes speed up a copy on a single channel", "[mem]") {
  MemorySpec spec = chip({port(false, 4, 1, 32), port(true, 4, 1, 32)});
  spec.dram.channels = 1;
  const auto copy = [&spec](std::int64_t queue) {
    spec.dram.write_queue = queue;
    const auto domain = make_memory_domain(spec);
    const auto done = play(*domain, {{{0, {run(0, kMiB)}}}, {{0, {run(16 * kMiB + 4 * 2048, kMiB)}}}});
    return std::max(done.at(0).end, done.at(1).end).count();
  };
  CHECK(copy(32) * 100 < copy(0) * 75);
}

TEST_CASE("After a reset the same transfers take the same cycles, whatever ran before", "[mem]") {
  MemorySpec spec = chip({port(false, 3, 1, 16), port(true, 3, 1, 16)});
  spec.dram.write_queue = 8;
  const Script script{{{0, {run(0, 100'000)}}, {50, {run(4096, 30'000)}}}, {{7, {run(50'000, 200'000)}}}};
  const auto domain = make_memory_domain(spec);
  const auto first = play(*domain, script);
  const std::int64_t misses = domain->counters().row_misses;
  domain->start(0, std::vector{run(777, 12'345)}, Cycles(1'000'000));
  domain->reset();
  const auto second = play(*domain, script);
  REQUIRE(first.size() == second.size());
  for (std::size_t i = 0; i < first.size(); ++i) REQUIRE(first[i].end == second[i].end);
  REQUIRE(domain->counters().row_misses == misses);
}

TEST_CASE("Counters add up: bytes, requests, bursts, and hits plus misses to DRAM requests", "[mem]") {
  for (const std::int64_t queue : {0, 8}) {
    MemorySpec spec = chip({port(false, 3, 1, 16), port(true, 3, 1, 16)});
    spec.dram.write_queue = queue;
    const auto domain = make_memory_domain(spec);
    play(*domain, {{{0, {run(0, 256 * 1000)}}}, {{0, {run(1 << 20, 256 * 500)}}}});
    const MemoryCounters& counters = domain->counters();
    CHECK(counters.dram_read_bytes == 256 * 1000);
    CHECK(counters.dram_write_bytes == 256 * 500);
    CHECK(counters.requests == 1500);
    CHECK(counters.bursts == 1500 * 8);
    CHECK(counters.row_hits + counters.row_misses == 1500);
  }
}

TEST_CASE("Each channel refreshes floor(T / tREFI) times, give or take one", "[mem]") {
  const MemorySpec spec = chip({port(false, 2, 1, 64)});
  const auto domain = make_memory_domain(spec);
  const auto done = play(*domain, {{{0, {run(0, kMiB)}}, {1'000'000, {run(0, 256)}}, {0, {run(0, kMiB)}}}});
  const std::int64_t clocks = done.back().end.count() * 40 / 17;
  const std::int64_t expected = clocks / spec.dram.timing.trefi;
  REQUIRE(expected > 300);
  CHECK(domain->counters().refreshes >= 8 * (expected - 1));
  CHECK(domain->counters().refreshes <= 8 * (expected + 1));
}

TEST_CASE("A transfer at cycle 10^12 takes what one at the same refresh phase takes", "[mem]") {
  MemorySpec spec = chip({port(false, 4, 1, 16), port(true, 4, 1, 16)});
  // 17 cycles are 40 clocks: after 17 x tREFI cycles both clocks and the refresh are in phase again.
  const std::int64_t period = 17 * spec.dram.timing.trefi;
  const auto at = [&spec](std::int64_t start) {
    const auto domain = make_memory_domain(spec);
    return play(*domain, {{{start, {run(0, 50'000)}}}, {{start + 3, {run(1 << 20, 50'000)}}}});
  };
  for (const DramPolicy policy : {DramPolicy::in_order, DramPolicy::fr_fcfs}) {
    const DramSpec exact = fr_fcfs_dram(spec.dram.timing.standard);
    spec.dram.policy = policy;
    spec.dram.fr_fcfs = exact.fr_fcfs;
    const auto early = at(5 * period + 11);
    const auto late = at(INT64_C(1'000'000'000'000) / period * period + 11);
    for (std::size_t i = 0; i < 2; ++i) REQUIRE(cycles(early[i]) == cycles(late[i]));
  }
}

TEST_CASE("A transfer without bytes is over after its start cycles", "[mem]") {
  MemorySpec spec = chip({port(false, 4, 1, 16)});
  CHECK(transfer(spec, {}).end.count() == 1);
  spec.ports[0].start_cycles = 20;
  CHECK(transfer(spec, {run(0, 0)}).end.count() == 20);
  CHECK(transfer(spec, {run(0, 0)}).ideal.count() == 20);
}

TEST_CASE("Completions at the same cycle come in port order", "[mem]") {
  MemorySpec spec = chip({port(false, 4, 1, 16), port(false, 4, 1, 16), port(false, 4, 1, 16)});
  const auto domain = make_memory_domain(spec);
  const auto done = play(*domain, {{{0, {run(512, 32)}}}, {{0, {run(256, 32)}}}, {{0, {run(0, 32)}}}});
  REQUIRE(done.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(done[i].port == i);
    REQUIRE(done[i].end == done[0].end);
  }
}

TEST_CASE("With a horizon the domain stops before it and lets a transfer start there", "[mem]") {
  const MemorySpec spec = chip({port(false, 4, 1, 16), port(false, 4, 1, 16)});
  const Completion alone = transfer(spec, {run(0, 10'000)});
  const auto domain = make_memory_domain(spec);
  domain->start(0, std::vector{run(0, 10'000)}, Cycles(0));
  REQUIRE(!domain->next_completion(alone.end - Cycles(1)));
  REQUIRE_THROWS_AS(domain->start(1, std::vector{run(0, 256)}, alone.end - Cycles(2)), InternalError);
  const auto done = domain->next_completion(alone.end);
  REQUIRE(done.has_value());
  REQUIRE(done->end == alone.end);
  REQUIRE(!domain->next_completion());
}

TEST_CASE("A 65th queued transfer, an earlier start and a negative address are npusim's own errors",
          "[mem]") {
  const MemorySpec spec = chip({port(false, 4, 1, 16), port(false, 4, 1, 16)});
  const auto domain = make_memory_domain(spec);
  for (int i = 0; i < 64; ++i) domain->start(0, std::vector{run(0, 1000)}, Cycles(10));
  REQUIRE_THROWS_AS(domain->start(0, std::vector{run(0, 1000)}, Cycles(10)), InternalError);
  REQUIRE_THROWS_AS(domain->start(7, std::vector{run(0, 1000)}, Cycles(10)), InternalError);
  REQUIRE(domain->next_completion().has_value());
  REQUIRE_THROWS_AS(domain->start(1, std::vector{run(0, 1000)}, Cycles(10)), InternalError);
  REQUIRE_THROWS_AS(domain->start(1, std::vector{run(-256, 1000)}, Cycles(10'000)), InternalError);
}

TEST_CASE("A port with queued transfers does not run past a completion that lets another port start",
          "[mem]") {
  const MemorySpec spec = chip({port(false, 4, 1, 16), port(false, 4, 1, 16)});
  const auto rival_end = [&spec](bool queued) {
    const auto domain = make_memory_domain(spec);
    domain->start(0, std::vector{run(0, 4096)}, Cycles(0));
    if (queued) domain->start(0, std::vector{run(1 << 20, 256 * 4000)}, Cycles(0));
    const auto first = domain->next_completion();
    domain->start(1, std::vector{run(0, 4096)}, first->end);
    const auto second = domain->next_completion();
    return second->port == 1 ? (second->end - first->end).count() : -1;
  };
  // The rival's 4 KiB wait for a few of the long transfer's requests, not for all 16,000 cycles of it.
  REQUIRE(rival_end(false) > 0);
  REQUIRE(rival_end(true) > 0);
  CHECK(rival_end(true) < 3 * rival_end(false));
}

TEST_CASE("A memory that cannot work is refused, and the message names the port", "[mem]") {
  const auto message = [](auto change) -> std::string {
    MemorySpec spec = chip({port(false, 4, 1, 16)});
    spec.ports[0].name = "mte2";
    change(spec);
    try {
      make_memory_domain(spec);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const auto names = [](const std::string& text, const std::string& part) {
    INFO(text << " should name " << part);
    CHECK(text.find(part) != std::string::npos);
  };
  CHECK(message([](MemorySpec&) {}).empty());
  names(message([](MemorySpec& spec) { spec.ports[0].request_bytes = 96; }),
        "'mte2': expected request_bytes");
  names(message([](MemorySpec& spec) { spec.ports[0].request_bytes = 512; }), "interleave_bytes, 256");
  names(message([](MemorySpec& spec) { spec.ports[0].outstanding = 1; }),
        "'mte2': expected outstanding from 2");
  names(message([](MemorySpec& spec) { spec.ports[0].issue_den = 5; }), "not 4/5");
  names(message([](MemorySpec& spec) {
          spec.sram = {100, 1 << 20U, 64, 64, 1};
        }),
        "multiples of request_bytes");
  names(message([](MemorySpec& spec) { spec.sram = {0, 1 << 20U, 0, 64, 1}; }), "bytes per cycle");
  names(message([](MemorySpec& spec) { spec.dram.interleave_bytes = 300; }), "interleave_bytes");
  names(message([](MemorySpec& spec) { spec.dram.channels = 0; }), "channels");
  names(message([](MemorySpec& spec) { spec.dram.write_queue = -1; }), "write_queue");
  names(message([](MemorySpec& spec) { spec.dram.timing.trefi = 900; }), "between two refreshes");
  names(message([](MemorySpec& spec) { spec.ports.clear(); }), "ports");
}

}  // namespace npusim::mem::test
