// A DMA port: cuts strided runs into requests and paces them. A state machine without a clock of its own,
// driven by an executor (the run-ahead domain, or a SystemC process).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/units.h"
#include "sim/mem/address_map.h"
#include "sim/mem/memory.h"
#include "sim/program/program.h"

namespace npusim::mem {

/// How an executor drives a port:
///   start(); then, while issuing(): at cycle next_issue(), issue(), deliver the request to its target one
///   cycle later, and hand the response cycle that the target answers to respond(). When done(),
///   take_completion().
/// A response must be handed in within the cycle of its delivery. While a response is on its way next_issue()
/// is a lower bound: an executor that finds next_issue() later than now sleeps again. Issue intervals are at
/// least one cycle and at least two requests may be outstanding, hence next_issue() is exact once that cycle
/// is reached.
class DmaPort {
 public:
  /// `map` must outlive the port. `spec` must have passed check().
  DmaPort(const PortSpec& spec, std::uint16_t id, const AddressMap& map);

  /// Begins a transfer. Copies `runs`. Throws InternalError when one is running or an offset is negative.
  void start(std::span<const program::Region> runs, Cycles at);
  /// Whether a transfer has started whose completion was not taken yet.
  [[nodiscard]] bool active() const { return active_; }
  /// Whether the running transfer has requests left to issue.
  [[nodiscard]] bool issuing() const { return issuing_; }
  /// The cycle of the next request; meaningful while issuing().
  [[nodiscard]] Cycles next_issue() const {
    const std::int64_t window = finish_[slot_];
    return Cycles(window > ready_ ? window : ready_);
  }
  /// Issues the next request at `now`, which must be next_issue().
  Request issue(Cycles now);
  /// The response to the request in `slot` is back at cycle `finish`.
  void respond(std::uint16_t slot, Cycles finish) {
    finish_[slot] = finish.count();
    if (finish.count() > last_finish_) last_finish_ = finish.count();
    --unanswered_;
  }
  /// Whether all requests are issued and all responses known, so that the completion is.
  [[nodiscard]] bool done() const { return active_ && !issuing_ && unanswered_ == 0; }
  /// When the transfer is over; meaningful when done().
  [[nodiscard]] Cycles end() const { return Cycles(last_finish_ > ready_ ? last_finish_ : ready_); }
  /// The finished transfer; the port is idle afterwards. Throws InternalError unless done().
  Completion take_completion();

  void reset();
  /// Adds this port's bytes and requests since the last reset.
  void add_counters(MemoryCounters& counters) const;

 private:
  /// An issue interval of whole_ - rest_/denominator_ cycles.
  struct Interval {
    std::int64_t whole = 1;
    std::int64_t rest = 0;
  };
  struct Traffic {
    std::int64_t requests = 0;
    std::int64_t bytes = 0;
  };

  [[nodiscard]] Interval interval(std::int64_t num, std::int64_t den) const;
  void enter_region();
  void next_run();
  void pace(std::int64_t now, const Interval& interval);
  [[nodiscard]] std::int64_t ideal_cycles() const;

  PortSpec spec_;
  std::uint16_t id_;
  const AddressMap& map_;
  std::int64_t align_mask_;
  std::int64_t denominator_;  ///< common to both intervals
  Interval dram_interval_, sram_interval_;

  bool active_ = false;
  bool issuing_ = false;
  // Where the transfer is: the runs are walked, never listed.
  std::vector<program::Region> regions_;
  std::size_t region_ = 0;
  std::int64_t outer_left_ = 0, inner_left_ = 0;
  std::int64_t outer_start_ = 0, run_start_ = 0;
  std::int64_t position_ = 0, run_end_ = 0;
  // When: the port is ready at exactly ready_ - slack_/denominator_.
  std::int64_t start_ = 0;
  std::int64_t ready_ = 0;
  std::int64_t slack_ = 0;
  std::vector<std::int64_t> finish_;  ///< response cycle of the last request in each slot; 0 while unknown
  std::size_t slot_ = 0;              ///< of the next request
  std::int64_t unanswered_ = 0;
  std::int64_t last_finish_ = 0;
  Traffic dram_, sram_;              ///< of the running transfer
  Traffic total_dram_, total_sram_;  ///< of all completed ones
};

}  // namespace npusim::mem
