#include "hw_models/ascend310/cube_emit.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "hw_models/ascend310/target.h"
#include "hw_models/ascend310/timing.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

using mapping::Emitter;
using mapping::LocalId;
using mapping::Slots;
using program::Region;
using tiling::chop;
using tiling::Range;

namespace {

/// A run of output pixels of one image: part of a row tile.
struct Segment {
  std::int64_t image = 0;
  std::int64_t first = 0;  ///< pixel, counted from the first pixel of the L1 tile's first row
  std::int64_t pixels = 0;
  [[nodiscard]] std::int64_t fractals() const { return ceil_div(pixels, 16); }
};

/// One step of the L1 loops: what must be in L1 at once. Ranges are half-open.
struct Step {
  std::int64_t g0, g1, i0, i1, r0, r1, n0, n1, c0, c1;
  std::int64_t a_key, b_key;
  bool first_k, last_k;
};

/// Distributes the layer's unpadded MACs over commands by the share of padded work, exactly.
class MacShare {
 public:
  MacShare(std::int64_t macs, std::int64_t units) : macs_(macs), units_(units) {}
  std::int64_t take(std::int64_t units) {
    const std::int64_t before = part();
    done_ += units;
    return part() - before;
  }

 private:
  [[nodiscard]] std::int64_t part() const { return mul_div(macs_, done_, units_); }
  std::int64_t macs_, units_, done_ = 0;
};

/// Emits one core's share.
class CoreEmitter {
 public:
  CoreEmitter(const Spec& spec, const CubeLayer& layer, const Tiling& tiling, const CoreShare& share,
              Emitter& emitter, MacShare& macs)
      : spec_(spec),
        layer_(layer),
        t_(tiling),
        share_(share),
        emitter_(emitter),
        macs_(macs),
        a_l1_(emitter, flags(Pair::mte2_mte1, Pair::mte1_mte2, 0, tiling.a_slots), space(Memory::l1), 0,
              a_slot_bytes()),
        b_l1_(emitter, flags(Pair::mte2_mte1, Pair::mte1_mte2, 2, tiling.b_slots), space(Memory::l1),
              tiling.a_slots * a_slot_bytes(), b_slot_bytes()),
        l0a_(emitter, flags(Pair::mte1_cube, Pair::cube_mte1, 0, 2), space(Memory::l0a), 0,
             spec.l0a_bytes / 2),
        l0b_(emitter, flags(Pair::mte1_cube, Pair::cube_mte1, 2, 2), space(Memory::l0b), 0,
             spec.l0b_bytes / 2),
        l0c_(emitter, flags(Pair::cube_vector, Pair::vector_cube, 0, 2), space(Memory::l0c), 0,
             spec.l0c_bytes / 2),
        out_(emitter, flags(Pair::vector_mte3, Pair::mte3_vector, 0, 2), space(Memory::ub),
             bias_area(layer, tiling.n0), tile_bytes()),
        residual_(emitter, flags(Pair::mte2_vector, Pair::vector_mte2, 0, 2), space(Memory::ub),
                  bias_area(layer, tiling.n0) + 2 * tile_bytes(), tile_bytes()),
        bias_(emitter, flags(Pair::mte2_vector, Pair::vector_mte2, 2, 2), space(Memory::ub), 0,
              tiling.n0 * 64) {
    Load3dSetting image;
    image.height = layer.hi;
    image.width = image.columns = layer.wi;
    image.rows = image.pixels = 0;  // a command's own, as are the positions
    image.row_step = layer.skips_rows() ? layer.window.stride.h : 1;
    image.kernel_h = layer.window.kernel.h;
    image.kernel_w = layer.window.kernel.w;
    image.stride_h = layer.window.stride.h;
    image.stride_w = layer.window.stride.w;
    image.dilation_h = layer.window.dilation.h;
    image.dilation_w = layer.window.dilation.w;
    image.input_dilation_h = layer.input_dilation.h;
    image.input_dilation_w = layer.input_dilation.w;
    image.pad_top = layer.window.pad.top;
    image.pad_left = layer.window.pad.left;
    image.out_width = layer.wo;
    image.pixel_bytes = layer.a->shape.block_bytes;
    image.stood_up = layer.stood_up ? 1 : 0;
    Load2dSetting planes;
    planes.element_bytes = kBlock / layer.k_elements;
    load_a_setting_ = emitter.setting(layer.load2d ? to_setting(planes) : to_setting(image));
    planes.transpose = layer.b_transposed ? 0 : 1;
    if (layer.b->plain_bytes == 0) load_b_setting_ = emitter.setting(to_setting(planes));
    accumulate_setting_ = emitter.setting(to_setting(MadSetting{1}));
  }

