// Where maps and parameters live: narrow or wide memory, cached on the chip or streamed over the link.
#pragma once

#include <optional>
#include <string>

#include "hw_models/edgetpu/network.h"

namespace npusim::edgetpu {

/// Of narrow memory: identity and zero rows, staging, and the bands of spilled maps on their way.
inline constexpr std::int64_t kStagingBytes = 1024;

/// Positions and bytes of a tile that a home's block, or its part of a band, takes.
std::int64_t home_positions(const Spec& spec, const Map& map);
std::int64_t home_bytes(const Spec& spec, const Map& map);

/// A phase that cannot run on the chip.
struct Misfit {
  std::string operator_name;
  std::string why;
};

/// Cuts chains of phases whose operands and results do not fit narrow memory into bands of rows. Gives every
/// home an address in narrow memory, or in wide memory where bands do not help or other maps need the room;
/// gives parameters room in what is left of wide memory on all tiles, in
/// order of execution, whole phases at a time, and marks the others as streamed. Returns the first phase
/// that fits no memory, with the reason, or nothing: the network must then be legalised without it.
std::optional<Misfit> place(const Spec& spec, Network& net);

}  // namespace npusim::edgetpu
