// Edges of a clock of any frequency in SystemC's integer ticks, without drift.
#pragma once

#include <cstdint>
#include <systemc>

#include "sim/base/units.h"
#include "sim/mem/clock_ratio.h"

namespace npusim::kernel {

/// Edge n of the clock is at floor(n * period) ticks, so that times and edges convert there and back exactly.
class TickClock {
 public:
  /// Throws UserError unless the clock is slower than SystemC's time resolution, as it is now.
  explicit TickClock(std::int64_t clock_hz);

  [[nodiscard]] sc_core::sc_time time_of(std::int64_t edge) const {
    return sc_core::sc_time::from_value(
        static_cast<sc_core::sc_time::value_type>(mul_div(edge, ticks_per_second_, clock_hz_)));
  }
  /// The first edge at or after `time`.
  [[nodiscard]] std::int64_t edge_from(const sc_core::sc_time& time) const {
    return to_edges_.convert(static_cast<std::int64_t>(time.value()));
  }
  /// The first edge after `time`.
  [[nodiscard]] std::int64_t edge_after(const sc_core::sc_time& time) const {
    return to_edges_.convert(static_cast<std::int64_t>(time.value()) + 1);
  }

 private:
  std::int64_t clock_hz_;
  std::int64_t ticks_per_second_;
  mem::ClockRatio to_edges_;
};

}  // namespace npusim::kernel
