#include "tests/mem/ticking_domain.h"

#include <algorithm>

#include "tests/mem/ticking_controller.h"

namespace npusim::mem::test {

TickingDomain::TickingDomain(const MemorySpec& spec) : spec_(spec), sram_(spec.sram) {
  for (const PortSpec& port : spec.ports) {
    Port state;
    state.spec = port;
    state.denominator = port.issue_den * port.sram_issue_den;
    ports_.push_back(state);
  }
  const auto per_clock = [](const FrFcfsSpec& one) -> std::unique_ptr<ChannelController> {
    return std::make_unique<TickingController>(one.rules, one.policy,
                                               AddressMapping(one.rules, one.mapping, "test"));
  };
  for (std::int64_t i = 0; i < spec.dram.channels; ++i) {
    if (spec.dram.policy == DramPolicy::in_order) {
      channels_.emplace_back(spec.dram, spec.clock_hz);
    } else {
      late_channels_.push_back(
          std::make_unique<FrFcfsChannel>(spec.dram, spec.clock_hz, spec.ports, per_clock));
    }
  }
  if (spec.sram.bytes > 0 && spec.sram.arbitration != Arbitration::fifo) {
    late_sram_ = std::make_unique<ArbitratedSram>(spec.sram, spec.ports);
  }
}

bool TickingDomain::in_sram(std::int64_t address) const {
  return address >= spec_.sram.base && address < spec_.sram.base + spec_.sram.bytes;
}

void TickingDomain::start(std::size_t index, std::span<const program::Region> runs, Cycles at) {
  Port& port = ports_[index];
  Transfer transfer;
  transfer.at = at.count();
  for (const auto& region : runs) {
    for (std::int64_t o = 0; o < region.outer; ++o) {
      for (std::int64_t i = 0; i < region.inner; ++i) {
        std::int64_t address = region.offset + o * region.outer_stride + i * region.inner_stride;
        std::int64_t left = region.bytes;
        while (left > 0) {
          const std::int64_t size = port.spec.request_bytes;
          const std::int64_t bytes = std::min(left, size - address % size);
          transfer.pieces.push_back({address, bytes, in_sram(address), -1, 0});
          address += bytes;
          left -= bytes;
        }
      }
    }
  }
  port.transfers.push_back(std::move(transfer));
}

void TickingDomain::serve(std::size_t index, Piece& piece) {
  Port& port = ports_[index];
  Request request;
  request.bytes = static_cast<std::int32_t>(piece.bytes);
  request.write = port.spec.write;
  request.port = static_cast<std::uint16_t>(index);
  request.slot = static_cast<std::uint16_t>(piece.number % static_cast<std::size_t>(port.spec.outstanding));
  ++counters_.requests;
  std::int64_t& finish = port.finishes[piece.number];
  if (piece.sram) {
    (port.spec.write ? counters_.sram_write_bytes : counters_.sram_read_bytes) += piece.bytes;
    request.offset = piece.address - spec_.sram.base;
    if (late_sram_) return late_sram_->push(request, Cycles(now_));
    finish = sram_.serve(request, Cycles(now_)).count();
    return;
  }
  (port.spec.write ? counters_.dram_write_bytes : counters_.dram_read_bytes) += piece.bytes;
  const std::int64_t interleave = spec_.dram.interleave_bytes;
  const std::int64_t block = piece.address / interleave;
  request.offset = block / spec_.dram.channels * interleave + piece.address % interleave;
  const auto channel = static_cast<std::size_t>(block % spec_.dram.channels);
  if (!late_channels_.empty()) return late_channels_[channel]->push(request, Cycles(now_));
  finish = channels_[channel].serve(request, Cycles(now_)).count();
}

void TickingDomain::answer(LateTarget& target) {
  target.advance_to(Cycles(now_ + 1));
  for (const Response& response : target.done()) {
    Port& port = ports_[response.port];
    const auto window = static_cast<std::size_t>(port.spec.outstanding);
    // The last request in that slot.
    std::size_t number = port.finishes.size() - 1;
    while (number % window != response.slot) --number;
    port.finishes[number] = response.finish.count();
  }
  target.done().clear();
}

void TickingDomain::deliver(std::size_t index) {
  for (Transfer& transfer : ports_[index].transfers) {
    for (std::size_t k = 0; k < transfer.next; ++k) {
      if (transfer.pieces[k].issued == now_ - 1) serve(index, transfer.pieces[k]);
    }
  }
}

void TickingDomain::begin(Port& port, Transfer& transfer) {
  const std::int64_t free = ceil_div(port.ready, port.denominator);
  const std::int64_t first = transfer.at + std::max<std::int64_t>(1, port.spec.start_cycles);
  transfer.begun = true;
  transfer.start = std::max(transfer.at, free);
  if (first > free) port.ready = first * port.denominator;
  transfer.ideal = port.ready;
}

void TickingDomain::issue(Port& port) {
  // A transfer may begin once all before it have issued everything.
  const auto waiting = std::find_if(port.transfers.begin(), port.transfers.end(),
                                    [](const Transfer& one) { return one.release < 0; });
  if (waiting == port.transfers.end() || waiting->at > now_) return;
  Transfer& transfer = *waiting;
  if (!transfer.begun) begin(port, transfer);
  const std::int64_t now = now_ * port.denominator;
  if (now < port.ready) return;
  if (transfer.next < transfer.pieces.size()) {
    const auto window = static_cast<std::size_t>(port.spec.outstanding);
    if (port.finishes.size() >= window) {
      const std::int64_t oldest = port.finishes[port.finishes.size() - window];
      if (oldest < 0 || oldest > now_) return;
    }
    Piece& piece = transfer.pieces[transfer.next++];
    piece.issued = now_;
    piece.number = port.finishes.size();
    port.finishes.push_back(-1);
    const std::int64_t interval = piece.sram ? port.spec.sram_issue_num * port.spec.issue_den
                                             : port.spec.issue_num * port.spec.sram_issue_den;
    const bool waited = now - port.ready >= port.denominator;
    port.ready = (waited ? now : port.ready) + interval;
    transfer.ideal += interval;
  }
  if (transfer.next == transfer.pieces.size()) {
    transfer.release = ceil_div(port.ready, port.denominator);
    issue(port);  // the next transfer may begin, or be over, in the same cycle
  }
}

void TickingDomain::tick() {
  ++now_;
  for (std::size_t port = 0; port < ports_.size(); ++port) deliver(port);
  for (auto& channel : late_channels_) answer(*channel);
  if (late_sram_) answer(*late_sram_);
  for (Port& port : ports_) issue(port);
}

bool TickingDomain::complete(const Port& port) const {
  if (port.transfers.empty()) return false;
  const Transfer& oldest = port.transfers.front();
  if (oldest.release < 0 || oldest.release > now_) return false;
  return std::all_of(oldest.pieces.begin(), oldest.pieces.end(), [&](const Piece& piece) {
    const std::int64_t finish = port.finishes[piece.number];
    return finish >= 0 && finish <= now_;
  });
}

Completion TickingDomain::retire(std::size_t index) {
  Port& port = ports_[index];
  const Transfer& transfer = port.transfers.front();
  Completion completion;
  completion.port = index;
  completion.start = Cycles(transfer.start);
  completion.release = Cycles(transfer.release);
  completion.end = Cycles(now_);
  completion.ideal = Cycles(ceil_div(transfer.ideal, port.denominator) - transfer.start);
  for (const Piece& piece : transfer.pieces) {
    (piece.sram ? completion.sram_bytes : completion.dram_bytes) += piece.bytes;
  }
  completion.bytes = completion.sram_bytes + completion.dram_bytes;
  port.transfers.pop_front();
  return completion;
}

std::optional<Completion> TickingDomain::next_completion(Cycles horizon) {
  while (true) {
    bool busy = false;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      busy = busy || !ports_[i].transfers.empty();
      if (complete(ports_[i])) return retire(i);
    }
    if (now_ >= horizon.count() || (!busy && horizon == kNever)) return std::nullopt;
    tick();
  }
}

void TickingDomain::reset() {
  TickingDomain fresh(spec_);
  *this = std::move(fresh);
}

const MemoryCounters& TickingDomain::counters() const {
  counters_.bursts = counters_.row_hits = counters_.row_misses = counters_.refreshes = 0;
  counters_.waits.clear();
  for (const auto& channel : late_channels_) channel->add_counters(counters_, Cycles(now_));
  for (const DramChannel& channel : channels_) channel.add_counters(counters_, Cycles(now_));
  return counters_;
}

}  // namespace npusim::mem::test
