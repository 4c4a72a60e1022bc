// Published networks, generated: no file needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::zoo {

/// A published figure: `value` units of `unit`, rounded; value 0 where none is published.
struct Figure {
  std::int64_t value = 0;
  std::int64_t unit = 1;
  /// True when `actual` rounds to this figure (always, where none is published).
  [[nodiscard]] bool matches(std::int64_t actual) const;
};

/// What is published about a network.
struct NetInfo {
  std::string name;
  std::string description;
  std::string source;           ///< where structure and figures come from
  std::int64_t resolution = 0;  ///< height and width of the input image
  Figure parameters;            ///< BatchNorm as 2 a channel, as ir::parameters counts it
  Figure macs;                  ///< at batch 1
};

/// All built-in networks, by family.
std::vector<NetInfo> networks();

/// Generates a network at batch size `batch` in fp32, as PyTorch exports it in evaluation mode: BatchNorm is
/// an operator of its own, dropout and training-only branches are gone, weights have shapes and no values.
/// Throws UserError for an unknown name (with the nearest one) and for a batch below 1.
ir::Graph build(const std::string& name, std::int64_t batch = 1);

}  // namespace npusim::zoo
