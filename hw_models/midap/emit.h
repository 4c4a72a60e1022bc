// A scheduled network as the chip's program.
#pragma once

#include "hw_models/midap/network.h"
#include "sim/program/program.h"

namespace npusim::midap {

/// Appends the whole network to `program`: one joined task a layer, images of a batch one after another. The
/// pipeline's commands are as long as nothing can make it wait: cut where a filter group, a fragment or the
/// biases are first read, where a load is asked for, and where the write buffer fills.
void emit(const Spec& spec, const Network& net, program::Program& program);

}  // namespace npusim::midap
