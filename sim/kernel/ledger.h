// The books of a run: every engine's cycles charged to layers by reason, and where one layer ends and the
// next begins when they overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kernel/machine.h"

namespace npusim::kernel {

/// What becomes of a run's cycles and bytes. Engines are counted with the dispatchers after them. Everything
/// is charged to the task whose command caused it: a wait, too, to the command that waited.
class Ledger {
 public:
  /// `spec` must outlive the ledger.
  explicit Ledger(const MachineSpec& spec) : spec_(spec) {}

  void begin(const program::Program& program);
  /// Opens the layers of the tasks [first, end), which start at cycle `from`, the segment before's end, and
  /// whose first command can start at `ready`.
  void begin_segment(std::size_t first, std::size_t end, std::int64_t from, std::int64_t ready);

  void stalled(std::size_t task, std::size_t engine, trace::Stall reason, std::int64_t cycles) {
    layers_[task].engines[engine].stalls[reason] += cycles;
  }
  /// One command kept its engine busy.
  void worked(std::size_t task, std::size_t engine, std::int64_t busy_cycles) {
    auto& report = layers_[task].engines[engine];
    report.busy_cycles += busy_cycles;
    ++report.commands;
  }
  /// A task's command on queue `engine` was complete at `end`.
  void completed(std::size_t task, std::size_t engine, std::int64_t end);
  void moved(std::size_t task, bool write, std::int64_t dram, std::int64_t sram);

  /// Fixes the borders of the segment's layers (trace::LayerReport says where they are); the last one ends at
  /// `end`.
  void end_segment(std::int64_t end);
  /// An engine had no command left in the segment from cycle `from`: idle in each layer of that time. After
  /// end_segment().
  void idle_from(std::size_t engine, std::int64_t from);

  /// Layers and engines of the finished run.
  void report(RunResult& result) const;

 private:
  /// Ends of a task's commands, -1 without any.
  struct Ends {
    std::int32_t primary_queue = -1;  ///< the queue that the task's `engine` names
    std::int64_t on_primary = -1;
    std::int64_t anywhere = -1;
  };
  void name_engines(std::vector<trace::EngineReport>& engines) const;

  const MachineSpec& spec_;
  const program::Program* program_ = nullptr;
  std::vector<trace::LayerReport> layers_;
  std::size_t first_ = 0;   ///< of the segment's layers
  std::vector<Ends> ends_;  ///< of the segment's tasks
};

}  // namespace npusim::kernel
