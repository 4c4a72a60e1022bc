// Bounds that keep all arithmetic on shapes and MACs inside 64 bits: far beyond any network.
#pragma once

#include <cstdint>
#include <string>

#include "workloads/ir/graph.h"

namespace npusim::importing {

inline constexpr std::int64_t kMaxDim = std::int64_t{1} << 31;       ///< every dimension is less
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;  ///< of a tensor

/// Throws UserError beginning with `where` for a shape beyond these bounds.
void check_size(const ir::Shape& shape, const std::string& where);

/// Throws UserError beginning with `where` for an operator of more than 10^15 MACs, or with an empty weight.
void check_work(const ir::Graph& graph, const ir::Op& op, const std::string& where);

}  // namespace npusim::importing
