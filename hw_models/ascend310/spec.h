// The Ascend 310 as data: read from its YAML once, immutable.
#pragma once

#include <cstdint>

#include "sim/base/config.h"
#include "sim/mem/memory.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310 {

/// Everything the engines and the mapper need to know. Sizes in bytes, rates in bytes per cycle, times in
/// main-clock cycles. Sources are in ascend310.yaml.
struct Spec {
  std::int64_t clock_hz = 0;
  std::int64_t cores = 0;

  std::int64_t cube_m = 0, cube_n = 0, cube_k_fp16 = 0, cube_k_int8 = 0, cube_fill = 0;

  std::int64_t vector_rate = 0, vector_startup = 0, vector_latency = 0;
  std::int64_t exp_rate = 0, convert_rate = 0, transpose_rate = 0, reduce_rate = 0, reduce_latency = 0;
  std::int64_t row_issue = 0;
  std::int64_t trans_data_passes = 1;

  std::int64_t l0a_bytes = 0, l0b_bytes = 0, l0c_bytes = 0, l1_bytes = 0, ub_bytes = 0;
  std::int64_t ub_bank_groups = 0;

  std::int64_t l0a_rate = 0, l0b_rate = 0, load2d_start = 0, load3d_start = 0, load3d_other_rate = 0;
  std::int64_t l0c_ub_rate = 0;

  std::int64_t read_dram_rate = 0, read_l2_rate = 0, write_dram_rate = 0, write_l2_rate = 0;
  std::int64_t read_start = 0, write_start = 0;
  std::int64_t reads_in_flight = 1, writes_in_flight = 1;  ///< DMA commands started and not completed
  std::int64_t l2_bytes = 0;

  std::int64_t queue_depth = 0, command_issue = 0, flag_issue = 0, flag_latency = 0, flag_ids = 0;
  std::int64_t task_launch = 0, host_launch = 0;

  bool first_layer_c04 = false;
  bool l2_activations = true;
  bool l2_partial = true;
  bool concat_in_place = true;

  mem::MemorySpec memory;
  /// Peak of the DRAM for the mapper's estimates, bytes per cycle of the main clock.
  double dram_peak_rate = 0;

  /// Channels of one 32 B block, which are also the K elements of one fractal: 16 for fp16, 32 for int8. A
  /// matter of the data format, not of the cube's size.
  [[nodiscard]] static std::int64_t c0(ir::DType dtype) { return 32 / ir::size_of(dtype); }
  /// K elements that the cube takes in a cycle.
  [[nodiscard]] std::int64_t cube_k(ir::DType dtype) const {
    return ir::size_of(dtype) == 1 ? cube_k_int8 : cube_k_fp16;
  }
};

inline constexpr std::int64_t kBlock = 32;          ///< bytes of one C0 block, the unit of layouts and banks
inline constexpr std::int64_t kFractal = 512;       ///< bytes of one operand fractal (16 rows of one block)
inline constexpr std::int64_t kAccumulator = 1024;  ///< bytes of one L0C fractal: 16x16 fp32 or int32

/// Reads and checks a description. Throws UserError with file and line for missing, unknown or out-of-range
/// keys.
Spec read_spec(const Config& config);

}  // namespace npusim::ascend310
