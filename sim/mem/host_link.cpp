#include "sim/mem/host_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::mem {

namespace {

constexpr std::int64_t kMostTerm = INT64_C(1) << 31U;
constexpr std::int64_t kMostPacket = INT64_C(1) << 24U;

void require(bool holds, const HostLinkSpec& link, const std::string& expected) {
  if (!holds) throw UserError(fmt::format("host link '{}': expected {}", link.name, expected));
}

void check_direction(const HostLinkSpec& link, const LinkDirectionSpec& direction, const char* name) {
  require(direction.rate_num > 0 && direction.rate_den > 0 && direction.rate_num < kMostTerm &&
              direction.rate_den < kMostTerm,
          link,
          fmt::format("a {} rate with positive terms under 2^31, not {}/{}", name, direction.rate_num,
                      direction.rate_den));
  require(direction.latency_cycles >= 0, link, fmt::format("a {} latency of at least 0 cycles", name));
}

}  // namespace

void check(const HostLinkSpec& link, const std::vector<PortSpec>& ports) {
  require(link.base >= 0 && link.bytes > 0, link, "a window of at least a byte at non-negative addresses");
  check_direction(link, link.read, "read");
  check_direction(link, link.write, "write");
  require(link.packet_bytes > 0 && link.packet_bytes <= kMostPacket, link, "packet_bytes from 1 to 2^24");
  require(link.packet_overhead_bytes >= 0 && link.packet_overhead_bytes <= kMostPacket, link,
          "packet_overhead_bytes from 0 to 2^24");
  require(link.piece_bytes == 0 || link.piece_bytes >= link.packet_bytes, link,
          fmt::format("piece_bytes of 0 (no limit) or at least a packet, {}, not {}", link.packet_bytes,
                      link.piece_bytes));
  require(link.piece_cycles >= 0, link, "piece_cycles of at least 0");
  for (const PortSpec& port : ports) {
    require(link.base % port.request_bytes == 0 && link.bytes % port.request_bytes == 0, link,
            fmt::format("a window whose base and size are multiples of port '{}''s request_bytes, {}",
                        port.name, port.request_bytes));
  }
}

LinkDirectionSpec link_rate(std::int64_t bytes_per_second, std::int64_t clock_hz, const std::string& where) {
  if (bytes_per_second <= 0 || clock_hz <= 0) {
    throw UserError(fmt::format("{}: {} bytes per second at {} Hz, expected both positive", where,
                                bytes_per_second, clock_hz));
  }
  const std::int64_t common = std::gcd(bytes_per_second, clock_hz);
  LinkDirectionSpec direction;
  direction.rate_num = bytes_per_second / common;
  direction.rate_den = clock_hz / common;
  if (direction.rate_num >= kMostTerm || direction.rate_den >= kMostTerm) {
    throw UserError(fmt::format(
        "{}: {} bytes per second at {} Hz have too small a common divisor; round them to thousands", where,
        bytes_per_second, clock_hz));
  }
  return direction;
}

HostLink::HostLink(const HostLinkSpec& spec, std::size_t ports) : spec_(spec), waited_(ports, 0) {
  read_.spec = spec.read;
  write_.spec = spec.write;
  read_.queues.resize(ports);
  write_.queues.resize(ports);
}

void HostLink::reset() {
  for (Direction* direction : {&read_, &write_}) {
    std::fill(direction->queues.begin(), direction->queues.end(), Queue());
    direction->last = 0;
    direction->waiting = direction->wire_bytes = 0;
    direction->free = Instant();
    direction->traffic = LinkTraffic();
  }
  std::fill(waited_.begin(), waited_.end(), 0);
  now_ = 0;
  done_.clear();
}

void HostLink::push(const Request& request, Cycles arrival) {
  ensure(arrival.count() >= now_, "a request reaches a link before the cycle it has decided");
  ensure(request.bytes > 0, "a request of at least a byte");
  Direction& direction = request.write ? write_ : read_;
  direction.queues.at(request.port)
      .requests.push_back({arrival.count(), request.offset, request.bytes, request.slot});
  ++direction.waiting;
}

HostLink::Instant HostLink::own_start(const Direction& direction) const {
  std::int64_t arrival = kNever.count();
  if (direction.waiting > 0) {
    for (const Queue& queue : direction.queues) {
      if (!queue.requests.empty()) arrival = std::min(arrival, queue.requests.front().arrival);
    }
  }
  return arrival > direction.free.cycle ? Instant{arrival, 0} : direction.free;
}

