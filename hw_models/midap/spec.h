// MIDAP as data: read from its YAML once, immutable.
#pragma once

#include <cstdint>

#include "sim/base/config.h"
#include "sim/mem/memory.h"

namespace npusim::midap {

/// How the compiler divides the feature-map banks between a layer's input and output (MidapSim's names).
enum class Policy : std::uint8_t {
  hide_dram_latency,  ///< replay every division on a simple time line, keep the one that stalls least
  min_dram_access,    ///< fewest bytes of reloaded weights and spilled outputs
  double_buffer       ///< half the banks each, changing sides from layer to layer
};

/// MidapSim's DRAM: latency of a request as a function of its size. Fractions of cycles as published.
struct LatencyModel {
  bool enabled = false;  ///< the chip's memory is this formula; else it is npusim's DRAM
  bool worst = false;    ///< refresh in front of every request, as MidapSim's repository is set
  double cas = 0, page_delay = 0, refresh_delay = 0;                                     ///< cycles
  std::int64_t page_bytes = 1, page_offset = 0, refresh_offset = 0, refresh_period = 1;  ///< bytes
};

/// Everything the engines and the compiler need to know. Sizes in bytes (a feature or weight is one byte),
/// times in main-clock cycles. Sources are in midap.yaml.
struct Spec {
  std::int64_t clock_hz = 0;
  std::int64_t lanes = 0;  ///< channels of a row: one operand row of the feature maps and of each CIM a cycle
  std::int64_t cims = 0;   ///< compute-in-memory units: filters that a convolution works on at once
  std::int64_t banks = 0, bank_bytes = 0;
  std::int64_t wmem_bytes = 0;           ///< of one CIM's weight memory, one of its two buffers
  std::int64_t extended_wmem_bytes = 0;  ///< of CIM 0's when it works alone on 64 channels
  std::int64_t bias_entries = 0, reduction_entries = 0;
  std::int64_t control_cycles = 0, drain_cycles = 0, bias_stage = 0;
  std::int64_t write_buffer_bytes = 0;  ///< both halves
  std::int64_t dma_rate = 0;            ///< bytes per cycle

  Policy policy = Policy::hide_dram_latency;
  bool load_many_filters = false;  ///< one request fetches as many filter groups as a weight buffer holds
  bool first_layer_gemm = true;    ///< the host unrolls the image for a first convolution of up to 3 channels
  bool input_on_chip = false;      ///< the input lies in the feature-map banks before the network starts

  LatencyModel latency;
  mem::MemorySpec memory;

  /// Bytes of one of the two weight buffers: CIM 0's extended memory and the others'.
  [[nodiscard]] std::int64_t weight_buffer_bytes() const {
    return extended_wmem_bytes + (cims - 1) * wmem_bytes;
  }
  /// Whole rows of `channels`.
  [[nodiscard]] std::int64_t padded(std::int64_t channels) const { return round_up(channels, lanes); }
};

/// Reads and checks a description. Throws UserError with file and line for missing, unknown or out-of-range
/// keys.
Spec read_spec(const Config& config);

}  // namespace npusim::midap
