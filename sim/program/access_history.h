// Who wrote and who read each byte, and whether their order is certain.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/runs.h"

namespace npusim::program {

/// What a byte is used as: part of a buffer, by index in the program, or of no buffer, as scratchpads mostly
/// are.
using Home = std::uint32_t;
inline constexpr Home kNoBuffer = std::numeric_limits<Home>::max();

/// The last writer and the readers since of every byte accessed in the current segment, for all spaces
/// (FastTrack's idea, Flanagan and Freund 2009, on byte intervals). Bytes of no buffer do not survive a
/// segment; those of a buffer may have been written before it.
class AccessHistory {
 public:
  explicit AccessHistory(const Program& program);
  AccessHistory(const AccessHistory&) = delete;
  AccessHistory& operator=(const AccessHistory&) = delete;

  void begin_segment();
  /// The command that `order` has just started reads or writes `region` as part of `home`. Throws
  /// InternalError naming both commands when a byte is read that no command has certainly written or that
  /// holds another home's data, or is overwritten while a command may still need it or write it.
  void access(const Region& region, Home home, const Order& order);

 private:
  static constexpr std::uint32_t kNobody = 0;
  struct Cell {
    std::int64_t end = 0;
    Epoch writer;                     ///< place 0: written before the segment
    std::uint32_t readers = kNobody;  ///< list of the last readers that are not ordered among themselves
    Home home = kNoBuffer;            ///< what it was written, or first read, as
  };
  struct Reader {
    Epoch epoch;
    std::uint32_t next = kNobody;
  };
  using Cells = std::pmr::map<std::int64_t, Cell>;  ///< by first byte; disjoint
  /// One access to one run.
  struct Access {
    SpaceId space = 0;
    Run run;
    Home home = kNoBuffer;
    const Order& order;
  };

  void read(Cells& cells, const Access& access);
  void write(Cells& cells, const Access& access);
  /// Throws unless what the cell holds may be read.
  void check_readable(const Cell& cell, const Access& access) const;
  /// Cuts the cell at `at` in two; returns the right half.
  static Cells::iterator split(Cells& cells, Cells::iterator cell, std::int64_t at);
  [[nodiscard]] std::uint32_t with_reader(std::uint32_t readers, const Order& order);
  [[nodiscard]] std::string bytes_of(const Access& access) const;
  [[noreturn]] void conflict(const Access& access, std::string_view what, Epoch other,
                             std::string_view other_what) const;
  [[noreturn]] void unwritten(const Access& access) const;

  const Program& program_;
  std::pmr::unsynchronized_pool_resource memory_;
  std::vector<Cells> spaces_;
  std::vector<Reader> readers_;  ///< node 0 is the empty list
};

}  // namespace npusim::program
