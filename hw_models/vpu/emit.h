// Layers as planned -> commands.
#pragma once

#include "hw_models/vpu/plan.h"
#include "sim/program/program.h"

namespace npusim::vpu {

/// Appends the tasks and buffers of all images to `program`, whose target is set. Returns how many barriers
/// are in use at once, at most.
std::int64_t emit(const Spec& spec, const Network& net, const Plan& plan, program::Program& program);

/// One transfer of a DMA engine between DDR and CMX, or inside either.
void emit_transfer(const Spec& spec, bool from_ddr, bool to_ddr, std::int64_t bytes,
                   program::Program& program);

}  // namespace npusim::vpu
