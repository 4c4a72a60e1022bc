// What a machine's SystemC modules share. SystemC's time counts main-clock cycles: one tick of its resolution
// is one cycle.
#pragma once

#include <cstdint>
#include <exception>
#include <systemc>

#include "sim/kernel/execution.h"
#include "sim/program/storage.h"

namespace npusim::kernel {

struct Shared {
  Shared(const MachineSpec& machine_spec, KernelKind kernel) : spec(machine_spec), kind(kernel) {}
  const MachineSpec& spec;
  KernelKind kind;
  Execution* execution = nullptr;
  const program::Program* program = nullptr;  ///< the one that runs
  program::Storage* storage = nullptr;        ///< the bytes its commands work on, if there are any
  std::exception_ptr failure;
  std::int64_t base = 0;    ///< SystemC tick at which the current program started
  std::int64_t events = 0;  ///< process activations
  [[nodiscard]] std::int64_t now() const {
    return static_cast<std::int64_t>(sc_core::sc_time_stamp().value()) - base;
  }
};

inline sc_core::sc_time ticks(std::int64_t cycles) {
  return sc_core::sc_time::from_value(static_cast<sc_core::sc_time::value_type>(cycles));
}

/// Calls `body`, keeping the first exception: SystemC would turn it into an sc_report and lose its type.
template <class Body>
void guarded(std::exception_ptr& failure, Body&& body) {
  if (failure) return;
  try {
    body();
  } catch (...) {
    failure = std::current_exception();
  }
}

}  // namespace npusim::kernel