  void run() {
    if (layer_.bias != nullptr && !bias_in_parts(layer_)) load_bias();
    const auto steps = plan();
    std::optional<int> next_a = ensure_a(steps[0]);
    std::optional<int> next_b = ensure_b(steps[0]);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const int a = next_a ? *next_a : *ensure_a(steps[i]);
      const int b = next_b ? *next_b : *ensure_b(steps[i]);
      next_a.reset();
      next_b.reset();
      // Prefetch before the compute commands of this step, so that a full queue does not hold it up. With a
      // single slot the load must wait for this step's last use and is emitted after it.
      if (i + 1 < steps.size()) {
        next_a = ensure_a(steps[i + 1], steps[i].a_key);
        next_b = ensure_b(steps[i + 1], steps[i].b_key);
      }
      compute(steps[i], a, b);
    }
  }

 private:
  [[nodiscard]] program::SpaceId space(Memory memory) const { return space_id(share_.core, memory); }
  [[nodiscard]] program::QueueId queue(Pipe pipe) const { return queue_id(share_.core, pipe); }
  [[nodiscard]] std::vector<Slots::Flags> flags(Pair ready, Pair free, std::int64_t first,
                                                std::int64_t count) const {
    std::vector<Slots::Flags> out;
    for (std::int64_t i = 0; i < count; ++i) {
      out.push_back(
          {flag_id(spec_, share_.core, ready, first + i), flag_id(spec_, share_.core, free, first + i)});
    }
    return out;
  }
  [[nodiscard]] std::int64_t tile_bytes() const { return result_tile_bytes(layer_, t_.m0, t_.n0); }
  [[nodiscard]] std::int64_t a_slot_bytes() const {
    std::int64_t rows = 0;
    for (const auto& r : chop({share_.r0, share_.r1}, t_.l1_rows)) {
      rows = std::max(rows, layer_.input_row_count(r.from, r.to));
    }
    return t_.l1_groups * t_.l1_images * t_.l1_c1 * rows * layer_.row_bytes();
  }
  [[nodiscard]] std::int64_t b_slot_bytes() const {
    return t_.l1_groups * t_.l1_columns * t_.l1_c1 * layer_.taps() * kFractal;
  }

  void load_bias() {
    const LocalId load = emitter_.add(queue(Pipe::mte2), kLoadGlobal, {});
    auto& regions = emitter_.at(load).regions;
    std::vector<Region> runs;
    append_linear(runs, *layer_.bias, kGlobalSpace, false, 0, bias_bytes(layer_));
    regions.insert(regions.end(), runs.begin(), runs.end());
    emitter_.region(load, Region{space(Memory::ub), true, 0, bias_bytes(layer_)});
    emitter_.set(load, flag_id(spec_, share_.core, Pair::mte2_vector, 2));
    bias_pending_ = true;
  }

