// Deliberate defects of the twins, for tests that show that they would be seen.
#pragma once

#include <cstdint>

namespace npusim::edgetpu::clocked {

/// None by default.
struct Faults {
  std::int64_t op_registers = 0;    ///< more pipeline registers behind the lanes
  std::int64_t ring_registers = 0;  ///< more pipeline registers on the ring
  std::int64_t fifo_packets = 0;    ///< added to the room of the FIFO
  std::int64_t link_registers = 0;  ///< more registers on a link of the mesh
  bool no_relay = false;            ///< tiles pass on nothing that they received
  bool wide_words = false;          ///< movers take two words at a time
};

}  // namespace npusim::edgetpu::clocked
