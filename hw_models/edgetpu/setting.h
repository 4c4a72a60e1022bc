// What a phase's commands carry in their registers.
#pragma once

#include "hw_models/edgetpu/network.h"
#include "hw_models/edgetpu/opcodes.h"

namespace npusim::edgetpu {

/// The setting of a placed phase that is not the host's. Work::count where the numbers of its operations are
/// not modelled: maps in wide memory, bands, transposed convolutions, streamed fully connected layers,
/// functions other than sums, products, maxima and minima, operands of unequal shapes.
PhaseSetting setting_of(const Spec& spec, const Network& net, const Phase& phase);

/// A setting that says of one map where it lies, as a first operand and as a result.
PhaseSetting map_setting(const Spec& spec, const Network& net, MapId map);

}  // namespace npusim::edgetpu
