// The clocked twins of a core's engines, for those who must not see SystemC.
#pragma once

#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/target.h"
#include "sim/kernel/machine.h"

namespace npusim::ascend310::clocked {

/// Makes the twin of MTE1, the cube or the vector unit; empty for the DMA engines, whose time is the
/// memory's. `otherwise` is the effect of vector commands that the twin only times.
kernel::ClockedFactory twin_factory(const Spec& spec, Pipe pipe, kernel::Functional otherwise);

}  // namespace npusim::ascend310::clocked
