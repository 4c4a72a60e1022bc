// Ways to damage a sound program.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/program/draft.h"

namespace npusim::program::test {

/// Where a mutation struck.
struct Wound {
  std::size_t task = 0;
  std::string where;  ///< for messages
};

/// One kind of damage.
struct Mutation {
  std::string name;
  /// Damages a random place of the draft; nothing when it found no place that this damage fits.
  std::function<std::optional<Wound>(Draft&, Rng&)> apply;
  /// Whether verify() may accept a mutant that computes something else: it moves which valid data a command
  /// reads or in what order it works, and verify() does not know what the network wants. Everything else must
  /// be caught or be harmless.
  bool may_compute_otherwise = false;
  /// Whether the damage always makes the program unsound.
  bool always_caught = false;
};

/// All kinds.
std::vector<Mutation> mutations();

}  // namespace npusim::program::test
