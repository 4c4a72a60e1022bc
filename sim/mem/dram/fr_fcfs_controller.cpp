#include "sim/mem/dram/fr_fcfs_controller.h"

#include <algorithm>
#include <bit>

namespace npusim::mem {

namespace {

constexpr std::size_t index(Command command) { return static_cast<std::size_t>(command); }
constexpr std::uint64_t bit(std::size_t bank) { return UINT64_C(1) << bank; }
std::size_t lowest(std::uint64_t mask) { return static_cast<std::size_t>(std::countr_zero(mask)); }

}  // namespace

FrFcfsController::FrFcfsController(const DramRules& rules, const FrFcfsPolicy& policy,
                                   const AddressMapping& mapping)
    : rules_(rules), policy_(policy), mapping_(mapping) {
  check(policy, rules, "dram controller");
  const std::int64_t in_rank = rules.bank_groups * rules.banks_per_group;
  banks_.resize(static_cast<std::size_t>(rules.banks()));
  wanted_.resize(banks_.size());
  for (std::size_t bank = 0; bank < banks_.size(); ++bank) {
    banks_[bank].rank = static_cast<std::uint8_t>(static_cast<std::int64_t>(bank) / in_rank);
    banks_[bank].group = static_cast<std::uint8_t>(static_cast<std::int64_t>(bank) / rules.banks_per_group);
  }
  groups_.resize(static_cast<std::size_t>(rules.ranks * rules.bank_groups));
  for (auto& group : groups_) group.fill(0);
  ranks_.resize(static_cast<std::size_t>(rules.ranks));
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    ranks_[rank].activates.fill(-kNeverClock);
    ranks_[rank].first_bank = static_cast<std::int32_t>(static_cast<std::int64_t>(rank) * in_rank);
    for (std::size_t bank = 0; bank < banks_.size(); ++bank) {
      if (banks_[bank].rank == rank) ranks_[rank].banks |= bit(bank);
    }
  }
  // Room for as many that have left, so that the others are seldom moved.
  reads_.entries.reserve(2 * static_cast<std::size_t>(policy.read_queue));
  writes_.entries.reserve(2 * static_cast<std::size_t>(policy.write_queue));
  const auto burst = static_cast<std::uint64_t>(rules.burst_bytes);
  for (std::uint64_t low = 1; burst * low < mapping_.capacity(); low *= 2) {
    const DramAddress at = mapping_.decode(burst * low);
    if (static_cast<std::uint64_t>(at.column) != low) break;
    run_mask_ |= burst * low;
  }
  build_updates();
  if (policy.refresh != RefreshPolicy::none) {
    const bool per_bank = policy.refresh == RefreshPolicy::per_bank;
    due_interval_ = (per_bank ? rules.bank_refresh_interval : rules.refresh_interval) / rules.ranks;
    next_ = next_due_ = due_interval_;
  }
}

void FrFcfsController::build_updates() {
  for (const Constraint& rule : rules_.constraints) {
    const Update update{static_cast<std::uint8_t>(rule.to), rule.clocks};
    Updates& updates = updates_[index(rule.from)];
    if (rule.nth != 1) {
      four_activates_ = rule.clocks;
    } else if (rule.scope == Scope::bank) {
      updates.bank.push_back(update);
    } else if (rule.scope == Scope::bank_group) {
      updates.group.push_back(update);
    } else if (rule.scope == Scope::rank) {
      updates.rank.push_back(update);
    } else if (rules_.ranks > 1) {
      updates.other_rank.push_back(update);
    }
    const bool closes =
        rule.from == Command::precharge &&
        (rule.to == Command::activate || rule.to == Command::refresh || rule.to == Command::refresh_bank);
    if (closes) closing_.push_back(update);
  }
}

