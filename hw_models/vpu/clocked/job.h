// What a DPU's units are set to for one workload.
#pragma once

#include <cstdint>

#include "hw_models/vpu/spec.h"

namespace npusim::vpu::clocked {

/// What the hardware of a DPU is made of, as far as the description's fitted constants do not say it. A test
/// may build one that is not as described.
struct Structure {
  std::int64_t ports = 8;           ///< words of 16 bytes that the IDU reads a CMX clock
  std::int64_t operand_words = 64;  ///< that the IDU may hold of features, and of weights, ahead of the array
  std::int64_t start_stages = 0;    ///< registers in front of the first operand besides the start-up
  bool skips_padding = true;        ///< the IDU leaves out taps in the padding
  bool skips_zeros = true;          ///< the array leaves out weights that are zero

  explicit Structure(const Spec& spec);
};

inline constexpr std::int64_t kWord = 16;     ///< bytes of CMX that a port reads
inline constexpr std::int64_t kGranule = 32;  ///< bytes of a pixel's channels that a lane takes at once
inline constexpr std::int64_t kSide = 4;      ///< of the array's grid of pixels
inline constexpr std::int64_t kLanes = kSide * kSide;
inline constexpr std::int64_t kMilli = 1000;

/// A workload's registers.
struct Job {
  DpuOp op = DpuOp::conv;
  Mode mode;
  std::int64_t bytes = 1;  ///< of an element
  std::int64_t width = 1, height = 1, channels = 16;
  std::int64_t in_channels = 16;  ///< that the array works on
  std::int64_t taps = 1, stride = 1;
  std::int64_t valid = 1;  ///< taps inside the input, summed over pixels
  std::int64_t tiles = 1;
  std::int64_t density = kMilli;

  [[nodiscard]] bool convolves() const { return op == DpuOp::conv || op == DpuOp::image_conv; }
  [[nodiscard]] std::int64_t pixels() const { return width * height; }
  [[nodiscard]] std::int64_t result_bytes() const { return pixels() * channels * bytes; }
};

}  // namespace npusim::vpu::clocked
