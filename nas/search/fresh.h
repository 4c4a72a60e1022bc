// Networks that a comparison's searches returned, simulated afresh: a search on a model finds where the model
// errs in its favour (the optimiser's curse).
#pragma once

#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/search/cascade.h"
#include "nas/search/compare.h"

namespace npusim::search {

/// How far simulations of some networks are from the benchmark's latencies; relative to these.
struct Gap {
  std::string strategy;  ///< "" of networks drawn uniformly
  Aim aim = Aim::front;
  std::size_t networks = 0;  ///< over all seeds, repeats included
  double mean = 0;           ///< above 0: slower than the benchmark says
  double size = 0;           ///< mean of absolute values
  double worst = 0;          ///< the one farthest from 0
  double slower = 0;         ///< share that is slower than the benchmark says, by more than 1e-6 of it
  /// Of Aim::front the hypervolume of the simulated points, a share of the exact one as in Checkpoint, mean
  /// over seeds; and what it was by the benchmark.
  double volume = 0, known_volume = 0;
  /// Of Aim::limit the share of searches whose network exceeds the limit.
  double broken = 0;
};

struct FreshOptions {
  std::size_t sample = 200;  ///< networks drawn uniformly, without repeats
  std::uint64_t seed = 1;    ///< of the draw
  std::size_t workers = 1;
  std::string version;  ///< jobs::version_text()
  jobs::Store* store = nullptr;
};

/// The uniform sample first, then by strategy and aim in the order of the trials. Throws UserError when the
/// chip refuses a network that has a latency in the benchmark, InternalError when a simulation fails.
std::vector<Gap> simulate_returned(const Benchmark& benchmark, const Comparison& comparison,
                                   const SearchChip& chip, const FreshOptions& options);

/// A table for people.
std::string text_of(const std::vector<Gap>& gaps, const std::string& chip);

}  // namespace npusim::search