bool FrFcfsController::queued(const Waiting& waiting, const Entry& entry, bool write) const {
  const auto same = [&](const Entry& one) { return one.address == entry.address && one.write == write; };
  const Bank& bank = banks_[entry.bank];
  const auto first = waiting.entries.begin() + static_cast<std::ptrdiff_t>(waiting.first);
  if (std::any_of(first, waiting.entries.end(), same)) return true;
  for (std::int32_t i = 0; i < bank.size; ++i) {
    if (same(bank.at(i))) return true;
  }
  return false;
}

FrFcfsController::Entry FrFcfsController::decode(std::uint64_t address) {
  const auto low =
      static_cast<std::int32_t>((address & run_mask_) / static_cast<std::uint64_t>(rules_.burst_bytes));
  if ((address & ~run_mask_) != run_) {
    const DramAddress at = mapping_.decode(address);
    const std::int64_t group = at.rank * rules_.bank_groups + at.group;
    run_ = address & ~run_mask_;
    run_entry_.row = static_cast<std::int32_t>(at.row);
    run_entry_.column = at.column ^ low;
    run_entry_.bank = static_cast<std::uint8_t>(group * rules_.banks_per_group + at.bank);
  }
  Entry entry = run_entry_;
  entry.column ^= low;
  return entry;
}

bool FrFcfsController::push(const BurstRequest& request) {
  Entry entry = decode(request.address);
  Waiting& waiting = request.write ? writes_ : reads_;
  const std::int64_t room = request.write ? policy_.write_queue : policy_.read_queue;
  if (static_cast<std::int64_t>(waiting.size()) >= room) return false;
  entry.address = request.address;
  entry.id = request.id;
  entry.write = request.write;
  entry.port = request.port;
  if (write_addresses_.may_hold(entry.address) && queued(writes_, entry, true)) {
    ++(request.write ? counters_.merged : counters_.forwarded_reads);
    if (!request.write) done_.push_back({request.id, now_ + 1});
    return true;
  }
  if (!request.write && read_addresses_.may_hold(entry.address) && queued(reads_, entry, false)) {
    ++counters_.merged;
    merged_.push_back(entry);
    return true;
  }
  (request.write ? write_addresses_ : read_addresses_).add(entry.address);
  if (!request.write) ++unserved_reads_;
  waiting.push_back(entry);
  ++waiting.by_bank[entry.bank];
  waiting.banks |= bit(entry.bank);
  // A read whose bank has no room changes nothing about what may move.
  if (request.write || (full_ & bit(entry.bank)) == 0) {
    may_move_ = true;
    next_ = std::min(next_, now_);
  }
  return true;
}

void FrFcfsController::run_to(std::int64_t clock) {
  while (next_ < clock) {
    step(next_);
    if (next_ == next_due_ && next_ < clock) skip_idle_refreshes(clock);
  }
}

void FrFcfsController::skip_idle_refreshes(std::int64_t clock) {
  // Once all rows are closed the refreshes repeat, rank by rank or bank by bank: of two whole rounds, of
  // which each command's effects are over before the next, only the second leaves a trace in the timers.
  if (!idle() || open_ != 0 || !due_.empty() || trace_ != nullptr) return;
  const bool per_bank = policy_.refresh == RefreshPolicy::per_bank;
  if (per_bank && unrefreshed_ != 0) return;
  const auto round = static_cast<std::int64_t>(per_bank ? banks_.size() : ranks_.size());
  const std::int64_t rounds = (clock - next_due_) / due_interval_ / round - 2;
  if (rounds <= 0) return;
  (per_bank ? counters_.bank_refreshes : counters_.refreshes) += rounds * round;
  refreshes_begun_ += per_bank ? 0 : rounds * round;
  next_due_ += rounds * round * due_interval_;
  next_ = next_due_;
}

DramCounters FrFcfsController::settled() const {
  FrFcfsController copy(*this);
  copy.trace_ = nullptr;
  copy.observer_ = nullptr;
  while (!copy.idle()) copy.advance_to(copy.next_event() + 1);
  return copy.counters_;
}

