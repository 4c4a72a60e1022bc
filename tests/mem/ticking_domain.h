// The memory domain a second time, as simply as possible: every cycle, every port by id. Requests are listed,
// times are fractions with one denominator. Only the targets are the real ones (the in-order DRAM channel,
// the SRAM); under policy fr_fcfs the channel's controller is the per-clock one.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "sim/mem/arbitrated_sram.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/fr_fcfs_channel.h"
#include "sim/mem/memory.h"
#include "sim/mem/shared_sram.h"

namespace npusim::mem::test {

class TickingDomain final : public MemoryDomain {
 public:
  explicit TickingDomain(const MemorySpec& spec);
  void start(std::size_t port, std::span<const program::Region> runs, Cycles at) override;
  std::optional<Completion> next_completion(Cycles horizon) override;
  void reset() override;
  [[nodiscard]] const MemoryCounters& counters() const override;

 private:
  struct Piece {
    std::int64_t address = 0;
    std::int64_t bytes = 0;
    bool sram = false;
    std::int64_t issued = -1;
    std::size_t number = 0;  ///< index in the port's finishes, once issued
  };
  struct Transfer {
    std::int64_t at = 0;
    bool begun = false;
    std::int64_t start = 0;
    std::int64_t ideal = 0;  ///< when the port would be done without waits, times `denominator`
    std::int64_t release = -1;
    std::vector<Piece> pieces;
    std::size_t next = 0;
  };
  struct Port {
    PortSpec spec;
    std::int64_t denominator = 1;
    std::int64_t ready = 0;  ///< earliest next issue, times `denominator`
    std::deque<Transfer> transfers;
    std::vector<std::int64_t> finishes;  ///< of every request ever issued, in order; -1 while unknown
  };

  void tick();
  void deliver(std::size_t port);
  /// Hands a request that arrives now to its target.
  void serve(std::size_t port, Piece& piece);
  void answer(LateTarget& target);
  void issue(Port& port);
  void begin(Port& port, Transfer& transfer);
  [[nodiscard]] bool complete(const Port& port) const;
  Completion retire(std::size_t index);
  [[nodiscard]] bool in_sram(std::int64_t address) const;

  MemorySpec spec_;
  std::vector<Port> ports_;
  std::vector<DramChannel> channels_;
  std::vector<std::unique_ptr<FrFcfsChannel>> late_channels_;
  SharedSram sram_;
  std::unique_ptr<ArbitratedSram> late_sram_;
  std::int64_t now_ = 0;
  mutable MemoryCounters counters_;
};

}  // namespace npusim::mem::test
