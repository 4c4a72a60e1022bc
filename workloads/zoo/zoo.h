// Published networks, generated: no file needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/zoo/size.h"

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
  std::string source;       ///< where structure and figures come from
  Size resolution = 0;      ///< of the input image; a sequence of tokens has height 1
  Figure parameters;        ///< BatchNorm as 2 a channel, as ir::parameters counts it
  Figure macs;              ///< at batch 1
  const char* family = "";  ///< heading under which networks are listed
};

/// A family of networks with parameters, built from a name "<prefix>:<parameters>".
struct ParametricNet {
  std::string prefix;
  std::string grammar;      ///< of the whole name
  std::string example;      ///< a name that builds
  std::string description;  ///< and source
};

/// All built-in networks, by family.
std::vector<NetInfo> networks();

/// What can be built from a name with parameters.
std::vector<ParametricNet> parametric_networks();

/// True for the name of a built-in network and for any text that starts with a parametric network's prefix
/// and a colon (whose rest may still be wrong).
bool is_network(const std::string& name);

/// Generates a network at batch size `batch` in fp32, as PyTorch exports it in evaluation mode: BatchNorm is
/// an operator of its own, dropout and training-only branches are gone, weights have shapes and no values.
/// Throws UserError for an unknown name (with the nearest one), for parameters that do not parse (saying
/// where) and for a batch below 1.
ir::Graph build(const std::string& name, std::int64_t batch = 1);

}  // namespace npusim::zoo
