#include "tests/mem/trace_checker.h"

#include <algorithm>

namespace npusim::mem::test {

using Kind = DramCommand::Kind;

TraceChecker::TraceChecker(const DramTiming& timing)
    : timing_(timing), banks_(static_cast<std::size_t>(timing.banks)) {}

std::string TraceChecker::check(std::vector<DramCommand> commands) {
  std::stable_sort(commands.begin(), commands.end(),
                   [](const DramCommand& a, const DramCommand& b) { return a.clock < b.clock; });
  for (const DramCommand& command : commands) {
    one(command);
    if (!broken_.empty()) break;
  }
  return broken_;
}

std::int64_t TraceChecker::smallest(const std::string& name) const {
  for (const auto& [known, value] : smallest_) {
    if (known == name) return value;
  }
  return -1;
}

void TraceChecker::rule(const DramCommand& command, bool holds, const std::string& name) {
  if (holds || !broken_.empty()) return;
  broken_ =
      name + " broken at clock " + std::to_string(command.clock) + ", bank " + std::to_string(command.bank);
}

void TraceChecker::distance(const DramCommand& command, const std::string& name, std::int64_t from,
                            std::int64_t least) {
  if (from == kLongAgo) return;
  const std::int64_t apart = command.clock - from;
  rule(command, apart >= least, name);
  for (auto& [known, value] : smallest_) {
    if (known != name) continue;
    value = std::min(value, apart);
    return;
  }
  smallest_.emplace_back(name, apart);
}

void TraceChecker::one(const DramCommand& command) {
  switch (command.kind) {
    case Kind::activate:
      return activate(command);
    case Kind::precharge:
      rule(command, banks_[static_cast<std::size_t>(command.bank)].open, "precharge of an open bank");
      return precharge(command, banks_[static_cast<std::size_t>(command.bank)]);
    case Kind::precharge_all:
      for (Bank& bank : banks_) {
        if (bank.open) precharge(command, bank);
      }
      precharge_all_ = command.clock;
      return;
    case Kind::refresh:
      return refresh(command);
    case Kind::read:
    case Kind::write:
      return column(command);
  }
}

void TraceChecker::activate(const DramCommand& command) {
  Bank& bank = banks_[static_cast<std::size_t>(command.bank)];
  rule(command, !bank.open, "activate of a closed bank");
  distance(command, "precharge-activate", bank.precharge, timing_.trp);
  distance(command, "activate-activate same bank", bank.activate, timing_.trc);
  distance(command, "refresh-activate", refresh_, timing_.trfc);
  if (!activates_.empty()) distance(command, "activate-activate", activates_.back(), timing_.trrd);
  if (activates_.size() >= 4) {
    distance(command, "five activates", activates_[activates_.size() - 4], timing_.tfaw);
  }
  activates_.push_back(command.clock);
  bank.open = true;
  bank.row = command.row;
  bank.activate = command.clock;
}

void TraceChecker::precharge(const DramCommand& command, Bank& bank) {
  distance(command, "activate-precharge", bank.activate, timing_.tras);
  distance(command, "read-precharge", bank.read, timing_.trtp);
  distance(command, "write-precharge", bank.write, timing_.wl + timing_.burst_clocks + timing_.twr);
  bank.open = false;
  if (command.kind == Kind::precharge) bank.precharge = command.clock;
}

void TraceChecker::refresh(const DramCommand& command) {
  for (const Bank& bank : banks_) {
    rule(command, !bank.open, "refresh with all banks closed");
    distance(command, "precharge-refresh", bank.precharge, timing_.trp);
  }
  distance(command, "precharge all-refresh", precharge_all_, timing_.trp_all);
  distance(command, "refresh-refresh", refresh_, timing_.trfc);
  ++refreshes_;
  const std::int64_t late = command.clock - refreshes_ * timing_.trefi;
  rule(command, late >= 0 && late + timing_.trfc <= longest_refresh(timing_), "refresh when it is due");
  refresh_ = command.clock;
}

void TraceChecker::column(const DramCommand& command) {
  Bank& bank = banks_[static_cast<std::size_t>(command.bank)];
  rule(command, bank.open && bank.row == command.row, "column command to the open row");
  distance(command, "activate-column", bank.activate, timing_.trcd);
  const bool write = command.kind == Kind::write;
  if (write) {
    distance(command, "write-write", write_, timing_.burst_clocks);
    distance(command, "read-write", read_, timing_.trtw);
    bank.write = write_ = command.clock;
  } else {
    distance(command, "read-read", read_, timing_.burst_clocks);
    distance(command, "write-read", write_, timing_.wl + timing_.burst_clocks + timing_.twtr);
    bank.read = read_ = command.clock;
  }
  const std::int64_t data = command.clock + (write ? timing_.wl : timing_.rl);
  rule(command, data >= data_free_, "one burst at a time on the data bus");
  data_free_ = data + timing_.burst_clocks;
}

}  // namespace npusim::mem::test
