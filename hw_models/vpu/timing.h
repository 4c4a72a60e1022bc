// Cycles of the VPU's engines: pure functions of spec and command. Sources: docs/calibration/vpu.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hw_models/vpu/opcodes.h"
#include "hw_models/vpu/spec.h"
#include "sim/kernel/machine.h"

namespace npusim::vpu {

/// One DPU workload.
struct Workload {
  DpuOp op = DpuOp::conv;
  std::size_t mode = 0;  ///< index in Spec::modes
  std::int64_t bytes = 1;
  std::int64_t width = 1, height = 1, channels = 16;  ///< of the output
  std::int64_t in_channels = 16;
  std::int64_t taps = 1;
  std::int64_t stride = 1;
  std::int64_t valid = 1;  ///< taps inside the input, summed over the output's pixels
  std::int64_t tiles = 1;  ///< that the result is written to
  std::int64_t density = 1000;
};

/// DPU cycles of a workload whose operands lie in CMX.
std::int64_t dpu_cycles(const Spec& spec, const Workload& work);

/// The index of the mode in which the workload is fastest, or of the one that the description forces; the
/// hardware's only one for depthwise convolutions, pools and sums.
std::size_t best_mode(const Spec& spec, Workload work);

/// Cycles of `bytes` of a software operator on one SHAVE (fp16 operands; name as in the profiled table).
std::int64_t shave_cycles(const Spec& spec, std::string_view name, std::int64_t bytes);
/// Names of the profiled operators.
std::vector<std::string> shave_operators();

/// Cycles of a DMA engine that copies inside CMX, and that moves element by element.
std::int64_t copy_cycles(const Spec& spec, std::int64_t bytes);
std::int64_t permute_cycles(const Spec& spec, std::int64_t elements);
/// Cycles of a DMA engine that writes `bytes` as `runs` of contiguous bytes.
std::int64_t run_cycles(const Spec& spec, std::int64_t runs, std::int64_t bytes);

/// Duration of any command that runs on a DPU, a SHAVE or inside CMX.
kernel::Duration duration(const Spec& spec, const program::Command& command);

}  // namespace npusim::vpu
