// What scaling found: variants within a latency, the Pareto front among them, the one to take.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "nas/scale/bench.h"

namespace npusim::scale {

struct Scaled {
  std::vector<Variant> variants;  ///< every one simulated, in the order asked; equal extents once
  std::vector<std::size_t>
      front;  ///< within the target, none both slower and worse: best score first (that one is chosen)
  std::vector<std::string> notes;  ///< what a user should know, a sentence each
};

/// Sets the front and the chosen one. Throws UserError when no variant meets the target, naming the fastest
/// and its latency, and when none that does could be scored, with the first reason.
void settle(Scaled& scaled, const Bench& bench, double latency_ms);

}  // namespace npusim::scale
