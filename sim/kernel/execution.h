// The rules of execution, free of SystemC: queues, flags, dispatchers, task order, stall accounting. Both
// kernels drive the same rules; they differ in who calls when.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "sim/kernel/ledger.h"
#include "sim/kernel/machine.h"

namespace npusim::kernel {

/// Told which engine or dispatcher may be able to go on.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake_engine(std::size_t engine) = 0;
  virtual void wake_dispatcher(std::size_t dispatcher) = 0;
};

/// State of one program's run. All times are cycles since the program's start.
class Execution {
 public:
  Execution(const program::Target& target, const MachineSpec& spec, Waker& waker);

  /// Loads a program and starts its first segment.
  void begin(const program::Program& program, bool spans);
  [[nodiscard]] bool finished() const { return task_ == program_->tasks.size(); }
  /// The latest end of the commands completed so far: of a finished program, its own.
  [[nodiscard]] std::int64_t end() const { return end_; }
  /// Who waits for what, one line a queue that still holds commands.
  [[nodiscard]] std::string explain_deadlock() const;
  /// Fills in everything but memory counters and events. The program must be finished.
  [[nodiscard]] RunResult result() const;

  /// Whether the engine's next command has been issued and all its flags are set; if so `at` is its start
  /// cycle (for a DMA engine, whose port takes several transfers, the cycle at which it is handed to the
  /// port). If not, the engine is registered and woken when that may have changed.
  [[nodiscard]] bool ready(std::size_t engine, std::int64_t& at);
  /// Starts the command that `ready` found: consumes its flags and accounts the wait.
  const program::Command& start(std::size_t engine, std::int64_t at);
  /// When a command held its engine. busy <= release - start; the rest is charged to `slow_reason`.
  struct Occupancy {
    std::int64_t start = 0;
    std::int64_t release = 0;  ///< the engine can take the next command
    std::int64_t end = 0;      ///< the command is complete: flags are set
    std::int64_t busy = 0;
    trace::Stall slow_reason = trace::Stall::bank_conflict;
  };
  /// Completes the oldest started command of an engine: sets its flags, frees its queue slot, maybe starts
  /// the next segment.
  void complete(std::size_t engine, const Occupancy& occupancy);
  /// The engine's oldest started command that has not completed.
  [[nodiscard]] const program::Command& oldest_started(std::size_t engine) const {
    return program_->commands[oldest(engine)];
  }
  /// Bytes moved by the oldest started command of an engine.
  void add_bytes(std::size_t engine, bool write, std::int64_t dram, std::int64_t sram);
  /// Issues commands until a queue is full or the segment is issued.
  void dispatch(std::size_t dispatcher);

  [[nodiscard]] const MachineSpec& spec() const { return spec_; }
  /// Regions of the engine's next command to start.
  [[nodiscard]] std::span<const program::Region> next_regions(std::size_t engine) const;

 private:
  /// What a started command waited for.
  struct Wait {
    std::int64_t issued = 0;
    trace::Stall reason = trace::Stall::dependency;
  };
  struct QueueState {
    std::vector<std::uint32_t> order;   ///< commands of the segment, by index in the program
    std::vector<std::int64_t> visible;  ///< cycle at which each was issued
    std::vector<std::int64_t> retired;  ///< end cycle of each that has completed
    bool waiting_issue = false;
    std::deque<Wait> started;    ///< commands that are running, oldest first
    std::int64_t free_at = 0;    ///< the last completed command released the engine
    std::int64_t end_at = 0;     ///< the last completed command's end
    std::int64_t handed_at = 0;  ///< the last command was handed to a DMA port
    [[nodiscard]] std::size_t next() const { return retired.size() + started.size(); }
  };
  struct FlagState {
    std::vector<std::int64_t> times;  ///< sets not yet consumed, oldest first
    bool memory = false;              ///< last set by a queue that moves memory
    std::int32_t waiter = -1;
  };
  struct DispatcherState {
    std::vector<std::uint32_t> order;
    std::size_t next = 0;
    std::int64_t time = 0;
  };

  void start_segment();
  /// Fills the queues and dispatchers with the segment's commands.
  void load_segment();
  void finish_segment();
  void account_wait(std::size_t engine, const Wait& wait, const Occupancy& occupancy);
  /// The engine's oldest command that has not completed, by index in the program.
  [[nodiscard]] std::uint32_t oldest(std::size_t engine) const {
    return queues_[engine].order[queues_[engine].retired.size()];
  }
  [[nodiscard]] std::string describe(const program::Command& command) const;

  const program::Target& target_;
  const MachineSpec& spec_;
  Waker& waker_;
  const program::Program* program_ = nullptr;
  bool keep_spans_ = false;
  std::size_t task_ = 0;         ///< first task of the segment
  std::size_t segment_end_ = 0;  ///< the task after the segment's last
  std::size_t open_commands_ = 0;
  std::int64_t ready_ = 0;  ///< end of the segment before plus launch
  std::int64_t end_ = 0;    ///< of the commands completed so far
  std::vector<QueueState> queues_;
  std::vector<FlagState> flags_;
  std::vector<DispatcherState> dispatchers_;
  Ledger ledger_;
  std::vector<trace::Span> spans_;
};

}  // namespace npusim::kernel
