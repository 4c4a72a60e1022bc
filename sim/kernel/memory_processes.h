// The memory domain with every port, DRAM channel and SRAM as a SystemC process of its own: slower than the
// run-ahead object, same cycles. `--kernel systemc`.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>

#include "sim/mem/memory.h"

namespace npusim::kernel {

class MemoryProcesses {
 public:
  /// `now` gives the current cycle, `end` the cycle at which the program ended, kNever while it runs (until
  /// then co-runners have work), `deliver` is called at a transfer's end cycle. Must be constructed during
  /// elaboration.
  MemoryProcesses(const mem::MemorySpec& spec, std::function<std::int64_t()> now,
                  std::function<std::int64_t()> end, std::exception_ptr& failure, std::int64_t& events,
                  std::function<void(const mem::Completion&)> deliver);
  ~MemoryProcesses();
  /// Starts a transfer of `runs` on an idle port at the current cycle `at`.
  void start(std::size_t port, std::span<const program::Region> runs, std::int64_t at);
  void reset();
  /// With co-runners: brings all memories to the program's end, so that counters are those of that cycle.
  void finish();
  [[nodiscard]] mem::MemoryCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace npusim::kernel
