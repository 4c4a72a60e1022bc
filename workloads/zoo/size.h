// Height and width as the generators write them.
#pragma once

#include "workloads/ir/graph.h"

namespace npusim::zoo {

/// Height and width; one number means both.
struct Size : ir::Hw {
  constexpr Size(std::int64_t side) : ir::Hw{side, side} {}  // NOLINT(google-explicit-constructor)
  constexpr Size(std::int64_t height, std::int64_t width) : ir::Hw{height, width} {}
};

}  // namespace npusim::zoo
