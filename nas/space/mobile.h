// Published spaces of mobile networks as plans.
#pragma once

#include <vector>

#include "nas/space/staged.h"

namespace npusim::space {

/// S3NAS' linear rule (arXiv 2009.02009): the cumulative depth up to a stage is proportional to its width,
/// rounded down; `total` blocks in all.
std::vector<std::int64_t> linear_depths(const std::vector<std::int64_t>& widths, std::int64_t total);

/// MixConv blocks of three superkernels: expansion 0 or 2 of kernel 3 or 5, twice, and of 3, 5 or 7; choices
/// that merge into the same block are one.
StagedPlan s3nas_plan();
/// S3NAS' spaces of MBConv blocks, and of a full convolution and a 1x1: kernel 3, 5; expansion 0, 2, 4, 6.
StagedPlan s3nas_mbconv_plan();
StagedPlan s3nas_fused_plan();

/// ProxylessNAS' space at the widths of its published latency table, and of its published networks.
StagedPlan proxyless_plan();
StagedPlan proxyless_mobile_plan();
StagedPlan proxyless_gpu_plan();
StagedPlan proxyless_cpu_plan();
StagedPlan proxyless_mobile14_plan();

/// Once-for-All's MobileNet v3 space: `width` 1.2 is that of its published latency tables.
StagedPlan ofa_plan();
StagedPlan ofa_w10_plan();

/// MnasNet's blocks and fused ones, for the Edge TPU.
StagedPlan mnasnet_edgetpu_plan();

/// 104,976 networks: four stages of 18 kinds of block.
StagedPlan mbconv_bench_plan();

}  // namespace npusim::space