  std::vector<Step> plan() const {
    std::vector<Step> steps;
    const auto columns = chop({share_.n0, share_.n1}, t_.l1_columns);
    const auto channels = chop({0, layer_.c1}, t_.l1_c1);
    std::vector<std::array<Range, 2>> rows;  // images, rows
    for (const auto& images : chop({share_.i0, share_.i1}, t_.l1_images)) {
      for (const auto& r : chop({share_.r0, share_.r1}, t_.l1_rows)) rows.push_back({images, r});
    }
    std::int64_t group_tile = 0;
    for (const auto& groups : chop({share_.g0, share_.g1}, t_.l1_groups)) {
      const auto add = [&](std::size_t row, std::size_t column) {
        for (std::size_t k = 0; k < channels.size(); ++k) {
          Step step{groups.from,
                    groups.to,
                    rows[row][0].from,
                    rows[row][0].to,
                    rows[row][1].from,
                    rows[row][1].to,
                    columns[column].from,
                    columns[column].to,
                    channels[k].from,
                    channels[k].to,
                    0,
                    0,
                    k == 0,
                    k + 1 == channels.size()};
          const auto chunks = static_cast<std::int64_t>(channels.size());
          const auto chunk = static_cast<std::int64_t>(k);
          step.a_key =
              (group_tile * static_cast<std::int64_t>(rows.size()) + static_cast<std::int64_t>(row)) *
                  chunks +
              chunk;
          step.b_key =
              (group_tile * static_cast<std::int64_t>(columns.size()) + static_cast<std::int64_t>(column)) *
                  chunks +
              chunk;
          steps.push_back(step);
        }
      };
      const std::size_t outer = t_.columns_outer ? columns.size() : rows.size();
      const std::size_t inner = t_.columns_outer ? rows.size() : columns.size();
      for (std::size_t o = 0; o < outer; ++o) {
        for (std::size_t i = 0; i < inner; ++i) t_.columns_outer ? add(i, o) : add(o, i);
      }
      ++group_tile;
    }
    return steps;
  }

  /// The L1 slot of the step's A, loading it if absent. With `busy_key` given (a prefetch), returns nothing
  /// if the only slot is still in use by that key.
  std::optional<int> ensure_a(const Step& step, std::int64_t busy_key = Slots::kNoKey) {
    if (const int hit = a_l1_.find(step.a_key); hit >= 0) return hit;
    if (busy_key != Slots::kNoKey && a_l1_.count() == 1) return std::nullopt;
    const int slot = a_l1_.take(step.a_key);
    const std::int64_t rows = layer_.input_row_count(step.r0, step.r1);
    std::vector<Region> runs;
    const std::int64_t images = layer_.batch_groups ? 1 : step.i1 - step.i0;
    for (std::int64_t g = step.g0; g < step.g1; ++g) {
      const std::int64_t i0 = layer_.batch_groups ? std::min(g, layer_.a->shape.n - 1) : step.i0;
      const std::int64_t block = layer_.batch_groups ? 0 : g * layer_.c1;
      append_a(runs, step, i0, i0 + images, block);
    }
    load(a_l1_, slot, runs, (step.g1 - step.g0) * images * (step.c1 - step.c0) * rows * layer_.row_bytes());
    return slot;
  }

  void append_a(std::vector<Region>& runs, const Step& step, std::int64_t i0, std::int64_t i1,
                std::int64_t block) const {
    const auto [from, to] = layer_.input_rows(step.r0, step.r1);
    if (!layer_.skips_rows()) {
      append_box(runs, *layer_.a, kGlobalSpace, false, i0, i1, block + step.c0, block + step.c1,
                 from * layer_.wi, to * layer_.wi);
      return;
    }
    for (std::int64_t image = i0; image < i1; ++image) {
      Region region;
      region.space = kGlobalSpace;
      region.bytes = layer_.row_bytes();
      region.inner = step.r1 - step.r0;
      region.inner_stride = layer_.window.stride.h * region.bytes;
      region.outer = step.c1 - step.c0;
      region.outer_stride = layer_.a->shape.plane_bytes();
      region.offset = layer_.a->image_offset(image) + (block + step.c0) * region.outer_stride +
                      step.r0 * layer_.window.stride.h * region.bytes;
      runs.push_back(region);
    }
  }

