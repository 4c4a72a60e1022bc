#include "sim/mem/fr_fcfs_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "sim/mem/dram/fr_fcfs_controller.h"

namespace npusim::mem {

FrFcfsChannel::MakeController FrFcfsChannel::event_driven() {
  return [](const FrFcfsSpec& spec) -> std::unique_ptr<ChannelController> {
    return std::make_unique<FrFcfsController>(spec.rules, spec.policy,
                                              AddressMapping(spec.rules, spec.mapping, "dram"));
  };
}

FrFcfsChannel::FrFcfsChannel(const DramSpec& spec, std::int64_t main_clock_hz,
                             const std::vector<PortSpec>& ports, MakeController make)
    : spec_(spec.fr_fcfs),
      make_(std::move(make)),
      to_dram_(main_clock_hz, spec.timing.clock_hz),
      to_main_(spec.timing.clock_hz, main_clock_hz),
      controller_cycles_(spec.controller_cycles),
      burst_bytes_(spec.timing.burst_bytes),
      arbiter_(spec.fr_fcfs.arbitration, ports),
      ledger_(ports.size(), spec.fr_fcfs.rules),
      queues_(ports.size()) {
  bool corunners = false;
  for (const PortSpec& port : ports) {
    corunners = corunners || port.traffic != nullptr;
    watched_.push_back(port.traffic ? "" : port.name);
  }
  may_starve_ = corunners && spec.fr_fcfs.arbitration == Arbitration::fixed_priority;
  reset();
}

void FrFcfsChannel::reset() {
  controller_ = make_(spec_);
  controller_->observe(&ledger_);
  arbiter_.reset();
  ledger_.reset();
  for (auto& queue : queues_) queue.clear();
  waiting_.clear();
  granted_ = -1;
  first_ = kNever.count();
  offer_at_ = 0;
  refused_ = false;
  open_.clear();
  free_ids_.clear();
  unanswered_ = bursts_ = now_ = 0;
  done_.clear();
}

void FrFcfsChannel::push(const Request& request, Cycles arrival) {
  ensure(arrival.count() >= now_, "a request reaches a channel before the cycle it has decided");
  const std::int64_t mask = burst_bytes_ - 1;
  const std::int64_t begin = request.offset & ~mask;
  Waiting waiting;
  waiting.arrival = arrival.count();
  waiting.clock = to_dram_.convert(arrival.count());
  waiting.address = static_cast<std::uint64_t>(begin);
  waiting.left = static_cast<std::int32_t>((request.offset + request.bytes - begin + mask) / burst_bytes_);
  waiting.write = request.write;
  if (free_ids_.empty()) {
    waiting.id = static_cast<std::uint32_t>(open_.size());
    open_.emplace_back();
  } else {
    waiting.id = free_ids_.back();
    free_ids_.pop_back();
  }
  open_[waiting.id] = {0, waiting.left, request.port, request.slot};
  ++unanswered_;
  ledger_.arrive(waiting.id, request.port, waiting.clock, waiting.left, request.write);
  auto& queue = queues_[request.port];
  queue.push_back(waiting);
  if (queue.size() > 1) return;
  waiting_.insert(std::lower_bound(waiting_.begin(), waiting_.end(), request.port), request.port);
  first_ = std::min(first_, waiting.clock);
  if (refused_) offer_at_ = std::min(offer_at_, waiting.clock);
}

void FrFcfsChannel::find_first() {
  first_ = kNever.count();
  for (const std::uint16_t port : waiting_) first_ = std::min(first_, queues_[port].front().clock);
}

void FrFcfsChannel::check_patience(std::int64_t clock) const {
  for (const std::uint16_t port : waiting_) {
    if (watched_[port].empty() || clock - queues_[port].front().clock < kPatience) continue;
    throw UserError(fmt::format(
        "memory port '{}' has waited {} DRAM clocks for masters of higher priority: under arbitration "
        "fixed_priority it would wait for ever; expected a lower load or priority of the co-runners, or "
        "another dram.arbitration",
        watched_[port], kPatience));
  }
}

std::int64_t FrFcfsChannel::next_clock() const {
  return std::min(controller_->next_event(), std::max(first_, offer_at_));
}

void FrFcfsChannel::advance_to(Cycles cycle) {
  const std::int64_t limit = to_dram_.convert(cycle.count());
  for (std::int64_t at = std::max(first_, offer_at_); at < limit; at = std::max(first_, offer_at_)) {
    controller_->advance_to(at);
    offer(at);
  }
  controller_->advance_to(limit);
  collect();
  now_ = cycle.count();
}

void FrFcfsChannel::offer(std::int64_t clock) {
  if (choose(clock)) {
    refused_ = false;
    offer_at_ = clock + 1;
    accept(clock);
    if (any_room(clock)) return;
  }
  // Room appears with the controller's next step at the earliest; another port's request may be of the kind
  // that has room.
  refused_ = true;
  offer_at_ = controller_->next_event() + 1;
  for (const std::uint16_t port : waiting_) {
    const std::int64_t arrival = queues_[port].front().clock;
    if (arrival > clock) offer_at_ = std::min(offer_at_, arrival);
  }
}

bool FrFcfsChannel::any_room(std::int64_t clock) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](std::uint16_t port) {
    const Waiting& head = queues_[port].front();
    return head.clock <= clock && controller_->room(head.write);
  });
}

