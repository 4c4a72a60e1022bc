// One operator as the cube runs it: a convolution or matrix product in fractals, and its tiling.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/ascend310/layout.h"
#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/spec.h"
#include "workloads/ir/graph.h"
#include "workloads/tiling/geometry.h"

namespace npusim::ascend310 {

/// Vector passes behind the cube on every result, counted by class (fp16 unless said otherwise).
struct Epilogue {
  bool bias = false;  ///< one pass over the accumulators in their own precision
  std::int64_t simple = 0;
  std::int64_t exp = 0;
  std::int64_t convert = 0;
};

/// Where a layer's weights come from, and how they become fractals.
struct WeightSource {
  enum class Form : std::uint8_t { none, conv, conv_transpose, matmul, matmul_transposed };
  Form form = Form::none;
  ir::TensorId weights = ir::kNoTensor, bias = ir::kNoTensor;
  std::int64_t groups = 1;  ///< the operator's own
  std::int64_t bias_exponent = 0, weights_exponent = 0;
};

/// A convolution or matrix product. Per group: A is images x (ho*wo) rows by k1() fractals, B is k1() by n1
/// fractals. Pointers refer to the network's device tensors.
struct CubeLayer {
  std::string name;
  std::string op;
  const DeviceTensor* a = nullptr;
  const DeviceTensor* b = nullptr;  ///< weights (plain bytes), or the second activation operand
  const DeviceTensor* bias = nullptr;
  const DeviceTensor* residual = nullptr;  ///< added to the result, same shape
  const DeviceTensor* out = nullptr;
  std::int64_t images = 1;
  std::int64_t groups = 1;    ///< after merging small groups into whole blocks
  bool batch_groups = false;  ///< group g is image g of a, b and out (batched matrix product)
  bool b_transposed = false;  ///< an activation B stored as N rows of K channels
  ir::Window window;          ///< stride 1 for a transposed convolution, whose input is dilated instead
  ir::Hw input_dilation{1, 1};
  std::int64_t ho = 1, wo = 1, hi = 1, wi = 1;
  std::int64_t c1 = 1;                  ///< blocks of A a group
  std::int64_t n1 = 1;                  ///< fractals of B and of the result a group
  std::int64_t fractals_per_block = 1;  ///< result fractals (16 columns) in one C0 block of the result
  std::int64_t result_bytes = 2;        ///< of one element as stored
  std::int64_t k_elements = 16;         ///< K elements of one fractal
  bool load2d = false;  ///< A's fractals lie in L1 as they are needed (1x1, stride 1, no padding)
  Epilogue epilogue;
  /// What the epilogue computes: the steps, and in int8 the conversions. Tiles fill in their own geometry.
  CopyOutSetting result;
  WeightSource source;
  std::int64_t macs = 0;

  std::int64_t load_width = 1;   ///< output pixels a row, as load3d counts them
  std::int64_t load_stride = 1;  ///< pixels of the input between neighbours in such a row
  bool stood_up = false;         ///< an image of one row, handled as one of one column
  bool c04 = false;              ///< A has 4 channels a block, so that a fractal of K holds several taps

  /// Fractals of K that one block of A's channels makes.
  [[nodiscard]] std::int64_t taps() const {
    const std::int64_t taps = window.kernel.h * window.kernel.w;
    return c04 ? ceil_div(taps * 4, k_elements) : taps;
  }
  [[nodiscard]] std::int64_t k1() const { return c1 * taps(); }
  /// Bytes of one row of one block of A.
  [[nodiscard]] std::int64_t row_bytes() const { return wi * a->shape.block_bytes; }
  /// Rows of A that output rows [r0, r1) touch.
  [[nodiscard]] tiling::Range input_rows(std::int64_t r0, std::int64_t r1) const;
  /// Whether only every stride-th row of A is ever used (a 1x1 kernel with stride), so that the others are
  /// not loaded.
  [[nodiscard]] bool skips_rows() const {
    return window.kernel.h == 1 && window.stride.h > 1 && window.pad.top == 0 && window.pad.bottom == 0;
  }
  /// Rows of A in L1 for output rows [r0, r1).
  [[nodiscard]] std::int64_t input_row_count(std::int64_t r0, std::int64_t r1) const;
};

/// How work is divided between cores.
enum class CoreSplit : std::uint8_t { none, images, rows, columns, groups };

/// Tile sizes and loop order of one layer. Fractals unless said otherwise.
struct Tiling {
  CoreSplit split = CoreSplit::none;
  bool columns_outer = true;   ///< L1 loop order: weights stay while activations stream (else the reverse)
  std::int64_t l1_groups = 1;  ///< groups of one L1 tile
  std::int64_t l1_images = 1;
  std::int64_t l1_rows = 1;     ///< output rows (all of them when l1_images > 1)
  std::int64_t l1_columns = 1;  ///< fractals of N
  std::int64_t l1_c1 = 1;       ///< blocks of K
  std::int64_t a_slots = 1, b_slots = 1;
  std::int64_t m0 = 1, n0 = 1, k0 = 1;
  bool rows_inner = true;  ///< inside an L1 tile: for columns, for rows (L0B is reused), else the reverse
  double estimate = 0;     ///< cycles, as the search sees it
};

/// The tiling in words, for reports.
std::string to_string(const Tiling& tiling);

/// The part of a layer that one core does: half-open ranges.
struct CoreShare {
  std::int64_t core = 0;
  std::int64_t g0 = 0, g1 = 0, i0 = 0, i1 = 0, r0 = 0, r1 = 0, n0 = 0, n1 = 0;
  [[nodiscard]] bool empty() const { return g0 >= g1 || i0 >= i1 || r0 >= r1 || n0 >= n1; }
};

/// The shares of all cores that have work under `split`.
std::vector<CoreShare> core_shares(const Spec& spec, const CubeLayer& layer, CoreSplit split);

/// Bytes of UB that one result tile of m x n fractals takes, and what the bias reserves.
std::int64_t result_tile_bytes(const CubeLayer& layer, std::int64_t m, std::int64_t n);
std::int64_t bias_bytes(const CubeLayer& layer);
/// Whether the bias is too large to stay in UB, so that each result tile of n columns loads its own part.
bool bias_in_parts(const CubeLayer& layer);
/// Bytes of UB reserved for the bias when result tiles have `n` fractals of columns.
std::int64_t bias_area(const CubeLayer& layer, std::int64_t n);

/// The tiling with the least estimated cycles. Throws UserError naming the layer and the bytes missing when
/// none fits.
Tiling search_tiling(const Spec& spec, const CubeLayer& layer);

}  // namespace npusim::ascend310
