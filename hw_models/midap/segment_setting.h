// The pipeline's configuration for a segment of a layer.
#pragma once

#include "hw_models/midap/network.h"
#include "hw_models/midap/opcodes.h"

namespace npusim::midap {

/// Output columns [first, last] of `layer`, read through `pieces`. Arithmetic that the network does not say
/// (shifts, activation) is left at its defaults: it takes no cycles.
PipelineSetting segment_setting(const Spec& spec, const Network& net, const Layer& layer,
                                const std::vector<Mapping>& pieces, std::int64_t first, std::int64_t last);

/// What the reduction stage of `layer` hands out.
PipelineSetting reduction_setting(const Network& net, const Layer& layer);

}  // namespace npusim::midap
