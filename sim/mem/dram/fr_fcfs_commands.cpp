// What each command does to the channel, and when the next ones may follow.
#include <algorithm>

#include "sim/mem/dram/fr_fcfs_controller.h"

namespace npusim::mem {

namespace {

constexpr std::size_t index(Command command) { return static_cast<std::size_t>(command); }
constexpr std::uint64_t bit(std::size_t bank) { return UINT64_C(1) << bank; }

}  // namespace

void FrFcfsController::want(const Bank& bank) {
  Wanted& wanted = wanted_[static_cast<std::size_t>(&bank - banks_.data())];
  const bool open = bank.open_row != kNone;
  const Command row_command = open ? Command::precharge : Command::activate;
  wanted.row_command = static_cast<std::uint8_t>(row_command);
  wanted.group = bank.group;
  wanted.row = !open || wants_precharge(bank) ? bank.earliest[index(row_command)] : kNeverClock;
  wanted.read = bank.first_read >= 0 ? bank.earliest[index(Command::read)] : kNeverClock;
  wanted.write = bank.first_write >= 0 ? bank.earliest[index(Command::write)] : kNeverClock;
}

void FrFcfsController::activate(std::size_t number, std::int64_t clock) {
  Bank& bank = banks_[number];
  log(Command::activate, clock, number, &bank.at(0));
  bank.open_row = bank.at(0).row;
  bank.columns = 0;
  open_ |= bit(number);
  ++counters_.activates;
  find_hits(bank);
  apply(Command::activate, number, clock);
}

void FrFcfsController::precharge(std::size_t number, std::int64_t clock, const Entry* entry) {
  Bank& bank = banks_[number];
  log(Command::precharge, clock, number, entry);
  bank.open_row = kNone;
  open_ &= ~bit(number);
  ++counters_.precharges;
  find_hits(bank);
  apply(Command::precharge, number, clock);
}

void FrFcfsController::column(std::size_t number, std::int32_t place, std::int64_t clock) {
  Bank& bank = banks_[number];
  const Entry entry = bank.at(place);
  bank.remove(place);
  full_ &= ~bit(number);
  if (bank.size == 0) queued_ &= ~bit(number);
  find_next_hit(bank, place, entry.write);
  if (bank.columns++ == 0) ++counters_.row_misses;
  bank.last_column = clock;
  (entry.write ? write_addresses_ : read_addresses_).remove(entry.address);
  ++(entry.write ? counters_.writes : counters_.reads);
  if (!entry.write) {
    --unserved_reads_;
    read_turn_ = std::max<std::int64_t>(0, read_turn_ - 1);
  }
  const bool closes = policy_.page == PagePolicy::closed && bank.first_read < 0 && bank.first_write < 0;
  log(entry.write ? Command::write : Command::read, clock, number, &entry, closes);
  apply(entry.write ? Command::write : Command::read, number, clock);
  if (closes) auto_precharge(bank, clock);
  if (!entry.write) return_data(entry, clock);
  may_move_ = true;
}

void FrFcfsController::auto_precharge(Bank& bank, std::int64_t clock) {
  const std::int64_t start = std::max(clock, bank.earliest[index(Command::precharge)]);
  for (const Update& update : closing_) {
    bank.earliest[update.to] = std::max(bank.earliest[update.to], start + update.clocks);
  }
  open_ &= ~bit(static_cast<std::size_t>(&bank - banks_.data()));
  bank.open_row = kNone;
  find_hits(bank);
  ++counters_.auto_precharges;
}

void FrFcfsController::return_data(const Entry& entry, std::int64_t clock) {
  done_.push_back({entry.id, clock + rules_.read_end});
  if (merged_.empty()) return;
  const auto same = [&](const Entry& one) { return one.address == entry.address; };
  for (const Entry& one : merged_) {
    if (same(one)) done_.push_back({one.id, clock + rules_.read_end});
  }
  std::erase_if(merged_, same);
}

void FrFcfsController::apply(Command command, std::size_t number, std::int64_t clock) {
  Bank& bank = banks_[number];
  const Updates& updates = updates_[index(command)];
  const auto raise = [clock](Timers& timers, const Update& update) {
    timers[update.to] = std::max(timers[update.to], clock + update.clocks);
  };
  for (const Update& update : updates.bank) raise(bank.earliest, update);
  for (const Update& update : updates.group) raise(groups_[bank.group], update);
  const auto in_rank = static_cast<std::size_t>(rules_.bank_groups);
  Timers* groups = groups_.data() + bank.rank * in_rank;
  for (std::size_t group = 0; group < in_rank; ++group) {
    for (const Update& update : updates.rank) raise(groups[group], update);
  }
  if (!updates.other_rank.empty()) {
    for (std::size_t group = 0; group < groups_.size(); ++group) {
      if (group / in_rank == bank.rank) continue;
      for (const Update& update : updates.other_rank) raise(groups_[group], update);
    }
  }
  if (command == Command::activate && four_activates_ > 0) {
    Rank& rank = ranks_[bank.rank];
    rank.activates[rank.next % 4] = clock;
    const std::int64_t fourth_last = rank.activates[++rank.next % 4];
    for (std::size_t group = 0; group < in_rank; ++group) {
      groups[group][0] = std::max(groups[group][0], fourth_last + four_activates_);
    }
  }
  want(bank);
  bus_free_ = clock + rules_.command_clocks[index(command)];
}

void FrFcfsController::find_hits(Bank& bank) {
  bank.first_read = bank.first_write = kNone;
  bank.head_hits = bank.open_row != kNone && bank.size > 0 && bank.at(0).row == bank.open_row;
  for (std::int32_t i = 0; i < bank.size && bank.open_row != kNone; ++i) {
    const Entry& entry = bank.at(i);
    if (entry.row != bank.open_row) continue;
    std::int32_t& first = entry.write ? bank.first_write : bank.first_read;
    if (first < 0) first = i;
  }
  want(bank);
}

void FrFcfsController::find_next_hit(Bank& bank, std::int32_t place, bool write) {
  bank.head_hits = bank.size > 0 && bank.at(0).row == bank.open_row;
  std::int32_t& same = write ? bank.first_write : bank.first_read;
  std::int32_t& other = write ? bank.first_read : bank.first_write;
  if (other > place) --other;
  same = kNone;
  for (std::int32_t i = place; i < bank.size && same == kNone; ++i) {
    if (bank.at(i).row == bank.open_row && bank.at(i).write == write) same = i;
  }
}

void FrFcfsController::log(Command command, std::int64_t clock, std::size_t number, const Entry* entry,
                           bool closes) {
  if (observer_ != nullptr) {
    const BurstRequest request = entry != nullptr ? entry->request() : BurstRequest();
    observer_->issued(command, clock, number, entry != nullptr ? entry->row : -1,
                      entry != nullptr ? &request : nullptr, closes);
  }
  if (trace_ == nullptr) return;
  const bool whole_rank = command == Command::precharge_all || command == Command::refresh;
  const auto in_group = static_cast<std::size_t>(rules_.banks_per_group);
  const auto groups = static_cast<std::size_t>(rules_.bank_groups);
  IssuedCommand issued{clock, command, closes, banks_[number].rank};
  if (!whole_rank) {
    issued.group = static_cast<std::int32_t>(number / in_group % groups);
    issued.bank = static_cast<std::int32_t>(number % in_group);
  }
  if (entry != nullptr) {
    issued.row = entry->row;
    issued.column = entry->column;
  }
  trace_->push_back(issued);
}

}  // namespace npusim::mem
