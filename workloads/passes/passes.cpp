#include "workloads/passes/passes.h"

#include <fmt/format.h>

#include "sim/base/error.h"

namespace npusim::passes {

const std::vector<Pass>& pipeline() {
  static const std::vector<Pass> kPasses{
      {"fold_constants", fold_constants},
      {"remove_dead", remove_dead},
      {"remove_identities", remove_identities},
      {"merge_views", merge_views},
      {"recognise_layer_norm", recognise_layer_norm},
      {"recognise_functions", recognise_functions},
      {"fold_affine", fold_affine},
      {"fold_padding", fold_padding},
      {"fuse_elementwise", fuse_elementwise},
      {"absorb_quantization", absorb_quantization},
      // What quantisation kept apart.
      {"recognise_functions", recognise_functions},
      {"fuse_elementwise", fuse_elementwise},
      {"fold_weights", fold_weights},
      {"remove_dead", remove_dead},
  };
  return kPasses;
}

PassStats run(ir::Graph& graph) {
  PassStats stats;
  stats.imported = static_cast<std::int64_t>(graph.ops.size());
  for (const Pass& pass : pipeline()) {
    const auto before = static_cast<std::int64_t>(graph.ops.size());
    const Removed removed = pass.run(graph);
    const auto after = static_cast<std::int64_t>(graph.ops.size());
    // A pass that takes nothing out has, as a rule, changed nothing; what it broke all the same comes out at
    // the end. Verifying after all of them was a fifth of what a small network takes in a batch.
    const bool worth = before != after || &pass == &pipeline().back();
    try {
      if (worth) ir::verify(graph);
      ensure(before - after == removed.folded + removed.fused,
             fmt::format("{} operators are gone, {} accounted for", before - after,
                         removed.folded + removed.fused));
    } catch (const InternalError& error) {
      throw InternalError(fmt::format("after pass {}: {}", pass.name, error.what()));
    }
    stats.folded += removed.folded;
    stats.fused += removed.fused;
  }
  return stats;
}

ir::Graph run_pipeline(ir::Graph graph, PassStats* stats) {
  const PassStats result = run(graph);
  if (stats != nullptr) *stats = result;
  return graph;
}

}  // namespace npusim::passes
