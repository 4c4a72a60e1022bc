// Blocks taken apart into the operators that kernel predictors know.
#pragma once

#include <vector>

#include "nas/space/space.h"

namespace npusim::table {

/// The distinct kernels of blocks, in the order of their first use: each convolution with its BatchNorm and
/// activation, each linear layer, each global average pool. Additions and Squeeze-and-Excitation are not
/// among them.
std::vector<space::Block> kernels_of(const std::vector<space::Block>& blocks);

}  // namespace npusim::table
