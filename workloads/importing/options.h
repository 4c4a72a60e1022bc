// What a user may say about a network's file, whatever its format.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace npusim::importing {

/// Values for what a model leaves open, or for another batch than it was exported with.
struct ImportOptions {
  /// First dimension of the inputs: the value of a symbolic one, the replacement of a fixed one.
  std::optional<std::int64_t> batch;
  /// Values of symbolic dimensions by their name in the file ("sequence"); a dimension without a name is
  /// "<input>.<axis>".
  std::map<std::string, std::int64_t> dims;
};

}  // namespace npusim::importing