  std::optional<int> ensure_b(const Step& step, std::int64_t busy_key = Slots::kNoKey) {
    if (const int hit = b_l1_.find(step.b_key); hit >= 0) return hit;
    if (busy_key != Slots::kNoKey && b_l1_.count() == 1) return std::nullopt;
    const int slot = b_l1_.take(step.b_key);
    std::vector<Region> runs;
    for (std::int64_t g = step.g0; g < step.g1; ++g) append_b(runs, step, g);
    std::int64_t group_bytes = (step.n1 - step.n0) * (step.c1 - step.c0) * layer_.taps() * kFractal;
    if (layer_.b->plain_bytes == 0) {
      const ActivationTile tile = activation_tile(step);
      group_bytes = tile.planes * tile.lines * kBlock;
    }
    load(b_l1_, slot, runs, (step.g1 - step.g0) * group_bytes);
    return slot;
  }

  void append_b(std::vector<Region>& runs, const Step& step, std::int64_t g) const {
    const DeviceTensor& b = *layer_.b;
    if (b.plain_bytes > 0) {  // FRACTAL_Z: [group][k][n] fractals
      Region region;
      region.space = kGlobalSpace;
      const std::int64_t taps = layer_.taps();
      region.offset =
          b.place.far_offset + ((g * layer_.k1() + step.c0 * taps) * layer_.n1 + step.n0) * kFractal;
      region.bytes = (step.n1 - step.n0) * kFractal;
      region.inner = (step.c1 - step.c0) * taps;
      region.inner_stride = layer_.n1 * kFractal;
      if (region.bytes == region.inner_stride) {
        region.bytes *= region.inner;
        region.inner = 1;
        region.inner_stride = 0;
      }
      runs.push_back(region);
      return;
    }
    const BlockShape& shape = b.shape;
    const std::int64_t image = std::min(g, shape.n - 1);
    if (layer_.b_transposed) {
      append_box(runs, b, kGlobalSpace, false, image, image + 1, step.c0, step.c1, step.n0 * 16,
                 std::min(step.n1 * 16, shape.w));
    } else {
      const std::int64_t per_block = layer_.k_elements / 16;
      append_box(runs, b, kGlobalSpace, false, image, image + 1, step.n0 / per_block,
                 ceil_div(step.n1, per_block), step.c0 * layer_.k_elements,
                 std::min(step.c1 * layer_.k_elements, shape.w));
    }
  }

  void load(Slots& slots, int slot, const std::vector<Region>& runs, std::int64_t bytes) {
    const LocalId command = emitter_.add(queue(Pipe::mte2), kLoadGlobal, {});
    auto& regions = emitter_.at(command).regions;
    regions.insert(regions.end(), runs.begin(), runs.end());
    regions.push_back(slots.region(slot, 0, bytes, true));
    slots.fill_first(slot, command);
    slots.fill_last(slot, command);
  }

  /// All L0C tiles of one step.
  void compute(const Step& step, int a, int b) {
    const auto rows = row_tiles(step);
    const auto columns = chop({step.n0, step.n1}, t_.n0);
    for (std::int64_t g = step.g0; g < step.g1; ++g) {
      const std::size_t outer = t_.rows_inner ? columns.size() : rows.size();
      const std::size_t inner = t_.rows_inner ? rows.size() : columns.size();
      for (std::size_t o = 0; o < outer; ++o) {
        for (std::size_t i = 0; i < inner; ++i) {
          const std::size_t row = t_.rows_inner ? i : o;
          const std::size_t column = t_.rows_inner ? o : i;
          tile(step, g, rows[row], static_cast<std::int64_t>(row), columns[column], a, b);
        }
      }
    }
  }

