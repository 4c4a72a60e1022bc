// Tile search: enumerate loop orders and tile sizes, estimate cycles by the rules of
// docs/calibration/ascend310.md, keep the cheapest that fits every buffer.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "hw_models/ascend310/cube_layer.h"
#include "hw_models/ascend310/timing.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

tiling::Range CubeLayer::input_rows(std::int64_t r0, std::int64_t r1) const {
  const tiling::Axis axis{
      hi, window.kernel.h, window.stride.h, window.dilation.h, window.pad.top, input_dilation.h};
  return tiling::input_range(axis, {r0, r1});
}

std::string to_string(const Tiling& t) {
  constexpr std::array<const char*, 5> kSplits = {"one core", "images", "rows", "columns", "groups"};
  return fmt::format(
      "split {}; {} outer; L1 tile {} groups x {} images x {} rows x {} columns x {} channels, {}+{} slots; "
      "L0 tile {} x {} x {} fractals, {} inner; estimate {:.0f} cycles",
      kSplits[static_cast<std::size_t>(t.split)], t.columns_outer ? "columns" : "rows", t.l1_groups,
      t.l1_images, t.l1_rows, t.l1_columns, t.l1_c1, t.a_slots, t.b_slots, t.m0, t.n0, t.k0,
      t.rows_inner ? "rows" : "columns", t.estimate);
}

std::int64_t CubeLayer::input_row_count(std::int64_t r0, std::int64_t r1) const {
  if (skips_rows()) return r1 - r0;
  return input_rows(r0, r1).size();
}

std::int64_t result_tile_bytes(const CubeLayer& layer, std::int64_t m, std::int64_t n) {
  return m * 16 * n * 16 * layer.result_bytes;
}

std::int64_t bias_bytes(const CubeLayer& layer) {
  return layer.bias == nullptr ? 0 : round_up(layer.groups * layer.n1 * 16 * 4, kBlock);
}

std::vector<CoreShare> core_shares(const Spec& spec, const CubeLayer& layer, CoreSplit split) {
  std::vector<CoreShare> shares;
  const std::int64_t cores = split == CoreSplit::none ? 1 : spec.cores;
  const auto cut = [cores](std::int64_t size, std::int64_t unit, std::int64_t core) {
    const std::int64_t units = ceil_div(size, unit);
    return std::min(size, units * core / cores * unit);
  };
  for (std::int64_t core = 0; core < cores; ++core) {
    CoreShare share{core, 0, layer.groups, 0, layer.images, 0, layer.ho, 0, layer.n1};
    const auto narrow = [&](std::int64_t size, std::int64_t unit, std::int64_t& from, std::int64_t& to) {
      from = cut(size, unit, core);
      to = core + 1 == cores ? size : cut(size, unit, core + 1);
    };
    switch (split) {
      case CoreSplit::images:
        narrow(layer.images, 1, share.i0, share.i1);
        break;
      case CoreSplit::rows:
        narrow(layer.ho, 1, share.r0, share.r1);
        break;
      case CoreSplit::columns:
        narrow(layer.n1, layer.fractals_per_block, share.n0, share.n1);
        break;
      case CoreSplit::groups:
        narrow(layer.groups, 1, share.g0, share.g1);
        break;
      case CoreSplit::none:
        break;
    }
    if (!share.empty()) shares.push_back(share);
  }
  return shares;
}

namespace {

/// Rows of A for `rows` output rows away from the borders.
std::int64_t inner_rows(const CubeLayer& layer, std::int64_t rows) {
  const std::int64_t middle = std::max<std::int64_t>(0, (layer.ho - rows) / 2);
  return layer.input_row_count(middle, std::min(layer.ho, middle + rows));
}

/// One candidate's cost, built from the layer's geometry for the largest core share.
class Estimator {
 public:
  Estimator(const Spec& spec, const CubeLayer& layer) : spec_(spec), layer_(layer) {
    a_near_ = layer.a->place.near_images >= layer.a->shape.n;
    out_near_ = layer.out->place.near_images >= layer.out->shape.n;
    b_near_ = layer.b->plain_bytes == 0 && layer.b->place.near_images >= layer.b->shape.n;
    residual_near_ =
        layer.residual != nullptr && layer.residual->place.near_images >= layer.residual->shape.n;
    passes_ =
        static_cast<double>(layer.epilogue.simple) * kFractal / static_cast<double>(spec.vector_rate) +
        static_cast<double>(layer.epilogue.exp) * kFractal / static_cast<double>(spec.exp_rate) +
        static_cast<double>(layer.epilogue.convert) * kFractal / static_cast<double>(spec.convert_rate) +
        static_cast<double>(kAccumulator) / static_cast<double>(spec.l0c_ub_rate) +
        (layer.epilogue.bias ? static_cast<double>(kAccumulator) / static_cast<double>(spec.vector_rate) : 0);
    instructions_ = static_cast<double>(1 + (layer.epilogue.bias ? 1 : 0) + layer.epilogue.simple +
                                        layer.epilogue.exp + layer.epilogue.convert);
  }

