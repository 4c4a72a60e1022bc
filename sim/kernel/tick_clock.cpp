#include "sim/kernel/tick_clock.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/error.h"

namespace npusim::kernel {

TickClock::TickClock(std::int64_t clock_hz)
    : clock_hz_(clock_hz),
      ticks_per_second_(std::llround(1.0 / sc_core::sc_get_time_resolution().to_seconds())),
      to_edges_(ticks_per_second_, clock_hz) {
  if (clock_hz_ > ticks_per_second_) {
    throw UserError(
        fmt::format("a clock of {} Hz: expected at most one edge a tick of SystemC's resolution, {}",
                    clock_hz, sc_core::sc_get_time_resolution().to_string()));
  }
}

}  // namespace npusim::kernel
