// Cycles of the Edge TPU's engines: pure functions of a command.
#pragma once

#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::edgetpu {

/// How long a command of any compute engine takes.
kernel::Duration duration(const Spec& spec, const program::Command& command);

/// Cycles in which so many words move between narrow and wide memory.
std::int64_t spill_cycles(const Spec& spec, std::int64_t words);

/// Cycles of an operator on the host.
std::int64_t host_cycles(const Spec& spec, std::int64_t macs, std::int64_t bytes);

}  // namespace npusim::edgetpu