const HostLink::Direction* HostLink::next(Instant& start) const {
  Instant read = own_start(read_);
  Instant write = own_start(write_);
  if (spec_.half_duplex) {
    // What the other direction's wire does holds a packet up to the next whole cycle.
    const std::int64_t read_wire = read_.free.rounded_up();
    const std::int64_t write_wire = write_.free.rounded_up();
    const bool write_waits = write_.waiting > 0 && write.cycle <= std::max(read.cycle, write_wire);
    if (read.cycle < write_wire) read = {write_wire, 0};
    if (write.cycle < read_wire) write = {read_wire, 0};
    start = write_waits ? write : read;
    if (start.cycle >= kNever.count()) return nullptr;
    return write_waits ? &write_ : &read_;
  }
  const bool write_first = write.cycle < read.cycle;
  start = write_first ? write : read;
  if (start.cycle >= kNever.count()) return nullptr;
  return write_first ? &write_ : &read_;
}

std::size_t HostLink::in_turn(const Direction& direction, std::int64_t cycle) const {
  const std::size_t ports = direction.queues.size();
  for (std::size_t i = 1; i <= ports; ++i) {
    const std::size_t port = (direction.last + i) % ports;
    const auto& requests = direction.queues[port].requests;
    if (!requests.empty() && requests.front().arrival <= cycle) return port;
  }
  throw InternalError("a link's packet starts without a request");
}

std::int64_t HostLink::cut(Queue& queue, bool& fresh) const {
  const Waiting& request = queue.requests.front();
  fresh = request.offset != queue.piece_end || (spec_.piece_bytes > 0 && queue.piece_left == 0);
  if (fresh) queue.piece_left = spec_.piece_bytes;
  std::int64_t bytes = std::min(request.left, spec_.packet_bytes);
  if (spec_.piece_bytes > 0) bytes = std::min(bytes, queue.piece_left);
  queue.piece_left -= bytes;
  queue.piece_end = request.offset + bytes;
  return bytes;
}

void HostLink::begin_packet(Direction& direction, const Instant& start) {
  const std::size_t port = in_turn(direction, start.cycle);
  Queue& queue = direction.queues[port];
  Waiting& request = queue.requests.front();
  bool fresh = false;
  const std::int64_t bytes = cut(queue, fresh);
  const std::int64_t wire = bytes + spec_.packet_overhead_bytes;
  const std::int64_t held = fresh ? spec_.piece_cycles : 0;
  Instant end = start;
  end.cycle += held;
  const std::int64_t waited = end.rounded_up() - std::max(request.arrival, queue.packet_end);
  const std::int64_t units = end.rest + wire * direction.spec.rate_den;
  end.cycle += units / direction.spec.rate_num;
  end.rest = units % direction.spec.rate_num;

  LinkTraffic& traffic = direction.traffic;
  traffic.bytes += bytes;
  ++traffic.packets;
  traffic.pieces += fresh ? 1 : 0;
  traffic.wait_cycles += waited;
  waited_[port] += waited;
  direction.wire_bytes += wire;
  direction.free = end;
  direction.last = port;
  queue.packet_end = end.rounded_up();
  request.offset += bytes;
  request.left -= bytes;
  if (request.left > 0) return;
  done_.push_back({static_cast<std::uint16_t>(port), request.slot,
                   Cycles(end.rounded_up() + direction.spec.latency_cycles)});
  queue.requests.pop_front();
  --direction.waiting;
}

void HostLink::advance_to(Cycles cycle) {
  ensure(cycle.count() >= now_, "a link goes forward in time");
  Instant start;
  for (const Direction* direction = next(start); direction != nullptr && start.cycle < cycle.count();
       direction = next(start)) {
    begin_packet(direction == &read_ ? read_ : write_, start);
  }
  now_ = cycle.count();
}

Cycles HostLink::next_event() const {
  Instant start;
  return next(start) == nullptr ? kNever : Cycles(std::max(start.cycle, now_));
}

LinkCounters HostLink::counters() const {
  LinkCounters counters;
  counters.name = spec_.name;
  counters.read = read_.traffic;
  counters.write = write_.traffic;
  const auto busy = [this](const Direction& direction) {
    const LinkDirectionSpec& rate = direction.spec;
    __extension__ using Wide = __int128;
    const Wide units = static_cast<Wide>(direction.wire_bytes) * rate.rate_den;
    return static_cast<std::int64_t>((units + rate.rate_num - 1) / rate.rate_num) +
           direction.traffic.pieces * spec_.piece_cycles;
  };
  counters.read.busy_cycles = busy(read_);
  counters.write.busy_cycles = busy(write_);
  return counters;
}

}  // namespace npusim::mem
