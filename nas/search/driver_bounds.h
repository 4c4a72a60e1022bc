// What no network of a space can do better, whatever the search: limits below it are refused before anything
// is searched.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/fit/block_tables.h"
#include "nas/jobs/batch.h"
#include "nas/search/cascade.h"
#include "nas/search/objectives.h"
#include "nas/space/space.h"

namespace npusim::search {

/// What an inference must at least take on a chip, in ms, because of one of its resources.
struct Floor {
  double compute_ms = 0;   ///< MACs of dense convolutions and linear layers at the chip's peak
  double transfer_ms = 0;  ///< parameters that the chip cannot keep, and the image, over its memory or link
  bool link = false;       ///< which of them
  [[nodiscard]] double ms() const { return compute_ms > transfer_ms ? compute_ms : transfer_ms; }
};

/// What floors follow from, of a network, a block or (each on its own) the least over a space.
struct Needs {
  double dense_macs = 0;  ///< of convolutions of one group and linear layers
  double weights = 0;     ///< their parameters
  double image = 0;       ///< numbers of the input
};
Needs needs_of(const ir::Graph& graph);
Floor floor_of(const SearchChip& chip, const Needs& needs);

/// The least of everything that limits may be on, exactly, over a space's networks.
class Bounds {
 public:
  /// Takes up to a few seconds.
  explicit Bounds(std::shared_ptr<const space::Space> space);
  /// False of spaces whose blocks hang together too much: nothing is proven of them.
  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] const Needs& needs() const { return needs_; }
  [[nodiscard]] double macs() const { return macs_; }
  [[nodiscard]] double params() const { return params_; }
  /// Networks with the least of something: what may be fastest.
  [[nodiscard]] const std::vector<space::Genome>& least() const { return least_; }
  /// The network with the least sum of these blocks' latencies; nullopt when one of them has none.
  [[nodiscard]] std::optional<space::Genome> fastest(const table::AdditiveModel& sums) const;
  /// Names of the places whose block is the same in all networks ("stem").
  [[nodiscard]] std::vector<std::string> common_places() const;

 private:
  std::shared_ptr<const space::Space> space_;
  std::optional<fit::BlockTables> tables_;
  bool known_ = false;
  Needs needs_;
  double macs_ = 0, params_ = 0;
  std::vector<space::Genome> least_;
};

/// Throws UserError when hard limits are below what is proven: it names the resource, the bound, and what the
/// fastest of bounds.least() takes when it is simulated, which is a limit that can be kept. Does nothing for
/// bounds that are not known().
void check_limits(const Bounds& bounds, const space::Space& space, const std::vector<SearchChip>& chips,
                  const Goals& goals, const jobs::BatchOptions& how);

}  // namespace npusim::search
