// A DMA port: cuts strided runs into requests and paces them. A state machine without a clock of its own,
// driven by an executor (the run-ahead domain, or a SystemC process).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/base/units.h"
#include "sim/mem/address_map.h"
#include "sim/mem/corunner.h"
#include "sim/mem/memory.h"
#include "sim/program/program.h"

namespace npusim::mem {

/// How an executor drives a port:
///   start(), any number of times up to kMaxTransfers not yet completed; then, while issuing(): at cycle
///   next_issue(), issue(), deliver the request to its target one cycle later, and hand the response cycle
///   that the target answers to respond(). When done(), take_completion(). Transfers are worked on, and
///   completed, in order: the next one issues while the responses of the one before are still on their way.
/// A target may answer late: a response must be handed in before its own cycle. While the response that the
/// next request waits for is unknown, next_issue() is kNever, and not_before() says what else holds the port.
/// A co-runner's port (PortSpec::traffic) is issuing() from the beginning, for ever, and takes no transfers.
class DmaPort {
 public:
  /// `map` must outlive the port. `spec` must have passed check().
  DmaPort(const PortSpec& spec, std::uint16_t id, const AddressMap& map);

  static constexpr std::size_t kMaxTransfers = 64;
  /// Queues a transfer that may begin at `at`. Copies `runs`. Throws InternalError when kMaxTransfers are not
  /// completed or an offset is negative, UserError when an address is beyond the memory.
  void start(std::span<const program::Region> runs, Cycles at);
  /// Whether a transfer has started whose completion was not taken yet.
  [[nodiscard]] bool active() const { return oldest_ != queued_; }
  /// Whether there are requests left to issue.
  [[nodiscard]] bool issuing() const { return issuing_; }
  /// The cycle of the next request, kNever while it waits for an unknown response; meaningful while
  /// issuing().
  [[nodiscard]] Cycles next_issue() const {
    const std::int64_t window = finish_[slot_];
    return Cycles(window > ready_ ? window : ready_);
  }
  /// A lower bound of next_issue() that holds whatever the responses are.
  [[nodiscard]] Cycles not_before() const { return Cycles(ready_); }
  /// The target of the request whose response the next request waits for; meaningful while next_issue() is
  /// kNever.
  [[nodiscard]] std::uint16_t awaited_by_issue() const { return target_[slot_]; }
  /// Issues the next request at `now`, which must be next_issue().
  Request issue(Cycles now);
  /// The response to the request in `slot` is back at cycle `finish`.
  void respond(std::uint16_t slot, Cycles finish) {
    finish_[slot] = finish.count();
    Transfer& transfer = at(owner_[slot]);
    if (finish.count() > transfer.end) transfer.end = finish.count();
    --transfer.unanswered;
  }
  /// Whether the oldest transfer has issued all its requests and has all responses, so that its completion is
  /// known.
  [[nodiscard]] bool done() const { return oldest_ != current_ && at(oldest_).unanswered == 0; }
  /// When the oldest transfer is over; meaningful when done().
  [[nodiscard]] Cycles end() const {
    const std::int64_t end = at(oldest_).end;
    return Cycles(end > last_end_ ? end : last_end_);
  }
  /// Whether the oldest transfer has issued all its requests and waits for responses that are unknown.
  [[nodiscard]] bool finishing() const { return oldest_ != current_ && at(oldest_).unanswered != 0; }
  /// A lower bound of the oldest transfer's end from the responses that are known; meaningful when
  /// finishing().
  [[nodiscard]] Cycles end_so_far() const {
    const std::int64_t end = at(oldest_).end;
    return Cycles(end > last_end_ ? end : last_end_);
  }
  /// The target of the oldest request without response: of the oldest transfer; meaningful when finishing().
  [[nodiscard]] std::uint16_t awaited_by_end();
  /// The oldest transfer, which leaves the port. Throws InternalError unless done().
  Completion take_completion();

  void reset();
  /// Appends every DRAM request from now on to `sink`, which reset() clears; not of a co-runner.
  void log(std::vector<TracedAccess>* sink) { log_ = source_ ? nullptr : sink; }
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

  struct Transfer {
    std::vector<program::Region> regions;
    std::int64_t at = 0;     ///< earliest begin
    std::int64_t start = 0;  ///< the port turned to it
    std::int64_t ideal = 0;  ///< cycles from start to the first request
    std::int64_t slack = 0;  ///< the port's slack_ at its first request: what pacing carries over from before
    std::int64_t release = 0;  ///< the port is ready for the next
    std::int64_t end = 0;
    std::int64_t unanswered = 0;
    Traffic dram, sram, link;
  };

  [[nodiscard]] Transfer& at(std::size_t sequence) { return transfers_[sequence % kMaxTransfers]; }
  [[nodiscard]] const Transfer& at(std::size_t sequence) const {
    return transfers_[sequence % kMaxTransfers];
  }
  void check_run(const program::Region& run) const;
  /// Makes a co-runner's port ready for its first access.
  void begin_traffic();
  void next_access();
  /// Turns to transfer `current_`.
  void begin();
  void finish_issuing();
  [[nodiscard]] Interval interval(std::int64_t num, std::int64_t den) const;
  void enter_region();
  void next_run();
  void pace(std::int64_t now, const Interval& interval);
  [[nodiscard]] std::int64_t ideal_cycles(const Transfer& transfer) const;

  PortSpec spec_;
  std::uint16_t id_;
  const AddressMap& map_;
  std::int64_t align_mask_;
  std::int64_t denominator_;  ///< common to both intervals
  Interval dram_interval_, sram_interval_;

  // Transfers by sequence number: [oldest_, current_) wait for responses, current_ issues, (current_,
  // queued_) wait.
  std::vector<Transfer> transfers_;
  std::size_t oldest_ = 0, current_ = 0, queued_ = 0;
  std::int64_t last_end_ = 0;  ///< of the transfers taken so far
  bool issuing_ = false;
  // Where the issuing transfer is: the runs are walked, never listed.
  std::size_t region_ = 0;
  std::int64_t outer_left_ = 0, inner_left_ = 0;
  std::int64_t outer_start_ = 0, run_start_ = 0;
  std::int64_t position_ = 0, run_end_ = 0;
  // When: the port is ready at exactly ready_ - slack_/denominator_.
  std::int64_t ready_ = 0;
  std::int64_t slack_ = 0;
  std::vector<std::int64_t> finish_;   ///< response cycle of each slot's last request; kNever while unknown
  std::vector<std::size_t> owner_;     ///< transfer of the last request in each slot
  std::vector<std::uint16_t> target_;  ///< of the last request in each slot
  std::size_t slot_ = 0;               ///< of the next request
  std::size_t issued_ = 0;             ///< requests since the last reset
  std::size_t answered_ = 0;           ///< all requests before this one are answered; brought up when asked
  Traffic total_dram_, total_sram_, total_link_;  ///< of all completed transfers
  std::vector<TracedAccess>* log_ = nullptr;
  std::optional<TrafficSource> source_;  ///< of a co-runner
  std::int64_t read_bytes_ = 0;          ///< of a co-runner
};

}  // namespace npusim::mem
