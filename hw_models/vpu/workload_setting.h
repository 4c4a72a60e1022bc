// What a DPU workload computes, beyond what its arguments say.
#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace npusim::vpu {

/// Registers of a workload whose numbers matter. Operands are the command's read regions in CMX, in this
/// order: features [row][column][channel] (two of them for a sum), then weights; its result is the first
/// region it writes, [row][column][channel].
///
/// Weights of a convolution are [output channel][tap][input channel], of a depthwise one [channel][tap]; each
/// output channel's are padded to 16 bytes, and an entry of 16 bytes follows, which begins with the bias:
/// int32 in units of the accumulator, or fp32.
struct WorkloadSetting {
  std::int64_t in_w = 1, in_h = 1;  ///< of the features' region
  std::int64_t in_c = 16;           ///< channels that a pixel of it has
  std::int64_t kernel_w = 1, kernel_h = 1;
  std::int64_t stride_w = 1, stride_h = 1;
  std::int64_t dilation_w = 1, dilation_h = 1;
  std::int64_t left = 0, top = 0;  ///< padding in front of the region
  std::int64_t maximum = 0;        ///< of a pool: 1 the largest, 0 the mean of the taps inside
  std::int64_t shift = 0;          ///< int8: the sum times 2^-shift, ties to even, saturated
  std::int64_t relu = 0;
  bool operator==(const WorkloadSetting&) const = default;
};

program::Setting to_setting(const WorkloadSetting& setting);
/// Throws InternalError for anything that to_setting() does not make.
WorkloadSetting from_setting(const program::Setting& setting);

}  // namespace npusim::vpu
