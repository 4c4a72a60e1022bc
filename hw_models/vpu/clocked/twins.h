// Where the kernel gets the VPU's clocked twins from. Free of SystemC.
#pragma once

#include "hw_models/vpu/spec.h"
#include "sim/kernel/machine.h"

namespace npusim::vpu::clocked {

/// The clocked DPU of a chip.
kernel::ClockedFactory dpu_factory(const Spec& spec);

}  // namespace npusim::vpu::clocked
