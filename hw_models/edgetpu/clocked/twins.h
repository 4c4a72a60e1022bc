// The clocked twins of the Edge TPU's engines, for those who must not see SystemC.
#pragma once

#include "hw_models/edgetpu/spec.h"
#include "hw_models/edgetpu/target.h"
#include "sim/kernel/machine.h"

namespace npusim::edgetpu::clocked {

/// Makes the twin of a queue's engine: ring, mesh, operations of all tiles, and both movers between narrow
/// and wide memory. The link's time is the memory's, and the host has none.
kernel::ClockedFactory twin_factory(const Spec& spec, Queue queue);

}  // namespace npusim::edgetpu::clocked
