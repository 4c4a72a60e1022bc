// EDSR (arXiv 1707.02921) for the VPU study of Xu et al. (arXiv 2305.03739).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

enum class Upsampling : std::uint8_t { nearest, bilinear, depth_to_space };

/// EDSR3 has three residual blocks. The study prints neither features nor which kernels its search chose:
/// EDSR's baseline of 64 features and 3x3 are the defaults.
struct Edsr {
  std::int64_t blocks = 3;
  std::int64_t features = 64;
  /// One kernel for all convolutions, or one for each in order: first, two a block, behind the blocks, at the
  /// upsampling, last.
  std::vector<std::int64_t> kernels{3};
  Act act = Act::relu;
  Upsampling upsampling = Upsampling::depth_to_space;
};

/// Parts of EDSR, for latency tables: a residual block with kernels `first` and `second`, and the upsampling
/// with its convolution.
TensorId edsr_block(Builder& b, const std::string& name, TensorId x, std::int64_t first, std::int64_t second,
                    Act act);
TensorId edsr_upsample(Builder& b, TensorId x, Upsampling upsampling, std::int64_t kernel);

/// "nearest", "bilinear", "depth_to_space".
const char* to_string(Upsampling upsampling);

/// The network that "edsr:..." names, and the size of its image. Throws UserError naming the position.
struct NamedEdsr {
  Edsr net;
  Size image = 0;
};
NamedEdsr parse_edsr(const std::string& name);

/// [N, 3, H, W] to [N, 3, 2 H, 2 W]. Depth-to-space follows a convolution to four times the features; the
/// others resize and then convolve. Throws UserError for a wrong number of kernels.
TensorId edsr(Builder& b, const Edsr& net);

}  // namespace npusim::zoo
