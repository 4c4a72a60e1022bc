// Who a search asks about networks, and what it says when none will do.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nas/search/driver.h"
#include "workloads/ir/graph.h"

namespace npusim::search {

/// Asks the evaluator about networks once, whatever chips and settings they are simulated on.
class Judge {
 public:
  Judge(Evaluator& evaluator, const SearchOptions& options) : evaluator_(evaluator), options_(options) {}

  /// Fills in the scores of those of `networks` (indices in `seen` and `graphs`) that keep all limits, run on
  /// all chips and have none yet. Throws UserError when none of the first networks asked about can be judged.
  void score(const std::vector<std::size_t>& networks, std::vector<Seen>& seen,
             const std::vector<std::unique_ptr<ir::Graph>>& graphs);
  /// Whether the evaluator has been asked about a network.
  [[nodiscard]] bool asked() const { return asked_; }

 private:
  Evaluator& evaluator_;
  const SearchOptions& options_;
  bool asked_ = false;
  std::map<std::string, Score> known_;  ///< by network
};

/// Throws the UserError of a search without a front: that names the fastest network seen, or why none could
/// be evaluated.
[[noreturn]] void complain_of_limits(const space::Space& space, const Goals& goals,
                                     const std::vector<Seen>& seen);

}  // namespace npusim::search
