// Energy by command counts: hand-computed cases, standby times against a per-clock count, bad tables.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "sim/mem/dram/energy.h"
#include "sim/mem/dram/fr_fcfs_controller.h"
#include "sim/mem/dram/replay.h"
#include "tests/catch.h"

namespace npusim::mem::test {
namespace {

DramCurrents currents_of(const std::string& model) {
  const auto currents = read_currents(dram_table(model, "test"));
  REQUIRE(currents.has_value());
  return *currents;
}

DramEnergy energy(const std::string& model, const DramCounters& counters, std::int64_t clocks,
                  std::int64_t open) {
  return energy_of(currents_of(model), read_timing(dram_table(model, "test")),
                   dram_rules(model, Flavour::jedec, "test"), counters, clocks, open);
}

bool about(double value, double expected) { return std::abs(value - expected) <= 1e-9 * std::abs(expected); }

/// Rank-clocks with an open row, counted clock by clock from the whole trace.
std::int64_t count_open(const std::vector<IssuedCommand>& commands, const DramRules& rules,
                        std::int64_t until) {
  using Place = std::tuple<int, int, int>;
  std::map<Place, std::int64_t> opened;
  std::vector<std::vector<bool>> open(static_cast<std::size_t>(rules.ranks),
                                      std::vector<bool>(static_cast<std::size_t>(until), false));
  const auto mark = [&](const Place& place, std::int64_t end) {
    for (std::int64_t t = opened.at(place); t < std::min(end, until); ++t) {
      open[static_cast<std::size_t>(std::get<0>(place))][static_cast<std::size_t>(t)] = true;
    }
    opened.erase(place);
  };
  for (const IssuedCommand& one : commands) {
    const Place place(one.rank, one.group, one.bank);
    if (one.command == Command::activate) opened[place] = one.clock;
    if (one.command == Command::precharge && opened.count(place) > 0) mark(place, one.clock);
    if (one.command == Command::precharge_all) {
      for (auto it = opened.begin(); it != opened.end();) {
        const Place other = (it++)->first;
        if (std::get<0>(other) == one.rank) mark(other, one.clock);
      }
    }
    if (one.auto_precharge) {
      const std::int64_t from_act =
          opened.at(place) + rules.distance(Scope::bank, Command::activate, Command::precharge);
      mark(place,
           std::max(from_act, one.clock + rules.distance(Scope::bank, one.command, Command::precharge)));
    }
  }
  while (!opened.empty()) mark(opened.begin()->first, until);
  std::int64_t total = 0;
  for (const auto& rank : open) total += std::count(rank.begin(), rank.end(), true);
  return total;
}

}  // namespace

TEST_CASE("DDR4-2400: energy by hand from Micron's currents", "[mem][energy]") {
  DramCounters counters;
  counters.activates = 1;
  counters.reads = 2;
  counters.writes = 3;
  counters.refreshes = 4;
  const DramEnergy one = energy("ddr4-2400", counters, 1000, 600);
  const double unit = 1.2 * 8 / 1.2;  // V x devices x ns
  CHECK(about(one.activate, unit * (48 * 55 - 43 * 39 - 34 * 16)));
  CHECK(about(one.read, 2 * unit * (135 - 43) * 4));
  CHECK(about(one.write, 3 * unit * (123 - 43) * 4));
  CHECK(about(one.refresh, 4 * unit * (250 - 43) * 421));
  CHECK(about(one.active_standby, unit * 43 * 600));
  CHECK(about(one.precharge_standby, unit * 34 * 400));
  CHECK(about(one.total(), one.activate + one.read + one.write + one.refresh + one.active_standby +
                               one.precharge_standby));
}

TEST_CASE("LPDDR4-3200: supplies add up, and a per-bank refresh costs an eighth of an all-bank one",
          "[mem][energy]") {
  DramCounters counters;
  counters.reads = 1;
  CHECK(about(energy("lpddr4-3200", counters, 0, 0).read,
              0.625 * 8 * (1.8 * 0 + 1.1 * (275 - 30) + 1.1 * (150 - 0.75))));
  counters = DramCounters();
  counters.refreshes = 1;
  const double all = energy("lpddr4-3200", counters, 0, 0).refresh;
  CHECK(about(all, 0.625 * 448 * (1.8 * (10 - 2.25) + 1.1 * (90 - 30))));
  counters.refreshes = 0;
  counters.bank_refreshes = 8;
  CHECK(about(energy("lpddr4-3200", counters, 0, 0).refresh, all));
}

TEST_CASE(
    "Reading without gap draws IDD4R: the average power of a sequential DDR4 stream is within 2 % of it",
    "[mem][energy]") {
  const DramRules rules = dram_rules("ddr4-2400", Flavour::jedec, "test");
  FrFcfsPolicy policy = default_policy();
  policy.refresh = RefreshPolicy::none;
  FrFcfsController controller(rules, policy, AddressMapping(rules, "ro ba co bg", "test"));
  std::vector<IssuedCommand> commands;
  controller.trace(&commands);
  const ReplayResult result = replay(controller, named_stream("seq_read", rules, 100), 20'000);
  OpenTime open(rules);
  open.add(commands);
  const DramEnergy one =
      energy("ddr4-2400", controller.counters(), result.clocks, open.clocks(result.clocks));
  const double milliwatts = one.total() / (static_cast<double>(result.clocks) / 1.2);
  CHECK(milliwatts > 0.98 * 1.2 * 8 * 135);
  CHECK(milliwatts < 1.02 * 1.2 * 8 * 135);
}

TEST_CASE("Clocks with an open row equal a clock-by-clock count, over page policies, ranks and refreshes",
          "[mem][energy]") {
  for (const char* const model : {"lpddr4-3200", "ddr4-2400"}) {
    for (const PagePolicy page : {PagePolicy::open, PagePolicy::closed, PagePolicy::adaptive}) {
      for (const std::int64_t ranks : {1, 2}) {
        Config table = dram_table(model, "test");
        table.set("organisation.ranks=" + std::to_string(ranks));
        const DramRules rules = read_rules(table, Flavour::jedec);
        FrFcfsPolicy policy = default_policy();
        policy.page = page;
        policy.page_timeout = page == PagePolicy::adaptive ? 60 : 0;
        FrFcfsController controller(rules, policy, AddressMapping(rules, "ro ra ba bg co", "test"));
        std::vector<IssuedCommand> pending;
        std::vector<IssuedCommand> all;
        controller.trace(&pending);
        OpenTime open(rules);
        Rng rng(5);
        std::int64_t at = 0;
        const auto stream = [&](std::int64_t /*i*/) {
          at += rng.uniform(0, 300);
          return TimedRequest{at, static_cast<std::uint64_t>(rng.uniform(0, 4095) * rules.burst_bytes),
                              rng.uniform(0, 2) == 0};
        };
        const ReplayResult result = replay(controller, stream, 400, 1, [&] {
          open.add(pending);
          all.insert(all.end(), pending.begin(), pending.end());
          pending.clear();
        });
        INFO(model << ", page policy " << static_cast<int>(page) << ", ranks " << ranks);
        const std::int64_t expected = count_open(all, rules, result.clocks);
        CHECK(expected > 0);
        CHECK(expected < result.clocks * ranks);
        CHECK(open.clocks(result.clocks) == expected);
      }
    }
  }
}

TEST_CASE("Tables without currents have none; faulty ones are refused by file and line", "[mem][energy]") {
  for (const char* const model : {"lpddr4x-3200", "lpddr4x-4266", "lpddr5-6400"}) {
    CHECK(!read_currents(dram_table(model, "test")).has_value());
  }
  const auto refused = [](const std::string& assignment, const std::string& part) {
    Config table = dram_table("ddr4-2400", "test");
    table.set(assignment);
    try {
      read_timing(table);
      FAIL("accepted " << assignment);
    } catch (const UserError& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
  };
  refused("energy.vdd.idd4r_ma=40", "'energy.vdd.idd4r_ma' is 40, expected at least idd3n_ma = 43");
  refused("energy.vdd.idd0_ma=-1", "energy.vdd.idd0_ma");
  refused("energy.devices=0", "energy.devices");
  Config table = dram_table("ddr4-2400", "test");
  table.erase("energy.vdd.idd5_ma");
  CHECK_THROWS_AS(read_timing(table), UserError);
  table.merge(Config::parse("energy: {vdx: {volts: 1}}", "own.yaml"));
  try {
    read_timing(table);
    FAIL("accepted an unknown supply");
  } catch (const UserError& error) {
    CHECK(std::string(error.what()).find("own.yaml:1: unknown supply 'vdx'") != std::string::npos);
  }
}

}  // namespace npusim::mem::test
