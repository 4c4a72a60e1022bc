// The shared on-chip memory with an arbiter in front of each pipe.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/mem/arbiter.h"
#include "sim/mem/late_target.h"

namespace npusim::mem {

/// As SharedSram, but a pipe that becomes free takes the request of the arbiter's choice among those that
/// have arrived by then, instead of the oldest. With arbitration fifo the two agree.
class ArbitratedSram final : public LateTarget {
 public:
  ArbitratedSram(const SharedSramSpec& spec, const std::vector<PortSpec>& ports);

  void push(const Request& request, Cycles arrival) override;
  void advance_to(Cycles cycle) override;
  [[nodiscard]] Cycles next_event() const override;
  [[nodiscard]] Cycles earliest_answer() const override;
  [[nodiscard]] Cycles now() const override { return Cycles(now_); }
  std::vector<Response>& done() override { return done_; }
  void reset() override;

 private:
  struct Waiting {
    std::int64_t arrival = 0;
    std::int64_t bytes = 0;
    std::uint16_t slot = 0;
  };
  /// Time within a pipe is counted in bytes (cycles x rate), so that partial cycles add up exactly.
  struct Pipe {
    Pipe(std::int64_t bytes_per_cycle, const Arbiter& port_arbiter, std::size_t ports)
        : rate(bytes_per_cycle), arbiter(port_arbiter), queues(ports) {}
    [[nodiscard]] std::int64_t start() const {
      return first == kNever.count() ? first : std::max(free, first);
    }
    Divider rate;
    Arbiter arbiter;
    std::vector<std::deque<Waiting>> queues;  ///< by port
    std::int64_t first = kNever.count();      ///< earliest arrival at a queue's head, in bytes
    std::int64_t free = 0;
  };

  void begin(Pipe& pipe);
  [[nodiscard]] static Cycles next_event(const Pipe& pipe);

  Pipe read_, write_;
  std::int64_t latency_;
  std::vector<Arbiter::Candidate> candidates_;  ///< scratch
  std::int64_t now_ = 0;
  std::vector<Response> done_;
};

}  // namespace npusim::mem
