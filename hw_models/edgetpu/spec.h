// An Edge TPU as data: read from its YAML once, immutable.
#pragma once

#include <cstdint>
#include <string>

#include "sim/base/config.h"
#include "sim/mem/memory.h"

namespace npusim::edgetpu {

/// What the engines and the compiler need to know. Sizes in bytes, times in main-clock cycles. Sources are in
/// the YAML files.
struct Spec {
  std::int64_t clock_hz = 0;
  std::int64_t rows = 0, columns = 0;  ///< of the tile grid
  std::int64_t cores = 0, lanes = 0;   ///< of a tile; a lane makes one output of a step
  std::int64_t dot = 0;                ///< inputs of a lane's dot product: a word, in bytes
  std::int64_t narrow_bytes = 0;       ///< of a tile: activations
  std::int64_t wide_bytes = 0;         ///< of a tile: parameters, FIFOs, partial sums, spilled activations
  std::int64_t wide_reserved_bytes = 0;

  std::int64_t depthwise_extra_steps = 0;                            ///< of an output word
  std::int64_t add_steps = 0, multiply_steps = 0, resize_steps = 0;  ///< of an output word

  std::int64_t ring_rate = 0;                   ///< bytes per cycle
  std::int64_t depthwise_row_cycles = 0;        ///< of one expanded row on its way to the tiles
  std::int64_t mesh_rate = 0;                   ///< bytes per cycle and direction
  std::int64_t spill_millicycles_per_word = 0;  ///< one way

  std::int64_t phase_bytes = 0, op_bytes = 0, mesh_bytes = 0, mover_bytes = 0;  ///< of instructions
  std::int64_t slot_bytes = 0, slots = 0;                                       ///< of the stream buffer
  bool has_link = false;          ///< else the host's memory is DRAM
  double in_bytes_per_cycle = 0;  ///< of the link; 0 where there is none
  std::int64_t fixed_cycles = 0;  ///< of an invocation
  std::int64_t page_cycles = 0;   ///< of each page of the host's memory that an invocation maps

  double host_macs_per_cycle = 0, host_bytes_per_cycle = 0;
  std::int64_t host_op_cycles = 0, host_entry_cycles = 0;
  bool allow_return = false;
  bool assume_int8 = false;  ///< the user knows that a floating-point network is taken as quantised

  mem::MemorySpec memory;

  [[nodiscard]] std::int64_t tiles() const { return rows * columns; }
  /// Outputs of one step of a tile.
  [[nodiscard]] std::int64_t group() const { return cores * lanes; }
  /// Bytes of the weights of one step, and of one packet on the ring.
  [[nodiscard]] std::int64_t row_bytes() const { return group() * dot; }
  [[nodiscard]] std::int64_t row_cycles() const { return ceil_div(row_bytes(), ring_rate); }
  [[nodiscard]] std::int64_t padded(std::int64_t channels) const { return round_up(channels, dot); }
  [[nodiscard]] std::int64_t words(std::int64_t channels) const { return ceil_div(channels, dot); }
};

/// Reads and checks a description. Throws UserError with file and line for missing, unknown or out-of-range
/// keys.
Spec read_spec(const Config& config);

}  // namespace npusim::edgetpu
