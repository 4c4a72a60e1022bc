// From the graph to MIDAP's layers.
#pragma once

#include "hw_models/midap/network.h"
#include "workloads/ir/graph.h"

namespace npusim::midap {

/// Layers of one image of `graph` (after the common passes), with their maps and weights as the chip stores
/// them; not yet ordered or scheduled. Throws UserError listing every operator the chip has no means for.
Network legalize(const Spec& spec, const ir::Graph& graph);

/// Second half of `legalize`: pads channels to what readers and writers take at once, sizes weights, places
/// the operands of concatenations, and says which results must go to DRAM. Throws UserError for a filter or a
/// map that fits no memory, naming the limit and by how much.
void store_maps(const Spec& spec, Network& net);

}  // namespace npusim::midap
