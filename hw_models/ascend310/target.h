// The Ascend 310 as programs see it: queues, buffers, flags, opcodes.
#pragma once

#include <cstdint>

#include "hw_models/ascend310/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::ascend310 {

/// Pipes of one core with a queue of their own (the scalar unit is the dispatcher).
enum class Pipe : std::uint8_t { mte2, mte1, cube, vector, mte3 };
inline constexpr std::int64_t kPipes = 5;

/// Local memories of one core.
enum class Memory : std::uint8_t { l1, l0a, l0b, l0c, ub };
inline constexpr std::int64_t kMemories = 5;

/// Pipe pairs that flags tie, as used by the mapper.
enum class Pair : std::uint8_t {
  mte2_mte1,
  mte1_mte2,
  mte1_cube,
  cube_mte1,
  cube_vector,
  vector_cube,
  vector_mte3,
  mte3_vector,
  mte2_vector,
  vector_mte2
};
inline constexpr std::int64_t kPairs = 10;

program::QueueId queue_id(std::int64_t core, Pipe pipe);
program::SpaceId space_id(std::int64_t core, Memory memory);
inline constexpr program::SpaceId kGlobalSpace = 0;
/// Flag `id` (0 .. flag_ids-1) of a pipe pair of a core.
program::FlagId flag_id(const Spec& spec, std::int64_t core, Pair pair, std::int64_t id);

/// Addresses: L2 from 0, DRAM from here on.
inline constexpr std::int64_t kDramBase = std::int64_t{1} << 32;
inline constexpr std::int64_t kGlobalBytes = std::int64_t{1} << 44;

program::Target make_target(const Spec& spec);
/// The engines, dispatchers and memory; timing functions refer to `spec`, which must outlive the result.
kernel::MachineSpec make_machine(const Spec& spec);

}  // namespace npusim::ascend310
