// The operands and results of a workload: what the lanes multiply, and the registers that they add to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hw_models/vpu/clocked/conv_walk.h"
#include "hw_models/vpu/clocked/job.h"
#include "hw_models/vpu/workload_setting.h"

namespace npusim::vpu::clocked {

/// Where a workload's numbers lie.
struct Operands {
  std::vector<std::span<const std::byte>> features;  ///< two for a sum
  std::span<const std::byte> weights;
  std::span<std::byte> result;
};

/// Integers are added as int32, fp16 numbers as fp32 in the order of the calls; inside a call, 4 products of
/// channels that follow each other are (p0 + p1) + (p2 + p3). A result is rounded once.
class Numbers {
 public:
  virtual ~Numbers() = default;
  /// Multiplies a tile's pixels with 16 output channels over `count` input channels from `from`, for
  /// convolutions.
  virtual void multiply(const Step& step, const Grid& grid, std::int64_t from, std::int64_t count) = 0;
  /// The post-processor takes a block's accumulators and writes its results.
  virtual void finish(const Block& block) = 0;
  /// One tile of a depthwise convolution, a pool or a sum: `count` channels from `from`, all taps, to the
  /// results.
  virtual void window(std::int64_t x, std::int64_t y, std::int64_t from, std::int64_t count) = 0;
  /// Taps inside the features, summed over pixels.
  [[nodiscard]] virtual std::int64_t valid_taps() const = 0;
};

/// Throws InternalError unless the operands are as large as job and setting say.
std::unique_ptr<Numbers> make_numbers(const Job& job, const WorkloadSetting& setting, Operands operands);

}  // namespace npusim::vpu::clocked
