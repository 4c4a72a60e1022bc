// What a memory system must satisfy to be simulated at all.
#include <fmt/format.h>

#include <bit>
#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/mem/address_map.h"
#include "sim/mem/corunner.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/host_link.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

namespace {

void require(bool holds, const std::string& subject, const std::string& expected) {
  if (!holds) throw UserError(fmt::format("{}: expected {}", subject, expected));
}

bool power_of_two(std::int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value));
}

void check_dram(const DramSpec& dram, std::int64_t request_bytes, const std::string& port) {
  require(request_bytes <= dram.interleave_bytes, port,
          fmt::format("request_bytes of at most the channels' interleave_bytes, {}, but it is {}",
                      dram.interleave_bytes, request_bytes));
  require(request_bytes <= dram.timing.page_bytes, port,
          fmt::format("request_bytes of at most a DRAM page, {}, but it is {}", dram.timing.page_bytes,
                      request_bytes));
}

void check_port(const MemorySpec& spec, const PortSpec& port) {
  const std::string subject = fmt::format("memory port '{}'", port.name);
  require(power_of_two(port.request_bytes), subject, "request_bytes that is a power of two");
  if (!spec.external) check_dram(spec.dram, port.request_bytes, subject);
  require(port.outstanding >= 2 && port.outstanding <= 4096, subject, "outstanding from 2 to 4096");
  require(port.start_cycles >= 0, subject, "start_cycles of at least 0");
  require(port.weight >= 1 && port.weight <= 1'000'000, subject, "weight from 1 to 1000000");
  constexpr std::int64_t kMost = INT64_C(1) << 31U;
  for (const auto& [num, den] :
       {std::pair(port.issue_num, port.issue_den), std::pair(port.sram_issue_num, port.sram_issue_den)}) {
    require(
        num > 0 && den > 0 && num < kMost && den < kMost && num >= den, subject,
        fmt::format("an issue interval of at least one cycle with terms under 2^31, not {}/{}", num, den));
  }
  const bool aligned = spec.sram.base % port.request_bytes == 0 && spec.sram.bytes % port.request_bytes == 0;
  require(aligned, subject, "a shared SRAM whose base and size are multiples of request_bytes");
}

void check_windows(const MemorySpec& spec) {
  struct Window {
    std::string name;
    std::int64_t base = 0, bytes = 0;
  };
  std::vector<Window> windows;
  if (spec.sram.bytes > 0) windows.push_back({"the shared SRAM", spec.sram.base, spec.sram.bytes});
  for (const HostLinkSpec& link : spec.links) {
    check(link, spec.ports);
    for (const Window& other : windows) {
      require(link.base >= other.base + other.bytes || other.base >= link.base + link.bytes,
              fmt::format("host link '{}'", link.name),
              fmt::format("a window apart from that of {}", other.name));
    }
    windows.push_back({fmt::format("link '{}'", link.name), link.base, link.bytes});
  }
}

/// Co-runners come last, and what they access exists.
void check_corunners(const MemorySpec& spec) {
  const AddressMap map(spec);
  bool seen = false;
  for (const PortSpec& port : spec.ports) {
    require(!seen || port.traffic != nullptr, fmt::format("memory port '{}'", port.name),
            "a place before all co-runners");
    if (port.traffic == nullptr) continue;
    seen = true;
    const TrafficPattern& pattern = *port.traffic;
    const std::string subject = fmt::format("co-runner '{}'", port.name);
    if (pattern.kind != TrafficPattern::Kind::trace) {
      require(map.exists(pattern.base, pattern.base + pattern.bytes), subject,
              fmt::format("a range within the memory, {} MiB, but it is of {} MiB from {} MiB on",
                          map.dram_bytes() >> 20U, pattern.bytes >> 20U, pattern.base >> 20U));
    }
    for (const TracedAccess& access : pattern.trace) {
      require(map.exists(access.address, access.address + access.bytes), subject,
              fmt::format("a trace within the memory, {} MiB, but it has {} bytes at {:#x}",
                          map.dram_bytes() >> 20U, access.bytes, access.address));
    }
  }
}

}  // namespace

void check(const MemorySpec& spec) {
  require(spec.clock_hz > 0, "memory", "a positive main clock");
  require(!spec.ports.empty() && spec.ports.size() < 65536, "memory", "from 1 to 65535 ports");
  const DramTiming& timing = spec.dram.timing;
  const std::string dram = fmt::format("dram '{}'", timing.standard);
  require(power_of_two(timing.banks) && power_of_two(timing.page_bytes) && power_of_two(timing.burst_bytes),
          dram, "banks, page_bytes and burst_bytes that are powers of two");
  require(timing.burst_bytes <= timing.page_bytes, dram, "a page of at least one burst");
  require(timing.clock_hz > 0 && timing.burst_clocks > 0 && timing.rl > 0 && timing.wl > 0 &&
              timing.trcd > 0 && timing.trp > 0 && timing.trp_all > 0 && timing.tras > 0 && timing.trc > 0 &&
              timing.trrd > 0 && timing.tfaw > 0 && timing.twr > 0 && timing.twtr > 0 && timing.trtp > 0 &&
              timing.trtw > 0 && timing.trfc > 0,
          dram, "positive clocks everywhere");
  require(timing.trefi > longest_refresh(timing), dram, "time to work between two refreshes");
  require(spec.dram.channels >= 1 && spec.dram.channels <= 1024, dram, "channels from 1 to 1024");
  require(power_of_two(spec.dram.interleave_bytes), dram, "interleave_bytes that is a power of two");
  require(spec.dram.controller_cycles >= 0, dram, "controller_cycles of at least 0");
  require(spec.dram.write_queue >= 0 && spec.dram.write_queue <= 4096, dram, "write_queue from 0 to 4096");
  if (spec.sram.bytes != 0) {
    require(spec.sram.base >= 0 && spec.sram.bytes > 0, "shared SRAM", "a window at non-negative addresses");
    require(spec.sram.read_bytes_per_cycle > 0 && spec.sram.write_bytes_per_cycle > 0, "shared SRAM",
            "positive bytes per cycle");
    require(spec.sram.latency_cycles >= 0, "shared SRAM", "latency_cycles of at least 0");
  }
  for (const PortSpec& port : spec.ports) check_port(spec, port);
  check_windows(spec);
  check_corunners(spec);
  if (spec.dram.policy == DramPolicy::fr_fcfs) {
    check(spec.dram.fr_fcfs.policy, spec.dram.fr_fcfs.rules, dram);
    (void)AddressMapping(spec.dram.fr_fcfs.rules, spec.dram.fr_fcfs.mapping, dram);
  } else {
    require(spec.dram.fr_fcfs.arbitration == Arbitration::fifo, dram,
            "arbitration fifo under policy in-order");
  }
}

}  // namespace npusim::mem
