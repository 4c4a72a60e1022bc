#include "sim/mem/dram/energy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/base/error.h"

namespace npusim::mem {

namespace {

SupplyCurrents read_supply(const Config& table, const std::string& name) {
  const auto current = [&](const std::string& key) {
    return table.number(fmt::format("energy.{}.{}_ma", name, key), 0, 100'000);
  };
  SupplyCurrents supply;
  supply.name = name;
  supply.volts = table.number(fmt::format("energy.{}.volts", name), 0.1, 5);
  supply.idd0 = current("idd0");
  supply.idd2n = current("idd2n");
  supply.idd3n = current("idd3n");
  supply.idd4r = current("idd4r");
  supply.idd4w = current("idd4w");
  supply.idd5 = current("idd5");
  const auto at_least = [&](const std::string& key, double value, double low, const std::string& why) {
    const std::string full = fmt::format("energy.{}.{}_ma", name, key);
    if (value < low) {
      throw UserError(
          fmt::format("{}: '{}' is {}, expected at least {} = {}", table.where(full), full, value, why, low));
    }
  };
  at_least("idd3n", supply.idd3n, supply.idd2n, "idd2n_ma");
  at_least("idd0", supply.idd0, supply.idd2n, "idd2n_ma");
  at_least("idd4r", supply.idd4r, supply.idd3n, "idd3n_ma");
  at_least("idd4w", supply.idd4w, supply.idd3n, "idd3n_ma");
  at_least("idd5", supply.idd5, supply.idd3n, "idd3n_ma");
  return supply;
}

}  // namespace

std::optional<DramCurrents> read_currents(const Config& table) {
  std::set<std::string> supplies;
  bool any = false;
  for (const std::string& key : table.keys()) {
    if (!key.starts_with("energy.")) continue;
    any = true;
    const auto dot = key.find('.', 7);
    if (dot == std::string::npos) continue;
    const std::string name = key.substr(7, dot - 7);
    const std::vector<std::string> known = {"vdd", "vdd1", "vdd2", "vddq"};
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw UserError(fmt::format("{}: unknown supply '{}'; expected one of {}{}", table.where(key), name,
                                  fmt::join(known, ", "), suggestion(name, known)));
    }
    supplies.insert(name);
  }
  if (!any) return std::nullopt;
  DramCurrents currents;
  currents.devices = table.integer("energy.devices", 1, 64);
  for (const std::string& name : supplies) currents.supplies.push_back(read_supply(table, name));
  return currents;
}

OpenTime::OpenTime(const DramRules& rules)
    : ranks_(static_cast<std::size_t>(rules.ranks)),
      banks_per_group_(rules.banks_per_group),
      read_to_precharge_(rules.distance(Scope::bank, Command::read, Command::precharge)),
      write_to_precharge_(rules.distance(Scope::bank, Command::write, Command::precharge)),
      activate_to_precharge_(rules.distance(Scope::bank, Command::activate, Command::precharge)) {
  for (Rank& rank : ranks_) {
    rank.banks.resize(static_cast<std::size_t>(rules.bank_groups * rules.banks_per_group));
  }
}

void OpenTime::close(Rank& rank, Bank& bank, std::int64_t clock) {
  if (bank.opened < 0) return;
  bank = Bank();
  const auto open = [](const Bank& one) { return one.opened >= 0; };
  if (std::any_of(rank.banks.begin(), rank.banks.end(), open)) return;
  rank.total += clock - rank.since;
  rank.since = -1;
}

void OpenTime::settle(Rank& rank, std::int64_t clock) {
  while (true) {
    Bank* first = nullptr;
    for (Bank& bank : rank.banks) {
      if (bank.closes >= 0 && bank.closes <= clock && (first == nullptr || bank.closes < first->closes)) {
        first = &bank;
      }
    }
    if (first == nullptr) return;
    close(rank, *first, first->closes);
  }
}

void OpenTime::column(Rank& /*rank*/, Bank& bank, const IssuedCommand& command) {
  if (!command.auto_precharge) return;
  const std::int64_t after = command.command == Command::read ? read_to_precharge_ : write_to_precharge_;
  bank.closes = std::max(command.clock + after, bank.opened + activate_to_precharge_);
}

void OpenTime::add(std::span<const IssuedCommand> commands) {
  for (const IssuedCommand& command : commands) {
    Rank& rank = ranks_[static_cast<std::size_t>(command.rank)];
    settle(rank, command.clock);
    if (command.command == Command::precharge_all) {
      for (Bank& bank : rank.banks) close(rank, bank, command.clock);
    }
    if (command.bank < 0) continue;
    Bank& bank = rank.banks[static_cast<std::size_t>(command.group * banks_per_group_ + command.bank)];
    switch (command.command) {
      case Command::activate:
        if (rank.since < 0) rank.since = command.clock;
        bank.opened = command.clock;
        break;
      case Command::precharge:
        close(rank, bank, command.clock);
        break;
      case Command::read:
      case Command::write:
        column(rank, bank, command);
        break;
      default:
        break;
    }
  }
}

std::int64_t OpenTime::clocks(std::int64_t clock) const {
  std::int64_t total = 0;
  for (Rank rank : ranks_) {
    settle(rank, clock);
    total += rank.total + (rank.since < 0 ? 0 : clock - rank.since);
  }
  return total;
}

DramEnergy energy_of(const DramCurrents& currents, const DramTiming& timing, const DramRules& rules,
                     const DramCounters& counters, std::int64_t rank_clocks, std::int64_t open) {
  DramEnergy energy;
  const double ns = 1e9 / static_cast<double>(rules.clock_hz);
  const auto clocks = [](std::int64_t value) { return static_cast<double>(value); };
  const double banks = clocks(rules.bank_groups * rules.banks_per_group);
  const double refreshes = clocks(counters.refreshes) + clocks(counters.bank_refreshes) / banks;
  for (const SupplyCurrents& supply : currents.supplies) {
    // mA x V x ns = pJ
    const double unit = supply.volts * ns * clocks(currents.devices);
    energy.activate += unit * clocks(counters.activates) *
                       (supply.idd0 * clocks(timing.trc) - supply.idd3n * clocks(timing.tras) -
                        supply.idd2n * clocks(timing.trc - timing.tras));
    const double burst = unit * clocks(rules.burst_clocks);
    energy.read += burst * clocks(counters.reads) * (supply.idd4r - supply.idd3n);
    energy.write += burst * clocks(counters.writes) * (supply.idd4w - supply.idd3n);
    energy.refresh += unit * refreshes * clocks(rules.refresh_clocks) * (supply.idd5 - supply.idd3n);
    energy.active_standby += unit * clocks(open) * supply.idd3n;
    energy.precharge_standby += unit * clocks(rank_clocks - open) * supply.idd2n;
  }
  return energy;
}

}  // namespace npusim::mem
