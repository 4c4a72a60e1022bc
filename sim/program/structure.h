// The part of verification that needs no order of execution.
#pragma once

#include "sim/program/program.h"

namespace npusim::program {

/// Throws InternalError unless ids are in range, tasks partition the commands, regions lie inside their space
/// and write no byte twice, unused arguments are zero, and every task's MACs are its commands' sum.
void verify_structure(const Program& program);

}  // namespace npusim::program
