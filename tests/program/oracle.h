// A judge of programs that shares nothing with verify(): it plays a program in random orders, grain by grain.
#pragma once

#include <string>

#include "sim/base/rng.h"
#include "sim/program/program.h"

namespace npusim::program::test {

/// Plays `program` in `games` random timings (engines may be arbitrarily slow) and returns what went wrong
/// first, or "": a deadlock, an overfull or left-over flag, two commands at work on the same bytes with one
/// of them writing, a read of bytes that nobody wrote in the segment (scratchpads) or yet (buffers) or that
/// hold another buffer's data by then, a byte of a buffer written twice or of an input written, an output or
/// read buffer left incomplete, or a read whose data come from another command than in the game before.
/// Regions must lie inside their spaces and living buffers and be multiples of 8 bytes.
std::string play(const Program& program, int games, Rng& rng);

}  // namespace npusim::program::test
