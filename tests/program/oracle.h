// A judge of programs that shares nothing with verify(): it plays a program in random orders, grain by grain.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sim/base/rng.h"
#include "sim/program/program.h"

namespace npusim::program::test {

/// Plays `program` in `games` random timings (engines may be arbitrarily slow) and returns what went wrong
/// first, or "": a deadlock, an overfull or left-over flag, two commands at work on the same bytes with one
/// of them writing, a read of bytes that nobody wrote in the segment (scratchpads) or yet (buffers) or that
/// hold another buffer's data by then, a byte of a buffer written twice or of an input written, an output or
/// read buffer left incomplete, or a read whose data come from another command than in the game before.
/// Regions must lie inside their spaces and living buffers.
std::string play(const Program& program, int games, Rng& rng);

/// One segment of a program, played again and again.
class SegmentPlayer {
 public:
  /// The segment that holds `task`. The tasks before count as done: what they write is there.
  SegmentPlayer(const Program& program, std::size_t task);
  ~SegmentPlayer();
  SegmentPlayer(const SegmentPlayer&) = delete;
  SegmentPlayer& operator=(const SegmentPlayer&) = delete;
  /// Plays the segment once; what went wrong, or "".
  std::string play(Rng& rng);
  /// After play(): a digest of what all buffers hold. Every grain has a symbolic value: a function of what
  /// the command that wrote it is (opcode, arguments, setting, shape of its regions) and of the values it
  /// read. So equal digests mean that two programs compute the same, wherever they keep it in between.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace npusim::program::test
