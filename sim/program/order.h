// Happens-before: which commands have completed for certain before another one starts, whatever the timing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace npusim::program {

/// A command of the current segment by its queue and its place in it, from 1. Place 0 is before everything.
struct Epoch {
  std::uint32_t queue = 0;
  std::uint32_t place = 0;
  bool operator==(const Epoch&) const = default;
};

/// By queue, the place of the last command that has certainly completed. A command counts as before itself.
using Clock = std::span<const std::uint32_t>;

/// Whether the command at `epoch` is certainly complete at `clock`.
inline bool before(Epoch epoch, Clock clock) { return clock[epoch.queue] >= epoch.place; }

/// Executes a segment (a task and the joined ones after it) abstractly, in one order that queues and flags
/// allow, with vector clocks. It proves on the way that this order stands for all: on every flag the sets are
/// totally ordered; each wait comes, before it is even reached, after the flag's wait before it; so the n-th
/// wait meets the n-th set in every execution. The (n+capacity)-th set is proved to come after the n-th wait.
/// All throw InternalError naming the commands.
class Order {
 public:
  explicit Order(const Program& program);

  /// The segment's commands are [first, end) of the program's.
  void begin_segment(std::uint32_t first, std::uint32_t end);
  /// Starts the next command that can run; consumes its waits. Its index in the program, or nothing at the
  /// end of the segment. Throws InternalError for a deadlock.
  std::optional<std::size_t> start_next();
  /// Completes the command that start_next() returned: publishes its sets.
  void complete();
  /// Throws InternalError unless every flag is clear.
  void end_segment() const;

  /// Of the command that start_next() returned.
  [[nodiscard]] Epoch epoch() const { return current_; }
  [[nodiscard]] Clock clock() const { return clock_of(current_.queue); }
  /// The command at an epoch of the current segment.
  [[nodiscard]] std::size_t command_at(Epoch epoch) const {
    return queues_[epoch.queue].commands[epoch.place - 1];
  }

 private:
  struct QueueState {
    std::vector<std::uint32_t> commands;  ///< of the segment
    std::size_t next = 0;
  };
  struct FlagState {
    std::vector<Epoch> sets, waits;    ///< of the segment, n-th by n-th
    std::vector<std::uint32_t> slots;  ///< where the pool holds each set's clock until its wait
    [[nodiscard]] std::size_t pending() const { return sets.size() - waits.size(); }
  };

  [[nodiscard]] Clock clock_of(std::uint32_t queue) const {
    return Clock(clocks_).subspan(std::size_t{queue} * queue_count_, queue_count_);
  }
  /// The first flag that keeps the command from starting.
  [[nodiscard]] std::optional<FlagId> missing(const Command& command) const;
  std::size_t start(std::uint32_t queue);
  void consume(FlagId flag, std::size_t command);
  void publish(FlagId flag, std::size_t command);
  [[noreturn]] void deadlock() const;
  [[nodiscard]] std::string next_set(FlagId flag) const;

  const Program& program_;
  std::size_t queue_count_;
  std::vector<QueueState> queues_;
  std::vector<FlagState> flags_;
  std::vector<FlagId> touched_;         ///< flags with state to clear
  std::vector<std::uint32_t> clocks_;   ///< queue_count_ entries a queue
  std::vector<std::uint32_t> arrival_;  ///< clock of the current command without its waits
  std::vector<std::uint32_t> pool_;     ///< clocks of sets in flight, queue_count_ entries a slot
  std::vector<std::uint32_t> free_;
  std::uint32_t first_ = 0, end_ = 0;  ///< commands of the segment from the first that has not run
  Epoch current_;
};

}  // namespace npusim::program