void FrFcfsController::step(std::int64_t clock) {
  ++counters_.events;
  now_ = clock;
  if (clock == next_due_) refresh_falls_due(clock);
  if (clock >= wake_ && clock >= bus_free_) scan(clock);
  if (may_move_) move(clock);
  next_ = std::min(next_due_, may_move_ ? clock + 1 : std::max({clock + 1, wake_, bus_free_}));
}

void FrFcfsController::refresh_falls_due(std::int64_t clock) {
  next_due_ += due_interval_;
  wake_ = clock;
  if (policy_.refresh == RefreshPolicy::all_bank) {
    due_.push_back({static_cast<std::int32_t>(refreshes_begun_++ % rules_.ranks), kNone});
    return;
  }
  const std::int64_t bank = bank_to_refresh();
  unrefreshed_ &= ~bit(static_cast<std::size_t>(bank));
  due_.push_back({banks_[static_cast<std::size_t>(bank)].rank, static_cast<std::int32_t>(bank)});
}

std::int64_t FrFcfsController::bank_to_refresh() {
  if (unrefreshed_ == 0) {
    for (const Rank& rank : ranks_) unrefreshed_ |= rank.banks;
  }
  std::uint64_t choice = unrefreshed_;
  if (policy_.idle_refresh) {
    const std::uint64_t empty = choice & ~queued_;
    choice = (empty & ~open_) != 0 ? empty & ~open_ : empty != 0 ? empty : choice;
  }
  for (std::int64_t turn = 0;; ++turn) {
    const std::int64_t group = turn % rules_.bank_groups;
    const std::int64_t bank = turn / rules_.bank_groups % rules_.banks_per_group;
    const std::int64_t rank = turn / (rules_.bank_groups * rules_.banks_per_group);
    const std::int64_t number = (rank * rules_.bank_groups + group) * rules_.banks_per_group + bank;
    if ((choice & bit(static_cast<std::size_t>(number))) != 0) return number;
  }
}

std::uint64_t FrFcfsController::refreshing() const {
  if (due_.empty()) return 0;
  const Refresh& front = due_.front();
  return front.bank == kNone ? ranks_[static_cast<std::size_t>(front.rank)].banks
                             : bit(static_cast<std::size_t>(front.bank));
}

bool FrFcfsController::scan(std::int64_t clock) {
  std::int64_t wake = kNeverClock;
  const bool issued = (!due_.empty() && refresh(clock, wake)) || from_queues(clock, wake) ||
                      (policy_.page == PagePolicy::adaptive && close_idle(clock, wake));
  wake_ = issued ? wake_after(clock) : wake;
  return issued;
}

std::int64_t FrFcfsController::wake_after(std::int64_t clock) const {
  if (!due_.empty() || policy_.page == PagePolicy::adaptive) return clock + 1;
  std::int64_t wake = kNeverClock;
  for (std::uint64_t mask = queued_; mask != 0; mask &= mask - 1) {
    wake = std::min(wake, candidate(lowest(mask)));
  }
  return std::max(wake, clock + 1);
}

bool FrFcfsController::refresh(std::int64_t clock, std::int64_t& wake) {
  if (due_.front().bank == kNone) return refresh_rank(clock, wake);
  const auto number = static_cast<std::size_t>(due_.front().bank);
  Bank& bank = banks_[number];
  const bool open = bank.open_row != kNone;
  const std::int64_t at = earliest(open ? Command::precharge : Command::refresh_bank, bank);
  if (at > clock) {
    wake = std::min(wake, at);
    return false;
  }
  if (open) {
    precharge(number, clock, nullptr);
    return true;
  }
  log(Command::refresh_bank, clock, number, nullptr);
  apply(Command::refresh_bank, number, clock);
  ++counters_.bank_refreshes;
  due_.erase(due_.begin());
  return true;
}

