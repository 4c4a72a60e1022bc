// The Edge TPU as programs see it: queues, memories, flags.
#pragma once

#include "hw_models/edgetpu/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::edgetpu {

/// Queues, in the target's order. Tiles work in step: one engine stands for its kind in all of them.
enum class Queue : program::QueueId { in, out, ring, mesh, op, spill, fill, host };
inline constexpr program::QueueId kQueues = 8;
constexpr program::QueueId queue_id(Queue queue) { return static_cast<program::QueueId>(queue); }

/// Memories: the host's, the largest tile's two, parameters on all tiles, the stream buffer, and every tile's
/// memories (tiles.h), which no program names: what a region says of the largest tile holds for each.
enum class Space : program::SpaceId { host, narrow, wide, parameters, stream, tiles };
constexpr program::SpaceId space_id(Space space) { return static_cast<program::SpaceId>(space); }

/// Bytes [offset, offset + bytes) of a space.
program::Region region_of(Space space, bool write, std::int64_t offset, std::int64_t bytes);

/// The flag that `to` waits for after `from`: one for every pair of queues, used in order.
constexpr program::FlagId flag_id(program::QueueId from, program::QueueId to) {
  return static_cast<program::FlagId>(from * kQueues + to);
}

program::Target make_target(const Spec& spec);
/// `spec` must outlive the machine.
kernel::MachineSpec make_machine(const Spec& spec);

}  // namespace npusim::edgetpu
