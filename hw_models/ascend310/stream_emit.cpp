#include <fmt/format.h>

#include <algorithm>

#include "hw_models/ascend310/stream_core.h"
#include "sim/base/error.h"
#include "workloads/tiling/geometry.h"

namespace npusim::ascend310 {

using mapping::Emitter;
using program::Region;

namespace {

[[noreturn]] void no_room(const Spec& spec, const StreamLayer& layer, std::int64_t needed) {
  throw UserError(fmt::format(
      "layer '{}' fits no tiling: its smallest tile needs {} bytes of UB, which has {} ({} short)",
      layer.name, needed, spec.ub_bytes, needed - spec.ub_bytes));
}

/// Bytes [from, to) of an operand, as runs in storage order or, for a gather, as equally spaced short runs.
void append_operand(std::vector<Region>& runs, const StreamOperand& operand, std::int64_t from,
                    std::int64_t to) {
  const std::int64_t bytes = to - from;
  if (bytes <= 0) return;
  const std::int64_t run = operand.run_bytes;
  if (run <= 0 || run >= bytes) {
    append_linear(runs, *operand.tensor, kGlobalSpace, false, from, to);
    return;
  }
  append_linear(runs, *operand.tensor, kGlobalSpace, false, from, to);
  for (auto& region : runs) {
    if (region.inner != 1 || region.bytes <= run) continue;
    region.inner = ceil_div(region.bytes, run);
    region.inner_stride = region.bytes / region.inner;
    region.bytes = std::min(run, region.inner_stride);
  }
}

/// Operators whose bytes are not known or do not fit: chunks in storage order, which read every operand in
/// proportion.
class LinearStream {
 public:
  LinearStream(const Spec& spec, const StreamLayer& layer, Emitter& emitter)
      : spec_(spec),
        layer_(layer),
        emitter_(emitter),
        out_total_(layer.out->bytes()),
        resident_(resident_bytes(layer)) {
    for (const auto& operand : layer.operands) {
      if (!operand.resident) in_total_ += operand.bytes();
      if (!operand.resident) widest_total_ = std::max(widest_total_, operand.bytes());
    }
    widest_total_ = std::max(widest_total_, out_total_);
  }

  void run() {
    const std::int64_t budget = spec_.ub_bytes - resident_;
    const auto operands = static_cast<std::int64_t>(layer_.operands.size());
    const std::int64_t slack = 2 * kBlock * (operands + 1);
    if (budget < 8 * kBlock + slack) no_room(spec_, layer_, resident_ + 8 * kBlock + slack);
    const std::int64_t units = ceil_div(out_total_, kBlock);
    const std::int64_t tiles = ceil_div(2 * (in_total_ + out_total_), budget - slack);
    const std::int64_t cores = out_total_ >= kSplitBytes || in_total_ >= kSplitBytes ? spec_.cores : 1;
    std::int64_t chunks = std::min(units, round_up(std::max(tiles, cores), cores));
    const std::int64_t out_chunk = ceil_div(units, chunks) * kBlock;
    chunks = ceil_div(out_total_, out_chunk);
    // An output tile whose input does not fit at once is made in several parts.
    const std::int64_t in_chunk = share(in_total_, out_chunk) + slack;
    const std::int64_t in_room =
        round_up(std::max<std::int64_t>((budget - 2 * out_chunk) / 2 - kBlock, 0), 1) / kBlock * kBlock;
    if (in_room <= slack && in_total_ > 0)
      no_room(spec_, layer_, resident_ + 2 * out_chunk + 2 * slack + 2 * kBlock);
    const std::int64_t parts = in_total_ == 0 ? 1 : ceil_div(in_chunk, in_room - slack);
    const std::int64_t in_slot =
        in_total_ == 0 ? 0 : std::min(in_room, round_up(ceil_div(in_chunk, parts) + slack, kBlock));
    for (std::int64_t core = 0; core < cores; ++core) {
      const std::int64_t from = ceil_div(chunks * core, cores);
      const std::int64_t to = ceil_div(chunks * (core + 1), cores);
      if (from == to) continue;
      CoreStream stream(spec_, layer_, core, resident_, in_slot, out_chunk, emitter_, false);
      for (std::int64_t chunk = from; chunk < to; ++chunk) {
        const std::int64_t out_from = chunk * out_chunk;
        emit_chunk(stream, out_from, std::min(out_from + out_chunk, out_total_), parts);
      }
    }
  }

