// Graph -> phases: what the chip's engines run, what costs nothing, what is left to the host.
#pragma once

#include <map>
#include <string>

#include "hw_models/edgetpu/network.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/quantize.h"

namespace npusim::edgetpu {

/// Phases of a network after the common passes, in order. Operators that the chip lacks become host phases,
/// and so does everything behind the first one unless the description allows returning. Throws UserError for
/// a batch above 1 and for tensors of more than four dimensions.
/// `quantization`: where its numbers matter; may be null.
Network legalize(const Spec& spec, const ir::Graph& graph, const std::map<std::string, std::string>& refused,
                 const reference::Quantization* quantization = nullptr);

/// Legalises and places (place.h): operators that fit no memory are left to the host. Throws UserError also
/// where the input itself fits none.
Network compile_network(const Spec& spec, const ir::Graph& graph,
                        const reference::Quantization* quantization = nullptr);

}  // namespace npusim::edgetpu
