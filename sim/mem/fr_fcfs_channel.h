// One DRAM channel under policy fr_fcfs: an arbiter and the exact controller behind it, in the main clock's
// cycles.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/mem/arbiter.h"
#include "sim/mem/clock_ratio.h"
#include "sim/mem/dram/controller.h"
#include "sim/mem/late_target.h"
#include "sim/mem/wait_ledger.h"

namespace npusim::mem {

/// The rules:
/// * A request that arrives in main-clock cycle t is there at the first DRAM clock not earlier than t, in its
///   port's queue, which holds any number. It is cut into the bursts that it touches.
/// * In each clock at most one burst is offered to the controller, before that clock's decisions. A request
///   whose bursts are being offered goes on while the controller has room for its kind; else, or when it is
///   through, the arbiter chooses among the ports whose oldest request has arrived and has room.
/// * A read is answered behind the last data beat of its last burst, a write one clock after its last burst
///   has been accepted; rounded up to the main clock, plus `controller_cycles`.
/// * Under fixed_priority beside co-runners, which never run dry, a port of the program whose oldest request
/// has
///   waited kPatience clocks is a UserError: it would wait for ever, and the program with it.
class FrFcfsChannel final : public LateTarget {
 public:
  static constexpr std::int64_t kPatience = INT64_C(1) << 26U;
  /// Makes the controller; a test may put another in its place.
  using MakeController = std::function<std::unique_ptr<ChannelController>(const FrFcfsSpec&)>;

  /// `spec` must have passed check(). Throws UserError for mappings and policies that cannot work.
  FrFcfsChannel(const DramSpec& spec, std::int64_t main_clock_hz, const std::vector<PortSpec>& ports,
                MakeController make = event_driven());
  static MakeController event_driven();

  void push(const Request& request, Cycles arrival) override;
  void advance_to(Cycles cycle) override;
  [[nodiscard]] Cycles next_event() const override;
  [[nodiscard]] Cycles earliest_answer() const override;
  [[nodiscard]] Cycles now() const override { return Cycles(now_); }
  std::vector<Response>& done() override { return done_; }
  void reset() override;

  /// Adds bursts (accepted ones), row hits and misses (all that posted writes will cause included), refreshes
  /// that have fallen due by `until`, and waits.
  void add_counters(MemoryCounters& counters, Cycles until) const;
  /// Appends every command from now on to `sink`, or to nothing.
  void trace(std::vector<IssuedCommand>* sink) { controller_->trace(sink); }

 private:
  /// A request that has not been accepted in whole.
  struct Waiting {
    std::int64_t clock = 0;     ///< of its arrival
    std::int64_t arrival = 0;   ///< main clock
    std::uint64_t address = 0;  ///< of the next burst
    std::int32_t left = 0;      ///< bursts not yet accepted
    std::uint32_t id = 0;
    bool begun = false;
    bool write = false;
  };
  /// A request that has not been answered, by id.
  struct Open {
    std::int64_t end = 0;  ///< latest data so far
    std::int32_t left = 0;
    std::uint16_t port = 0, slot = 0;
  };

  void find_first();
  /// Throws UserError when a port of the program has starved.
  void check_patience(std::int64_t clock) const;
  /// Offers a burst at the controller's clock, or finds when one could be.
  void offer(std::int64_t clock);
  bool choose(std::int64_t clock);
  /// Whether the controller has room now for a request that has arrived by `clock`.
  [[nodiscard]] bool any_room(std::int64_t clock) const;
  void accept(std::int64_t clock);
  void collect();
  void answer(std::uint32_t id, std::int64_t clock);
  [[nodiscard]] std::int64_t next_clock() const;

  FrFcfsSpec spec_;
  MakeController make_;
  std::vector<std::string> watched_;  ///< by port: name of one that may starve, empty for co-runners
  bool may_starve_ = false;
  ClockRatio to_dram_, to_main_;
  std::int64_t controller_cycles_;
  std::int64_t burst_bytes_;
  std::unique_ptr<ChannelController> controller_;
  Arbiter arbiter_;
  WaitLedger ledger_;

  std::vector<std::deque<Waiting>> queues_;     ///< by port
  std::vector<std::uint16_t> waiting_;          ///< ports with a queue, in order
  std::vector<Arbiter::Candidate> candidates_;  ///< scratch
  std::int32_t granted_ = -1;                   ///< port whose request is being offered
  std::int64_t first_ = kNever.count();         ///< clock of the earliest arrival at a queue's head
  std::int64_t offer_at_ = 0;                   ///< no burst can be accepted before this clock
  bool refused_ = false;                        ///< because the controller is full
  std::vector<Open> open_;
  std::vector<std::uint32_t> free_ids_;
  std::int64_t unanswered_ = 0;
  std::int64_t bursts_ = 0;
  std::int64_t now_ = 0;
  std::vector<Response> done_;
};

}  // namespace npusim::mem
