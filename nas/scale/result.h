// What scaling found: variants within a latency, the Pareto front among them, the one to take.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nas/scale/bench.h"
#include "nas/scale/finishing.h"

namespace npusim::scale {

/// How sums of blocks' latencies did, where they chose what to simulate.
struct Screen {
  std::size_t combinations = 0;
  std::size_t within_reach = 0;  ///< of these, by their sums
  std::size_t full = 0;          ///< of those simulated, to which no block can be added
  std::size_t checked = 0;       ///< simulated ones whose sum is one of several stages' changes
  std::size_t wrong_side = 0;    ///< of these, on the other side of the target than their sums
  double mean_error = 0;         ///< mean of |sum / simulated - 1|
  double worst_error = 0;
};

/// What depth, width and the image's sides are multiplied by at exponent 1.
struct Coefficients {
  double depth = 1, width = 1, image = 1;
};
/// The largest variant of a family of compound scaling within the target.
struct Family {
  Coefficients coefficients;
  std::optional<std::size_t> largest;  ///< of the variants; none where no exponent meets the target
};

struct Scaled {
  std::vector<Variant> variants;  ///< every one simulated, in the order asked; equal extents once
  std::vector<std::size_t>
      front;  ///< within the target, none both slower and worse: best score first (that one is chosen)
  std::vector<Family> families;      ///< of compound scaling
  Screen screen;                     ///< of depth-only scaling
  std::optional<Finished> finished;  ///< of the chosen one, where something was done to it
  std::vector<std::string> notes;    ///< what a user should know, a sentence each
};

/// Sets the front, and notes what was refused. Throws UserError when no variant meets the target, naming the
/// fastest and its latency, and when none that does could be scored, with the first reason.
void settle(Scaled& scaled, const Bench& bench, double latency_ms);

}  // namespace npusim::scale
