// S3NAS' networks (arXiv 2009.02009): a 7x7 stem, stages of MixConv blocks, a 1x1 head.
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/zoo/block.h"

namespace npusim::zoo {

struct S3NasStage {
  std::vector<std::vector<Branch>>
      blocks;  ///< each block's superkernels' choices; an empty block is an identity
  std::int64_t out = 0;
  std::int64_t stride = 1;  ///< of the first block
};

struct S3NasNet {
  std::int64_t stem = 32;
  std::vector<S3NasStage> stages = {};
  std::int64_t head = 1280;
  double squeeze = 0;  ///< Squeeze-and-Excitation's ratio in every block but the first; 0: none
  Act act = Act::relu;
};

/// The body of a network of S3NAS' space, padded as MidapSim does.
TensorId s3nas(Builder& b, const S3NasNet& net, std::int64_t classes = 1000);

}  // namespace npusim::zoo
