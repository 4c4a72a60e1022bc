// What finishing a network costs on a chip, step by step and block by block.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/scale/activations.h"
#include "nas/scale/bench.h"
#include "nas/scale/finish.h"

namespace npusim::scale {

struct FinishOptions {
  bool hard_swish = false;
  bool squeeze_excite = false;
  double ratio = kSqueezeRatio;
  std::vector<std::string> removed;  ///< blocks whose Squeeze-and-Excitation is taken out at the end
  [[nodiscard]] bool any() const { return hard_swish || squeeze_excite || !removed.empty(); }
};

/// The steps in this order. Throws UserError where one has nothing to do: no ReLU, no place.
void finish(ir::Graph& graph, const FinishOptions& options);

/// Which Squeeze-and-Excitations stay; exactly one is set.
struct Keep {
  std::optional<double> share;       ///< of all, rounded to a whole number: those that do most
  std::optional<double> threshold;   ///< those of at least this deviation
  std::optional<double> latency_ms;  ///< as many as this allows, by simulation
};
/// The blocks to take out of the network that `raw` becomes by `options`, those that do least first (S3NAS).
/// Throws UserError for a network without any, as least_first() does, and for a latency that is not even met
/// without all of them.
std::vector<std::string> blocks_to_remove(Bench& bench, const ir::Graph& raw, const FinishOptions& options,
                                          const Activations& activations, const Keep& keep);

/// A network as it was, after h-swish, ...
struct FinishStep {
  std::string what;
  search::OnChip on;
};
/// A Squeeze-and-Excitation: what the network before removals takes more for having it.
struct ExcitationCost {
  std::string block;
  std::string gate;  ///< the tensor
  std::int64_t channels = 0;
  double ms = 0;
  double share = 0;  ///< of that network
  std::optional<double> deviation;
  bool kept = true;
};
struct Finished {
  std::vector<FinishStep> steps;
  std::vector<ExcitationCost> costs;  ///< in the order of the network
};
/// Simulates `raw` after each step, and the network before removals without each of its Squeeze-and-
/// Excitations.
Finished account(Bench& bench, const ir::Graph& raw, const FinishOptions& options,
                 const std::optional<Activations>& activations);

}  // namespace npusim::scale
