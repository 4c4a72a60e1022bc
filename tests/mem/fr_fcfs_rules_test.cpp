// The constraint tables, brackets around every constraint that binds one pair of commands, policies one by
// one, errors.
#include <algorithm>
#include <fstream>

#include "sim/base/rng.h"
#include "sim/mem/memory.h"
#include "tests/catch.h"
#include "tests/mem/command_checker.h"
#include "tests/mem/fr_fcfs_bench.h"

namespace npusim::mem::test {
namespace {

constexpr auto kAct = Command::activate;
constexpr auto kRd = Command::read;
constexpr auto kWr = Command::write;
constexpr auto kPre = Command::precharge;
constexpr auto kPrea = Command::precharge_all;
constexpr auto kRef = Command::refresh;

bool contains(const std::string& text, const std::string& part) {
  INFO("'" << text << "' should contain '" << part << "'");
  CHECK(text.find(part) != std::string::npos);
  return true;
}

/// A controller and its commands, fed by bank, row and column.
struct Bench {
  explicit Bench(const DramRules& some, FrFcfsPolicy policy = default_policy())
      : rules(some),
        controller(rules, policy, mapping(rules, rules.bank_groups > 1 ? "RoBaBgCo" : "RoBaCo")) {
    controller.trace(&commands);
  }
  void push(bool write, std::int64_t bank, std::int64_t row, std::int64_t column = 0) {
    const std::int64_t page = row * rules.bank_groups * rules.banks_per_group + bank;
    const auto address = static_cast<std::uint64_t>((page * rules.columns + column) * rules.burst_bytes);
    REQUIRE(controller.push({address, id++, write}));
    controller.advance_to(controller.now() + 1);
  }
  /// The clock of the n-th command of this kind.
  [[nodiscard]] std::int64_t clock_of(Command command, std::size_t n = 0) const {
    for (const IssuedCommand& one : commands) {
      if (one.command == command && n-- == 0) return one.clock;
    }
    return -1;
  }
  DramRules rules;
  FrFcfsController controller;
  std::vector<IssuedCommand> commands;
  std::uint32_t id = 0;
};

std::string table_error(const std::string& assignment) {
  return user_error([&] {
    Config table = dram_table("lpddr4-3200", "test");
    table.set(assignment);
    read_rules(table, Flavour::jedec);
  });
}

}  // namespace

TEST_CASE("LPDDR4-3200's JEDEC distances are those that DRAMSys v5.0 enforces", "[mem][dram][fr-fcfs]") {
  const DramRules t = dram_rules("lpddr4-3200", Flavour::jedec, "test");
  CHECK(t.distance(Scope::bank, kAct, kRd) == 29);
  CHECK(t.distance(Scope::bank, kAct, kPre) == 70);
  CHECK(t.distance(Scope::bank, kAct, kAct) == 97);
  CHECK(t.distance(Scope::bank, kPre, kAct) == 27);
  CHECK(t.distance(Scope::bank, kRd, kPre) == 14);
  CHECK(t.distance(Scope::bank, kWr, kPre) == 54);
  CHECK(t.distance(Scope::rank, kAct, kAct) == 16);
  CHECK(t.distance(Scope::rank, kAct, kAct, 4) == 64);
  CHECK(t.distance(Scope::rank, kRd, kRd) == 8);
  CHECK(t.distance(Scope::rank, kWr, kWr) == 8);
  CHECK(t.distance(Scope::rank, kRd, kWr) == 27);
  CHECK(t.distance(Scope::rank, kWr, kRd) == 39);
  CHECK(t.distance(Scope::rank, kPre, kPre) == 4);
  CHECK(t.distance(Scope::rank, kPre, kRef) == 29);
  CHECK(t.distance(Scope::rank, kPrea, kRef) == 34);
  CHECK(t.distance(Scope::rank, kAct, kRef) == 99);
  CHECK(t.distance(Scope::rank, kRef, kAct) == 446);
  CHECK(t.read_end == 42);
  CHECK(t.command_clocks == std::array<std::int64_t, kCommands>{4, 4, 4, 2, 2, 2, 2});
}

TEST_CASE("LPDDR4-3200's DRAMsim3 distances are its plain formulas", "[mem][dram][fr-fcfs]") {
  const DramRules t = dram_rules("lpddr4-3200", Flavour::dramsim3, "test");
  CHECK(t.distance(Scope::rank, kRd, kWr) == 23);
  CHECK(t.distance(Scope::rank, kWr, kRd) == 38);
  CHECK(t.distance(Scope::bank, kRd, kPre) == 12);
  CHECK(t.distance(Scope::bank, kWr, kPre) == 51);
  CHECK(t.distance(Scope::bank, kAct, kPre) == 68);
  CHECK(t.distance(Scope::bank, kPre, kAct) == 29);
  CHECK(t.distance(Scope::rank, kRef, kAct) == 448);
  CHECK(t.read_end == 36);
  CHECK(dram_rules("ddr4-2400", Flavour::dramsim3, "test").distance(Scope::rank, kRef, kAct) == 433);
  CHECK(dram_rules("ddr4-2400", Flavour::jedec, "test").distance(Scope::rank, kRef, kAct) == 421);
}

TEST_CASE(
    "In every table and flavour busy traffic meets each common constraint exactly: earlier never, then yes",
    "[mem][dram][fr-fcfs]") {
  for (const std::string& model : dram_tables()) {
    for (const Flavour flavour : {Flavour::jedec, Flavour::dramsim3}) {
      INFO(model << (flavour == Flavour::jedec ? " jedec" : " dramsim3"));
      const DramRules rules = dram_rules(model, flavour, "test");
      std::vector<IssuedCommand> all;
      CommandChecker checker(rules);
      for (const char* stream : {"seq_read", "seq_write", "rand_2r1w", "row_conflict", "copy_512"}) {
        FrFcfsController controller(rules, default_policy(), mapping(rules, "RoBaBgCo"));
        std::vector<IssuedCommand> commands;
        controller.trace(&commands);
        const ReplayResult result = replay(controller, named_stream(stream, rules, 100), 8000);
        REQUIRE(checker.check(commands) == "");
        CHECK(checker.refreshed(commands, RefreshPolicy::all_bank, result.clocks));
      }
      for (const auto& [scope, from, to] :
           {std::tuple(Scope::bank, kAct, kRd), std::tuple(Scope::bank, kPre, kAct),
            std::tuple(Scope::rank, kAct, kAct), std::tuple(Scope::rank, kRd, kRd),
            std::tuple(Scope::rank, kWr, kWr), std::tuple(Scope::rank, kPrea, kRef),
            std::tuple(Scope::rank, kRef, kAct)}) {
        INFO(to_string(scope) << ' ' << to_string(from) << '-' << to_string(to));
        CHECK(checker.smallest(scope, from, to) == rules.distance(scope, from, to));
      }
    }
  }
}

TEST_CASE("The pairwise checker notices a command one clock early", "[mem][dram][fr-fcfs]") {
  const DramRules rules = dram_rules("ddr4-2400", Flavour::jedec, "test");
  const auto verdict = [&rules](const std::vector<IssuedCommand>& commands) {
    return CommandChecker(rules).check(commands);
  };
  const IssuedCommand open{100, kAct, false, 0, 0, 0, 7, 0};
  const auto read = [](std::int64_t clock, std::int32_t group, std::int32_t bank) {
    return IssuedCommand{clock, kRd, false, 0, group, bank, 7, 0};
  };
  const auto act = [](std::int64_t clock, std::int32_t group, std::int32_t bank) {
    return IssuedCommand{clock, kAct, false, 0, group, bank, 7, 0};
  };
  CHECK(verdict({open, read(116, 0, 0)}).empty());
  contains(verdict({open, read(115, 0, 0)}), "is 15 after act");
  CHECK(verdict({open, act(104, 1, 0), read(120, 0, 0), read(124, 1, 0)}).empty());
  contains(verdict({open, act(104, 1, 0), read(120, 0, 0), read(123, 1, 0)}), "is 3 after rd");
  CHECK(verdict({open, act(106, 0, 1), read(122, 0, 0), read(128, 0, 1)}).empty());
  contains(verdict({open, act(106, 0, 1), read(122, 0, 0), read(127, 0, 1)}), "not 6 (bank_group)");
  contains(verdict({open, act(105, 0, 1)}), "not 6 (bank_group)");
  contains(verdict({open, act(104, 1, 0), act(108, 2, 0), act(112, 3, 0), act(125, 1, 1)}),
           "fifth within the four-activate window");
  CHECK(verdict({open, act(104, 1, 0), act(108, 2, 0), act(112, 3, 0), act(126, 1, 1)}).empty());
  contains(verdict({open, {140, kRef, false, 0, -1, -1, -1, -1}}), "refreshes an open bank");
  contains(verdict({open, {116, kRd, false, 0, 0, 0, 8, 0}}), "misses the open row");
  contains(verdict({open, act(100, 1, 0)}), "is 0 after act");
}

TEST_CASE("A row miss on LPDDR4-3200 opens one clock after the request and returns data 29 + 42 clocks later",
          "[mem][dram][fr-fcfs]") {
  Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"));
  bench.push(false, 0, 5);
  bench.controller.advance_to(200);
  CHECK(bench.clock_of(kAct) == 1);
  CHECK(bench.clock_of(kRd) == 30);
  REQUIRE(bench.controller.done().size() == 1);
  CHECK(bench.controller.done()[0].clock == 72);
}

TEST_CASE("With another bank's hits in between, the hit cap closes a row in favour of the oldest request",
          "[mem][dram][fr-fcfs]") {
  const auto hits_before_other_row = [](std::int64_t cap) {
    FrFcfsPolicy policy = default_policy();
    policy.refresh = RefreshPolicy::none;
    policy.hit_cap = cap;
    Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"), policy);
    bench.push(false, 0, 1, 0);
    bench.push(false, 1, 1, 0);
    bench.push(false, 0, 2, 0);
    for (std::int64_t column = 1; column < 7; ++column) {
      bench.push(false, 0, 1, column);
      bench.push(false, 1, 1, column);
    }
    bench.controller.advance_to(2000);
    std::int64_t hits = 0;
    for (const IssuedCommand& one : bench.commands) {
      if (one.command != kRd || one.bank != 0) continue;
      if (one.row == 2) break;
      ++hits;
    }
    return hits;
  };
  CHECK(hits_before_other_row(100) == 7);
  CHECK(hits_before_other_row(4) >= 4);
  CHECK(hits_before_other_row(4) < 7);
}

TEST_CASE("Open rows stay open, closed ones close with their last read, adaptive ones after the timeout",
          "[mem][dram][fr-fcfs]") {
  for (const PagePolicy page : {PagePolicy::open, PagePolicy::closed, PagePolicy::adaptive}) {
    FrFcfsPolicy policy = default_policy();
    policy.refresh = RefreshPolicy::none;
    policy.page = page;
    policy.page_timeout = 300;
    Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"), policy);
    bench.push(false, 3, 9);
    bench.controller.advance_to(2000);
    REQUIRE(bench.clock_of(kRd) == 30);
    CHECK(bench.commands[1].auto_precharge == (page == PagePolicy::closed));
    CHECK(bench.clock_of(kPre) == (page == PagePolicy::adaptive ? 330 : -1));
    bench.push(false, 3, 9, 1);
    bench.controller.advance_to(4000);
    CHECK(bench.controller.counters().activates == (page == PagePolicy::open ? 1 : 2));
  }
}

TEST_CASE("A closed row opens again tRTP + tRP after its read, but not before tRC", "[mem][dram][fr-fcfs]") {
  FrFcfsPolicy policy = default_policy();
  policy.page = PagePolicy::closed;
  Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"), policy);
  bench.push(false, 0, 1);
  bench.push(false, 0, 2);
  bench.controller.advance_to(500);
  CHECK(bench.clock_of(kAct, 1) - bench.clock_of(kAct) == 97);
}

TEST_CASE("Reads of a waiting write's address are answered in the next clock; equal requests share a command",
          "[mem][dram][fr-fcfs]") {
  Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"));
  bench.push(true, 0, 1);
  bench.push(false, 0, 1);
  REQUIRE(bench.controller.done().size() == 1);
  CHECK(bench.controller.done()[0].clock == 2);
  bench.push(false, 1, 1);
  bench.push(false, 1, 1);
  bench.controller.advance_to(1000);
  CHECK(bench.controller.counters().reads == 1);
  CHECK(bench.controller.counters().merged == 1);
  REQUIRE(bench.controller.done().size() == 3);
  CHECK(bench.controller.done()[1].clock == bench.controller.done()[2].clock);
}

TEST_CASE("An idle gap of 10^9 clocks refreshes once each tREFI", "[mem][dram][fr-fcfs]") {
  Bench bench(dram_rules("lpddr4-3200", Flavour::jedec, "test"));
  bench.controller.trace(nullptr);
  bench.controller.advance_to(1'000'000'000);
  CHECK(bench.controller.counters().refreshes == 999'999'999 / 6246);
}

TEST_CASE("The queue's own address mapping: fields, bit ranges, xor, errors", "[mem][dram][fr-fcfs]") {
  const DramRules rules = dram_rules("lpddr4-3200", Flavour::jedec, "test");
  const AddressMapping plain(rules, "ro ba co", "m");
  CHECK(plain.capacity() == UINT64_C(1) << 30U);
  CHECK(plain.decode(0x5 << 11U).bank == 5);
  CHECK(plain.decode(0x3 << 14U).row == 3);
  CHECK(plain.decode(0x20).column == 1);
  const AddressMapping cut(rules, "ro co[5:2] ba co[1:0]", "m");
  CHECK(cut.decode(0x20U << 2U).bank == 1);
  CHECK(cut.decode((0x20U << 5U) + 0x60U).column == 4 + 3);
  const AddressMapping hashed(rules, "ro ba co ba^ro", "m");
  CHECK(hashed.decode((UINT64_C(6) << 14U) + (3U << 11U)).bank == (3 ^ 6));
  const AddressMapping one_bit(rules, "ro ba co ba[2]^ro[9]", "m");
  CHECK(one_bit.decode(UINT64_C(1) << 23U).bank == 4);
  const auto error = [&](const std::string& text) {
    return user_error([&] { AddressMapping(rules, text, "my.yaml:3"); });
  };
  contains(error("ro ba"), "my.yaml:3: address mapping 'ro ba': 'co' has 6 bits, but 0 are mapped");
  contains(error("ro ba co[5:1]"), "'co' has 6 bits, but 5 are mapped");
  contains(error("ro ba co ba"), "bits of 'ba' are given twice");
  contains(error("ro ba co[9:0]"), "'co[9:0]': the field has bits 5 to 0");
  contains(error("ro bank co"), "unknown field 'bank'");
  contains(error("ro ba co ro^ba"), "only with the row");
  contains(user_error([&] { (void)plain.decode(0x21); }),
           "0x21 is not a multiple of the 32 bytes of a burst");
  contains(user_error([&] { (void)plain.decode(UINT64_C(1) << 30U); }),
           "beyond the channel's 1073741824 bytes");
}

TEST_CASE("Impossible tables and policies are refused", "[mem][dram][fr-fcfs]") {
  contains(table_error("timing.trc=96"), "'timing.trc' is 96, expected at least tras + trp = 97");
  contains(table_error("organisation.bank_groups=16"), "expected at most the 8 banks");
  contains(table_error("timing.tccd_l=7"), "expected at least burst");
  contains(table_error("timing.twtr_s=17"), "expected from 1 to twtr");
  contains(table_error("timing.trfc_pb=0"), "0 exactly where trefi_pb is 0");
  contains(table_error("timing.tdqsck=31"), "less than rl");
  contains(table_error("protocol=lpddr3"), "did you mean 'lpddr4'");
  contains(table_error("timing.tcdd=3"), "did you mean 'timing.t");
  const DramRules ddr4 = dram_rules("ddr4-2400", Flavour::jedec, "test");
  const auto policy_error = [&](auto change) {
    FrFcfsPolicy policy = default_policy();
    change(policy);
    return user_error([&] { check(policy, ddr4, "dram"); });
  };
  contains(policy_error([](auto& p) { p.refresh = RefreshPolicy::per_bank; }),
           "ddr4-2400 has no per-bank refresh");
  contains(policy_error([](auto& p) { p.write_high = 33; }), "write_high is 33, expected from 1 to 32");
  contains(policy_error([](auto& p) { p.bank_queue = 0; }), "bank_queue is 0");
}

TEST_CASE("A request trace's faults are named with file and line", "[mem][dram][fr-fcfs]") {
  const AddressMapping map(dram_rules("lpddr4-3200", Flavour::jedec, "test"), "ro ba co", "m");
  const auto check = [&map](std::uint64_t address) { (void)map.decode(address); };
  const std::string path = "fr_fcfs_trace_test.txt";
  const auto error = [&](const std::string& text) {
    std::ofstream(path) << text;
    return user_error([&] { read_request_trace(path, check); });
  };
  CHECK(error("# comment\n0 R 0x40\n\n5 W 80 # tail\n") == "no error");
  contains(error("0 R 40\n5 X 80\n"), path + ":2: expected 'clock R|W hexaddress', got '5 X 80'");
  contains(error("0 R 40 1\n"), ":1: expected");
  contains(error("7 R 40\n6 R 40\n"), ":2: clock 6 is before the previous line's 7");
  contains(error("7 R 41\n"), ":1: address 0x41 is not a multiple");
  contains(error("7 R 40000000\n"), ":1: address 0x40000000 is beyond");
  CHECK(error("68719476736 R 40\n") == "no error");
  contains(error("0 R 0\n68719476737 R 40\n"), ":2: clock 68719476737, expected at most 2^36");
  contains(error("# nothing\n"), path + ": no request");
  contains(user_error([&] { read_request_trace("nowhere.txt", check); }), "nowhere.txt: cannot be read");
  std::remove(path.c_str());
}

TEST_CASE("After 500 idle refreshes skipped at once, every time is the same as with each of them issued",
          "[mem][dram][fr_fcfs]") {
  for (const char* table : {"lpddr4-3200", "lpddr5-6400", "ddr4-2400"}) {
    for (const int ranks : {1, 2}) {
      for (const RefreshPolicy refresh : {RefreshPolicy::all_bank, RefreshPolicy::per_bank}) {
        Config config = dram_table(table, "test");
        config.set("organisation.ranks=" + std::to_string(ranks));
        const DramRules rules = read_rules(config, Flavour::jedec);
        if (refresh == RefreshPolicy::per_bank && rules.bank_refresh_interval == 0) continue;
        FrFcfsPolicy policy = default_policy();
        policy.refresh = refresh;
        const AddressMapping map = mapping(rules, rules.bank_groups > 1 ? "RoBaCoBg" : "RoBaCo");
        FrFcfsController skipping(rules, policy, map);
        FrFcfsController plain(rules, policy, map);
        std::vector<IssuedCommand> commands;
        plain.trace(&commands);  // whose commands are wanted issues them all
        Rng rng(7);
        std::int64_t clock = 0;
        for (std::uint32_t i = 0; i < 200; ++i) {
          clock += i % 20 == 0 ? rng.uniform(0, 500 * rules.refresh_interval) : rng.uniform(0, 40);
          const auto burst = static_cast<std::uint64_t>(rng.uniform(0, 1 << 16));
          const BurstRequest request{burst * static_cast<std::uint64_t>(rules.burst_bytes), i, i % 3 == 0};
          for (FrFcfsController* one : {&skipping, &plain}) {
            one->advance_to(clock);
            REQUIRE(one->push(request));
          }
        }
        for (FrFcfsController* one : {&skipping, &plain}) one->advance_to(clock + 10'000);
        INFO(table << ", " << ranks << " ranks");
        REQUIRE(skipping.done().size() == plain.done().size());
        for (std::size_t i = 0; i < plain.done().size(); ++i) {
          REQUIRE(skipping.done()[i].clock == plain.done()[i].clock);
        }
        CHECK(skipping.counters().events * 2 < plain.counters().events);
        DramCounters counters = skipping.counters();
        counters.events = plain.counters().events;
        CHECK(counters == plain.counters());
      }
    }
  }
}

}  // namespace npusim::mem::test