bool FrFcfsController::refresh_rank(std::int64_t clock, std::int64_t& wake) {
  const Rank& rank = ranks_[static_cast<std::size_t>(due_.front().rank)];
  if ((open_ & rank.banks) != 0) {
    if (policy_.precharge_all) return close_all(clock, rank, wake);
    for (std::uint64_t mask = open_ & rank.banks; mask != 0; mask &= mask - 1) {
      const std::int64_t at = earliest(Command::precharge, banks_[lowest(mask)]);
      if (at <= clock) {
        precharge(lowest(mask), clock, nullptr);
        return true;
      }
      wake = std::min(wake, at);
    }
    return false;
  }
  std::int64_t at = 0;
  for (std::uint64_t mask = rank.banks; mask != 0; mask &= mask - 1) {
    at = std::max(at, earliest(Command::refresh, banks_[lowest(mask)]));
  }
  if (at > clock) {
    wake = std::min(wake, at);
    return false;
  }
  const auto first = static_cast<std::size_t>(rank.first_bank);
  log(Command::refresh, clock, first, nullptr);
  apply(Command::refresh, first, clock);
  ++counters_.refreshes;
  due_.erase(due_.begin());
  return true;
}

bool FrFcfsController::close_all(std::int64_t clock, const Rank& rank, std::int64_t& wake) {
  std::int64_t at = 0;
  for (std::uint64_t mask = rank.banks; mask != 0; mask &= mask - 1) {
    const Bank& bank = banks_[lowest(mask)];
    // A closed bank's own limit is over, unless it is still to precharge by itself.
    at = std::max({at, earliest(Command::precharge_all, bank), earliest(Command::precharge, bank)});
  }
  if (at > clock) {
    wake = std::min(wake, at);
    return false;
  }
  const auto first = static_cast<std::size_t>(rank.first_bank);
  log(Command::precharge_all, clock, first, nullptr);
  apply(Command::precharge_all, first, clock);
  ++counters_.precharges_all;
  for (std::uint64_t mask = open_ & rank.banks; mask != 0; mask &= mask - 1) {
    banks_[lowest(mask)].open_row = kNone;
    find_hits(banks_[lowest(mask)]);
  }
  open_ &= ~rank.banks;
  return true;
}

bool FrFcfsController::from_queues(std::int64_t clock, std::int64_t& wake) {
  const std::uint64_t mask = queued_ & ~refreshing();
  const std::uint64_t up_to_turn = (UINT64_C(2) << turn_) - 1;
  if (policy_.columns_first &&
      (columns_of(clock, mask & ~up_to_turn) || columns_of(clock, mask & up_to_turn))) {
    return true;
  }
  return from_masked(clock, mask & ~up_to_turn, wake) || from_masked(clock, mask & up_to_turn, wake);
}

bool FrFcfsController::from_masked(std::int64_t clock, std::uint64_t mask, std::int64_t& wake) {
  for (; mask != 0; mask &= mask - 1) {
    const std::int64_t at = candidate(lowest(mask));
    if (at <= clock) {
      turn_ = lowest(mask);
      serve(turn_, clock);
      return true;
    }
    wake = std::min(wake, at);
  }
  return false;
}

bool FrFcfsController::columns_of(std::int64_t clock, std::uint64_t mask) {
  for (mask &= open_; mask != 0; mask &= mask - 1) {
    const Bank& bank = banks_[lowest(mask)];
    const bool ready = (bank.first_read >= 0 && earliest(Command::read, bank) <= clock) ||
                       (bank.first_write >= 0 && earliest(Command::write, bank) <= clock);
    if (!ready || (wants_precharge(bank) && earliest(Command::precharge, bank) <= clock)) continue;
    turn_ = lowest(mask);
    serve(turn_, clock);
    return true;
  }
  return false;
}

