#include "sim/mem/clock_ratio.h"

#include <fmt/format.h>

#include <numeric>

#include "sim/base/error.h"

namespace npusim::mem {

ClockRatio::ClockRatio(std::int64_t from_hz, std::int64_t to_hz) {
  if (from_hz <= 0 || to_hz <= 0) {
    throw UserError(fmt::format("clocks of {} and {} Hz: expected positive frequencies", from_hz, to_hz));
  }
  const std::int64_t common = std::gcd(from_hz, to_hz);
  from_ = Divider(from_hz / common);
  to_ = to_hz / common;
  if (from_.divisor() > (INT64_MAX / 2) / to_) {
    throw UserError(fmt::format("clocks of {} and {} Hz have too small a common divisor; round them to kHz",
                                from_hz, to_hz));
  }
}

}  // namespace npusim::mem
