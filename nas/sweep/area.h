// A stand-in for a chip's area, so that sweeps can weigh latency against size.
#pragma once

#include "hw_models/api/npu.h"

namespace npusim::sweep {

/// A proxy, not an area: square millimetres that the multiply-accumulate units and the on-chip memories would
/// take at 45 nm, from published areas of such units. It leaves out vector and special-function units,
/// control, interconnect, pads and PHYs, and does not know the chip's node; so it compares settings of one
/// chip, and of chips only roughly. Units that compute in several types count once, in the type that takes
/// most.
double area_proxy(const hw::Npu& npu);

/// One multiply-accumulate unit, um^2.
double mac_area(ir::DType dtype);
/// Of SRAM, mm^2.
double sram_area(std::int64_t bytes);

}  // namespace npusim::sweep