 private:
  static constexpr std::int64_t kSplitBytes = 8192;  ///< smaller operators stay on one core

  /// The part of `total` that corresponds to the first `out` bytes of the output.
  [[nodiscard]] std::int64_t share(std::int64_t total, std::int64_t out) const {
    return mul_div(total, out, out_total_);
  }

  void emit_chunk(CoreStream& stream, std::int64_t out_from, std::int64_t out_to, std::int64_t parts) {
    for (std::int64_t part = 0; part < parts; ++part) {
      std::vector<Region> reads;
      std::int64_t bytes = 0;
      for (const auto& operand : layer_.operands) {
        if (operand.resident) continue;
        const std::int64_t total = operand.bytes();
        const std::int64_t a = share(total, out_from);
        const std::int64_t b = share(total, out_to);
        const std::int64_t from = a + (b - a) * part / parts;
        const std::int64_t to = a + (b - a) * (part + 1) / parts;
        std::vector<Region> runs;
        append_operand(runs, operand, from, to);
        reads.insert(reads.end(), runs.begin(), runs.end());
        bytes += to - from;
      }
      const std::int64_t widest = (share(widest_total_, out_to) - share(widest_total_, out_from)) / parts;
      CoreStream::Part p;
      p.bytes = bytes;
      p.widest = std::max<std::int64_t>(widest, 1);
      p.first = part == 0;
      p.out_bytes = out_to - out_from;
      stream.part(reads, p);
    }
    std::vector<Region> writes;
    append_linear(writes, *layer_.out, kGlobalSpace, true, out_from, out_to);
    stream.store(writes, out_to - out_from);
  }

  const Spec& spec_;
  const StreamLayer& layer_;
  Emitter& emitter_;
  std::int64_t out_total_;
  std::int64_t resident_;
  std::int64_t in_total_ = 0;
  std::int64_t widest_total_ = 0;
};

/// Pools: tiles of output rows of several channel blocks, with the input rows they need.
class WindowStream {
 public:
  WindowStream(const Spec& spec, const StreamLayer& layer, Emitter& emitter)
      : spec_(spec),
        layer_(layer),
        emitter_(emitter),
        in_(layer.operands.front().tensor->shape),
        out_(layer.out->shape) {}

  void run() {
    choose_tile();
    const auto items = plan();
    const std::int64_t cores = items.size() > 1 ? spec_.cores : 1;
    const auto count = static_cast<std::int64_t>(items.size());
    for (std::int64_t core = 0; core < cores; ++core) {
      const std::int64_t from = ceil_div(count * core, cores);
      const std::int64_t to = ceil_div(count * (core + 1), cores);
      if (from == to) continue;
      CoreStream stream(spec_, layer_, core, 0, blocks_ * in_rows(rows_) * in_columns(columns_) * kBlock,
                        blocks_ * rows_ * columns_ * kBlock, emitter_, layer_.meaning.has_value());
      for (std::int64_t i = from; i < to; ++i) emit(stream, items[static_cast<std::size_t>(i)]);
    }
  }

 private:
  /// One output tile.
  struct Item {
    std::int64_t image = 0;
    tiling::Range blocks, rows, columns;
  };

  /// Whole planes if they fit, else fewer rows, else parts of a row; several planes where there is room.
  void choose_tile() {
    const std::int64_t room = spec_.ub_bytes / 2;
    rows_ = out_.h;
    columns_ = out_.w;
    while (rows_ > 1 && tile_bytes() > room) rows_ = ceil_div(rows_, 2);
    while (columns_ > 1 && tile_bytes() > room) columns_ = ceil_div(columns_, 2);
    if (tile_bytes() > room) no_room(spec_, layer_, 2 * tile_bytes());
    const std::int64_t planes = out_.n * out_.c1;
    if (rows_ == out_.h && columns_ == out_.w) {
      blocks_ = std::clamp<std::int64_t>(room / tile_bytes(), 1, out_.c1);
    }
    if (planes >= spec_.cores) blocks_ = std::min(blocks_, std::max<std::int64_t>(1, planes / spec_.cores));
    if (planes < spec_.cores) rows_ = std::min(rows_, ceil_div(out_.h, spec_.cores));
  }

