// The clocked twin of the pipeline, for those who must not see SystemC.
#pragma once

#include "hw_models/midap/spec.h"
#include "sim/kernel/machine.h"

namespace npusim::midap::clocked {

/// Makes the twin of the pipeline. The DMA engines have none: their time is the memory's.
kernel::ClockedFactory pipeline_factory(const Spec& spec);

}  // namespace npusim::midap::clocked
