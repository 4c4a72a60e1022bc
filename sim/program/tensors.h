// Which bytes of the buffers have been written, once, and whether reads come after.
#pragma once

#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "sim/program/access_history.h"
#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/runs.h"

namespace npusim::program {

/// The buffers and how much of each is written. Within a segment only buffers that it both writes and reads
/// keep a writer for every byte; all others keep merged intervals, and a complete buffer keeps none. All
/// functions throw InternalError naming the commands and the bytes.
class Tensors {
 public:
  explicit Tensors(const Program& program);
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  /// The segment of tasks [first, end) begins. Finds the home of every region, by the lifetimes of buffers in
  /// the region's task: each region of the global space must lie inside one living buffer, a scratchpad's
  /// inside one or outside of all; no input is written.
  void begin_segment(std::uint32_t first, std::uint32_t end);
  /// The home of region `index` of a command of the segment.
  [[nodiscard]] Home home_of(std::size_t command, std::size_t index) const {
    return homes_[first_home_[command - program_.tasks[first_].first_command] + index];
  }
  /// Whether bytes of the buffer may have another home at another time of the segment.
  [[nodiscard]] bool shared(Home buffer) const { return states_[buffer].shared; }
  /// The command that `order` has just started reads or writes `region` of its home, a buffer.
  void access(const Region& region, Home buffer, const Order& order);
  /// Closes the buffers whose lifetime ends within the segment.
  void end_segment();
  /// Closes the buffers that outlive the program.
  void finish();

 private:
  struct Cell {
    std::int64_t end = 0;
    Epoch writer;  ///< place 0: certainly written before any read of this segment
  };
  using Cells = std::pmr::map<std::int64_t, Cell>;  ///< by first byte; disjoint
  struct State {
    explicit State(std::pmr::memory_resource* memory) : cells(memory) {}
    Cells cells;  ///< what is written, of a buffer that is not complete
    std::int64_t written = 0;
    bool read = false;
    bool shared = false;                                 ///< in the current segment
    bool segment_writes = false, segment_reads = false;  ///< in the current segment
    [[nodiscard]] bool exact() const { return segment_writes && segment_reads; }
  };
  using Alive = std::map<std::int64_t, std::uint32_t>;  ///< buffers of a space by first byte

  void open(std::uint32_t buffer, std::uint32_t task);
  void lapse(std::uint32_t buffer);
  void close(std::uint32_t buffer);
  void resolve(std::uint32_t task);
  [[nodiscard]] Home resolve(std::size_t command, const Region& region) const;
  /// Throws unless the region lies outside of all buffers of its scratchpad.
  void check_outside(std::size_t command, const Region& region) const;
  /// Finds among the segment's `buffers` those that share bytes.
  void find_shared(std::vector<std::uint32_t> buffers);
  [[nodiscard]] std::int64_t end_of(std::uint32_t buffer) const {
    return program_.buffers[buffer].offset + program_.buffers[buffer].bytes;
  }
  void mark(std::size_t command, const Region& region, Home buffer);
  void read(std::uint32_t buffer, Run run, const Order& order);
  void write(std::uint32_t buffer, Run run, const Order& order);
  static void settle(Cells& cells);
  [[nodiscard]] bool complete(std::uint32_t buffer) const {
    return states_[buffer].written == program_.buffers[buffer].bytes;
  }
  /// A command of the buffer's lifetime, other than `than` if there is another, that writes byte `at`.
  [[nodiscard]] std::optional<std::size_t> writer_other(std::size_t than, std::uint32_t buffer,
                                                        std::int64_t at) const;
  [[noreturn]] void written_twice(std::uint32_t buffer, Run run, const Order& order) const;
  [[noreturn]] void unwritten(std::uint32_t buffer, Run run, const Order& order) const;
  [[nodiscard]] std::string bytes_of(std::uint32_t buffer, Run run) const;

  const Program& program_;
  std::pmr::unsynchronized_pool_resource memory_;
  std::vector<State> states_;                     ///< by buffer
  std::vector<std::uint32_t> opening_, closing_;  ///< buffers by first and by last task
  std::size_t opened_ = 0, lapsed_ = 0, closed_ = 0;
  std::vector<Alive> alive_;               ///< by space
  std::uint32_t first_ = 0, end_ = 0;      ///< tasks of the segment
  std::vector<std::uint32_t> touched_;     ///< buffers that the segment reads or writes
  std::vector<std::uint32_t> shared_;      ///< those with State::shared
  std::vector<std::uint32_t> first_home_;  ///< by command of the segment, its first one in homes_
  std::vector<Home> homes_;                ///< of the segment's regions
};

}  // namespace npusim::program
