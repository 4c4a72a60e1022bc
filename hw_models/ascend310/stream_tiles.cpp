// Tiles of streaming operators that load exactly the bytes they need.
#include <algorithm>

#include "hw_models/ascend310/stream_core.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

using program::Region;

namespace {

/// The number of regions of one command that a mapper may use.
constexpr std::size_t kMostRegions = 60000;

bool alike(const Region& a, const Region& b) {
  return a.bytes == b.bytes && a.inner == b.inner && a.inner_stride == b.inner_stride;
}

/// Appends a run, as a repetition of the last region where it continues its pattern.
void append_run(std::vector<Region>& out, std::size_t first, const Region& run) {
  if (out.size() > first) {
    Region& last = out.back();
    const bool single = last.inner == 1;
    const std::int64_t stride = run.offset - last.offset - (last.inner - 1) * last.inner_stride;
    if (last.bytes == run.bytes && last.outer == 1 && (single ? stride > 0 : stride == last.inner_stride)) {
      ++last.inner;
      last.inner_stride = stride;
      return;
    }
  }
  out.push_back(run);
}

/// Folds equal, equally spaced regions into the outer repetition.
std::vector<Region> folded(const std::vector<Region>& runs) {
  std::vector<Region> out;
  for (const Region& run : runs) {
    if (!out.empty() && alike(out.back(), run)) {
      Region& last = out.back();
      const std::int64_t stride = run.offset - last.offset - (last.outer - 1) * last.outer_stride;
      if (last.outer == 1 ? stride > 0 : stride == last.outer_stride) {
        ++last.outer;
        last.outer_stride = stride;
        continue;
      }
    }
    out.push_back(run);
  }
  return out;
}

/// Bytes of a tensor in storage order, as runs in the global space, in the ranges' order.
std::vector<Region> runs_of(const DeviceTensor& tensor, bool write, const std::vector<ByteRange>& ranges) {
  std::vector<Region> runs;
  std::vector<Region> pieces;
  for (const auto& range : ranges) {
    pieces.clear();
    append_linear(pieces, tensor, kGlobalSpace, write, range.from, range.to);
    for (const Region& piece : pieces) append_run(runs, 0, piece);
  }
  return folded(runs);
}

std::int64_t total(const std::vector<ByteRange>& ranges) {
  std::int64_t bytes = 0;
  for (const auto& range : ranges) bytes += range.to - range.from;
  return bytes;
}

/// Plans tiles until they fit, then emits them.
class TiledStream {
 public:
  TiledStream(const Spec& spec, const StreamLayer& layer)
      : spec_(spec), layer_(layer), meaning_(*layer.meaning), resident_(resident_bytes(layer)) {
    for (const auto& operand : layer.operands) {
      if (operand.resident) continue;
      in_total_ += operand.bytes();
      widest_ = std::max(widest_, operand.bytes());
    }
    out_total_ = layer.out->bytes();
    widest_ = std::max(widest_, out_total_);
  }

  /// Whether some plan fits.
  bool plan() {
    const std::int64_t budget = spec_.ub_bytes - resident_;
    const std::int64_t slack = 2 * kBlock * (std::ssize(layer_.operands) + 1);
    if (budget <= slack + 4 * kBlock) return false;
    cores_ = out_total_ >= kSplitBytes || in_total_ >= kSplitBytes ? spec_.cores : 1;
    std::int64_t count =
        round_up(std::max(ceil_div(2 * (in_total_ + out_total_), budget - slack), cores_), cores_);
    for (;; count *= 2) {
      const bool smallest = cut(count);
      if (tiles_.empty()) return false;
      if (fits(budget)) return true;
      if (smallest) break;
    }
    if (meaning_.kind != StreamSetting::Kind::reduce) return false;
    std::int64_t most = 1;
    for (const auto& axis : meaning_.reduced) most *= axis.first;
    for (std::int64_t parts = 2; parts < 2 * most; parts *= 2) {
      parts_ = std::min(parts, most);
      for (auto& tile : tiles_) tile.width = parts_;
      if (fits(budget)) return true;
    }
    return false;
  }

  void emit(mapping::Emitter& emitter) {
    const auto count = std::ssize(tiles_);
    for (std::int64_t core = 0; core < cores_; ++core) {
      const std::int64_t from = ceil_div(count * core, cores_);
      const std::int64_t to = ceil_div(count * (core + 1), cores_);
      if (from == to) continue;
      CoreStream stream(spec_, layer_, core, resident_, in_slot_, out_slot_, emitter, true);
      for (std::int64_t i = from; i < to; ++i) emit_tile(stream, static_cast<std::size_t>(i));
    }
  }

 private:
  static constexpr std::int64_t kSplitBytes = 8192;  ///< smaller operators stay on one core

  /// What is normalised together: all channels of a pixel, all pixels of a channel, or both.
  [[nodiscard]] bool groups(bool channels) const {
    const auto rank = std::ssize(meaning_.axes);
    const std::int64_t channel = meaning_.out.kind == Order::Kind::image ? 1 : rank - 1;
    return std::any_of(meaning_.grouped.begin(), meaning_.grouped.end(),
                       [&](std::int64_t axis) { return (axis == channel) == channels; });
  }
  /// Whether they reach over the images (or matrices) of a stack.
  [[nodiscard]] bool groups_images() const {
    const BlockShape& shape = meaning_.out.shape;
    const auto inside = meaning_.out.kind == Order::Kind::image ? 1 : std::ssize(meaning_.axes) - 2;
    return shape.n > 1 && std::any_of(meaning_.grouped.begin(), meaning_.grouped.end(),
                                      [&](std::int64_t axis) { return axis < inside; });
  }

