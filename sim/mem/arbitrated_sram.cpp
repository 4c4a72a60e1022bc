#include "sim/mem/arbitrated_sram.h"

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::mem {

ArbitratedSram::ArbitratedSram(const SharedSramSpec& spec, const std::vector<PortSpec>& ports)
    : read_(spec.read_bytes_per_cycle, Arbiter(spec.arbitration, ports), ports.size()),
      write_(spec.write_bytes_per_cycle, Arbiter(spec.arbitration, ports), ports.size()),
      latency_(spec.latency_cycles) {}

void ArbitratedSram::reset() {
  for (Pipe* pipe : {&read_, &write_}) {
    for (auto& queue : pipe->queues) queue.clear();
    pipe->arbiter.reset();
    pipe->first = kNever.count();
    pipe->free = 0;
  }
  now_ = 0;
  done_.clear();
}

void ArbitratedSram::push(const Request& request, Cycles arrival) {
  ensure(arrival.count() >= now_, "a request reaches the SRAM before the cycle it has decided");
  Pipe& pipe = request.write ? write_ : read_;
  pipe.queues[request.port].push_back({arrival.count(), request.bytes, request.slot});
  pipe.first = std::min(pipe.first, arrival.count() * pipe.rate.divisor());
}

void ArbitratedSram::begin(Pipe& pipe) {
  const std::int64_t start = pipe.start();
  candidates_.clear();
  for (std::size_t port = 0; port < pipe.queues.size(); ++port) {
    if (pipe.queues[port].empty()) continue;
    const std::int64_t arrival = pipe.queues[port].front().arrival;
    if (arrival * pipe.rate.divisor() <= start) {
      candidates_.push_back({static_cast<std::uint16_t>(port), arrival});
    }
  }
  const std::uint16_t port = candidates_[pipe.arbiter.pick(candidates_)].port;
  pipe.arbiter.granted(port);
  const Waiting request = pipe.queues[port].front();
  pipe.queues[port].pop_front();
  pipe.free = start + request.bytes;
  done_.push_back({port, request.slot, Cycles(pipe.rate.ceil(pipe.free) + latency_)});
  pipe.first = kNever.count();
  for (const auto& queue : pipe.queues) {
    if (queue.empty()) continue;
    pipe.first = std::min(pipe.first, queue.front().arrival * pipe.rate.divisor());
  }
}

void ArbitratedSram::advance_to(Cycles cycle) {
  for (Pipe* pipe : {&read_, &write_}) {
    const std::int64_t limit = cycle.count() * pipe->rate.divisor();
    while (pipe->start() < limit) begin(*pipe);
  }
  now_ = cycle.count();
}

Cycles ArbitratedSram::next_event(const Pipe& pipe) {
  const std::int64_t start = pipe.start();
  return start == kNever.count() ? kNever : Cycles(pipe.rate.floor(start));
}

Cycles ArbitratedSram::next_event() const {
  const Cycles next = std::min(next_event(read_), next_event(write_));
  return next < kNever ? std::max(next, Cycles(now_)) : kNever;
}

Cycles ArbitratedSram::earliest_answer() const {
  const Cycles next = next_event();
  return next < kNever ? next + Cycles(1 + latency_) : kNever;
}

}  // namespace npusim::mem
