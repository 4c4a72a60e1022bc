// A host link as a resource that DMA ports share: packets, directions, pieces, exact fractions of cycles.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sim/mem/host_link_spec.h"
#include "sim/mem/late_target.h"

namespace npusim::mem {

/// Throws UserError, naming the link, for rates, packets and windows that cannot work, and for requests that
/// could cross the window's ends (its base and size must be multiples of every port's `request_bytes`).
void check(const HostLinkSpec& link, const std::vector<PortSpec>& ports);

/// Bytes per cycle of `bytes_per_second` at `clock_hz`, reduced, as a direction's rate. Throws UserError
/// starting with `where` when either is not positive or the reduced terms do not fit.
LinkDirectionSpec link_rate(std::int64_t bytes_per_second, std::int64_t clock_hz, const std::string& where);

/// The rules:
/// * A direction's wire carries one packet at a time. A packet of n bytes takes (n + overhead) / rate cycles,
///   fractions kept; the first packet of a piece is preceded by `piece_cycles`.
/// * A request is carried in packets of `packet_bytes`, the last one smaller. When the wire is free, the next
///   packet is that of the first master, in turn after the one that had the last packet, whose oldest request
///   has arrived by then, in whole cycles. A master's requests keep their order.
/// * The response is back `latency_cycles` after the cycle in which the last byte is through.
/// * half_duplex: see HostLinkSpec; a change of direction begins with a whole cycle.
class HostLink final : public LateTarget {
 public:
  /// `spec` must have passed check(). `ports` is the number of masters.
  HostLink(const HostLinkSpec& spec, std::size_t ports);

  void push(const Request& request, Cycles arrival) override;
  void advance_to(Cycles cycle) override;
  [[nodiscard]] Cycles next_event() const override;
  [[nodiscard]] Cycles now() const override { return Cycles(now_); }
  std::vector<Response>& done() override { return done_; }
  void reset() override;

  [[nodiscard]] LinkCounters counters() const;
  /// A master's share of wait_cycles.
  [[nodiscard]] std::int64_t waited(std::size_t port) const { return waited_[port]; }

 private:
  /// cycle + rest / rate_num of the direction it belongs to.
  struct Instant {
    std::int64_t cycle = 0;
    std::int64_t rest = 0;
    [[nodiscard]] std::int64_t rounded_up() const { return cycle + (rest > 0 ? 1 : 0); }
  };
  struct Waiting {
    std::int64_t arrival = 0;
    std::int64_t offset = 0;  ///< of the next packet
    std::int64_t left = 0;    ///< bytes not yet begun
    std::uint16_t slot = 0;
  };
  /// One master in one direction.
  struct Queue {
    std::deque<Waiting> requests;
    std::int64_t piece_end = -1;  ///< address behind the current piece so far
    std::int64_t piece_left = 0;  ///< bytes that still fit into it
    std::int64_t packet_end = 0;  ///< cycle by which its last packet was through
  };
  struct Direction {
    LinkDirectionSpec spec;
    std::vector<Queue> queues;  ///< by master
    std::size_t last = 0;       ///< master of the last packet
    std::int64_t waiting = 0;   ///< requests not fully begun
    Instant free;
    LinkTraffic traffic;
    std::int64_t wire_bytes = 0;  ///< with overhead
  };

  /// When the direction's next packet starts as far as its own wire and requests say; never without requests.
  [[nodiscard]] Instant own_start(const Direction& direction) const;
  /// The direction whose packet is decided next, and when; nullptr when nothing waits.
  [[nodiscard]] const Direction* next(Instant& start) const;
  void begin_packet(Direction& direction, const Instant& start);
  [[nodiscard]] std::size_t in_turn(const Direction& direction, std::int64_t cycle) const;
  /// Bytes of the master's next packet; `fresh`: it begins a piece.
  std::int64_t cut(Queue& queue, bool& fresh) const;

  HostLinkSpec spec_;
  Direction read_, write_;
  std::vector<std::int64_t> waited_;  ///< by master
  std::int64_t now_ = 0;
  std::vector<Response> done_;
};

}  // namespace npusim::mem
