// Programs that are easy to break: a pipeline of engines with double buffers, and a form of a program in
// which commands, regions and flags can be changed one by one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/rng.h"
#include "sim/program/program.h"

namespace npusim::program::test {

/// A command with its regions and flags at hand.
struct DraftCommand {
  Command head;
  std::vector<Region> regions;
  std::vector<FlagId> waits, sets;
};

using Commands = std::vector<DraftCommand>;

/// A program taken apart by task; build() puts it together again without any check.
struct Draft {
  explicit Draft(const Program& program);
  [[nodiscard]] Program build() const;

  Program frame;  ///< target, name, tasks and buffers
  std::vector<Commands> tasks;
};

/// A task of this name without MACs or launch cost.
Task plain_task(const std::string& name);

/// Three queues (load, cube, store), a global space ddr of 64 KiB, scratchpads l1 of 4 KiB and out of 2 KiB,
/// flags in_ready, in_free, out_ready, out_free for slots 0 and 1, capacity 1.
const Target& small_target();

/// A double-buffered pipeline of `tiles` tiles: load 256 bytes of "x" into l1, multiply into out (128 bytes),
/// store to "y"; 1,000 MACs a tile, and no slot is loaded or computed into before it has been read. Command
/// order: load, mmad, store of tile 0, then of tile 1, ...
Program small_pipeline(std::int64_t tiles);

/// A target with `queues` queues, one scratchpad a queue and plenty of flags.
Target random_target(Rng& rng);
/// A sound program for it: one to three tasks, each a chain of stages with buffers of random depth and
/// strided tiles, with back-pressure by a flag a slot or by one counting flag.
Program random_pipeline(const Target& target, Rng& rng);

/// Four queues, a global space, two scratchpads of 96 bytes, 64 flags of capacity 1.
const Target& tangle_target();
/// A program of one task for tangle_target(): 4 to 12 commands on random queues that read what was written
/// before in program order and write anywhere, scratchpads and a spill buffer alike. Each conflict between
/// two queues is tied by a flag with probability `tied_percent`, one in eight times with a flag already used:
/// not sound in general.
Program random_tangle(Rng& rng, int tied_percent);

/// Ties conflicts between commands of two queues by a flag each, with this probability; one in eight times by
/// a flag that is in use. `commands` are a segment's, in program order.
void tie_conflicts(const std::vector<DraftCommand*>& commands, Rng& rng, int tied_percent);

/// A program of two to five tasks for tangle_target(), most of them joined, with buffers of random lifetimes
/// that share addresses in the global space and in a scratchpad, and scratchpad bytes outside of buffers. In
/// program order all is well; conflicts between two queues of a segment are tied as in random_tangle().
Program random_segments(Rng& rng, int tied_percent);

/// The verdict on a sound program.
inline const std::string kSound;
/// The message of the InternalError that verify() throws; kSound when it throws none.
std::string verdict(const Program& program);

/// Whether `text` holds `part`.
bool holds(const std::string& text, const std::string& part);

}  // namespace npusim::program::test