  /// Cycles of `tiling` on the first (largest) share when `cores` work at once.
  double operator()(const Tiling& t, const CoreShare& s, std::int64_t cores) const {
    const double groups = static_cast<double>(s.g1 - s.g0);
    const std::int64_t images = s.i1 - s.i0;
    const std::int64_t rows = s.r1 - s.r0;
    const std::int64_t columns = s.n1 - s.n0;
    const std::int64_t row_tiles = ceil_div(images, t.l1_images) * ceil_div(rows, t.l1_rows);
    const std::int64_t column_tiles = ceil_div(columns, t.l1_columns);
    const std::int64_t k_tiles = ceil_div(layer_.c1, t.l1_c1);
    const double group_tiles = std::ceil(groups / static_cast<double>(t.l1_groups));

    const double compute = compute_cycles(t, images, rows, columns, k_tiles) * groups;

    // DMA: how often each operand crosses into L1.
    const std::int64_t a_reuse =
        (t.columns_outer ? row_tiles : 1) * k_tiles;  // A tiles between two uses of the same
    const std::int64_t b_reuse = (t.columns_outer ? 1 : column_tiles) * k_tiles;
    const bool a_again = column_tiles > 1 && a_reuse > t.a_slots;
    const bool b_again = row_tiles > 1 && b_reuse > t.b_slots;
    const double a_once = a_bytes(t.l1_rows, rows) * static_cast<double>(images * layer_.c1) * groups;
    const double b_once = static_cast<double>(columns * layer_.k1() * kFractal) * groups;
    const double a_total = a_once * static_cast<double>(a_again ? column_tiles : 1);
    const double b_total = b_once * static_cast<double>(b_again ? row_tiles : 1);
    const double out_total =
        static_cast<double>(images * rows * layer_.wo * columns * 16 * layer_.result_bytes) * groups;
    const double residual_total = layer_.residual != nullptr ? out_total : 0;

    const double load = cost(a_total, a_near_, spec_.read_dram_rate, spec_.read_l2_rate) +
                        cost(b_total, b_near_, spec_.read_dram_rate, spec_.read_l2_rate) +
                        cost(residual_total, residual_near_, spec_.read_dram_rate, spec_.read_l2_rate);
    const double store = cost(out_total, out_near_, spec_.write_dram_rate, spec_.write_l2_rate);
    const double a_run = static_cast<double>(t.l1_rows >= layer_.ho ? layer_.hi * t.l1_c1
                                                                    : t.l1_rows * layer_.window.stride.h) *
                         static_cast<double>(layer_.row_bytes());
    const double b_run = static_cast<double>(t.l1_columns >= layer_.n1 ? t.l1_c1 * layer_.taps() : 1) *
                         static_cast<double>(t.l1_columns * kFractal);
    const double out_run = static_cast<double>(std::min(t.m0 * 16, rows * layer_.wo) * kBlock);
    const double dram_bytes = (a_near_ ? 0 : in_runs(a_total, a_run)) +
                              (b_near_ ? 0 : in_runs(b_total, b_run)) +
                              (out_near_ ? 0 : in_runs(out_total, out_run)) +
                              (residual_near_ ? 0 : in_runs(residual_total, out_run));
    const double dram = dram_bytes * static_cast<double>(cores) / (kDramEfficiency * spec_.dram_peak_rate);

    // Streaming in steps: with two slots a step's load overlaps the step before, but its latency recurs; with
    // one slot nothing overlaps.
    const double steps = static_cast<double>(row_tiles * column_tiles * k_tiles) * group_tiles;
    const bool a_streams = a_again || row_tiles * k_tiles > 1 || group_tiles > 1;
    const bool b_streams = b_again || column_tiles * k_tiles > 1 || group_tiles > 1;
    const bool serial = (a_streams && t.a_slots == 1) || (b_streams && t.b_slots == 1);
    const double round_trip = (compute + load + steps * kLatency) / (serial ? 1.0 : 2.0);
    // Nothing computes before the first tiles of both operands are there, and the cores share the DRAM
    // meanwhile.
    const double a_first = a_total / static_cast<double>(a_again ? column_tiles : 1) /
                           static_cast<double>(row_tiles * k_tiles) / group_tiles;
    const double b_first =
        static_cast<double>(std::min(t.l1_columns, columns) * std::min(t.l1_c1, layer_.c1) * layer_.taps() *
                            kFractal * t.l1_groups);
    const double first_load =
        first_cost(a_first, a_near_, cores) + first_cost(b_first, b_near_, cores) + kLatency;
    const double pipelined = steps > 1 ? round_trip : 0.0;
    const double bound = std::max({compute, load, store, dram, pipelined});
    // What does not bind still disturbs: without this, all tilings of a memory-bound layer look alike.
    const double rest = compute + load + store + dram + pipelined - bound;
    return bound + kOverlapLoss * rest + first_load + tail_cycles(t);
  }

