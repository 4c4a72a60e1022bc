// What commands do to the bytes, by plain loops: the fast engines' numbers.
#pragma once

#include "hw_models/edgetpu/spec.h"
#include "sim/program/program.h"
#include "sim/program/storage.h"

namespace npusim::edgetpu {

/// Executes one command in the tiles' memories (tiles.h), the parameters and the stream buffer, from its
/// regions, arguments and setting alone. Commands whose setting says Work::count, transfers of instructions
/// and the host's operators do nothing.
void execute(const Spec& spec, const program::Program& program, const program::Command& command,
             program::Storage& storage);

}  // namespace npusim::edgetpu
