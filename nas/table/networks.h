// Blocks in a row, with names that tell which block a layer belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/space.h"

namespace npusim::table {

/// A network of these blocks, the operators of the i-th named behind "b<i>_". Throws InternalError when a
/// block does not take what the one before gives.
ir::Graph chain_of(const std::vector<const space::Block*>& blocks, std::int64_t batch,
                   const std::string& name);
ir::Graph chain_of(const std::vector<space::Block>& blocks, std::int64_t batch, const std::string& name);

/// The i of a layer of such a network; kNoPlace for one that belongs to no block (a host call, the transfer
/// of the image).
inline constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);
std::size_t place_of(const std::string& layer);

}  // namespace npusim::table
