// The blocks of mobile networks: MobileNet v2's inverted residual and its variants.
#pragma once

#include <string>
#include <vector>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

/// Expand (1x1), filter (kernel x kernel, a depthwise one unless `fused`), optionally squeeze and excite, and
/// project (1x1, linear).
struct MobileBlock {
  std::int64_t kernel = 3;
  std::int64_t expanded = 0;  ///< channels inside; equal to the input's: no expansion
  std::int64_t out = 0;
  std::int64_t stride = 1;
  Act act = Act::relu;
  std::int64_t squeeze = 0;  ///< channels inside Squeeze-and-Excitation; 0: none
  Act squeeze_act = Act::relu;
  Act gate = Act::sigmoid;
  bool fused = false;  ///< expand and filter in one full convolution (none at all where nothing is expanded)
  bool skip = true;    ///< add the input where shapes allow it
  Pad pad = Pad::kHalf;
  std::int64_t dilation = 1;  ///< of the filter
};

TensorId mobile_block(Builder& b, const std::string& name, TensorId x, const MobileBlock& block);

/// A row of the usual table: `repeats` blocks of which the first has the stride.
struct MobileStage {
  std::int64_t kernel = 3, expansion = 1, out = 0, repeats = 1, stride = 1;
  bool fused = false;
  bool skip = true;
  std::int64_t dilation = 1;
};

/// What all stages of a network share.
struct MobileStyle {
  Act act = Act::relu;
  bool squeeze = false;  ///< Squeeze-and-Excitation to a quarter of the block's input channels
  Pad pad = Pad::kHalf;
  double width = 1;         ///< multiplies channels, then round_channels
  double depth = 1;         ///< multiplies repeats, rounded up
  bool fixed_ends = false;  ///< `depth` leaves the first and last stage alone
  std::int64_t first_in =
      0;  ///< the first block expands from this many channels, whatever its input has (0: its input)
  std::size_t first_stage = 0;  ///< number of the first row, for names
};

/// Blocks "stage<s>.<i>" for every row.
TensorId mobile_stages(Builder& b, TensorId x, const std::vector<MobileStage>& stages,
                       const MobileStyle& style);

/// Two maps of MobileNet v1: behind the last block of a sixteenth of the image's size, and behind all.
struct MobileNetV1Maps {
  TensorId middle, last;
};
/// MobileNet v1's body (arXiv 1704.04861) up to its last 1x1 convolution, padded as TensorFlow does. Strides
/// beyond `output_stride` become dilations of what follows them. Without an `image` it reads the network's
/// input.
MobileNetV1Maps mobilenet_v1_maps(Builder& b, double width, std::int64_t output_stride = 32,
                                  TensorId image = ir::kNoTensor);
inline TensorId mobilenet_v1_features(Builder& b, double width, std::int64_t output_stride = 32) {
  return mobilenet_v1_maps(b, width, output_stride).last;
}

/// The stages of MobileNet v2 (arXiv 1801.04381), table 2.
const std::vector<MobileStage>& mobilenet_v2_stages();
/// MobileNet v2 with its classifier; its head does not shrink with `width`.
TensorId mobilenet_v2(Builder& b, double width, const Pad& pad, std::int64_t classes);

/// `value` rounded to a multiple of 8, never losing more than a tenth (MobileNet's reference code).
std::int64_t round_channels(double value);

}  // namespace npusim::zoo
