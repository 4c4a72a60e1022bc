// The analytical performance model as a Core: rooflines of layers, and what a network makes of them.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "nas/fit/core.h"

namespace npusim::fit {

/// Fits to the networks of these indices. Where the chip keeps parameters (Operator::room), the chip's own
/// rule says which layers have theirs kept: in the network's order, first come, first kept. Layers have one
/// roofline. The others' parameters come over a link, in pieces to slots that are free again when the layer's
/// work on them is done; the link's speed, the pieces and the slots are fitted. Elsewhere layers have two
/// rooflines, of the shortest and of the longest time that equal ones took, and how far a network is between
/// them is the share of one feature's sum that lies beyond a knee. Throws UserError when the networks have
/// too few different operators.
std::shared_ptr<const Core> train_apm(const Dataset& data, std::span<const std::size_t> networks);

/// Throws UserError or a JSON exception when the JSON is not to_json()'s.
std::shared_ptr<const Core> apm_from(const nlohmann::json& json);

}  // namespace npusim::fit