 private:
  static constexpr double kDramEfficiency = 0.8;  ///< of peak, for the search only
  static constexpr double kRunPenalty =
      512;  ///< bytes lost to DRAM rows at the end of a run, for the search only
  static constexpr double kOverlapLoss = 0.1;  ///< share of hidden work that shows, for the search only
  static constexpr double kLatency = 200;      ///< cycles to the first byte, for the search only

  [[nodiscard]] double first_cost(double bytes, bool near, std::int64_t cores) const {
    if (near) return bytes / static_cast<double>(spec_.read_l2_rate);
    return bytes / std::min(static_cast<double>(spec_.read_dram_rate),
                            kDramEfficiency * spec_.dram_peak_rate / static_cast<double>(cores));
  }

  /// Bytes as DRAM feels them: a run ends in a partly used page.
  static double in_runs(double bytes, double run) { return bytes * (1 + kRunPenalty / std::max(run, 1.0)); }

  static double cost(double bytes, bool near, std::int64_t far_rate, std::int64_t near_rate) {
    return bytes / static_cast<double>(near ? near_rate : far_rate);
  }

  /// Bytes of A's rows (one block of channels, one image) for all L1 row tiles of `rows` output rows.
  double a_bytes(std::int64_t tile_rows, std::int64_t rows) const {
    const std::int64_t tiles = ceil_div(rows, tile_rows);
    return static_cast<double>(inner_rows(layer_, std::min(tile_rows, rows)) * tiles * layer_.row_bytes());
  }

  /// Cube, MTE1 and vector work of one group, overlapped: the slowest of them.
  double compute_cycles(const Tiling& t, std::int64_t images, std::int64_t rows, std::int64_t columns,
                        std::int64_t k_tiles) const {
    const std::int64_t tile_rows = std::min(t.l1_rows, rows);
    const std::int64_t tile_images = std::min(t.l1_images, images);
    const std::int64_t image_fractals = ceil_div(tile_rows * layer_.wo, 16);
    const std::int64_t tile_fractals = tile_images * image_fractals;
    const std::int64_t m_tiles = ceil_div(tile_fractals, t.m0);
    const std::int64_t tile_columns = std::min(t.l1_columns, columns);
    const std::int64_t n_tiles = ceil_div(tile_columns, t.n0);
    const double l1_tiles = static_cast<double>(ceil_div(images, tile_images) * ceil_div(rows, tile_rows) *
                                                ceil_div(columns, tile_columns));
    const double m = static_cast<double>(tile_fractals) / static_cast<double>(m_tiles);
    const double n = static_cast<double>(tile_columns) / static_cast<double>(n_tiles);
    const std::int64_t chunk = std::min(t.l1_c1, layer_.c1) * layer_.taps();
    const double k_steps = static_cast<double>(ceil_div(chunk, t.k0) * k_tiles);
    const double k = static_cast<double>(layer_.k1()) / k_steps;
    const double mad = static_cast<double>(spec_.cube_fill) + m * n * k;
    const bool reuse_b = t.rows_inner && k_steps <= 2;
    const bool reuse_a = !t.rows_inner && k_steps <= 2;
    const double segments = std::max(1.0, m / static_cast<double>(image_fractals));
    const double load_a = load_a_cycles(m, k, segments) / (reuse_a ? static_cast<double>(n_tiles) : 1.0);
    const double load_b =
        (static_cast<double>(spec_.load2d_start) + n * k * kFractal / static_cast<double>(spec_.l0b_rate)) /
        (reuse_b ? static_cast<double>(m_tiles) : 1.0);
    const double step = std::max(mad, load_a + load_b) + 3;
    const double vector = m * n * passes_ + instructions_ * static_cast<double>(spec_.vector_startup);
    const double tiles = static_cast<double>(m_tiles * n_tiles);
    return l1_tiles * tiles * std::max(step * k_steps, vector + 4);
  }

