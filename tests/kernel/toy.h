// A toy chip for kernel tests: two compute queues between a loading and a storing DMA engine.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::kernel::test {

/// Queues of the toy, in the target's order.
enum Queue : program::QueueId { kLoad, kA, kB, kStore };

/// A chip of four queues, 16 flags of capacity 1, one opcode `work cycles conflict` and a DRAM.
class Toy {
 public:
  /// `dispatched`: all queues are fed by one dispatcher with the depth and costs of `front`.
  explicit Toy(bool dispatched = false, const DispatcherSpec& front = {"front", 2, 1, 4});
  Toy(const Toy&) = delete;
  Toy& operator=(const Toy&) = delete;
  [[nodiscard]] const program::Target& target() const { return target_; }
  [[nodiscard]] const MachineSpec& spec() const { return spec_; }
  MachineSpec& spec() { return spec_; }

 private:
  program::Target target_;
  MachineSpec spec_;
};

/// A machine for any target: memory queues have a port each (the first one loads), up to two transfers in
/// flight; commands of other queues take 90 cycles, 10 of them lost to bank conflicts.
MachineSpec machine_for(const program::Target& target);

/// Both kernels, and their names for messages.
inline constexpr KernelKind kKinds[] = {KernelKind::run_ahead, KernelKind::systemc};
std::string name(KernelKind kind);

/// Flags of one command.
struct Ties {
  std::vector<program::FlagId> waits, sets;
};

/// Writes toy programs command by command.
class Script {
 public:
  explicit Script(const Toy& toy);
  Script& task(const std::string& task_name, std::int64_t launch = 0);
  /// A task without barrier before it, described by `engine`.
  Script& joined(const std::string& task_name, const std::string& engine = "a");
  /// `cycles` on a compute queue, of these `conflict` lost to bank conflicts.
  Script& work(Queue queue, std::int64_t cycles, const Ties& ties = {}, std::int64_t conflict = 0);
  /// A transfer of `bytes` from or to the global space at `offset`.
  Script& move(Queue queue, std::int64_t offset, std::int64_t bytes, const Ties& ties = {});
  program::Program done();

 private:
  void begin(program::Task task);
  void add_ties(const Ties& ties);
  program::Program program_;
  program::Builder builder_;
  bool open_ = false;
};

/// Runs a program on a machine of its own, with spans.
RunResult run(const Toy& toy, const program::Program& program, KernelKind kind);

/// The span of command `index`. Fails with std::out_of_range where there is none.
trace::Span span_of(const RunResult& result, std::uint32_t index);

/// Everything a run leaves behind but its events, as text: equal text, equal results. Spans are in order of
/// engine and command, whatever order they were recorded in.
std::string to_text(const RunResult& result);

/// "" when busy and stall cycles of every engine and dispatcher add up to every segment's cycles (a layer's,
/// where nothing is joined) and to the total, and the layers to the total; else what does not.
std::string sums_fault(const RunResult& result);

/// The message of the `Error` that running `program` throws; "" when it throws none.
template <class Error>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace npusim::kernel::test
