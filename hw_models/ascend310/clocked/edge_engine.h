// What the Ascend 310's clocked twins have in common: one process on the rising clock edge.
#pragma once

#include <span>

#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/target.h"
#include "sim/kernel/clocked.h"

namespace npusim::ascend310::clocked {

/// A twin whose whole state changes in edge(), once a rising edge while a command runs.
class EdgeEngine : public kernel::ClockedEngine {
 public:
  explicit EdgeEngine(const sc_core::sc_module_name& name);
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) final;
  [[nodiscard]] bool busy() const final { return busy_; }

 protected:
  /// Decodes a command into registers. Returns false if there is nothing to do, not even for one edge.
  virtual bool latch(const program::Program& program, const program::Command& command,
                     program::Storage& storage) = 0;
  /// One rising edge. Returns whether the command still runs after it.
  virtual bool edge() = 0;

 private:
  void on_edge();

  bool busy_ = false;
};

/// The scratchpad that a space is.
Memory memory_of(program::SpaceId space);

/// The only region of a command that reads (or writes) `memory`. Throws InternalError unless there is exactly
/// one.
const program::Region& operand(const program::Program& program, const program::Command& command,
                               Memory memory, bool write);

/// The bytes of a plain region (one run). Throws InternalError if it is strided.
std::span<std::byte> plain_bytes(program::Storage& storage, const program::Region& region);

}  // namespace npusim::ascend310::clocked
