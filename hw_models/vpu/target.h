// A VPU as programs see it: queues, memories, flags, opcodes.
#pragma once

#include <cstdint>

#include "hw_models/vpu/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::vpu {

/// Queues. A DMA engine has three: into CMX, out of it (its AXI read and write channels), and inside CMX.
program::QueueId dma_in(std::int64_t engine);
program::QueueId dma_out(std::int64_t engine);
program::QueueId dma_copy(const Spec& spec, std::int64_t engine);
program::QueueId dpu_queue(const Spec& spec, std::int64_t tile, std::int64_t dpu);
program::QueueId shave_queue(const Spec& spec, std::int64_t tile, std::int64_t shave);
std::int64_t queue_count(const Spec& spec);

/// A tile's CMX; the global space is DDR.
inline constexpr program::SpaceId kGlobalSpace = 0;
inline program::SpaceId cmx_space(std::int64_t tile) { return static_cast<program::SpaceId>(1 + tile); }

/// What queue `before` sets and queue `after` waits for, in order.
program::FlagId flag_id(const Spec& spec, program::QueueId before, program::QueueId after);

/// A plain region: [offset, offset + bytes).
program::Region region_of(program::SpaceId space, bool write, std::int64_t offset, std::int64_t bytes);

program::OpcodeId dpu_opcode(const Spec& spec, DpuOp op, std::size_t mode);

program::Target make_target(const Spec& spec);
/// The engines and memory; `spec` must outlive the result.
kernel::MachineSpec make_machine(const Spec& spec);

}  // namespace npusim::vpu
