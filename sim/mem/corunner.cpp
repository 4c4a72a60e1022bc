#include "sim/mem/corunner.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

namespace {

__extension__ using Wide = __int128;

Wide greatest_common_divisor(Wide a, Wide b) {
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

}  // namespace

void TrafficSource::reset() {
  rng_ = Rng(pattern_.seed);
  count_ = position_ = 0;
  aim();
}

void TrafficSource::advance() {
  if (pattern_.kind == TrafficPattern::Kind::trace) {
    const auto entries = static_cast<std::int64_t>(pattern_.trace.size());
    const TracedAccess& entry = pattern_.trace[static_cast<std::size_t>(count_ % entries)];
    position_ += next_.bytes;
    if (position_ < entry.bytes) return aim();
    position_ = 0;
  }
  ++count_;
  aim();
}

void TrafficSource::aim() {
  if (pattern_.kind == TrafficPattern::Kind::trace) {
    const auto entries = static_cast<std::int64_t>(pattern_.trace.size());
    const TracedAccess& entry = pattern_.trace[static_cast<std::size_t>(count_ % entries)];
    const std::int64_t cycle = count_ / entries * pattern_.period + entry.cycle;
    next_.cycle = mul_div(cycle, pattern_.stretch_num, pattern_.stretch_den);
    next_.address = entry.address + position_;
    const std::int64_t block_end = (next_.address / pattern_.burst_bytes + 1) * pattern_.burst_bytes;
    next_.bytes = std::min(entry.bytes - position_, block_end - next_.address);
    next_.write = entry.write;
    return;
  }
  const std::int64_t bursts = pattern_.bytes / pattern_.burst_bytes;
  const bool random = pattern_.kind == TrafficPattern::Kind::random;
  const std::int64_t burst = random ? rng_.uniform(0, bursts - 1) : count_ % bursts;
  // Reads and writes are spread evenly: after n bursts, floor(n * read_percent / 100) were reads.
  const std::int64_t reads = mul_div(count_, pattern_.read_percent, 100);
  next_.address = pattern_.base + burst * pattern_.burst_bytes;
  next_.bytes = pattern_.burst_bytes;
  next_.write = random ? rng_.uniform(0, 99) >= pattern_.read_percent
                       : mul_div(count_ + 1, pattern_.read_percent, 100) == reads;
}

PortSpec corunner_port(const CoRunnerProfile& profile, std::int64_t clock_hz, std::int64_t load_percent) {
  ensure(load_percent >= 1, "a co-runner at a load of at least 1 %");
  TrafficPattern pattern = profile.pattern;
  PortSpec port;
  port.name = pattern.name;
  port.request_bytes = pattern.burst_bytes;
  port.outstanding = profile.outstanding;
  port.priority = profile.priority;
  port.weight = profile.weight;
  port.issue_num = port.issue_den = port.sram_issue_num = port.sram_issue_den = 1;
  if (pattern.kind == TrafficPattern::Kind::trace) {
    pattern.stretch_num = 100;
    pattern.stretch_den = load_percent;
  } else {
    Wide num = static_cast<Wide>(clock_hz) * profile.rate_den * 100;
    Wide den = static_cast<Wide>(profile.rate_num) * load_percent;
    const Wide common = greatest_common_divisor(num, den);
    num /= common;
    den /= common;
    constexpr Wide kMost = static_cast<Wide>(1) << 31U;
    if (num < den) {
      throw UserError(fmt::format(
          "co-runner '{}': {} % of its rate is more than one request of {} bytes a cycle of {} MHz; "
          "expected larger bursts or a lower rate",
          pattern.name, load_percent, pattern.burst_bytes, clock_hz / 1'000'000));
    }
    if (num >= kMost || den >= kMost) {
      throw UserError(fmt::format("co-runner '{}': expected a rate with fewer digits", pattern.name));
    }
    port.issue_num = port.sram_issue_num = static_cast<std::int64_t>(num);
    port.issue_den = port.sram_issue_den = static_cast<std::int64_t>(den);
  }
  port.traffic = std::make_shared<const TrafficPattern>(std::move(pattern));
  return port;
}

}  // namespace npusim::mem
