// A Movidius VPU as data: read from its YAML once, immutable.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/config.h"
#include "sim/mem/memory.h"

namespace npusim::vpu {

/// ceil(a * b / c) without overflow of the product (a, b >= 0, c > 0).
constexpr std::int64_t mul_div_up(std::int64_t a, std::int64_t b, std::int64_t c) {
  __extension__ using Wide = __int128;
  return static_cast<std::int64_t>((static_cast<Wide>(a) * b + (c - 1)) / c);
}

/// What a DPU does in a workload.
enum class DpuOp : std::uint8_t { conv, image_conv, depthwise, pool, eltwise };
inline constexpr std::size_t kDpuOps = 5;

/// One way of arranging a DPU's processing elements: pixels (x, y) and channels that a block of the workload
/// has in the accumulators at once.
struct Mode {
  std::string name;
  std::int64_t x = 1, y = 1, channels = 16;
};

/// Constants of one data type's timing; fractions in thousandths, times in DPU cycles.
struct DpuFit {
  std::int64_t overhead = 0;                          ///< of a workload
  std::int64_t mac = 1000;                            ///< of the array's ideal cycles
  std::int64_t act = 1000;                            ///< of the reads of activations
  std::int64_t weight = 1000;                         ///< of the reads of weights
  std::int64_t out_bound = 1000;                      ///< of the writes, where they alone bound a workload
  std::int64_t out_tail = 0;                          ///< of the writes, what is not overlapped
  std::int64_t eltwise_overhead = 0, eltwise = 1000;  ///< of an element-wise workload's writes
};

/// Constants of depthwise convolutions and pools: clocks of CMX (thousandths) for one 4x4 block of pixels,
/// one tap and one word of channels.
struct WindowFit {
  std::int64_t overhead = 0;    ///< DPU cycles a workload
  std::int64_t narrow = 4000;   ///< pixels of one 16-byte word, stride 1
  std::int64_t wide = 4400;     ///< wider pixels, stride 1
  std::int64_t strided = 4600;  ///< stride 2 and more, pixels of up to 32 bytes
  std::int64_t strided_wide = 4500;
};

/// Cycles of KeemBay's operators other than convolution: thousandths of a cycle for a pixel and 16 channels.
struct PixelCost {
  std::int64_t kernel = 1;
  std::int64_t stride_1 = 0, stride_2 = 0;
};

/// A software operator on one SHAVE: launch plus a rate.
struct ShaveCost {
  double launch_us = 0;
  double us_per_byte = 0;
};

/// Shares of a convolution's weights and activations that are not zero.
struct Density {
  std::string layer;  ///< empty: of all
  double weights = 1, activations = 1;
};

enum class Generation : std::uint8_t { keembay, cuboid };

/// Everything the engines and the mapper need to know. Sizes in bytes, times in cycles of the main clock,
/// which is the DPUs'. Sources are in the YAML files.
struct Spec {
  std::string chip;
  Generation generation = Generation::cuboid;
  std::int64_t clock_hz = 0;                     ///< of the DPUs: the main clock
  std::int64_t cmx_clock_hz = 0;                 ///< of CMX, DMA and SHAVEs
  std::int64_t tiles = 1, dpus = 1, shaves = 1;  ///< DPUs and SHAVEs a tile
  std::int64_t cmx_bytes = 0;                    ///< of a tile, for tensors and weights

  std::int64_t macs = 0;  ///< int8 multiply-accumulates a DPU and cycle
  std::int64_t fp16_slowdown = 1;
  std::int64_t image_channels = 16;  ///< that an image of fewer than 16 channels counts as
  std::int64_t read_bytes = 0;       ///< a CMX clock, all ports of a DPU
  std::int64_t write_bytes = 0;      ///< a CMX clock, ODU
  std::vector<Mode> modes;
  std::string forced_mode;  ///< of convolutions; "auto": the fastest
  DpuFit u8, f16;
  WindowFit window;
  std::int64_t task_cycles = 0;                      ///< scheduling of a workload besides what it computes
  std::vector<PixelCost> depthwise_cost, pool_cost;  ///< KeemBay's; ascending kernels
  std::int64_t eltwise_cost = 1000;

  std::int64_t dma_engines = 1;
  std::int64_t copy_start = 0;              ///< CMX to CMX, main clock
  std::int64_t copy_milli_bytes = 0;        ///< bytes a main-clock cycle in thousandths, CMX to CMX
  std::int64_t permute_milli_elements = 0;  ///< elements a main-clock cycle in thousandths
  std::int64_t run_milli_clocks = 0;        ///< CMX clocks that a run of contiguous bytes takes at least
  std::int64_t read_start = 0, write_start = 0;
  double dma_bytes_per_cycle = 0;  ///< of the main clock, for the mapper's estimates
  std::int64_t transfers_in_flight = 1;

  std::int64_t barriers = 64;       ///< of the chip
  std::int64_t barrier_cycles = 1;  ///< from the end of the last producer to the start of a consumer
  std::int64_t launch_cycles = 0;   ///< of an inference

  double shave_clock_factor = 1;  ///< of the profiled times
  double shave_passes_softmax = 1, shave_passes_norm = 1;

  std::int64_t layer_cycles = 0;  ///< firmware's start of a layer on a DPU
  bool permute_input = true;
  bool prefetch_weights = true;
  std::int64_t prefetch_layers = 1;
  bool local_operands = false;
  bool keep_activations = true;
  bool vertical_fusion = false;
  Density density;                     ///< of convolutions; 1: sparsity off
  std::vector<Density> layer_density;  ///< of single layers

  mem::MemorySpec memory;

  /// The first main-clock cycle by which `clocks` edges of CMX's clock have passed.
  [[nodiscard]] std::int64_t from_cmx(std::int64_t clocks) const {
    return mul_div_up(clocks, clock_hz, cmx_clock_hz);
  }
  /// Edges of CMX's clock within `cycles` of the main clock.
  [[nodiscard]] std::int64_t cmx_clocks(std::int64_t cycles) const {
    return mul_div(cycles, cmx_clock_hz, clock_hz);
  }
  /// CMX clocks (thousandths) as main-clock cycles, rounded up.
  [[nodiscard]] std::int64_t from_cmx_milli(std::int64_t milli) const {
    return ceil_div(mul_div(milli, clock_hz, cmx_clock_hz), 1000);
  }
};

inline constexpr std::int64_t kChannels = 16;   ///< granule of channels in CMX
inline constexpr std::int64_t kMaxKernel = 11;  ///< nce_invariant.hpp
inline constexpr std::int64_t kMaxStride = 8;   ///< nce_invariant.hpp

/// Reads and checks a description. Throws UserError with file and line for missing, unknown or out-of-range
/// keys.
Spec read_spec(const Config& config);

}  // namespace npusim::vpu