  double load_a_cycles(double m, double k, double segments) const {
    if (layer_.load2d) {
      return static_cast<double>(spec_.load2d_start) * segments +
             m * k * kFractal / static_cast<double>(spec_.l0a_rate);
    }
    const double switches = std::min(15.0, 16.0 / static_cast<double>(layer_.wo));
    const std::int64_t s = layer_.window.stride.w;
    const bool fast = s == 1 || s == 2 || s == 4 || s == 8;
    const double fractal =
        fast ? (static_cast<double>(s) + switches) * kFractal / static_cast<double>(spec_.l0a_rate)
             : static_cast<double>(kFractal) / static_cast<double>(spec_.load3d_other_rate);
    return static_cast<double>(spec_.load3d_start) * segments + m * k * fractal;
  }

  /// From the last multiply to the last byte stored.
  double tail_cycles(const Tiling& t) const {
    const double tile = static_cast<double>(t.m0 * t.n0);
    const double bytes = tile * 256 * static_cast<double>(layer_.result_bytes);
    return tile * passes_ + instructions_ * static_cast<double>(spec_.vector_startup) +
           cost(bytes, out_near_, spec_.write_dram_rate, spec_.write_l2_rate) + kLatency / 2;
  }

  const Spec& spec_;
  const CubeLayer& layer_;
  bool a_near_, out_near_, b_near_, residual_near_;
  double passes_ = 0, instructions_ = 0;
};

struct L0Tile {
  std::int64_t m, n, k;
};

constexpr std::array<std::int64_t, 19> kRowSizes = {1,  2,  3,  4,  5,  6,  7,  8,  10, 12,
                                                    13, 14, 16, 20, 24, 28, 32, 48, 64};

/// The smallest row size that holds `fractals`, or the largest there is.
std::int64_t row_size_for(std::int64_t fractals) {
  const auto* found = std::lower_bound(kRowSizes.begin(), kRowSizes.end(), fractals);
  return found == kRowSizes.end() ? kRowSizes.back() : *found;
}

/// L0 tiles worth trying: L0A, L0B and L0C double-buffered.
std::vector<L0Tile> l0_tiles(const Spec& spec, const CubeLayer& layer) {
  const std::int64_t a_half = spec.l0a_bytes / kFractal / 2;
  const std::int64_t b_half = spec.l0b_bytes / kFractal / 2;
  const std::int64_t c_half = spec.l0c_bytes / kAccumulator / 2;
  const std::int64_t ub = (spec.ub_bytes - bias_bytes(layer)) / (layer.residual != nullptr ? 4 : 2);
  const std::int64_t max_m = layer.images * ceil_div(layer.ho * layer.wo, 16);
  std::vector<L0Tile> tiles;
  for (const std::int64_t m : kRowSizes) {
    if (m > a_half || m > row_size_for(max_m)) break;
    for (std::int64_t n : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 64}) {
      n = std::min(round_up(n, layer.fractals_per_block), layer.n1);
      if (n > b_half || m * n > c_half || result_tile_bytes(layer, m, n) > ub) break;
      if (!tiles.empty() && tiles.back().m == m && tiles.back().n == n) continue;
      const std::int64_t limit = std::min(a_half / m, b_half / n);
      const std::int64_t steps = ceil_div(layer.k1(), limit);
      tiles.push_back({m, n, ceil_div(layer.k1(), steps)});
      if (n == layer.n1) break;
    }
  }
  return tiles;
}

class Search {
 public:
  Search(const Spec& spec, const CubeLayer& layer) : spec_(spec), layer_(layer), estimate_(spec, layer) {
    tiles_ = l0_tiles(spec, layer);
    best_.estimate = std::numeric_limits<double>::infinity();
  }

  Tiling run() {
    for (const auto split :
         {CoreSplit::images, CoreSplit::rows, CoreSplit::columns, CoreSplit::groups, CoreSplit::none}) {
      const auto shares = core_shares(spec_, layer_, split);
      if (split != CoreSplit::none && shares.size() < 2) continue;
      try_split(split, shares);
    }
    if (!std::isfinite(best_.estimate)) refuse();
    return best_;
  }

 private:
  [[noreturn]] void refuse() const {
    const std::int64_t tile =
        (layer_.residual != nullptr ? 4 : 2) * result_tile_bytes(layer_, 1, layer_.fractals_per_block);
    const std::int64_t ub = bias_bytes(layer_) + tile;
    const bool in_ub = ub > spec_.ub_bytes;
    const std::int64_t needed = in_ub ? ub : least_l1_;
    const std::int64_t has = in_ub ? spec_.ub_bytes : spec_.l1_bytes;
    throw UserError(fmt::format(
        "layer '{}' fits no tiling: its smallest tile needs {} bytes of {}, which has {} ({} short)",
        layer_.name, needed, in_ub ? "UB" : "L1", has, needed - has));
  }

