// The clocked twins of compute engines: SystemC modules that work edge by edge on real numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <systemc>

#include "sim/program/program.h"
#include "sim/program/storage.h"

namespace npusim::kernel {

/// A register-level model of one compute engine. It knows commands and the bytes of the scratchpads, not the
/// fast engine's formulas. The engine is idle until begin(); from then on every rising edge of `clock` is one
/// cycle of the chip's main clock, and busy() turns false at the edge that completes the command: the number
/// of edges from begin() to there is the command's duration, at least one. busy() may follow its edge by up
/// to three delta cycles (registers and wires), but is true as soon as begin() returns. The clock ticks while
/// any twin of the machine is busy: an idle engine sees edges, too.
class ClockedEngine : public sc_core::sc_module {
 public:
  explicit ClockedEngine(const sc_core::sc_module_name& name) : sc_module(name) {}
  sc_core::sc_in<bool> clock{"clock"};
  /// Takes a command. Operands are read from and results written to `storage` while the command runs, which
  /// must outlive it. The engine must be idle.
  virtual void begin(const program::Program& program, const program::Command& command,
                     program::Storage& storage) = 0;
  [[nodiscard]] virtual bool busy() const = 0;
};

}  // namespace npusim::kernel
