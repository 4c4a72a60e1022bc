// The order in which layers run, and what branches share.
#pragma once

#include "hw_models/midap/network.h"

namespace npusim::midap {

/// Fills in Network::order, the banks that branches keep for one another (Schedule::input_stationary and
/// output_stationary) and which operand of a sum or product stays in the banks (Layer::inputs; the other one
/// is written to DRAM and streamed).
///
/// Rules of MidapSim's compiler: between a layer with several readers and the layer where their paths meet,
/// paths that need fewer banks run first, then shorter ones; a path that ends in the source's own reduction
/// goes before those that read the source itself. How many banks of the source are kept for the paths still
/// to come is what costs fewest bytes of DRAM traffic. Networks that do not consist of such forks and joins,
/// or nest more than five of them (DenseNet),
/// run in the graph's order, and branches share nothing.
void order_layers(const Spec& spec, Network& net);

}  // namespace npusim::midap
