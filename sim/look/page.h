// HTML pages in one file that needs no network: scripts, Chart.js and data are inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/trace/program_view.h"
#include "sim/trace/report.h"

namespace npusim::look {

/// A limit of speed for the roofline: what a memory can move.
struct Ceiling {
  enum class Memory : std::uint8_t { dram, sram, link };
  Memory memory = Memory::dram;
  std::string name;
  double bytes_per_cycle = 0;  ///< of the chip's main clock, all channels together
};

/// The same network on a changed chip.
struct WhatIf {
  std::string label;   ///< "double bandwidth"
  std::string change;  ///< "dram.channels 8 to 16"
  std::int64_t cycles = 0;
  double clock_mhz = 0;
  std::string failure;  ///< why there are no cycles
};

/// What the page of a run shows.
struct RunPage {
  const trace::Report* report = nullptr;     ///< with spans
  const trace::ProgramView* view = nullptr;  ///< of the program that ran
  std::vector<Ceiling> ceilings;
  std::vector<WhatIf> what_ifs;
  std::string version;
};

/// The page of a run: timeline, layers, engines, roofline, memories, what would help.
std::string run_page(const RunPage& page);

/// The page of files that npusim wrote: one or several runs (JSON; each is compared with the first), or one
/// sweep or table (CSV or JSON), fitted model or search (JSON, or its folder). Throws UserError naming the
/// file: what it is not, what it lacks, kinds that do not go together.
std::string report_page(const std::vector<std::string>& paths, std::string_view version);

/// A page from its data (JSON text, read by the scripts as "data") and scripts in order.
std::string page(std::string_view title, std::string_view data, const std::vector<std::string_view>& scripts);

/// Bytes as base64 text (RFC 4648, with padding).
std::string base64(std::string_view bytes);

}  // namespace npusim::look
