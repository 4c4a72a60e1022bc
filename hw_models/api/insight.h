// What a page shows of a chip beside a run: the ceilings of its memories, and the chips to try instead.
#pragma once

#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "sim/look/page.h"

namespace npusim::hw {

/// The peak rates of the DRAM (of its bursts), the shared SRAM and the host links that the chip has.
std::vector<look::Ceiling> ceilings(const Npu& npu, const Config& description);

/// The network simulated on chips with twice the bandwidth, twice the arithmetic, and launches that cost
/// nothing, as far as the description has keys for them. A chip that cannot be built or cannot run the
/// network becomes a row with the reason.
std::vector<look::WhatIf> what_ifs(const Config& description, const ir::Graph& graph, ir::DType dtype);

}  // namespace npusim::hw
