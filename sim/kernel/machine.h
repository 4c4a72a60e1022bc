// Executes programs on a machine made of engines, flags, a dispatcher and a memory domain. The SystemC inside
// does not show here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/units.h"
#include "sim/mem/memory.h"
#include "sim/program/program.h"
#include "sim/program/storage.h"
#include "sim/trace/report.h"

namespace npusim::kernel {

class ClockedEngine;  // sim/kernel/clocked.h, which needs SystemC

/// How long a compute command holds its engine.
struct Duration {
  std::int64_t cycles = 1;         ///< total, at least 1
  std::int64_t bank_conflict = 0;  ///< of these, lost to bank conflicts
};

/// The timing function of a compute engine: a pure function of the command.
using TimingFunction = std::function<Duration(const program::Command&)>;

/// What a command does to the bytes: reads its operands from the storage and writes its results, at once.
/// Called when the command completes, in an order that queues and flags allow. The program knows target and
/// settings.
using Functional = std::function<void(const program::Program&, const program::Command&, program::Storage&)>;

/// Makes the clocked twin of an engine, a SystemC module of that name; called once a machine.
using ClockedFactory = std::function<std::unique_ptr<ClockedEngine>(const std::string& name)>;

/// One engine; engine i runs queue i of the target.
struct EngineSpec {
  std::string name;
  TimingFunction timing;          ///< empty for a DMA engine
  std::int32_t memory_port = -1;  ///< port of the memory domain, for a DMA engine: all its commands go there
  std::int64_t transfers_in_flight =
      1;                         ///< commands a DMA engine may have started and not completed, at most 64
  std::int32_t dispatcher = -1;  ///< dispatcher that feeds its queue; -1: the queue is filled from the start
  Functional execute;            ///< of commands that no twin executes; empty: they leave the bytes alone
  ClockedFactory clocked;        ///< its twin, for a machine of clocked engines; empty: it has none
};

/// An in-order front end that issues commands to its engines' queues in program order.
struct DispatcherSpec {
  std::string name;
  std::int64_t issue_cycles = 1;       ///< per command
  std::int64_t flag_issue_cycles = 1;  ///< per wait or set of a command (instructions of their own)
  std::int64_t queue_depth = 32;       ///< commands a queue holds, the running one included
};

struct MachineSpec {
  std::int64_t clock_hz = 0;
  std::int64_t flag_latency =
      1;  ///< cycles from a set to the earliest start of a waiting command, at least 1
  std::vector<EngineSpec> engines;
  std::vector<DispatcherSpec> dispatchers;
  mem::MemorySpec memory;
};

/// How events are executed. Cycles are identical.
enum class KernelKind {
  run_ahead,  ///< engines decoupled up to the next unset flag; memory one run-ahead object
  systemc     ///< every engine, port and memory channel a SystemC process of its own, in global time
};

/// How compute engines work. Cycles are identical.
enum class EngineKind {
  fast,    ///< each command takes what the timing function says
  clocked  ///< engines with a twin work edge by edge on real numbers; the edges are the command's duration
};

/// What a run does besides counting cycles.
struct RunOptions {
  bool spans = false;  ///< keep a span of every command
  /// The bytes that commands work on, made for the same program, inputs filled in; must outlive the run.
  /// Without one, clocked engines work on zeros and fast ones on nothing.
  program::Storage* storage = nullptr;
};

/// What a run leaves behind.
struct RunResult {
  std::int64_t total_cycles = 0;
  std::vector<trace::LayerReport> layers;  ///< one a task; names and MACs filled in
  std::vector<trace::EngineReport> engines;
  std::vector<trace::Span> spans;  ///< when asked for
  mem::MemoryCounters memory;
  std::int64_t events = 0;  ///< SystemC process activations plus memory events
};

/// A machine, elaborated once; runs any number of programs, each from the same initial state.
class Machine {
 public:
  /// `target` and `spec` must outlive the machine. Each machine has a SystemC context of its own. Clocked
  /// engines need KernelKind::systemc: throws InternalError otherwise.
  Machine(const program::Target& target, const MachineSpec& spec, KernelKind kind,
          EngineKind engines = EngineKind::fast);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  /// Runs a program to its end. Throws InternalError when it deadlocks, saying which queue waits for which
  /// flag.
  RunResult run(const program::Program& program, const RunOptions& options = {});

 private:
  struct Impl;
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace npusim::kernel
