// What any compiler does to a network before it knows the chip: one pass a file, one readable list.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::passes {

/// Operators that a pass took out of the graph.
struct Removed {
  std::int64_t folded =
      0;  ///< nothing is left to do at run time (constants, identities, batch norms, dead code)
  std::int64_t fused = 0;  ///< now part of another operator, which does its work
};

/// Where the imported operators went: imported = folded + fused + operators in the result.
struct PassStats {
  std::int64_t imported = 0;
  std::int64_t folded = 0;
  std::int64_t fused = 0;
};

struct Pass {
  std::string_view name;
  Removed (*run)(ir::Graph& graph);
};

/// Operators on weights and shapes only become weights; dequantised weights stay for absorb_quantization.
Removed fold_constants(ir::Graph& graph);
/// The same, dequantised weights included.
Removed fold_weights(ir::Graph& graph);
/// Takes out operators whose result is their input: Identity, Dropout, reshapes to the same shape, 1x1 pools,
/// ...
Removed remove_identities(ir::Graph& graph);
/// A layer normalisation written as mean, difference, square, root, quotient (and scale, bias) becomes one.
Removed recognise_layer_norm(ir::Graph& graph);
/// Element-wise operators that together compute GELU (erf or tanh form), SiLU, HardSwish or HardSigmoid
/// become one.
Removed recognise_functions(ir::Graph& graph);
/// Batch norms and products with a weight a channel go into the weights of the convolution or matrix product
/// before them, sums into its bias.
Removed fold_affine(ir::Graph& graph);
/// Zero padding becomes the window's own padding of the convolution or average pool behind it.
Removed fold_padding(ir::Graph& graph);
/// Chains of reshapes and of transposes become one; a transpose that only moves axes of size 1 is a reshape.
Removed merge_views(ir::Graph& graph);
/// Activations and residual additions become steps (Op::fused) of the convolution or matrix product before
/// them, activations also of an addition.
Removed fuse_elementwise(ir::Graph& graph);
/// An operator between DequantizeLinear and QuantizeLinear computes in integers: it reads and writes the
/// quantised tensors.
Removed absorb_quantization(ir::Graph& graph);
/// Takes out operators whose results nobody reads, and tensors that nobody refers to.
Removed remove_dead(ir::Graph& graph);

/// The passes in the order in which they run.
const std::vector<Pass>& pipeline();

/// Runs the pipeline in place; the graph is verified after each pass that took operators out, and at the end
/// (InternalError names the pass).
PassStats run(ir::Graph& graph);

/// A copy of `graph` after the pipeline.
ir::Graph run_pipeline(ir::Graph graph, PassStats* stats = nullptr);

}  // namespace npusim::passes
