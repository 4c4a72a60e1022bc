// The event-driven controller against the per-clock one: over a million random and adversarial requests, all
// standards and policies, every acceptance, command, data time and counter the same.
#include <algorithm>

#include "sim/base/rng.h"
#include "sim/mem/memory.h"
#include "tests/catch.h"
#include "tests/mem/command_checker.h"
#include "tests/mem/fr_fcfs_bench.h"

namespace npusim::mem::test {
namespace {

DramRules random_rules(const std::string& model, Rng& rng) {
  Config table = dram_table(model, "test");
  if (rng.uniform(0, 2) == 0) table.set("organisation.ranks=2");
  return read_rules(table, rng.uniform(0, 1) == 0 ? Flavour::jedec : Flavour::dramsim3);
}

FrFcfsPolicy random_policy(Rng& rng, const DramRules& rules) {
  FrFcfsPolicy policy = rng.uniform(0, 1) == 0 ? dramsim3_policy() : default_policy();
  if (rng.uniform(0, 2) == 0) return policy;
  policy.bank_queue = rng.uniform(1, 12);
  policy.read_queue = rng.uniform(1, 40);
  policy.write_queue = rng.uniform(1, 40);
  policy.hit_cap = rng.uniform(1, 16);
  policy.write_high = rng.uniform(1, policy.write_queue);
  policy.write_low = rng.uniform(0, policy.write_high - 1);
  policy.write_idle = rng.uniform(1, policy.write_queue);
  policy.page = static_cast<PagePolicy>(rng.uniform(0, 2));
  policy.page_timeout = rng.uniform(0, 3) * 50;
  policy.refresh = static_cast<RefreshPolicy>(rng.uniform(0, rules.bank_refresh_interval == 0 ? 1 : 2));
  policy.precharge_all = rng.uniform(0, 1) == 1;
  policy.columns_first = rng.uniform(0, 1) == 1;
  policy.read_turns = policy.hit_cap % 2 == 1;
  policy.idle_refresh = rng.uniform(0, 1) == 1;
  policy.dependency_ends_drain = rng.uniform(0, 1) == 1;
  return policy;
}

/// A stretch of traffic: how far it spreads, how much of it writes, how dense it is.
struct Phase {
  std::uint64_t span = 1;    ///< bursts
  std::uint64_t stride = 1;  ///< bursts
  std::int64_t write_percent = 0;
  std::int64_t gap = 0;
  bool sequential = false;
};

Phase random_phase(Rng& rng, const DramRules& rules) {
  Phase phase;
  const auto columns = static_cast<std::uint64_t>(rules.columns);
  const std::uint64_t strides[] = {1, columns, columns * static_cast<std::uint64_t>(rules.banks()), 3};
  phase.span = UINT64_C(1) << static_cast<unsigned>(rng.uniform(1, 14));
  phase.stride = strides[rng.uniform(0, 3)];
  phase.write_percent = rng.uniform(0, 4) * 25;
  phase.gap = rng.uniform(0, 3) == 0 ? 300 : rng.uniform(0, 8);
  phase.sequential = rng.uniform(0, 1) == 1;
  return phase;
}

/// Offers both the same requests and compares everything they say.
class Twins {
 public:
  Twins(const DramRules& rules, const FrFcfsPolicy& policy, const AddressMapping& mapping)
      : fast_(rules, policy, mapping), slow_(rules, policy, mapping) {
    fast_.trace(&fast_commands_);
    slow_.trace(&slow_commands_);
  }
  /// False when the two disagree.
  bool offer(std::int64_t clock, std::uint64_t address, bool write) {
    advance(clock);
    const BurstRequest request{address, id_++, write};
    const bool accepted = fast_.push(request);
    refused_ += accepted ? 0 : 1;
    return accepted == slow_.push(request);
  }
  void advance(std::int64_t clock) {
    fast_.advance_to(clock);
    slow_.advance_to(clock);
  }
  /// Whether commands, data and counters are the same; forgets them.
  bool same() {
    const auto key = [](const ReadDone& one) { return std::pair(one.clock, one.id); };
    const bool data =
        std::equal(fast_.done().begin(), fast_.done().end(), slow_.done().begin(), slow_.done().end(),
                   [&](const ReadDone& a, const ReadDone& b) { return key(a) == key(b); });
    DramCounters fast = fast_.counters();
    fast.events = 0;
    fast_.done().clear();
    slow_.done().clear();
    return data && fast == slow_.counters() && fast_commands_ == slow_commands_;
  }
  [[nodiscard]] const std::vector<IssuedCommand>& commands() const { return fast_commands_; }
  [[nodiscard]] std::int64_t refused() const { return refused_; }
  [[nodiscard]] const DramCounters& counters() const { return fast_.counters(); }

