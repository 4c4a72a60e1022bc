// The VPU's commands.
#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace npusim::vpu {

/// kRuns: a DMA engine writes short runs of contiguous bytes one by one. kStart: firmware starts a layer on a
/// DPU. DPU workloads come as one opcode an operator and mode: kDpuFirst
/// + operator * modes + mode.
enum Opcode : program::OpcodeId { kLoad, kStore, kCopy, kPermute, kShave, kStart, kRuns, kDpuFirst };

/// Arguments of a DPU workload. `valid`: taps that see the input, not its padding, summed over the output's
/// pixels; `density`: of the weights, in thousandths.
enum DpuArg : std::uint8_t {
  kBytes,  ///< of an element
  kWidth,  ///< of the output
  kHeight,
  kOutChannels,
  kInChannels,
  kTaps,  ///< of the kernel
  kStride,
  kValid,
  kTiles,  ///< that the result is written to
  kDensity
};

}  // namespace npusim::vpu
