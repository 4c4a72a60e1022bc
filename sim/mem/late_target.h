// A memory whose answer depends on what arrives later: a host link, a reordering DRAM controller, another
// simulator's memory. Free of SystemC. All times are cycles of the chip's main clock.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/units.h"
#include "sim/mem/address_map.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// The answer to a request.
struct Response {
  std::uint16_t port = 0;
  std::uint16_t slot = 0;
  Cycles finish{0};  ///< the response is back at the port

  bool operator==(const Response&) const = default;
};

/// How an executor drives it: requests of cycle t are pushed while now() <= t, in order of (arrival, port);
/// then advance_to(t + 1) takes all decisions of cycle t. Nothing that arrives later can change what was
/// answered.
class LateTarget {
 public:
  virtual ~LateTarget() = default;
  /// Takes a request that arrives at `arrival`, not before now() nor before the last one's arrival.
  virtual void push(const Request& request, Cycles arrival) = 0;
  /// Takes the decisions of all cycles before `cycle`; now() becomes `cycle`.
  virtual void advance_to(Cycles cycle) = 0;
  /// The earliest cycle from now() on in which, without further requests, anything can be decided; kNever
  /// when nothing waits.
  [[nodiscard]] virtual Cycles next_event() const = 0;
  /// A lower bound of `finish` of what is still to be answered, unless a request arrives before it. The
  /// farther it lies ahead, the less often an executor must turn to this target.
  [[nodiscard]] virtual Cycles earliest_answer() const {
    const Cycles event = next_event();
    return event < kNever ? event + Cycles(1) : kNever;
  }
  [[nodiscard]] virtual Cycles now() const = 0;
  /// Answers that have been decided, in order of decision; the caller clears it. What was decided in cycle t
  /// finishes after t.
  virtual std::vector<Response>& done() = 0;
  /// Back to the state after construction.
  virtual void reset() = 0;
};

}  // namespace npusim::mem