  std::vector<std::vector<Segment>> row_tiles(const Step& step) const {
    std::vector<std::vector<Segment>> tiles(1);
    std::int64_t room = t_.m0;
    for (std::int64_t image = step.i0; image < step.i1; ++image) {
      const std::int64_t pixels = (step.r1 - step.r0) * layer_.wo;
      for (std::int64_t at = 0; at < pixels;) {
        if (room == 0) {
          tiles.emplace_back();
          room = t_.m0;
        }
        const std::int64_t take = std::min(pixels - at, room * 16);
        tiles.back().push_back({image, at, take});
        room -= ceil_div(take, 16);
        at += take;
      }
    }
    return tiles;
  }

  void tile(const Step& step, std::int64_t g, const std::vector<Segment>& segments, std::int64_t row,
            const Range& columns, int a, int b) {
    const std::int64_t n = columns.to - columns.from;
    std::int64_t m = 0;
    std::int64_t pixels = 0;
    for (const auto& segment : segments) {
      m += segment.fractals();
      pixels += segment.pixels;
    }
    if (step.first_k) {
      accumulator_ = l0c_.take(++tile_number_);
      accumulator_fresh_ = true;
      if (layer_.residual != nullptr) load_residual(step, g, segments, columns);
      if (bias_in_parts(layer_)) ensure_bias(g, columns);
    }
    const std::int64_t chunk = (step.c1 - step.c0) * layer_.taps();
    LocalId mad = mapping::kNone;
    for (const auto& k : chop({0, chunk}, t_.k0)) {
      const std::int64_t depth = k.to - k.from;
      const int slot_a = load_l0a(step, g, segments, row, m, k, a);
      const int slot_b = load_l0b(step, g, columns, k, b);
      mad = emitter_.add(queue(Pipe::cube), kMad, {m, n, depth, layer_.k_elements == 32 ? 1 : 0});
      emitter_.at(mad).macs = macs_.take(pixels * n * depth);
      emitter_.region(mad, l0a_.region(slot_a, 0, m * depth * kFractal, false));
      emitter_.region(mad, l0b_.region(slot_b, 0, n * depth * kFractal, false));
      if (!accumulator_fresh_) {
        emitter_.at(mad).setting = accumulate_setting_;
        emitter_.region(mad, l0c_.region(accumulator_, 0, m * n * kAccumulator, false));
      }
      emitter_.region(mad, l0c_.region(accumulator_, 0, m * n * kAccumulator, true));
      l0a_.consume(slot_a, mad);
      l0b_.consume(slot_b, mad);
      if (accumulator_fresh_) l0c_.fill_first(accumulator_, mad);
      accumulator_fresh_ = false;
    }
    if (step.last_k) {
      l0c_.fill_last(accumulator_, mad);
      write_result(step, g, segments, columns, m, n);
    }
  }

  /// Identifies what an L0 slot holds: a tile of the current step's operand and its k range.
  std::int64_t l0_key(std::int64_t step_key, std::int64_t g, std::int64_t tile, std::int64_t k) const {
    return ((step_key * layer_.groups + g) * kMaxTiles + tile) * kMaxTiles + k;
  }