  void try_split(CoreSplit split, const std::vector<CoreShare>& shares) {
    // The last share is the largest (cuts round down).
    const CoreShare& share = shares.back();
    const std::int64_t images = share.i1 - share.i0;
    const std::int64_t rows = share.r1 - share.r0;
    Tiling t;
    t.split = split;
    std::vector<std::pair<std::int64_t, std::int64_t>> blocks;  // images, rows
    for (std::int64_t many = 2; many <= images && many <= 16; many *= 2) blocks.emplace_back(many, rows);
    for (const std::int64_t r : tiling::divisions(rows, 1)) blocks.emplace_back(1, r);
    const std::int64_t max_groups = std::min<std::int64_t>(share.g1 - share.g0, 16);
    for (const auto& [tile_images, tile_rows] : blocks) {
      t.l1_images = tile_images;
      t.l1_rows = tile_rows;
      for (const std::int64_t c1 : tiling::divisions(layer_.c1, 1)) {
        t.l1_c1 = c1;
        for (const std::int64_t columns : tiling::divisions(share.n1 - share.n0, layer_.fractals_per_block)) {
          t.l1_columns = columns;
          for (t.l1_groups = 1; t.l1_groups <= max_groups; t.l1_groups *= 2) try_l1(t, share, shares.size());
        }
      }
    }
  }

  void try_l1(Tiling t, const CoreShare& share, std::size_t cores) {
    const std::int64_t in_rows = inner_rows(layer_, std::min(t.l1_rows, share.r1 - share.r0)) +
                                 (t.l1_rows < layer_.ho && !layer_.skips_rows() ? 1 : 0);
    const std::int64_t a =
        t.l1_groups * t.l1_images * t.l1_c1 * std::min(in_rows, layer_.hi) * layer_.row_bytes();
    const std::int64_t b = t.l1_groups * t.l1_columns * t.l1_c1 * layer_.taps() * kFractal;
    least_l1_ = least_l1_ == 0 ? a + b : std::min(least_l1_, a + b);
    const bool one_a = t.l1_images >= share.i1 - share.i0 && t.l1_rows >= share.r1 - share.r0 &&
                       t.l1_c1 >= layer_.c1 && t.l1_groups >= share.g1 - share.g0;
    const bool one_b =
        t.l1_columns >= share.n1 - share.n0 && t.l1_c1 >= layer_.c1 && t.l1_groups >= share.g1 - share.g0;
    for (t.a_slots = one_a ? 1 : 2; t.a_slots >= 1; --t.a_slots) {
      for (t.b_slots = one_b ? 1 : 2; t.b_slots >= 1; --t.b_slots) {
        if (t.a_slots * a + t.b_slots * b > spec_.l1_bytes) continue;
        try_l0(t, share, cores);
        if (t.a_slots == 2 || one_a) return;
      }
    }
  }

  void try_l0(Tiling t, const CoreShare& share, std::size_t cores) {
    const std::int64_t tile_fractals = t.l1_images * ceil_div(t.l1_rows * layer_.wo, 16);
    const bool split_k = t.l1_c1 < layer_.c1;
    const std::int64_t chunk = t.l1_c1 * layer_.taps();
    for (const auto& tile : tiles_) {
      if (tile.n > t.l1_columns || tile.m > row_size_for(tile_fractals)) continue;
      // With K in several chunks, one L0C tile must hold the whole L1 tile's result.
      if (split_k && (tile.m < tile_fractals || tile.n < t.l1_columns || t.l1_groups > 1)) continue;
      t.m0 = tile.m;
      t.n0 = tile.n;
      t.k0 = std::min(tile.k, ceil_div(chunk, ceil_div(chunk, tile.k)));
      for (const bool columns_outer : {true, false}) {
        t.columns_outer = columns_outer;
        for (const bool rows_inner : {true, false}) {
          t.rows_inner = rows_inner;
          t.estimate = estimate_(t, share, static_cast<std::int64_t>(cores));
          if (t.estimate < best_.estimate) best_ = t;
        }
      }
    }
  }

  const Spec& spec_;
  const CubeLayer& layer_;
  Estimator estimate_;
  std::vector<L0Tile> tiles_;
  Tiling best_;
  std::int64_t least_l1_ = 0;
};

}  // namespace

Tiling search_tiling(const Spec& spec, const CubeLayer& layer) { return Search(spec, layer).run(); }

}  // namespace npusim::ascend310
