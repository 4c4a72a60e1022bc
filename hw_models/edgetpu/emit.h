// Phases -> a program.
#pragma once

#include "hw_models/edgetpu/network.h"
#include "sim/program/program.h"

namespace npusim::edgetpu {

/// Writes a placed network as commands. Phases follow one another; within one, the ring fills a FIFO ahead of
/// the operation, and the link runs ahead of all as far as the stream buffer reaches. Fills in the phases'
/// parts and the bytes of instructions.
void emit(const Spec& spec, Network& net, program::Program& program);

}  // namespace npusim::edgetpu
