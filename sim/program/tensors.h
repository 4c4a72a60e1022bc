// Which bytes of the global space's buffers have been written, once, and whether reads come after.
#pragma once

#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/runs.h"

namespace npusim::program {

/// The buffers of the global space and how much of each is written. Within a task only buffers that the task
/// both writes and reads keep a writer for every byte; all others keep merged intervals, and a complete
/// buffer keeps none. All functions throw InternalError naming the commands and the bytes.
class Tensors {
 public:
  explicit Tensors(const Program& program);
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  /// Opens the buffers whose lifetime begins with this task; checks that each of its global regions lies
  /// inside one living buffer and that no input is written.
  void begin_task(std::uint32_t task);
  /// The command that `order` has just started reads or writes `region` of the global space.
  void access(const Region& region, const Order& order);
  /// Closes the buffers whose lifetime ends with the task.
  void end_task();
  /// Closes the buffers that outlive the program.
  void finish();

 private:
  struct Cell {
    std::int64_t end = 0;
    Epoch writer;  ///< place 0: certainly written before any read of this task
  };
  using Cells = std::pmr::map<std::int64_t, Cell>;  ///< by first byte; disjoint
  struct State {
    explicit State(std::pmr::memory_resource* memory) : cells(memory) {}
    Cells cells;  ///< what is written, of a buffer that is not complete
    std::int64_t written = 0;
    bool read = false;
    bool task_writes = false, task_reads = false;  ///< in the current task
    [[nodiscard]] bool exact() const { return task_writes && task_reads; }
  };

  void open(std::uint32_t buffer);
  void close(std::uint32_t buffer);
  [[nodiscard]] std::optional<std::uint32_t> locate(const Region& region) const;
  void mark(std::size_t command, const Region& region);
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
  SpaceId space_ = 0;
  std::pmr::unsynchronized_pool_resource memory_;
  std::vector<State> states_;                     ///< by buffer
  std::vector<std::uint32_t> opening_, closing_;  ///< buffers by first and by last task
  std::size_t opened_ = 0, closed_ = 0;
  std::map<std::int64_t, std::uint32_t> alive_;  ///< by first byte
  std::uint32_t task_ = 0;
  std::vector<std::uint32_t> touched_;  ///< buffers that the task reads or writes
};

}  // namespace npusim::program