 private:
  FrFcfsController fast_;
  TickingController slow_;
  std::vector<IssuedCommand> fast_commands_, slow_commands_;
  std::uint32_t id_ = 0;
  std::int64_t refused_ = 0;
};

struct Seen {
  std::int64_t requests = 0, refused = 0, merged = 0, forwarded = 0, auto_precharges = 0, bank_refreshes = 0;
};

void one_case(const std::string& model, std::uint64_t seed, std::int64_t requests, Seen& seen) {
  Rng rng(seed);
  const DramRules rules = random_rules(model, rng);
  const FrFcfsPolicy policy = random_policy(rng, rules);
  const char* maps[] = {"RoBaBgCo", "RoBaCoBg", "RoCoBaBg", "BaBgRoCo"};
  const AddressMapping map = mapping(rules, maps[rng.uniform(0, 3)]);
  Twins twins(rules, policy, map);
  std::int64_t clock = 0;
  Phase phase;
  for (std::int64_t i = 0; i < requests; ++i) {
    if (i % 500 == 0) {
      phase = random_phase(rng, rules);
      if (rng.uniform(0, 3) == 0) clock += rng.uniform(0, 3 * rules.refresh_interval);
    }
    clock += rng.uniform(0, phase.gap);
    const std::uint64_t place = phase.sequential ? static_cast<std::uint64_t>(i) : rng.next();
    const std::uint64_t address =
        place % phase.span * phase.stride * static_cast<std::uint64_t>(rules.burst_bytes) % map.capacity();
    REQUIRE(twins.offer(clock, address, rng.uniform(0, 99) < phase.write_percent));
  }
  clock += 2 * rules.refresh_interval;
  twins.advance(clock);
  REQUIRE(twins.same());
  CommandChecker checker(rules);
  REQUIRE(checker.check(twins.commands()) == "");
  REQUIRE(checker.refreshed(twins.commands(), policy.refresh, clock));
  seen.requests += requests;
  seen.refused += twins.refused();
  seen.merged += twins.counters().merged;
  seen.forwarded += twins.counters().forwarded_reads;
  seen.auto_precharges += twins.counters().auto_precharges;
  seen.bank_refreshes += twins.counters().bank_refreshes;
}

/// Offers `bursts` consecutive reads, each again until it is accepted, and from clock `begin` on eight
/// requests of another row of the first bank, which go first. False when the two controllers disagree.
bool run_with_visitor(Twins& twins, const DramRules& rules, std::int64_t bursts, std::int64_t begin,
                      bool visitor_writes) {
  const auto burst = static_cast<std::uint64_t>(rules.burst_bytes);
  const std::uint64_t row = burst * static_cast<std::uint64_t>(rules.columns * rules.banks()) * 3;
  std::int64_t clock = 0;
  std::uint64_t visits = 0;
  for (std::int64_t next = 0; next < bursts; ++clock) {
    const bool visitor = clock >= begin && visits < 8;
    const std::int64_t refused = twins.refused();
    const std::uint64_t address = visitor ? row + visits * burst : static_cast<std::uint64_t>(next) * burst;
    if (!twins.offer(clock, address, visitor && visitor_writes)) return false;
    if (twins.refused() != refused) continue;
    visitor ? static_cast<void>(++visits) : static_cast<void>(++next);
  }
  twins.advance(clock + 2 * rules.refresh_interval);
  return visits == (begin < clock ? 8 : 0) && twins.same();
}

}  // namespace

TEST_CASE("Long runs of row hits are the same burst for burst, across pages, banks and refreshes",
          "[mem][dram][fr-fcfs]") {
  for (const std::string& model : dram_tables()) {
    INFO(model);
    const DramRules rules = dram_rules(model, Flavour::jedec, "test");
    Twins twins(rules, default_policy(), mapping(rules, "RoBaBgCo"));
    constexpr std::int64_t kBursts = 16'000;
    REQUIRE(run_with_visitor(twins, rules, kBursts, INT64_MAX, false));
    CHECK(twins.counters().reads == kBursts);
    CHECK(twins.counters().refreshes >= 8);
    CHECK(twins.counters().row_misses >= kBursts / rules.columns);
    CHECK(twins.counters().row_misses <= kBursts / 32);
  }
}

TEST_CASE("A second master may enter a run of row hits at any of 130 clocks, reading or writing",
          "[mem][dram][fr-fcfs]") {
  for (const std::string model : {"lpddr4x-3200", "ddr4-2400"}) {
    const DramRules rules = dram_rules(model, Flavour::jedec, "test");
    for (std::int64_t offset = 0; offset < 130; ++offset) {
      INFO(model << ", offset " << offset);
      Twins twins(rules, default_policy(), mapping(rules, "RoBaBgCo"));
      REQUIRE(run_with_visitor(twins, rules, 150, 250 + offset, offset % 2 == 1));
    }
  }
}

TEST_CASE("Skipping clocks never changes a command: a million random and adversarial requests",
          "[mem][dram][fr-fcfs]") {
  Seen seen;
  for (const std::string& model : dram_tables()) {
    for (std::uint64_t seed = 1; seed <= 56; ++seed) {
      INFO(model << ", seed " << seed);
      one_case(model, seed, 3000, seen);
    }
  }
  CHECK(seen.requests >= 1'000'000);
  CHECK(seen.refused >= 50'000);
  CHECK(seen.refused <= 700'000);
  CHECK(seen.merged >= 10'000);
  CHECK(seen.forwarded >= 10'000);
  CHECK(seen.auto_precharges >= 10'000);
  CHECK(seen.bank_refreshes >= 5'000);
}

}  // namespace npusim::mem::test
