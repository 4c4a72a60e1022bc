#include "tests/mem/command_checker.h"

#include <algorithm>
#include <cstdlib>

namespace npusim::mem::test {

namespace {

std::string describe(const IssuedCommand& one) {
  return std::string(to_string(one.command)) + " at clock " + std::to_string(one.clock) + " on rank " +
         std::to_string(one.rank) + " group " + std::to_string(one.group) + " bank " +
         std::to_string(one.bank);
}

bool is_column(const IssuedCommand& one) {
  return one.command == Command::read || one.command == Command::write;
}

}  // namespace

bool CommandChecker::related(Scope scope, const IssuedCommand& a, const IssuedCommand& b) const {
  const auto either = [](std::int32_t x, std::int32_t y) { return x < 0 || y < 0 || x == y; };
  const bool same_rank = a.rank == b.rank;
  switch (scope) {
    case Scope::bank:
      return same_rank && either(a.group, b.group) && either(a.bank, b.bank);
    case Scope::bank_group:
      return same_rank && either(a.group, b.group);
    case Scope::rank:
      return same_rank;
    case Scope::other_rank:
      return !same_rank;
  }
  return false;
}

std::size_t CommandChecker::first_bank(const IssuedCommand& one) const {
  return static_cast<std::size_t>((one.rank * rules_.bank_groups + std::max(one.group, 0)) *
                                      rules_.banks_per_group +
                                  std::max(one.bank, 0));
}

std::size_t CommandChecker::bank_count(const IssuedCommand& one) const {
  return one.bank < 0 ? static_cast<std::size_t>(rules_.bank_groups * rules_.banks_per_group) : 1;
}

std::string CommandChecker::pairs(const std::vector<IssuedCommand>& commands, std::size_t index) {
  const IssuedCommand& later = commands[index];
  std::int64_t reach = 0;
  for (const Constraint& rule : rules_.constraints) reach = std::max(reach, rule.clocks);
  for (std::size_t i = index; i-- > 0;) {
    const IssuedCommand& earlier = commands[i];
    const std::int64_t apart = later.clock - earlier.clock;
    if (apart > reach) break;
    for (const Constraint& rule : rules_.constraints) {
      if (rule.nth != 1 || rule.from != earlier.command || rule.to != later.command ||
          !related(rule.scope, earlier, later)) {
        continue;
      }
      if (apart < rule.clocks) {
        return describe(later) + " is " + std::to_string(apart) + " after " + describe(earlier) + ", not " +
               std::to_string(rule.clocks) + " (" + std::string(to_string(rule.scope)) + ")";
      }
      const auto key = std::tuple(rule.scope, rule.from, rule.to);
      const auto [known, added] = smallest_.emplace(key, apart);
      if (!added) known->second = std::min(known->second, apart);
    }
  }
  return "";
}

std::string CommandChecker::window(const std::vector<IssuedCommand>& commands, std::size_t index) const {
  const IssuedCommand& later = commands[index];
  const std::int64_t clocks = rules_.distance(Scope::rank, Command::activate, Command::activate, 4);
  if (later.command != Command::activate) return "";
  int activates = 1;
  for (std::size_t i = index; i-- > 0 && later.clock - commands[i].clock < clocks;) {
    if (commands[i].command == Command::activate && commands[i].rank == later.rank) ++activates;
  }
  return activates <= 4 ? "" : describe(later) + " is the fifth within the four-activate window";
}

std::string CommandChecker::state(const IssuedCommand& command) {
  for (std::size_t i = 0; i < bank_count(command); ++i) {
    Bank& bank = banks_[first_bank(command) + i];
    switch (command.command) {
      case Command::activate:
        if (bank.open) return describe(command) + " activates an open bank";
        bank = {true, command.row};
        break;
      case Command::read:
      case Command::write:
        if (!bank.open || bank.row != command.row) return describe(command) + " misses the open row";
        if (command.auto_precharge) bank.open = false;
        break;
      case Command::precharge:
        if (!bank.open) return describe(command) + " closes a closed bank";
        bank.open = false;
        break;
      case Command::precharge_all:
        bank.open = false;
        break;
      case Command::refresh:
      case Command::refresh_bank:
        if (bank.open) return describe(command) + " refreshes an open bank";
    }
  }
  return "";
}

std::string CommandChecker::buses(const IssuedCommand& command) {
  if (command.clock < bus_free_) return describe(command) + " overlaps the command before";
  bus_free_ = command.clock + rules_.command_clocks[static_cast<std::size_t>(command.command)];
  if (!is_column(command)) return "";
  const std::int64_t end =
      command.clock + (command.command == Command::read ? rules_.read_end : rules_.write_end);
  if (end - rules_.burst_clocks < data_free_)
    return describe(command) + ": its data overlaps the burst before";
  data_free_ = end;
  return "";
}

std::string CommandChecker::check(const std::vector<IssuedCommand>& commands) {
  banks_.assign(static_cast<std::size_t>(rules_.banks()), Bank());
  bus_free_ = data_free_ = 0;
  for (std::size_t index = 0; index < commands.size(); ++index) {
    if (index > 0 && commands[index].clock < commands[index - 1].clock) return "commands out of order";
    for (const std::string& fault :
         {pairs(commands, index), window(commands, index), state(commands[index]), buses(commands[index])}) {
      if (!fault.empty()) return fault;
    }
  }
  // An auto-precharge acts as a precharge at its earliest legal clock: the row's next ACT, and a refresh,
  // wait.
  for (std::size_t index = 0; index < commands.size(); ++index) {
    if (!commands[index].auto_precharge) continue;
    const Command column = commands[index].command;
    const std::int64_t start =
        commands[index].clock + rules_.distance(Scope::bank, column, Command::precharge);
    for (std::size_t i = index + 1; i < commands.size(); ++i) {
      if (!related(Scope::bank, commands[index], commands[i])) continue;
      const Scope scope = commands[i].command == Command::refresh ? Scope::rank : Scope::bank;
      if (commands[i].clock < start + rules_.distance(scope, Command::precharge, commands[i].command)) {
        return describe(commands[i]) + " is too early after an auto-precharge";
      }
      break;
    }
  }
  return "";
}

std::int64_t CommandChecker::smallest(Scope scope, Command from, Command to) const {
  const auto found = smallest_.find({scope, from, to});
  return found == smallest_.end() ? -1 : found->second;
}

bool CommandChecker::refreshed(const std::vector<IssuedCommand>& commands, RefreshPolicy policy,
                               std::int64_t clock) const {
  const bool per_bank = policy == RefreshPolicy::per_bank;
  const std::int64_t interval = per_bank ? rules_.bank_refresh_interval : rules_.refresh_interval;
  const Command wanted = per_bank ? Command::refresh_bank : Command::refresh;
  const auto count =
      std::count_if(commands.begin(), commands.end(), [&](auto& one) { return one.command == wanted; });
  if (policy == RefreshPolicy::none) return count == 0;
  return std::abs(count - clock * rules_.ranks / interval) <= rules_.ranks;
}

}  // namespace npusim::mem::test
