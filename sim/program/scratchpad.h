// Who wrote and who read each byte of a scratchpad, and whether their order is certain.
#pragma once

#include <cstdint>
#include <map>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/runs.h"

namespace npusim::program {

/// The last writer and the readers since of every byte written in the current task, for all scratchpads
/// (FastTrack's idea, Flanagan and Freund 2009, on byte intervals). Contents do not survive a task.
class Scratchpads {
 public:
  explicit Scratchpads(const Program& program);
  Scratchpads(const Scratchpads&) = delete;
  Scratchpads& operator=(const Scratchpads&) = delete;

  void begin_task();
  /// The command that `order` has just started reads or writes `region`. Throws InternalError naming both
  /// commands when a byte is read that no command has certainly written, or is overwritten while a command
  /// may still need it or write it.
  void access(const Region& region, const Order& order);

 private:
  static constexpr std::uint32_t kNobody = 0;
  struct Cell {
    std::int64_t end = 0;
    Epoch writer;
    std::uint32_t readers = kNobody;  ///< list of the last readers that are not ordered among themselves
  };
  struct Reader {
    Epoch epoch;
    std::uint32_t next = kNobody;
  };
  using Cells = std::pmr::map<std::int64_t, Cell>;  ///< by first byte; disjoint

  void read(Cells& cells, SpaceId space, Run run, const Order& order);
  void write(Cells& cells, SpaceId space, Run run, const Order& order);
  /// Cuts the cell at `at` in two; returns the right half.
  static Cells::iterator split(Cells& cells, Cells::iterator cell, std::int64_t at);
  [[nodiscard]] std::uint32_t with_reader(std::uint32_t readers, const Order& order);
  [[noreturn]] void conflict(const Order& order, std::string_view what, SpaceId space, Run run, Epoch other,
                             std::string_view other_what) const;
  [[noreturn]] void unwritten(const Order& order, SpaceId space, Run run) const;

  const Program& program_;
  std::pmr::unsynchronized_pool_resource memory_;
  std::vector<Cells> spaces_;
  std::vector<Reader> readers_;  ///< node 0 is the empty list
};

}  // namespace npusim::program
