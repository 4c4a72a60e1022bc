// What a program adds to a run's report, for people who look at it: who moves how much, who waits for whom,
// what is where.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/program/program.h"
#include "sim/trace/report.h"

namespace npusim::trace {

/// A storage and how full the layers make it.
struct SpaceUse {
  std::string name;
  bool global = false;
  std::int64_t bytes = 0;  ///< its size; 0: no limit
  /// By task: of a bounded space the bytes that the task's commands address (each region's extent, with its
  /// gaps) and that buffers hold; of the global space the bytes of the buffers alive.
  std::vector<std::int64_t> used;
};

struct ProgramView {
  std::vector<std::int64_t> moved;           ///< by command: bytes it moves to or from the global space
  std::vector<std::uint32_t> first_command;  ///< by task
  /// Commands (setter, waiter) tied by a flag, in the waiters' order.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> dependences;
  std::vector<SpaceUse> spaces;
  std::vector<std::string> text;  ///< by task: its commands as program::print() writes them
};

/// `most_lines` of text a task; the number of lines left out follows as a comment.
ProgramView view_of(const program::Program& program, std::size_t most_lines);

/// to_chrome_trace(report) with an arrow into each command that flags held up, from the one that set the last
/// of them, and with counters: what engines move, by a thousandth of the run, and how full memories are, by
/// layer.
std::string to_chrome_trace(const Report& report, const ProgramView& view);

}  // namespace npusim::trace
