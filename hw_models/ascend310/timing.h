// Cycles of the Ascend 310's compute commands: pure functions of spec and command. Sources:
// docs/calibration/ascend310.md.
#pragma once

#include <cstdint>

#include "hw_models/ascend310/opcodes.h"
#include "hw_models/ascend310/spec.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::ascend310 {

/// Cube cycles of a multiply-add of m x n x k fractals (16 x 16 results, K of 16 fp16 or 32 int8 elements):
/// after the pipeline has filled, a step a cycle of as many rows, columns and K elements as the cube has.
std::int64_t mad_cycles(const Spec& spec, std::int64_t m, std::int64_t n, std::int64_t k, bool int8 = false);

/// MTE1 cycles to move `fractals` to L0A (`to_a`) or L0B with load2d.
std::int64_t load2d_cycles(const Spec& spec, bool to_a, std::int64_t fractals);

/// Rows of the output that a 16-pixel fractal starting at pixel `first` crosses into, summed over the
/// fractals of [first, first + pixels) on an output `width` pixels wide.
std::int64_t row_switches(std::int64_t first, std::int64_t pixels, std::int64_t width);

/// MTE1 cycles of one image-to-column load to L0A: `pixels` output pixels (rounded up to fractals) by `k`
/// fractals. A fractal costs `stride` cycles plus one a row switch at 512 B/cycle (strides 1, 2, 4, 8; else
/// 32 B/cycle).
std::int64_t load3d_cycles(const Spec& spec, std::int64_t fractals, std::int64_t switches, std::int64_t k,
                           std::int64_t stride);

/// Cycles the vector unit takes for 8 blocks of 32 B that lie `stride` blocks apart: one, or the largest
/// number of them in one UB bank group.
std::int64_t bank_rounds(const Spec& spec, std::int64_t stride);

/// Duration of any command that runs on a compute engine.
kernel::Duration duration(const Spec& spec, const program::Command& command);

}  // namespace npusim::ascend310
