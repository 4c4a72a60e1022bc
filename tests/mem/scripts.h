// Memory specs and transfer scripts for tests, and a driver that plays a script on any memory domain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/mem/memory.h"

namespace npusim::mem::test {

/// A DRAM of `channels` channels of a built-in table.
DramSpec dram(const std::string& table, std::int64_t channels = 1);

/// The same under policy fr_fcfs, with the default policy, mapping and JEDEC's rules.
DramSpec fr_fcfs_dram(const std::string& table, std::int64_t channels = 1);

/// One transfer of a port; it starts `gap` cycles after the port's previous one has completed.
struct Transfer {
  std::int64_t gap = 0;
  std::vector<program::Region> runs;
};

/// Transfers by port.
using Script = std::vector<std::vector<Transfer>>;

/// How the driver starts transfers.
enum class Style {
  horizon,     ///< one at a time on a port, when its time has come, running the domain to that horizon
  ahead,       ///< the same transfers, each started as soon as the port's previous completion is known
  overlapped,  ///< up to four on a port, each a gap after the start of the one before
  chained      ///< two on each port; a completion starts the next transfer of the next port, a gap later
};

/// Plays the whole script and returns the completions in the order in which the domain gave them.
std::vector<Completion> play(MemoryDomain& domain, const Script& script, Style style = Style::horizon);

/// One run of `bytes` bytes.
program::Region run(std::int64_t offset, std::int64_t bytes);

/// Cycles of one transfer that starts at cycle 0 on port 0 of a fresh domain.
Completion transfer(const MemorySpec& spec, const std::vector<program::Region>& runs);

}  // namespace npusim::mem::test
