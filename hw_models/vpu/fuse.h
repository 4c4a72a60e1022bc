// Vertical fusion: layers that hand maps on through DDR run stripe by stripe of rows, and keep them in CMX.
#pragma once

#include "hw_models/vpu/plan.h"

namespace npusim::vpu {

/// Replaces chains of layers whose maps go through DDR by stripes of rows, from the chain's first layer to
/// its last, where that moves less. Rows that two stripes need are computed twice; MACs are counted once.
/// Returns how many layers run in stripes now.
std::int64_t fuse_vertically(const Spec& spec, Network& net, Plan& plan);

}  // namespace npusim::vpu
