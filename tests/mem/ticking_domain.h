// The memory domain a second time, as simply as possible: every cycle, every port by id. Requests are listed,
// times are fractions with one denominator. Only the targets (DRAM channels, SRAM) are the real ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sim/mem/dram_channel.h"
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
    std::int64_t finish = -1;
  };
  struct Port {
    PortSpec spec;
    bool busy = false;
    std::int64_t start = 0;
    std::vector<Piece> pieces;
    std::size_t next = 0;
    std::int64_t ready = 0;      ///< earliest next issue, times `denominator`
    std::int64_t intervals = 0;  ///< sum of all issue intervals, times `denominator`
    std::int64_t denominator = 1;
  };

  void tick();
  void deliver(std::size_t index);
  void issue(Port& port);
  [[nodiscard]] bool complete(const Port& port) const;
  Completion retire(std::size_t index);
  [[nodiscard]] bool in_sram(std::int64_t address) const;

  MemorySpec spec_;
  std::vector<Port> ports_;
  std::vector<DramChannel> channels_;
  SharedSram sram_;
  std::int64_t now_ = 0;
  mutable MemoryCounters counters_;
};

}  // namespace npusim::mem::test