  /// Cuts the result into about `count` tiles; true when they cannot be smaller.
  bool cut(std::int64_t count) {
    tiles_.clear();
    if (!meaning_.grouped.empty()) return cut_groups(count);
    const std::int64_t units = ceil_div(out_total_, kBlock);
    const std::int64_t chunk = ceil_div(units, std::min(units, count));
    for (std::int64_t at = 0; at < units; at += chunk) {
      tiles_.push_back({at, 0, std::min(chunk, units - at), 1, 0});
    }
    return chunk == 1;
  }

  bool cut_groups(std::int64_t count) {
    const BlockShape& shape = meaning_.out.shape;
    if (shape.block_bytes != kBlock || groups_images()) return true;
    const std::int64_t pixels = shape.h * shape.w;
    const std::int64_t planes = shape.n * shape.c1;
    const std::int64_t together = groups(true) ? shape.c1 : 1;  // planes
    if (groups(false)) {
      const std::int64_t step = std::max(together, ceil_div(planes, count) / together * together);
      for (std::int64_t p = 0; p < planes; p += step) {
        tiles_.push_back({p * pixels, std::min(step, planes - p), shape.h, shape.w, 0});
      }
      return step == together;
    }
    const std::int64_t step = ceil_div(pixels, std::min(pixels, ceil_div(count, shape.n)));
    for (std::int64_t n = 0; n < shape.n; ++n) {
      for (std::int64_t p = 0; p < pixels; p += step) {
        tiles_.push_back({n * shape.c1 * pixels + p, shape.c1, 1, std::min(step, pixels - p), 0});
      }
    }
    return step == 1;
  }

  /// The ranges of each operand that one part of a tile loads.
  using Loads = std::vector<std::vector<ByteRange>>;

  [[nodiscard]] Loads operands_of(const StreamTile& tile) const {
    Loads out(layer_.operands.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (!layer_.operands[i].resident) out[i] = needed(meaning_, i, tile);
    }
    return out;
  }

  /// Bytes of accumulators for a tile's results, when it is made in parts.
  [[nodiscard]] std::int64_t carried(std::int64_t out_bytes) const {
    return parts_ == 1 ? 0 : out_bytes / meaning_.out.element_bytes() * kAccumulatorBytes;
  }
  static constexpr std::int64_t kAccumulatorBytes = 4;

  bool fits(std::int64_t budget) {
    in_slot_ = out_slot_ = 0;
    loads_.clear();
    for (StreamTile tile : tiles_) {
      const std::int64_t out = total(tile_ranges(meaning_.out, tile));
      out_slot_ = std::max({out_slot_, round_up(out, kBlock), round_up(carried(out), kBlock)});
      for (tile.part = 0; tile.part < parts_; ++tile.part) {
        std::int64_t in = 0;
        std::size_t ranges = 0;
        loads_.push_back(operands_of(tile));
        for (const auto& operand : loads_.back()) {
          in += total(operand);
          ranges += operand.size();
        }
        in_slot_ = std::max(in_slot_, round_up(in, kBlock));
        if (2 * (in_slot_ + out_slot_) > budget || ranges > kMostRegions) return false;
      }
    }
    return true;
  }

  void emit_tile(CoreStream& stream, std::size_t index) {
    StreamTile tile = tiles_[index];
    const auto written = tile_ranges(meaning_.out, tile);
    const std::int64_t out_bytes = total(written);
    for (tile.part = 0; tile.part < parts_; ++tile.part) {
      std::vector<Region> reads;
      CoreStream::Part part;
      const Loads& operands =
          loads_[index * static_cast<std::size_t>(parts_) + static_cast<std::size_t>(tile.part)];
      for (std::size_t i = 0; i < operands.size(); ++i) {
        const auto runs = runs_of(*layer_.operands[i].tensor, false, operands[i]);
        reads.insert(reads.end(), runs.begin(), runs.end());
        part.bytes += total(operands[i]);
      }
      part.widest = std::max<std::int64_t>(1, mul_div(widest_, out_bytes, out_total_) / parts_);
      part.first = tile.part == 0;
      part.carried_bytes = part.first ? 0 : carried(out_bytes);
      part.out_bytes = tile.part + 1 == parts_ ? out_bytes : carried(out_bytes);
      part.tile = tile;
      stream.part(reads, part);
    }
    stream.store(runs_of(*layer_.out, true, written), out_bytes);
  }

  const Spec& spec_;
  const StreamLayer& layer_;
  const StreamSetting& meaning_;
  std::int64_t resident_;
  std::int64_t in_total_ = 0, out_total_ = 0, widest_ = 0;
  std::int64_t cores_ = 1, parts_ = 1;
  std::int64_t in_slot_ = 0, out_slot_ = 0;
  std::vector<StreamTile> tiles_;
  std::vector<Loads> loads_;  ///< of the parts of all tiles, in order, once they fit
};

}  // namespace

bool emit_tiles(const Spec& spec, const StreamLayer& layer, mapping::Emitter& emitter) {
  if (!layer.meaning) return false;
  TiledStream stream(spec, layer);
  if (!stream.plan()) return false;
  stream.emit(emitter);
  return true;
}

}  // namespace npusim::ascend310
