// How a layer can be cut into chunks, and what each cut takes of CMX.
#pragma once

#include <vector>

#include "hw_models/vpu/plan.h"

namespace npusim::vpu {

inline constexpr std::int64_t kCmxAlignment = 64;

/// Bytes that a layer has in a tile's CMX besides resident maps.
struct Need {
  std::int64_t weights = 0, weight_slots = 0;  ///< bytes of a slot, number of slots
  std::vector<std::int64_t> sources;           ///< bytes of a slot; 0: resident
  std::int64_t source_slots = 1;
  std::int64_t out = 0, out_slots = 0;
  [[nodiscard]] std::int64_t total() const {
    std::int64_t bytes =
        round_up(weights, kCmxAlignment) * weight_slots + round_up(out, kCmxAlignment) * out_slots;
    for (const auto one : sources) bytes += round_up(one, kCmxAlignment) * source_slots;
    return bytes;
  }
};

/// What a layer planned like this takes, with the maps resident that `maps` says.
Need need_of(const Network& net, const std::vector<MapPlan>& maps, const Layer& layer, const LayerPlan& plan);

/// Ways of cutting the layer, divided over tiles as `plan` is, whose chunks fit into an empty CMX: the
/// fastest, as far as that can be told, first.
std::vector<LayerPlan> chunkings(const Spec& spec, const Network& net, const std::vector<MapPlan>& maps,
                                 const Layer& layer, const LayerPlan& plan);

}  // namespace npusim::vpu
