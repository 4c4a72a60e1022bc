// What the Edge TPU's clocked twins have in common: one process on the rising clock edge, and tiles'
// memories.
#pragma once

#include "hw_models/edgetpu/bank.h"
#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/spec.h"
#include "hw_models/edgetpu/target.h"
#include "sim/kernel/clocked.h"

namespace npusim::edgetpu::clocked {

using edgetpu::Bank;

/// A twin whose whole state changes in edge(), once a rising edge while a command runs. A command takes at
/// least one edge.
class Engine : public kernel::ClockedEngine {
 public:
  Engine(const sc_core::sc_module_name& name, const Spec& spec);
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) final;
  [[nodiscard]] bool busy() const final { return busy_; }

 protected:
  /// Decodes a command into registers.
  virtual void latch(const program::Program& program, const program::Command& command,
                     program::Storage& storage) = 0;
  /// One rising edge. Returns whether the command still runs after it.
  virtual bool edge() = 0;
  [[nodiscard]] const Spec& spec() const { return spec_; }

 private:
  void on_edge();

  Spec spec_;
  bool busy_ = false;
};

/// The first region of a command in a space that is read (or written); null where there is none.
const program::Region* region_in(const program::Program& program, const program::Command& command,
                                 Space space, bool write);
/// The phase's setting. Throws InternalError when the command has none.
PhaseSetting setting_of_command(const program::Program& program, const program::Command& command);

}  // namespace npusim::edgetpu::clocked
