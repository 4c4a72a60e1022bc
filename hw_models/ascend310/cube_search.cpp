// Tile search: enumerate loop orders and tile sizes, estimate cycles by the rules of
// docs/calibration/ascend310.md, keep the cheapest that fits every buffer.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "hw_models/ascend310/cube_estimate.h"
#include "hw_models/ascend310/cube_layer.h"
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
    return std::min(size, ceil_div(units * core, cores) * unit);
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

bool bias_in_parts(const CubeLayer& layer) {
  constexpr std::int64_t kMost = 32768;
  return bias_bytes(layer) > kMost;
}

std::int64_t bias_area(const CubeLayer& layer, std::int64_t n) {
  return bias_in_parts(layer) ? 2 * n * 64 : bias_bytes(layer);
}

namespace {

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
  const auto ub = [&](std::int64_t n) {
    return (spec.ub_bytes - bias_area(layer, n)) / (layer.residual != nullptr ? 4 : 2);
  };
  const std::int64_t max_m = layer.images * ceil_div(layer.ho * layer.wo, 16);
  std::vector<L0Tile> tiles;
  for (const std::int64_t m : kRowSizes) {
    if (m > a_half || m > row_size_for(max_m)) break;
    for (std::int64_t n : {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 64}) {
      n = std::min(round_up(n, layer.fractals_per_block), layer.n1);
      if (n > b_half || m * n > c_half || result_tile_bytes(layer, m, n) > ub(n)) break;
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
  /// Says which buffer the smallest tile overflows, and by how much.
  [[noreturn]] void refuse() const {
    struct Buffer {
      const char* name;
      std::int64_t needed, has;
    };
    const std::int64_t n = std::min(layer_.fractals_per_block, layer_.n1);
    const std::int64_t tiles = layer_.residual != nullptr ? 4 : 2;
    const std::array<Buffer, 5> buffers = {{
        {"L0A", 2 * kFractal, spec_.l0a_bytes},
        {"L0B", 2 * n * kFractal, spec_.l0b_bytes},
        {"L0C", 2 * n * kAccumulator, spec_.l0c_bytes},
        {"UB", bias_area(layer_, n) + tiles * result_tile_bytes(layer_, 1, n), spec_.ub_bytes},
        {"L1", least_l1_, spec_.l1_bytes},
    }};
    const auto* short_of =
        std::find_if(buffers.begin(), buffers.end(), [](const Buffer& it) { return it.needed > it.has; });
    ensure(short_of != buffers.end(), fmt::format("layer '{}' overflows a buffer", layer_.name));
    throw UserError(fmt::format(
        "layer '{}' fits no tiling: its smallest tile needs {} bytes of {}, which has {} ({} short)",
        layer_.name, short_of->needed, short_of->name, short_of->has, short_of->needed - short_of->has));
  }

  void try_split(CoreSplit split, const std::vector<CoreShare>& shares) {
    const CoreShare& share = shares.front();  // the largest: cuts round up
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
    if (some_l0_tile(t)) least_l1_ = least_l1_ == 0 ? a + b : std::min(least_l1_, a + b);
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

  /// Whether L0 has room for the L1 tile's result where K comes in several chunks.
  [[nodiscard]] bool some_l0_tile(const Tiling& t) const {
    if (t.l1_c1 >= layer_.c1) return true;
    const std::int64_t fractals = t.l1_images * ceil_div(t.l1_rows * layer_.wo, 16);
    return t.l1_groups == 1 && std::any_of(tiles_.begin(), tiles_.end(), [&](const L0Tile& tile) {
             return tile.m >= fractals && tile.n >= t.l1_columns;
           });
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
  CubeEstimator estimate_;
  std::vector<L0Tile> tiles_;
  Tiling best_;
  std::int64_t least_l1_ = 0;  ///< of the tiles that L0 could take
};

}  // namespace

Tiling search_tiling(const Spec& spec, const CubeLayer& layer) { return Search(spec, layer).run(); }

}  // namespace npusim::ascend310
