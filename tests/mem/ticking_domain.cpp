#include "tests/mem/ticking_domain.h"

#include <algorithm>

namespace npusim::mem::test {

TickingDomain::TickingDomain(const MemorySpec& spec) : spec_(spec), sram_(spec.sram) {
  for (const PortSpec& port : spec.ports) {
    Port state;
    state.spec = port;
    state.denominator = port.issue_den * port.sram_issue_den;
    ports_.push_back(state);
  }
  for (std::int64_t i = 0; i < spec.dram.channels; ++i) channels_.emplace_back(spec.dram, spec.clock_hz);
}

bool TickingDomain::in_sram(std::int64_t address) const {
  return address >= spec_.sram.base && address < spec_.sram.base + spec_.sram.bytes;
}

void TickingDomain::start(std::size_t index, std::span<const program::Region> runs, Cycles at) {
  Port& port = ports_[index];
  port.busy = true;
  port.start = at.count();
  port.next = 0;
  port.intervals = 0;
  port.ready = (port.start + std::max<std::int64_t>(1, port.spec.start_cycles)) * port.denominator;
  port.pieces.clear();
  for (const auto& region : runs) {
    for (std::int64_t o = 0; o < region.outer; ++o) {
      for (std::int64_t i = 0; i < region.inner; ++i) {
        std::int64_t address = region.offset + o * region.outer_stride + i * region.inner_stride;
        std::int64_t left = region.bytes;
        while (left > 0) {
          const std::int64_t size = port.spec.request_bytes;
          const std::int64_t bytes = std::min(left, size - address % size);
          port.pieces.push_back({address, bytes, in_sram(address), -1, -1});
          address += bytes;
          left -= bytes;
        }
      }
    }
  }
}

void TickingDomain::deliver(std::size_t index) {
  Port& port = ports_[index];
  for (std::size_t k = 0; k < port.next; ++k) {
    Piece& piece = port.pieces[k];
    if (piece.issued != now_ - 1) continue;
    Request request;
    request.bytes = static_cast<std::int32_t>(piece.bytes);
    request.write = port.spec.write;
    if (piece.sram) {
      request.offset = piece.address - spec_.sram.base;
      piece.finish = sram_.serve(request, Cycles(now_)).count();
      (port.spec.write ? counters_.sram_write_bytes : counters_.sram_read_bytes) += piece.bytes;
    } else {
      const std::int64_t interleave = spec_.dram.interleave_bytes;
      const std::int64_t block = piece.address / interleave;
      request.offset = block / spec_.dram.channels * interleave + piece.address % interleave;
      const auto channel = static_cast<std::size_t>(block % spec_.dram.channels);
      piece.finish = channels_[channel].serve(request, Cycles(now_)).count();
      (port.spec.write ? counters_.dram_write_bytes : counters_.dram_read_bytes) += piece.bytes;
    }
    ++counters_.requests;
  }
}

void TickingDomain::issue(Port& port) {
  if (!port.busy || port.next == port.pieces.size()) return;
  const std::int64_t now = now_ * port.denominator;
  if (now < port.ready) return;
  const auto window = static_cast<std::size_t>(port.spec.outstanding);
  if (port.next >= window) {
    const std::int64_t oldest = port.pieces[port.next - window].finish;
    if (oldest < 0 || oldest > now_) return;
  }
  Piece& piece = port.pieces[port.next++];
  piece.issued = now_;
  const std::int64_t interval = piece.sram ? port.spec.sram_issue_num * port.spec.issue_den
                                           : port.spec.issue_num * port.spec.sram_issue_den;
  const bool waited = now - port.ready >= port.denominator;
  port.ready = (waited ? now : port.ready) + interval;
  port.intervals += interval;
}

void TickingDomain::tick() {
  ++now_;
  for (std::size_t i = 0; i < ports_.size(); ++i) deliver(i);
  for (Port& port : ports_) issue(port);
}

bool TickingDomain::complete(const Port& port) const {
  if (!port.busy || port.next != port.pieces.size() || now_ * port.denominator < port.ready) return false;
  return std::all_of(port.pieces.begin(), port.pieces.end(),
                     [this](const Piece& piece) { return piece.finish >= 0 && piece.finish <= now_; });
}

Completion TickingDomain::retire(std::size_t index) {
  Port& port = ports_[index];
  port.busy = false;
  Completion completion;
  completion.port = index;
  completion.start = Cycles(port.start);
  completion.end = Cycles(now_);
  completion.ideal = Cycles(port.spec.start_cycles + ceil_div(port.intervals, port.denominator));
  for (const Piece& piece : port.pieces)
    (piece.sram ? completion.sram_bytes : completion.dram_bytes) += piece.bytes;
  completion.bytes = completion.sram_bytes + completion.dram_bytes;
  return completion;
}

std::optional<Completion> TickingDomain::next_completion(Cycles horizon) {
  while (true) {
    bool busy = false;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      busy = busy || ports_[i].busy;
      if (complete(ports_[i])) return retire(i);
    }
    if (now_ >= horizon.count() || (!busy && horizon == kNever)) return std::nullopt;
    tick();
  }
}

void TickingDomain::reset() { *this = TickingDomain(spec_); }

const MemoryCounters& TickingDomain::counters() const {
  counters_.bursts = counters_.row_hits = counters_.row_misses = counters_.refreshes = 0;
  for (const DramChannel& channel : channels_) channel.add_counters(counters_, Cycles(now_));
  return counters_;
}

}  // namespace npusim::mem::test