bool FrFcfsChannel::choose(std::int64_t clock) {
  if (granted_ >= 0) {
    const Waiting& head = queues_[static_cast<std::size_t>(granted_)].front();
    if (head.begun && controller_->room(head.write)) return true;
  }
  const bool room[2] = {controller_->room(false), controller_->room(true)};
  candidates_.clear();
  for (const std::uint16_t port : waiting_) {
    const Waiting& head = queues_[port].front();
    if (head.clock <= clock && room[head.write ? 1 : 0]) candidates_.push_back({port, head.arrival});
  }
  if (candidates_.empty()) return false;
  granted_ = candidates_[arbiter_.pick(candidates_)].port;
  return true;
}

void FrFcfsChannel::accept(std::int64_t clock) {
  const auto port = static_cast<std::uint16_t>(granted_);
  auto& queue = queues_[port];
  Waiting& head = queue.front();
  if (!head.begun) arbiter_.granted(port);
  head.begun = true;
  const std::uint32_t id = head.id;
  const bool write = head.write;
  const DramCounters& counters = controller_->counters();
  const std::int64_t shared = counters.forwarded_reads + counters.merged;
  ensure(controller_->push({head.address, id, write, port}), "a controller with room takes a request");
  ++bursts_;
  head.address += static_cast<std::uint64_t>(burst_bytes_);
  const bool last = --head.left == 0;
  if (last) {
    queue.pop_front();
    granted_ = -1;
    if (queue.empty()) waiting_.erase(std::lower_bound(waiting_.begin(), waiting_.end(), port));
    find_first();
    if (may_starve_ && clock - first_ >= kPatience) check_patience(clock);
  }
  ledger_.accept(id, port, clock, write);
  if (write) {
    if (!last) return;
    collect();  // what was decided before comes first
    answer(id, clock + 1);
  } else if (counters.forwarded_reads + counters.merged != shared) {
    ledger_.answered(id, clock);
  }
}

void FrFcfsChannel::collect() {
  for (const ReadDone& one : controller_->done()) {
    Open& open = open_[one.id];
    open.end = std::max(open.end, one.clock);
    if (--open.left == 0) answer(one.id, open.end);
  }
  controller_->done().clear();
}

void FrFcfsChannel::answer(std::uint32_t id, std::int64_t clock) {
  const Open& open = open_[id];
  done_.push_back({open.port, open.slot, Cycles(to_main_.convert(clock) + controller_cycles_)});
  free_ids_.push_back(id);
  --unanswered_;
}

Cycles FrFcfsChannel::next_event() const {
  if (unanswered_ == 0) return kNever;
  return Cycles(std::max(now_, to_main_.convert_down(next_clock())));
}

Cycles FrFcfsChannel::earliest_answer() const {
  if (unanswered_ == 0) return kNever;
  return Cycles(to_main_.convert(next_clock() + 1) + controller_cycles_);
}

void FrFcfsChannel::add_counters(MemoryCounters& counters, Cycles until) const {
  const DramCounters settled = controller_->settled();
  counters.bursts += bursts_;
  counters.row_misses += settled.row_misses;
  counters.row_hits += settled.reads + settled.writes - settled.row_misses;
  const bool per_bank = spec_.policy.refresh == RefreshPolicy::per_bank;
  const std::int64_t interval =
      (per_bank ? spec_.rules.bank_refresh_interval : spec_.rules.refresh_interval) / spec_.rules.ranks;
  if (spec_.policy.refresh != RefreshPolicy::none) {
    counters.refreshes += to_dram_.convert(until.count()) / interval;
  }
  counters.waits.resize(queues_.size());
  ledger_.add_to(counters.waits);
}

}  // namespace npusim::mem
