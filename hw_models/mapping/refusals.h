// The operators of a network that a chip cannot run, for one error that names them all.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::mapping {

/// Collects refused operators.
class Refusals {
 public:
  /// `op` cannot be run; `why` may be empty: its kind says it all.
  void add(const ir::Op& op, std::string_view why);
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  /// Throws UserError: how many operators of `network` `chip` cannot run, then a line for each kind and
  /// reason, in the order of their first operators, with the names of all of them.
  [[noreturn]] void fail(std::string_view network, std::string_view chip) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> groups_;  ///< kind and reason; names
};

}  // namespace npusim::mapping