  int load_l0a(const Step& step, std::int64_t g, const std::vector<Segment>& segments, std::int64_t row,
               std::int64_t m, const Range& k, int a) {
    const std::int64_t key = l0_key(step.a_key, g, row, k.from / t_.k0);
    if (const int hit = l0a_.find(key); hit >= 0) return hit;
    const int slot = l0a_.take(key);
    const std::int64_t depth = k.to - k.from;
    const std::int64_t block_bytes = layer_.input_row_count(step.r0, step.r1) * layer_.row_bytes();
    const std::int64_t blocks = step.c1 - step.c0;
    const std::int64_t images = layer_.batch_groups ? 1 : step.i1 - step.i0;
    const std::int64_t first_block = k.from / layer_.taps();
    const std::int64_t last_block = ceil_div(k.to, layer_.taps());
    std::int64_t at = 0;
    LocalId load = mapping::kNone;
    for (const auto& segment : segments) {
      const std::int64_t fractals = segment.fractals();
      load = layer_.load2d
                 ? emitter_.add(queue(Pipe::mte1), kLoad2dA,
                                {fractals, depth, block_bytes / kBlock, segment.first, segment.pixels})
                 : add_load3d(step, segment, depth, k.from - first_block * layer_.taps());
      emitter_.at(load).setting = load_a_setting_;
      const std::int64_t image = layer_.batch_groups ? 0 : segment.image - step.i0;
      const std::int64_t source = ((g - step.g0) * images + image) * blocks + first_block;
      emitter_.region(load,
                      a_l1_.region(a, source * block_bytes, (last_block - first_block) * block_bytes, false));
      emitter_.region(load, l0a_.region(slot, at * kFractal, fractals * depth * kFractal, true));
      if (at == 0) l0a_.fill_first(slot, load);
      a_l1_.consume(a, load);
      at += fractals * depth;
    }
    ensure(at == m * depth, "row tiles fill L0A as planned");
    l0a_.fill_last(slot, load);
    return slot;
  }

  LocalId add_load3d(const Step& step, const Segment& segment, std::int64_t depth, std::int64_t first_tap) {
    const auto rows = layer_.input_rows(step.r0, step.r1);
    const std::int64_t first_row = layer_.skips_rows() ? step.r0 * layer_.window.stride.h : rows.from;
    return emitter_.add(
        queue(Pipe::mte1), kLoad3dA,
        {segment.fractals(), depth, row_switches(segment.first, segment.pixels, layer_.load_width),
         layer_.load_stride, first_row, layer_.input_row_count(step.r0, step.r1),
         step.r0 * layer_.wo + segment.first, segment.pixels, first_tap});
  }

  int load_l0b(const Step& step, std::int64_t g, const Range& columns, const Range& k, int b) {
    const std::int64_t key = l0_key(step.b_key, g, (columns.from - step.n0) / t_.n0, k.from / t_.k0);
    if (const int hit = l0b_.find(key); hit >= 0) return hit;
    const int slot = l0b_.take(key);
    const std::int64_t n = columns.to - columns.from;
    const std::int64_t depth = k.to - k.from;
    const LocalId load = layer_.b->plain_bytes > 0 ? load_weights(step, g - step.g0, columns, k, b)
                                                   : load_activations(step, g - step.g0, columns, k, b);
    emitter_.region(load, l0b_.region(slot, 0, n * depth * kFractal, true));
    l0b_.fill_first(slot, load);
    l0b_.fill_last(slot, load);
    b_l1_.consume(b, load);
    return slot;
  }

  /// Weights lie in L1 as fractals.
  LocalId load_weights(const Step& step, std::int64_t group, const Range& columns, const Range& k, int b) {
    const std::int64_t n = columns.size();
    const LocalId load = emitter_.add(queue(Pipe::mte1), kLoad2dB, {n, k.size(), 0, 0, 0});
    const std::int64_t stride = (step.n1 - step.n0) * kFractal;
    const std::int64_t base = group * (step.c1 - step.c0) * layer_.taps() * stride;
    Region region =
        b_l1_.region(b, base + k.from * stride + (columns.from - step.n0) * kFractal, n * kFractal, false);
    region.inner = k.size();
    region.inner_stride = stride;
    emitter_.region(load, region);
    return load;
  }

  /// A matrix of activations in L1: planes of blocks of K with a line a column, or of blocks of N with a line
  /// an element of K.
  LocalId load_activations(const Step& step, std::int64_t group, const Range& columns, const Range& k,
                           int b) {
    const ActivationTile tile = activation_tile(step);
    const std::int64_t per_block = layer_.fractals_per_block;
    const std::int64_t first_plane = layer_.b_transposed ? k.from : (columns.from - step.n0) / per_block;
    const std::int64_t end_plane = layer_.b_transposed ? k.to : ceil_div(columns.to - step.n0, per_block);
    const std::int64_t first_line =
        layer_.b_transposed ? (columns.from - step.n0) * 16 : k.from * layer_.k_elements;
    const LocalId load =
        emitter_.add(queue(Pipe::mte1), kLoad2dB,
                     {columns.size(), k.size(), tile.lines, first_line, tile.lines - first_line});
    emitter_.at(load).setting = load_b_setting_;
    emitter_.region(load, b_l1_.region(b, (group * tile.planes + first_plane) * tile.lines * kBlock,
                                       (end_plane - first_plane) * tile.lines * kBlock, false));
    return load;
  }

