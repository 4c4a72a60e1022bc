// What the tile search believes a tiling costs. Only the search uses it: reported cycles come from the
// simulation.
#pragma once

#include <cstdint>

#include "hw_models/ascend310/cube_layer.h"
#include "hw_models/ascend310/spec.h"

namespace npusim::ascend310 {

/// Rows of A for `rows` output rows away from the borders.
std::int64_t inner_rows(const CubeLayer& layer, std::int64_t rows);

/// Estimates cycles by the engines' own rates: the slowest of cube with MTE1 and vector, DMA in both
/// directions and DRAM, plus what nothing hides (first load, last store) and a share of what hides. Sources:
/// CANN's CycleCalculator (the rules), and constants below, which were chosen so that the search picks well
/// on the simulator.
class CubeEstimator {
 public:
  CubeEstimator(const Spec& spec, const CubeLayer& layer);
  /// Cycles of tiling `t` on a share when `cores` cores work at once.
  [[nodiscard]] double operator()(const Tiling& t, const CoreShare& share, std::int64_t cores) const;

 private:
  /// Trip counts of the L1 loops.
  struct Trips {
    double groups = 0, group_tiles = 0;
    std::int64_t images = 0, rows = 0, columns = 0;
    std::int64_t row_tiles = 0, column_tiles = 0, k_tiles = 0;
    [[nodiscard]] double steps() const {
      return static_cast<double>(row_tiles * column_tiles * k_tiles) * group_tiles;
    }
  };
  /// Bytes that cross into or out of the core.
  struct Traffic {
    bool a_again = false, b_again = false;  ///< an operand is loaded more than once
    double a = 0, b = 0, residual = 0, out = 0;
  };

  [[nodiscard]] static Trips trips(const CubeLayer& layer, const Tiling& t, const CoreShare& share);
  [[nodiscard]] Traffic traffic(const Tiling& t, const Trips& n) const;
  [[nodiscard]] double load_cycles(const Traffic& bytes) const;
  [[nodiscard]] double dram_cycles(const Tiling& t, const Trips& n, const Traffic& bytes,
                                   std::int64_t cores) const;
  [[nodiscard]] double pipelined_cycles(const Tiling& t, const Trips& n, const Traffic& bytes, double compute,
                                        double load) const;
  [[nodiscard]] double first_load(const Tiling& t, const Trips& n, const Traffic& bytes,
                                  std::int64_t cores) const;
  [[nodiscard]] double first_cost(double bytes, bool near, std::int64_t cores) const;
  [[nodiscard]] double a_bytes(std::int64_t tile_rows, std::int64_t rows) const;
  [[nodiscard]] double compute_cycles(const Tiling& t, const Trips& n) const;
  [[nodiscard]] double load_a_cycles(double m, double k, double segments) const;
  [[nodiscard]] double tail_cycles(const Tiling& t) const;

  const Spec& spec_;
  const CubeLayer& layer_;
  bool a_near_, out_near_, b_near_, residual_near_;
  double steps_per_fractal_ = 1;  ///< cube cycles of a fractal triple
  double passes_ = 0;             ///< vector cycles of a result fractal
  double instructions_ = 0;       ///< vector instructions of a result tile
};

}  // namespace npusim::ascend310
