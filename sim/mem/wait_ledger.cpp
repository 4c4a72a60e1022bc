#include "sim/mem/wait_ledger.h"

#include <algorithm>

namespace npusim::mem {

WaitLedger::WaitLedger(std::size_t ports, const DramRules& rules)
    : burst_clocks_(rules.burst_clocks),
      trcd_(rules.distance(Scope::bank, Command::activate, Command::read)),
      trp_(rules.distance(Scope::bank, Command::precharge, Command::activate)),
      banks_in_rank_(static_cast<std::size_t>(rules.bank_groups * rules.banks_per_group)),
      ports_(ports),
      bank_user_(static_cast<std::size_t>(rules.banks())),
      log_(kLog),
      waits_(ports) {
  reset();
}

void WaitLedger::reset() {
  for (Port& port : ports_) {
    port.unserved.clear();
    port.charged = 0;
    port.rows.assign(bank_user_.size(), kNoRow);
  }
  std::fill(bank_user_.begin(), bank_user_.end(), kNobody);
  entries_.clear();
  logged_ = 0;
  for (PortWaits& waits : waits_) {
    waits = PortWaits();
    waits.others.assign(ports_.size(), 0);
  }
}

void WaitLedger::log(std::int64_t clock, std::int32_t port, std::uint32_t id) {
  log_[logged_++ % kLog] = {clock, port, id};
}

void WaitLedger::arrive(std::uint32_t id, std::uint16_t port, std::int64_t clock, std::int32_t bursts,
                        bool write) {
  if (id >= entries_.size()) entries_.resize(id + 1);
  Entry& entry = entries_[id];
  entry = Entry();
  entry.arrival = clock;
  entry.bursts = entry.left = bursts;
  entry.port = port;
  entry.write = write;
  entry.serial = ++serial_;
  ports_[port].unserved.push_back({clock, entry.serial, id});
}

void WaitLedger::accept(std::uint32_t id, std::uint16_t port, std::int64_t clock, bool write) {
  log(clock, port, id);
  if (write) served_burst(id, clock);
}

void WaitLedger::begin(Entry& entry, std::size_t bank, std::int64_t row) const {
  entry.began = true;
  const std::int32_t own = ports_[entry.port].rows[bank];
  const bool needs_activate = own != row;
  const bool needs_precharge = needs_activate && own != kNoRow;
  entry.row_clocks = (needs_activate ? trcd_ : 0) + (needs_precharge ? trp_ : 0);
  const bool displaced =
      (entry.activated && !needs_activate) || (entry.precharged && needs_activate && !needs_precharge);
  if (displaced && bank_user_[bank] != entry.port) entry.displacer = bank_user_[bank];
}

void WaitLedger::issued(Command command, std::int64_t clock, std::size_t bank, std::int64_t row,
                        const BurstRequest* request, bool closes) {
  if (request == nullptr) {
    const bool whole_rank = command == Command::refresh || command == Command::precharge_all;
    const std::size_t count = whole_rank ? banks_in_rank_ : 1;
    // For a refresh, or of an idle row: either would have closed the row without other ports, too.
    for (Port& port : ports_) {
      std::fill_n(port.rows.begin() + static_cast<std::ptrdiff_t>(bank), count, kNoRow);
    }
    if (command != Command::precharge) log(clock, kRefresh, kNoId);
    return;
  }
  const bool column = command == Command::read || command == Command::write;
  // A posted write was served when it was accepted: its id may stand for another request by now.
  log(clock, request->port, request->write ? kNoId : request->id);
  if (!request->write) {
    Entry& entry = entries_[request->id];
    entry.activated = entry.activated || command == Command::activate;
    entry.precharged = entry.precharged || command == Command::precharge;
    if (column && !entry.began) begin(entry, bank, row);
  }
  if (!column) return;
  bank_user_[bank] = request->port;
  ports_[request->port].rows[bank] = closes ? kNoRow : static_cast<std::int32_t>(row);
  if (!request->write) served_burst(request->id, clock);
}

void WaitLedger::served_burst(std::uint32_t id, std::int64_t clock) {
  if (--entries_[id].left == 0) settle(id, clock + 1);
}

void WaitLedger::settle(std::uint32_t id, std::int64_t end) {
  Entry& entry = entries_[id];
  Port& port = ports_[entry.port];
  entry.served = true;
  const std::int64_t from = std::max(port.charged, port.unserved.front().clock);
  while (!port.unserved.empty() && is_served(port.unserved.front())) port.unserved.pop_front();
  if (end <= from) return;
  port.charged = end;
  const std::int64_t least =
      entry.write ? entry.bursts : 2 + entry.row_clocks + (entry.bursts - 1) * burst_clocks_;
  const std::int64_t wait = std::max<std::int64_t>(0, end - from - least);
  waits_[entry.port].service += end - from - wait;
  if (wait > 0) charge(id, from, end - 1 - wait, end - 1);
}

void WaitLedger::charge(std::uint32_t id, std::int64_t from, std::int64_t left, std::int64_t right) {
  const Entry& entry = entries_[id];
  PortWaits& waits = waits_[entry.port];
  const std::size_t oldest = logged_ > kLog ? logged_ - kLog : 0;
  for (std::size_t i = logged_; i-- > oldest && right > left;) {
    const Event& event = log_[i % kLog];
    if (event.clock >= right) continue;
    const bool own = event.port == entry.port;
    if (event.clock < from || i == oldest) {
      const bool displaced = (own || event.port == kRefresh) && entry.displacer >= 0;
      return charge_to(waits, entry.port, displaced ? entry.displacer : event.port, right - left);
    }
    if (own && event.id == id) continue;
    const std::int64_t start = std::max(event.clock, left);
    charge_to(waits, entry.port, event.port, right - start);
    right = start;
  }
  if (right > left) charge_to(waits, entry.port, kNobody, right - left);
}

void WaitLedger::charge_to(PortWaits& waits, std::uint16_t port, std::int32_t cause,
                           std::int64_t clocks) const {
  if (cause == kRefresh) {
    waits.refresh += clocks;
  } else if (cause == kNobody || cause == port) {
    waits.own += clocks;
  } else {
    waits.others[static_cast<std::size_t>(cause)] += clocks;
  }
}

void WaitLedger::add_to(std::vector<PortWaits>& waits) const {
  for (std::size_t port = 0; port < waits_.size(); ++port) {
    waits[port].service += waits_[port].service;
    waits[port].own += waits_[port].own;
    waits[port].refresh += waits_[port].refresh;
    waits[port].others.resize(waits_.size());
    for (std::size_t i = 0; i < waits_.size(); ++i) waits[port].others[i] += waits_[port].others[i];
  }
}

}  // namespace npusim::mem