  /// Planes and lines of a group's part of B in L1, when B is an activation.
  struct ActivationTile {
    std::int64_t planes, lines;
  };
  [[nodiscard]] ActivationTile activation_tile(const Step& step) const {
    if (layer_.b_transposed) {
      return {step.c1 - step.c0, std::min(step.n1 * 16, layer_.b->shape.w) - step.n0 * 16};
    }
    const std::int64_t per_block = layer_.fractals_per_block;
    return {ceil_div(step.n1, per_block) - step.n0 / per_block,
            std::min(step.c1 * layer_.k_elements, layer_.b->shape.w) - step.c0 * layer_.k_elements};
  }

  /// The result tile's place in a tensor of the result's shape.
  void append_result(std::vector<Region>& runs, const DeviceTensor& tensor, bool write, const Step& step,
                     std::int64_t g, const std::vector<Segment>& segments, const Range& columns) const {
    const std::int64_t per_block = layer_.fractals_per_block;
    const std::int64_t group_blocks = layer_.batch_groups ? 0 : g * ceil_div(layer_.n1, per_block);
    for (const auto& segment : segments) {
      const std::int64_t image = layer_.batch_groups ? g : segment.image;
      const std::int64_t first = step.r0 * layer_.wo + segment.first;
      append_box(runs, tensor, kGlobalSpace, write, image, image + 1, group_blocks + columns.from / per_block,
                 group_blocks + ceil_div(columns.to, per_block), first, first + segment.pixels);
    }
  }

  /// Bytes of a result tile without the fractals' padding of rows.
  [[nodiscard]] std::int64_t packed_bytes(const std::vector<Segment>& segments, const Range& columns) const {
    std::int64_t pixels = 0;
    for (const auto& segment : segments) pixels += segment.pixels;
    return pixels * ceil_div(columns.size(), layer_.fractals_per_block) * kBlock;
  }

  /// The setting of a tile's copy_out.
  std::uint32_t result_setting(std::int64_t g, const std::vector<Segment>& segments, const Range& columns,
                               std::int64_t m) {
    CopyOutSetting setting = layer_.result;
    const std::int64_t first = ((layer_.batch_groups ? 0 : g) * layer_.n1 + columns.from) * 16;
    setting.m = m;
    setting.columns = std::clamp<std::int64_t>(layer_.out->shape.c - first, 0, columns.size() * 16);
    for (const auto& segment : segments) setting.pixels.push_back(segment.pixels);
    if (layer_.bias != nullptr) setting.first_bias = 0;
    const auto [known, fresh] = result_settings_.try_emplace(std::pair(setting.columns, setting.pixels), 0);
    if (fresh) known->second = emitter_.setting(to_setting(setting));
    return known->second;
  }

  void load_residual(const Step& step, std::int64_t g, const std::vector<Segment>& segments,
                     const Range& columns) {
    residual_slot_ = residual_.take(tile_number_);
    std::vector<Region> runs;
    append_result(runs, *layer_.residual, false, step, g, segments, columns);
    load(residual_, residual_slot_, runs, packed_bytes(segments, columns));
  }

