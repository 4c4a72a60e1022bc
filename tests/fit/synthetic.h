// Datasets whose law is known.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nas/fit/dataset.h"

namespace npusim::test {

/// Networks of 5 to 12 operators out of 40 convolutions and 20 additions. Features are those of a chip with
/// one DMA engine and one compute engine; a convolution takes 500 + max(m / 64, read / 8) cycles, an addition
/// 200 + v / 16, a network 10,000 besides.
fit::Dataset synthetic_networks(std::size_t networks, std::uint64_t seed);

}  // namespace npusim::test