  [[nodiscard]] std::vector<Item> plan() const {
    std::vector<Item> items;
    for (std::int64_t image = 0; image < out_.n; ++image) {
      for (const auto& blocks : tiling::chop({0, out_.c1}, blocks_)) {
        for (const auto& rows : tiling::chop({0, out_.h}, rows_)) {
          for (const auto& columns : tiling::chop({0, out_.w}, columns_)) {
            items.push_back({image, blocks, rows, columns});
          }
        }
      }
    }
    return items;
  }

  /// The most input rows that `rows` output rows need, and columns likewise.
  [[nodiscard]] std::int64_t in_rows(std::int64_t rows) const {
    const auto& w = layer_.window;
    return std::min(in_.h, (rows - 1) * w.stride.h + (w.kernel.h - 1) * w.dilation.h + 1);
  }
  [[nodiscard]] std::int64_t in_columns(std::int64_t columns) const {
    const auto& w = layer_.window;
    if (columns == out_.w) return in_.w;
    return std::min(in_.w, (columns - 1) * w.stride.w + (w.kernel.w - 1) * w.dilation.w + 1);
  }
  [[nodiscard]] std::int64_t tile_bytes() const {
    return (in_rows(rows_) * in_columns(columns_) + rows_ * columns_) * kBlock;
  }

  /// The runs of a rectangle of pixels of some blocks of an image.
  static void append_rectangle(std::vector<Region>& runs, const DeviceTensor& tensor, bool write,
                               const Item& item, const tiling::Range& rows, const tiling::Range& columns) {
    const BlockShape& shape = tensor.shape;
    if (columns.size() == shape.w) {
      append_box(runs, tensor, kGlobalSpace, write, item.image, item.image + 1, item.blocks.from,
                 item.blocks.to, rows.from * shape.w, rows.to * shape.w);
      return;
    }
    for (std::int64_t row = rows.from; row < rows.to; ++row) {
      append_box(runs, tensor, kGlobalSpace, write, item.image, item.image + 1, item.blocks.from,
                 item.blocks.to, row * shape.w + columns.from, row * shape.w + columns.to);
    }
  }

  void emit(CoreStream& stream, const Item& item) {
    const auto& w = layer_.window;
    const tiling::Axis down{in_.h, w.kernel.h, w.stride.h, w.dilation.h, w.pad.top, 1};
    const tiling::Axis across{in_.w, w.kernel.w, w.stride.w, w.dilation.w, w.pad.left, 1};
    const tiling::Range rows = tiling::input_range(down, item.rows);
    const tiling::Range columns =
        item.columns.size() == out_.w ? tiling::Range{0, in_.w} : tiling::input_range(across, item.columns);
    std::vector<Region> reads;
    append_rectangle(reads, *layer_.operands.front().tensor, false, item, rows, columns);
    const std::int64_t blocks = item.blocks.size();
    const std::int64_t out_bytes = blocks * item.rows.size() * item.columns.size() * kBlock;
    CoreStream::Part part;
    part.bytes = blocks * rows.size() * columns.size() * kBlock;
    part.widest = part.out_bytes = out_bytes;
    // One instruction a tap and output row; blocks of a row lie `stride` apart in the input.
    part.rows = blocks * item.rows.size();
    part.stride = w.stride.w;
    part.tile = {(item.image * out_.c1 + item.blocks.from) * out_.h * out_.w + item.rows.from * out_.w +
                     item.columns.from,
                 blocks, item.rows.size(), item.columns.size(), 0};
    stream.part(reads, part);
    std::vector<Region> writes;
    append_rectangle(writes, *layer_.out, true, item, item.rows, item.columns);
    stream.store(writes, out_bytes);
  }

  const Spec& spec_;
  const StreamLayer& layer_;
  Emitter& emitter_;
  const BlockShape& in_;
  const BlockShape& out_;
  std::int64_t blocks_ = 1, rows_ = 1, columns_ = 1;  ///< of a full tile
};

}  // namespace

bool emit_stream(const Spec& spec, const StreamLayer& layer, Emitter& emitter) {
  if (layer.windowed) {
    WindowStream(spec, layer, emitter).run();
    return layer.meaning.has_value();
  }
  if (emit_tiles(spec, layer, emitter)) return true;
  LinearStream(spec, layer, emitter).run();
  return false;
}

}  // namespace npusim::ascend310