void FrFcfsController::serve(std::size_t number, std::int64_t clock) {
  Bank& bank = banks_[number];
  if (bank.open_row == kNone) return activate(number, clock);
  if (wants_precharge(bank) && earliest(Command::precharge, bank) <= clock) {
    return precharge(number, clock, &bank.at(0));
  }
  const bool read = bank.first_read >= 0 && earliest(Command::read, bank) <= clock;
  const bool write = bank.first_write >= 0 && earliest(Command::write, bank) <= clock;
  const bool first_is_read = read && (!write || bank.first_read < bank.first_write);
  column(number, first_is_read ? bank.first_read : bank.first_write, clock);
}

bool FrFcfsController::close_idle(std::int64_t clock, std::int64_t& wake) {
  for (std::uint64_t mask = open_ & ~queued_ & ~refreshing(); mask != 0; mask &= mask - 1) {
    const Bank& bank = banks_[lowest(mask)];
    const std::int64_t at =
        std::max(earliest(Command::precharge, bank), bank.last_column + policy_.page_timeout);
    if (at <= clock) {
      precharge(lowest(mask), clock, nullptr);
      return true;
    }
    wake = std::min(wake, at);
  }
  return false;
}

void FrFcfsController::move(std::int64_t) {
  const bool queues_empty = queued_ == 0;
  const auto waiting_writes = static_cast<std::int64_t>(writes_.size());
  const std::int64_t before = draining_;
  if (draining_ == 0 && read_turn_ == 0 &&
      (waiting_writes >= policy_.write_high || (waiting_writes >= policy_.write_idle && queues_empty))) {
    draining_ = std::max<std::int64_t>(1, waiting_writes - policy_.write_low);
    reads_before_drain_ = counters_.reads;
  }
  // move_from may end the drain; that clock then moves nothing.
  const bool drains = draining_ > 0;
  bool moved = drains && move_from(writes_);
  if (moved) {
    const bool starved = --draining_ == 0 && counters_.reads == reads_before_drain_;
    if (starved && policy_.read_turns) read_turn_ = unserved_reads_;
  } else if (!drains || !policy_.dependency_ends_drain || queues_empty) {
    moved = move_from(reads_);
  }
  may_move_ = (moved || draining_ != before) && more_to_move();
}

bool FrFcfsController::move_from(Waiting& waiting) {
  if ((waiting.banks & ~full_) == 0) return false;
  for (std::size_t place = waiting.first; place < waiting.entries.size(); ++place) {
    const Entry& entry = waiting.entries[place];
    if ((full_ & bit(entry.bank)) != 0) continue;
    if (entry.write && dependent(entry)) {
      if (!policy_.dependency_ends_drain) continue;
      draining_ = 0;
      return false;
    }
    to_bank(entry);
    if (--waiting.by_bank[entry.bank] == 0) waiting.banks &= ~bit(entry.bank);
    waiting.remove(place);
    return true;
  }
  return false;
}

bool FrFcfsController::dependent(const Entry& entry) const {
  return read_addresses_.may_hold(entry.address) && queued(reads_, entry, false);
}

void FrFcfsController::to_bank(const Entry& entry) {
  Bank& bank = banks_[entry.bank];
  const std::int32_t place = bank.size++;
  bank.at(place) = entry;
  queued_ |= bit(entry.bank);
  if (bank.size >= policy_.bank_queue) full_ |= bit(entry.bank);
  const bool hits = bank.open_row != kNone && entry.row == bank.open_row;
  std::int32_t& first = entry.write ? bank.first_write : bank.first_read;
  if (place == 0) bank.head_hits = hits;
  // Neither the oldest nor the first hit of its kind: what the bank wants next is as before.
  if (place > 0 && (!hits || first >= 0)) return;
  if (hits && first < 0) first = place;
  want(bank);
  // It may issue in the next clock at the earliest: this clock's command is decided.
  wake_ = std::min(wake_, candidate(entry.bank));
}

}  // namespace npusim::mem
