#include "hw_models/edgetpu/timing.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace npusim::edgetpu {

std::int64_t host_cycles(const Spec& spec, std::int64_t macs, std::int64_t bytes) {
  const double work = static_cast<double>(macs) / spec.host_macs_per_cycle +
                      static_cast<double>(bytes) / spec.host_bytes_per_cycle;
  return spec.host_op_cycles + static_cast<std::int64_t>(std::llround(work));
}

std::int64_t spill_cycles(const Spec& spec, std::int64_t words) {
  constexpr std::int64_t kMilli = 1000;
  return ceil_div(words * spec.spill_millicycles_per_word, kMilli);
}

kernel::Duration duration(const Spec& spec, const program::Command& command) {
  const auto arg = [&](std::size_t i) -> std::int64_t { return command.args[i]; };
  std::int64_t cycles = 0;
  switch (command.opcode) {
    case kBroadcast:
      cycles = arg(0) * spec.row_cycles();
      break;
    case kExpand:
      cycles = arg(0) * spec.depthwise_row_cycles;
      break;
    case kExchange:
      cycles = arg(0) * ceil_div(arg(1), spec.mesh_rate) + arg(2);
      break;
    case kConv:
    case kPool:
      cycles = arg(0) * arg(1);
      break;
    case kDepthwise:
      cycles = arg(0) * (arg(1) + spec.depthwise_extra_steps);
      break;
    case kCopy:
    case kProduct:
    case kWords:
    case kHost:
      cycles = arg(0);
      break;
    case kSpill:
    case kFill:
      cycles = spill_cycles(spec, arg(0));
      break;
    default:
      ensure(false, "a transfer has no duration of its own");
  }
  kernel::Duration duration;
  duration.cycles = std::max<std::int64_t>(cycles, 1);
  return duration;
}

}  // namespace npusim::edgetpu
