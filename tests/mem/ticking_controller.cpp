#include "tests/mem/ticking_controller.h"

#include <algorithm>
#include <tuple>

namespace npusim::mem::test {

TickingController::TickingController(const DramRules& rules, const FrFcfsPolicy& policy,
                                     const AddressMapping& mapping)
    : rules_(rules), policy_(policy), mapping_(mapping) {
  check(policy, rules, "test");
  History never;
  never.fill(kLongAgo);
  for (std::int64_t rank = 0; rank < rules.ranks; ++rank) {
    ranks_.push_back({never, std::vector<History>(static_cast<std::size_t>(rules.bank_groups), never), {}});
    for (std::int64_t group = 0; group < rules.bank_groups; ++group) {
      for (std::int64_t bank = 0; bank < rules.banks_per_group; ++bank) {
        banks_.emplace_back();
        banks_.back().rank = rank;
        banks_.back().group = group;
        banks_.back().bank = bank;
        banks_.back().last = never;
      }
    }
  }
}

std::int64_t TickingController::bank_index(const DramAddress& at) const {
  return (at.rank * rules_.bank_groups + at.group) * rules_.banks_per_group + at.bank;
}

bool TickingController::waiting(std::uint64_t address, bool write) const {
  const auto matches = [&](const Entry& entry) {
    return entry.request.address == address && entry.request.write == write;
  };
  const auto any = [&](const std::vector<Entry>& queue) {
    return std::any_of(queue.begin(), queue.end(), matches);
  };
  return any(write ? writes_ : reads_) ||
         std::any_of(banks_.begin(), banks_.end(), [&](const Bank& bank) { return any(bank.queue); });
}

bool TickingController::push(const BurstRequest& request) {
  const Entry entry{request, mapping_.decode(request.address)};
  std::vector<Entry>& queue = request.write ? writes_ : reads_;
  if (std::ssize(queue) >= (request.write ? policy_.write_queue : policy_.read_queue)) return false;
  if (waiting(request.address, true)) {
    if (request.write) {
      ++counters_.merged;
    } else {
      ++counters_.forwarded_reads;
      done_.push_back({request.id, now_ + 1});
    }
  } else if (!request.write && waiting(request.address, false)) {
    ++counters_.merged;
    merged_.push_back(entry);
  } else {
    queue.push_back(entry);
  }
  return true;
}

void TickingController::tick() {
  refresh_falls_due();
  if (now_ >= bus_free_) {
    (void)(refresh() || (policy_.columns_first && from_queues(true)) || from_queues(false) || close_idle());
  }
  move();
  ++now_;
}

void TickingController::refresh_falls_due() {
  if (policy_.refresh == RefreshPolicy::none || now_ == 0) return;
  const bool per_bank = policy_.refresh == RefreshPolicy::per_bank;
  const std::int64_t interval =
      (per_bank ? rules_.bank_refresh_interval : rules_.refresh_interval) / rules_.ranks;
  if (now_ % interval != 0) return;
  if (!per_bank) {
    due_.push_back({refreshes_begun_++ % rules_.ranks, -1});
    return;
  }
  if (std::count(refreshed_.begin(), refreshed_.end(), false) == 0) refreshed_.assign(banks_.size(), false);
  const std::size_t bank = bank_to_refresh();
  refreshed_[bank] = true;
  due_.push_back({banks_[bank].rank, static_cast<std::int64_t>(bank)});
}

DramCounters TickingController::settled() const {
  TickingController copy(*this);
  copy.trace_ = nullptr;
  copy.observer_ = nullptr;
  const auto working = [&copy] {
    const bool queued =
        std::any_of(copy.banks_.begin(), copy.banks_.end(), [](auto& bank) { return !bank.queue.empty(); });
    return queued || !copy.reads_.empty() || copy.draining_ > 0 ||
           std::ssize(copy.writes_) >= copy.policy_.write_idle;
  };
  while (working()) copy.tick();
  return copy.counters_;
}

std::size_t TickingController::bank_to_refresh() const {
  const auto key = [this](std::size_t index) {
    const Bank& one = banks_[index];
    const int merit = !policy_.idle_refresh ? 0 : !one.queue.empty() ? 2 : one.open ? 1 : 0;
    return std::tuple(merit, one.rank, one.bank, one.group);
  };
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    if (!refreshed_[i]) left.push_back(i);
  }
  return *std::min_element(left.begin(), left.end(),
                           [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
}

bool TickingController::refreshing(const Bank& bank) const {
  if (due_.empty()) return false;
  if (due_.front().bank < 0) return bank.rank == due_.front().rank;
  return &bank == &banks_[static_cast<std::size_t>(due_.front().bank)];
}

bool TickingController::refresh() {
  if (due_.empty()) return false;
  if (due_.front().bank < 0) return refresh_banks(due_.front().rank);
  Bank& bank = banks_[static_cast<std::size_t>(due_.front().bank)];
  const Command command = bank.open ? Command::precharge : Command::refresh_bank;
  if (!allowed(command, bank)) return false;
  issue(command, bank, nullptr);
  if (command == Command::refresh_bank) due_.pop_front();
  return true;
}

bool TickingController::refresh_banks(std::int64_t rank) {
  bool open = false;
  bool ready = true;
  for (Bank& bank : banks_) {
    if (bank.rank != rank) continue;
    open = open || bank.open;
    // With one precharge for all, banks that are still to close by themselves count too.
    if (policy_.precharge_all && !allowed(Command::precharge, bank)) ready = false;
    if (policy_.precharge_all || !bank.open || !allowed(Command::precharge, bank)) continue;
    issue(Command::precharge, bank, nullptr);
    return true;
  }
  const Command command = open ? Command::precharge_all : Command::refresh;
  if (open && !policy_.precharge_all) return false;
  ready = ready || !open;
  for (Bank& bank : banks_) ready = ready && (bank.rank != rank || allowed(command, bank));
  if (!ready) return false;
  const auto first = std::find_if(banks_.begin(), banks_.end(), [&](auto& one) { return one.rank == rank; });
  issue(command, *first, nullptr);
  if (command == Command::refresh) due_.pop_front();
  return true;
}

bool TickingController::from_queues(bool columns_only) {
  const std::int64_t count = std::ssize(banks_);
  for (std::int64_t step = 1; step <= count; ++step) {
    Bank& bank = banks_[static_cast<std::size_t>((turn_ + step) % count)];
    if (refreshing(bank) || !from_queue(bank, columns_only)) continue;
    turn_ = (turn_ + step) % count;
    return true;
  }
  return false;
}

bool TickingController::from_queue(Bank& bank, bool columns_only) {
  if (bank.queue.empty()) return false;
  const Entry head = bank.queue.front();
  if (!bank.open) {
    if (columns_only || !allowed(Command::activate, bank)) return false;
    issue(Command::activate, bank, &head);
    return true;
  }
  const auto hits = [&](const Entry& entry) { return entry.at.row == bank.row; };
  const bool any_hit = std::any_of(bank.queue.begin(), bank.queue.end(), hits);
  if (!hits(head) && (!any_hit || bank.columns >= policy_.hit_cap) && allowed(Command::precharge, bank)) {
    if (columns_only) return false;
    issue(Command::precharge, bank, &head);
    return true;
  }
  for (std::size_t index = 0; index < bank.queue.size(); ++index) {
    const Entry& entry = bank.queue[index];
    if (!hits(entry) || !allowed(entry.request.write ? Command::write : Command::read, bank)) continue;
    column(bank, index);
    return true;
  }
  return false;
}

bool TickingController::close_idle() {
  if (policy_.page != PagePolicy::adaptive) return false;
  for (Bank& bank : banks_) {
    if (!bank.open || !bank.queue.empty() || refreshing(bank)) continue;
    if (now_ < bank.last_column + policy_.page_timeout || !allowed(Command::precharge, bank)) continue;
    issue(Command::precharge, bank, nullptr);
    return true;
  }
  return false;
}

std::int64_t TickingController::last(const Constraint& rule, const Bank& bank) const {
  const auto from = static_cast<std::size_t>(rule.from);
  const Rank& rank = ranks_[static_cast<std::size_t>(bank.rank)];
  std::int64_t latest = kLongAgo;
  switch (rule.scope) {
    case Scope::bank:
      return bank.last[from];
    case Scope::bank_group:
      return rank.groups[static_cast<std::size_t>(bank.group)][from];
    case Scope::rank:
      if (rule.nth == 1) return rank.last[from];
      if (std::ssize(rank.activates) < rule.nth) return kLongAgo;
      return rank.activates[rank.activates.size() - static_cast<std::size_t>(rule.nth)];
    case Scope::other_rank:
      for (const Rank& other : ranks_) {
        if (&other != &rank) latest = std::max(latest, other.last[from]);
      }
  }
  return latest;
}

bool TickingController::allowed(Command command, const Bank& bank) const {
  for (const Constraint& rule : rules_.constraints) {
    if (rule.to == command && now_ < last(rule, bank) + rule.clocks) return false;
    const bool closing =
        rule.from == Command::precharge && rule.to == command &&
        (command == Command::activate || command == Command::refresh || command == Command::refresh_bank);
    if (closing && now_ < bank.auto_precharge + rule.clocks) return false;
  }
  return true;
}

void TickingController::column(Bank& bank, std::size_t index) {
  const Entry entry = bank.queue[index];
  bank.queue.erase(bank.queue.begin() + static_cast<std::ptrdiff_t>(index));
  const bool last_hit = std::none_of(bank.queue.begin(), bank.queue.end(),
                                     [&](const Entry& one) { return one.at.row == bank.row; });
  const bool closes = policy_.page == PagePolicy::closed && last_hit;
  issue(entry.request.write ? Command::write : Command::read, bank, &entry, closes);
  if (entry.request.write) return;
  read_turn_ = std::max<std::int64_t>(0, read_turn_ - 1);
  const auto finish = [&](const Entry& one) { done_.push_back({one.request.id, now_ + rules_.read_end}); };
  finish(entry);
  const auto same = [&](const Entry& one) { return one.request.address == entry.request.address; };
  for (const Entry& one : merged_) {
    if (same(one)) finish(one);
  }
  std::erase_if(merged_, same);
}

void TickingController::issue(Command command, Bank& bank, const Entry* entry, bool auto_precharge) {
  const auto kind = static_cast<std::size_t>(command);
  Rank& rank = ranks_[static_cast<std::size_t>(bank.rank)];
  const bool whole_rank = command == Command::precharge_all || command == Command::refresh;
  bank.last[kind] = rank.last[kind] = rank.groups[static_cast<std::size_t>(bank.group)][kind] = now_;
  if (command == Command::activate) {
    rank.activates.push_back(now_);
    bank.open = true;
    bank.row = entry->at.row;
    bank.columns = 0;
  } else if (command == Command::precharge) {
    bank.open = false;
  } else if (command == Command::precharge_all) {
    for (Bank& one : banks_) one.open = one.open && one.rank != bank.rank;
  } else if (command == Command::read || command == Command::write) {
    if (bank.columns++ == 0) ++counters_.row_misses;
    bank.last_column = now_;
    if (auto_precharge) {
      bank.auto_precharge = now_;
      for (const Constraint& rule : rules_.constraints) {
        if (rule.scope != Scope::bank || rule.to != Command::precharge) continue;
        bank.auto_precharge = std::max(bank.auto_precharge, last(rule, bank) + rule.clocks);
      }
      bank.open = false;
      ++counters_.auto_precharges;
    }
  }
  bus_free_ = now_ + rules_.command_clocks[kind];
  const std::array<std::int64_t*, kCommands> totals = {
      &counters_.activates,      &counters_.reads,     &counters_.writes,        &counters_.precharges,
      &counters_.precharges_all, &counters_.refreshes, &counters_.bank_refreshes};
  ++*totals[kind];
  if (observer_ != nullptr) {
    observer_->issued(command, now_, static_cast<std::size_t>(&bank - banks_.data()),
                      entry == nullptr ? -1 : entry->at.row, entry == nullptr ? nullptr : &entry->request,
                      auto_precharge);
  }
  if (trace_ == nullptr) return;
  trace_->push_back({now_, command, auto_precharge, static_cast<std::int32_t>(bank.rank),
                     whole_rank ? -1 : static_cast<std::int32_t>(bank.group),
                     whole_rank ? -1 : static_cast<std::int32_t>(bank.bank),
                     entry == nullptr ? -1 : entry->at.row, entry == nullptr ? -1 : entry->at.column});
}

void TickingController::move() {
  const bool queues_empty =
      std::all_of(banks_.begin(), banks_.end(), [](const Bank& bank) { return bank.queue.empty(); });
  const std::int64_t waiting_writes = std::ssize(writes_);
  if (draining_ == 0 && read_turn_ == 0 &&
      (waiting_writes >= policy_.write_high || (waiting_writes >= policy_.write_idle && queues_empty))) {
    draining_ = std::max<std::int64_t>(1, waiting_writes - policy_.write_low);
    reads_before_drain_ = counters_.reads;
  }
  if (draining_ == 0) {
    move_from(reads_);
    return;
  }
  if (move_from(writes_)) {
    if (--draining_ > 0 || !policy_.read_turns || counters_.reads > reads_before_drain_) return;
    read_turn_ = std::ssize(reads_);
    for (const Bank& bank : banks_) {
      read_turn_ += std::count_if(bank.queue.begin(), bank.queue.end(),
                                  [](const Entry& entry) { return !entry.request.write; });
    }
  } else if (!policy_.dependency_ends_drain || queues_empty) {
    move_from(reads_);
  }
}

bool TickingController::move_from(std::vector<Entry>& queue) {
  for (auto entry = queue.begin(); entry != queue.end(); ++entry) {
    Bank& bank = banks_[static_cast<std::size_t>(bank_index(entry->at))];
    if (std::ssize(bank.queue) >= policy_.bank_queue) continue;
    if (entry->request.write && waiting(entry->request.address, false)) {
      if (!policy_.dependency_ends_drain) continue;
      draining_ = 0;
      return false;
    }
    bank.queue.push_back(*entry);
    queue.erase(entry);
    return true;
  }
  return false;
}

}  // namespace npusim::mem::test
