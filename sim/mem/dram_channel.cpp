#include "sim/mem/dram_channel.h"

#include <algorithm>
#include <bit>

namespace npusim::mem {

namespace {
int log2_of(std::int64_t power_of_two) { return std::countr_zero(static_cast<std::uint64_t>(power_of_two)); }
}  // namespace

std::int64_t longest_refresh(const DramTiming& timing) {
  const std::int64_t page = timing.page_bytes / timing.burst_bytes * timing.burst_clocks;
  const std::int64_t recovery = timing.rl + timing.wl + timing.burst_clocks + timing.twr + timing.trtp;
  return page + recovery + timing.trc + timing.trp_all + timing.trfc;
}

DramChannel::DramChannel(const DramSpec& spec, std::int64_t main_clock_hz)
    : timing_(spec.timing),
      to_dram_(main_clock_hz, spec.timing.clock_hz),
      to_main_(spec.timing.clock_hz, main_clock_hz),
      controller_cycles_(spec.controller_cycles),
      page_shift_(log2_of(spec.timing.page_bytes)),
      bank_shift_(log2_of(spec.timing.banks)),
      burst_shift_(log2_of(spec.timing.burst_bytes)),
      turnaround_(timing_.trtw + timing_.wl + timing_.burst_clocks + timing_.twtr),
      banks_(static_cast<std::size_t>(timing_.banks)),
      next_refresh_(timing_.trefi),
      bank_xor_(spec.bank_xor),
      queue_(static_cast<std::size_t>(spec.write_queue)) {}

void DramChannel::reset() {
  std::fill(banks_.begin(), banks_.end(), Bank());
  std::fill(std::begin(activates_), std::end(activates_), 0);
  std::fill(queue_.begin(), queue_.end(), PostedWrite());
  activate_index_ = 0;
  activate_ok_ = read_ok_ = write_ok_ = last_column_end_ = 0;
  next_refresh_ = timing_.trefi;
  tail_ = head_ = pending_ = 0;
  full_at_ = 0;
  draining_ = false;
  refreshes_ = bursts_ = row_hits_ = row_misses_ = 0;
}

DramChannel::Access DramChannel::decode(const Request& request) const {
  Access access;
  const std::int64_t page = request.offset >> page_shift_;
  access.row = page >> bank_shift_;
  const std::int64_t hash = bank_xor_ ? access.row ^ (access.row >> bank_shift_) : 0;
  access.bank = static_cast<std::int32_t>((page ^ hash) & (timing_.banks - 1));
  const std::int64_t last = request.offset + request.bytes - 1;
  access.bursts = static_cast<std::int32_t>((last >> burst_shift_) - (request.offset >> burst_shift_) + 1);
  access.write = request.write;
  return access;
}

Cycles DramChannel::serve(const Request& request, Cycles arrival) {
  const std::int64_t clock = to_dram_.convert(arrival.count());
  const Access access = decode(request);
  std::int64_t end = 0;
  if (!queue_.empty()) drain_idle(clock);
  if (access.write && !queue_.empty()) {
    end = post(access, clock) + 1;
  } else {
    draining_ = false;
    const std::int64_t latency = access.write ? timing_.wl : timing_.rl;
    end = schedule(access, clock) + latency + timing_.burst_clocks;
  }
  return Cycles(to_main_.convert(end) + controller_cycles_);
}

DramChannel::RowTiming DramChannel::row_timing(const Bank& bank, std::int64_t earliest) const {
  RowTiming timing;
  timing.activate = std::max({earliest, bank.activate_ok, activate_ok_, activates_[activate_index_]});
  if (bank.row != kClosed) {
    timing.precharge = std::max(earliest, bank.precharge_ok);
    timing.activate = std::max(timing.activate, timing.precharge + timing_.trp);
  }
  return timing;
}

void DramChannel::open_row(Bank& bank, const Access& access, const RowTiming& timing) {
  if (timing.precharge != kClosed) log(DramCommand::Kind::precharge, timing.precharge, access.bank);
  log(DramCommand::Kind::activate, timing.activate, access.bank, access.row);
  bank.row = access.row;
  bank.activate_ok = timing.activate + timing_.trc;
  bank.column_ok = timing.activate + timing_.trcd;
  bank.precharge_ok = timing.activate + timing_.tras;
  activate_ok_ = timing.activate + timing_.trrd;
  activates_[activate_index_] = timing.activate + timing_.tfaw;
  activate_index_ = (activate_index_ + 1) % 4;
}

std::int64_t DramChannel::schedule(const Access& access, std::int64_t earliest) {
  Bank& bank = banks_[static_cast<std::size_t>(access.bank)];
  RowTiming row;
  std::int64_t first = 0;
  bool hit = false;
  while (true) {
    hit = bank.row == access.row;
    const std::int64_t bus = std::max(earliest, access.write ? write_ok_ : read_ok_);
    if (hit) {
      first = std::max(bus, bank.column_ok);
    } else {
      row = row_timing(bank, earliest);
      first = std::max(bus, row.activate + timing_.trcd);
    }
    if (first < next_refresh_) break;
    refresh(earliest);
  }
  ++(hit ? row_hits_ : row_misses_);
  bursts_ += access.bursts;
  if (!hit) open_row(bank, access, row);
  if (trace_ != nullptr) log_columns(access, first);

  const std::int64_t last = first + (access.bursts - 1) * timing_.burst_clocks;
  last_column_end_ = last + timing_.burst_clocks;
  std::int64_t precharge_ok = 0;
  if (access.write) {
    const std::int64_t data_end = last_column_end_ + timing_.wl;
    write_ok_ = last_column_end_;
    read_ok_ = data_end + timing_.twtr;
    precharge_ok = data_end + timing_.twr;
  } else {
    read_ok_ = last_column_end_;
    write_ok_ = last + timing_.trtw;
    precharge_ok = last + timing_.trtp;
  }
  bank.precharge_ok = std::max(bank.precharge_ok, precharge_ok);
  return last;
}

void DramChannel::refresh(std::int64_t idle_until) {
  // Banks are closed by refreshes only, so a closed one has been ready for another since long before it is
  // due.
  std::int64_t precharge = next_refresh_;
  bool open = false;
  for (const Bank& bank : banks_) {
    if (bank.row == kClosed) continue;
    open = true;
    precharge = std::max(precharge, bank.precharge_ok);
  }
  if (open) log(DramCommand::Kind::precharge_all, precharge);
  const std::int64_t start = open ? precharge + timing_.trp_all : next_refresh_;
  log(DramCommand::Kind::refresh, start);
  for (Bank& bank : banks_) {
    bank.row = kClosed;
    bank.activate_ok = start + timing_.trfc;
  }
  ++refreshes_;
  next_refresh_ += timing_.trefi;
  if (next_refresh_ <= idle_until) skip_idle_refreshes(idle_until);
}

void DramChannel::skip_idle_refreshes(std::int64_t idle_until) {
  // All banks are closed and, as check() made sure, each refresh is over before the next is due.
  const std::int64_t count = (idle_until - next_refresh_) / timing_.trefi + 1;
  if (trace_ != nullptr) {
    for (std::int64_t i = 0; i < count; ++i) {
      log(DramCommand::Kind::refresh, next_refresh_ + i * timing_.trefi);
    }
  }
  const std::int64_t last = next_refresh_ + (count - 1) * timing_.trefi;
  for (Bank& bank : banks_) bank.activate_ok = last + timing_.trfc;
  refreshes_ += count;
  next_refresh_ = last + timing_.trefi;
}

std::int64_t DramChannel::post(const Access& access, std::int64_t arrival) {
  if (queue_full()) drain_all();
  PostedWrite& entry = queue_[tail_];
  entry.access = access;
  entry.accepted = std::max(arrival, entry.freed);
  if (++tail_ == queue_.size()) tail_ = 0;
  ++pending_;
  if (queue_full()) full_at_ = entry.accepted;
  return entry.accepted;
}

void DramChannel::drain_idle(std::int64_t before) {
  if (queue_full() && full_at_ <= before) drain_all();
  while (pending_ > 0 && !queue_full()) {
    const std::int64_t lull = draining_ ? last_column_end_ : last_column_end_ + turnaround_;
    const std::int64_t start = std::max(queue_[head_].accepted, lull);
    if (start >= before) return;
    draining_ = true;
    drain_oldest(start);
  }
}

void DramChannel::drain_all() {
  while (pending_ > 0) drain_oldest(full_at_);
}

void DramChannel::drain_oldest(std::int64_t earliest) {
  PostedWrite& entry = queue_[head_];
  entry.freed = schedule(entry.access, earliest) + timing_.burst_clocks;
  if (++head_ == queue_.size()) head_ = 0;
  --pending_;
}

void DramChannel::log_columns(const Access& access, std::int64_t first) {
  const auto kind = access.write ? DramCommand::Kind::write : DramCommand::Kind::read;
  for (std::int32_t i = 0; i < access.bursts; ++i) {
    log(kind, first + i * timing_.burst_clocks, access.bank, access.row);
  }
}

void DramChannel::add_counters(MemoryCounters& counters, Cycles until) const {
  if (pending_ > 0) {
    DramChannel settled = *this;
    settled.trace_ = nullptr;
    while (settled.pending_ > 0) settled.drain_oldest(settled.queue_[settled.head_].accepted);
    settled.add_counters(counters, until);
    return;
  }
  counters.bursts += bursts_;
  counters.row_hits += row_hits_;
  counters.row_misses += row_misses_;
  counters.refreshes += std::max(refreshes_, to_dram_.convert(until.count()) / timing_.trefi);
}

}  // namespace npusim::mem
