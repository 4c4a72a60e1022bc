// MIDAP as programs see it: queues, memories, flags, opcodes.
#pragma once

#include <cstdint>

#include "hw_models/midap/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::midap {

/// The queues: four DMA engines, one a memory port (in the order of Port), and the pipeline.
enum class Queue : std::uint8_t { wmem, fmem, bmmem, write, pipeline };
inline constexpr program::QueueId queue_id(Queue queue) { return static_cast<program::QueueId>(queue); }

/// Memories. Feature-map bank i is space 1+i; the others follow.
inline constexpr program::SpaceId kGlobalSpace = 0;
program::SpaceId bank_space(std::int64_t bank);
program::SpaceId weight_space(const Spec& spec, std::int64_t buffer);
program::SpaceId bias_space(const Spec& spec, std::int64_t buffer);
program::SpaceId write_space(const Spec& spec, std::int64_t half);
program::SpaceId reduction_space(const Spec& spec);

/// Flags count: each ties one queue to another in order.
enum class Flag : std::uint8_t {
  ask_weights,  ///< the pipeline asks for a load
  ask_features,
  ask_biases,
  weights_there,  ///< a load is complete
  features_there,
  biases_there,
  results_there,  ///< a half of the write buffer can leave
  half_free_0,    ///< it has left
  half_free_1,
  features_stored,  ///< maps are in DRAM that a feature load reads
  operands_stored   ///< the same for a streamed operand
};
inline constexpr program::FlagId flag_id(Flag flag) { return static_cast<program::FlagId>(flag); }

program::Target make_target(const Spec& spec);
/// The engines and memory; `spec` must outlive the result.
kernel::MachineSpec make_machine(const Spec& spec);

}  // namespace npusim::midap