  /// The part of the bias that a column tile needs, in UB.
  void ensure_bias(std::int64_t g, const Range& columns) {
    const std::int64_t first = g * layer_.n1 + columns.from;
    bias_slot_ = bias_.find(first);
    if (bias_slot_ >= 0) return;
    bias_slot_ = bias_.take(first);
    const std::int64_t bytes = (columns.to - columns.from) * 64;
    std::vector<Region> runs;
    append_linear(runs, *layer_.bias, kGlobalSpace, false, first * 64, first * 64 + bytes);
    load(bias_, bias_slot_, runs, bytes);
  }

  void write_result(const Step& step, std::int64_t g, const std::vector<Segment>& segments,
                    const Range& columns, std::int64_t m, std::int64_t n) {
    const Epilogue& epilogue = layer_.epilogue;
    const LocalId copy =
        emitter_.add(queue(Pipe::vector), kVectorCopyOut,
                     {m * n, epilogue.bias ? 1 : 0, epilogue.simple, epilogue.exp, epilogue.convert});
    emitter_.at(copy).setting = result_setting(g, segments, columns, m);
    const std::int64_t bytes = packed_bytes(segments, columns);
    const int slot = out_.take(tile_number_);
    emitter_.region(copy, l0c_.region(accumulator_, 0, m * n * kAccumulator, false));
    if (bias_in_parts(layer_)) {
      emitter_.region(copy, bias_.region(bias_slot_, 0, (columns.to - columns.from) * 64, false));
      bias_.consume(bias_slot_, copy);
    } else if (layer_.bias != nullptr) {
      const std::int64_t first = (g * layer_.n1 + columns.from) * 64;
      emitter_.region(copy, Region{space(Memory::ub), false, first, columns.size() * 64});
    }
    if (bias_pending_) emitter_.wait(copy, flag_id(spec_, share_.core, Pair::mte2_vector, 2));
    bias_pending_ = false;
    if (layer_.residual != nullptr) {
      emitter_.region(copy, residual_.region(residual_slot_, 0, bytes, false));
      residual_.consume(residual_slot_, copy);
    }
    emitter_.region(copy, out_.region(slot, 0, bytes, true));
    l0c_.consume(accumulator_, copy);
    out_.fill_first(slot, copy);
    out_.fill_last(slot, copy);

    const LocalId store = emitter_.add(queue(Pipe::mte3), kStoreGlobal, {});
    std::vector<Region> runs;
    append_result(runs, *layer_.out, true, step, g, segments, columns);
    auto& regions = emitter_.at(store).regions;
    regions.insert(regions.end(), runs.begin(), runs.end());
    regions.push_back(out_.region(slot, 0, bytes, false));
    out_.consume(slot, store);
  }

  static constexpr std::int64_t kMaxTiles = 1 << 12;  ///< tiles or k steps inside one L1 tile

  const Spec& spec_;
  const CubeLayer& layer_;
  const Tiling& t_;
  const CoreShare& share_;
  Emitter& emitter_;
  MacShare& macs_;
  Slots a_l1_, b_l1_, l0a_, l0b_, l0c_, out_, residual_, bias_;
  int accumulator_ = 0;
  bool accumulator_fresh_ = false;
  int residual_slot_ = 0;
  int bias_slot_ = 0;
  bool bias_pending_ = false;
  std::int64_t tile_number_ = 0;
  std::uint32_t load_a_setting_ = 0, load_b_setting_ = program::kNoSetting, accumulate_setting_ = 0;
  std::map<std::pair<std::int64_t, std::vector<std::int64_t>>, std::uint32_t> result_settings_;
};

}  // namespace

void emit_cube(const Spec& spec, const CubeLayer& layer, const Tiling& tiling, Emitter& emitter) {
  // Padded work units: pixels x column fractals x k fractals, over all shares.
  const std::int64_t units = layer.groups * layer.images * layer.ho * layer.wo * layer.n1 * layer.k1();
  MacShare macs(layer.macs, units);
  for (const auto& share : core_shares(spec, layer, tiling.split)) {
    CoreEmitter(spec, layer, tiling, share, emitter, macs).run();
  }
}

}  // namespace npusim::ascend310
