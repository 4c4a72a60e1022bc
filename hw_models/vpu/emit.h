// Layers as planned -> commands.
#pragma once

#include "hw_models/vpu/plan.h"
#include "sim/program/program.h"

namespace npusim::vpu {

/// Appends the tasks and buffers of all images to `program`, whose target is set.
void emit(const Spec& spec, const Network& net, const Plan& plan, program::Program& program);

}  // namespace npusim::vpu
