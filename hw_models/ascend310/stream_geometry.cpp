// Which bytes a tile of a streaming operator is and needs.
#include <algorithm>

#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/stream_setting.h"
#include "sim/base/error.h"
#include "workloads/tiling/geometry.h"

namespace npusim::ascend310 {

namespace {

/// Collects units of an operand and turns them into ranges.
class Units {
 public:
  void add(std::int64_t position) {
    const std::int64_t unit = position / kBlock;
    if (units_.empty() || units_.back() != unit) units_.push_back(unit);
  }
  [[nodiscard]] std::vector<ByteRange> ranges(std::int64_t bytes) {
    std::sort(units_.begin(), units_.end());
    std::vector<ByteRange> out;
    for (const std::int64_t unit : units_) {
      const std::int64_t from = unit * kBlock;
      const std::int64_t to = std::min(from + kBlock, bytes);
      if (!out.empty() && out.back().to >= from) {
        out.back().to = std::max(out.back().to, to);
      } else {
        out.push_back({from, to});
      }
    }
    return out;
  }

 private:
  std::vector<std::int64_t> units_;
};

/// Whether the operand lies as the result does and each element takes its own.
bool is_identity(const StreamSetting& setting, const StreamInput& input) {
  if (!(input.order.kind == setting.out.kind && input.order.shape == setting.out.shape &&
        input.order.element_bytes() == setting.out.element_bytes() && input.offset == 0)) {
    return false;
  }
  std::int64_t stride = 1;
  for (std::size_t d = setting.axes.size(); d-- > 0;) {
    const AxisMap& axis = input.axes[d];
    if (!axis.table.empty() || axis.lo > 0 || axis.hi < setting.axes[d]) return false;
    if (setting.axes[d] > 1 && axis.step != stride) return false;
    stride *= setting.axes[d];
  }
  return true;
}

/// Whether elements keep their number: a change of order or type.
bool is_copy(const StreamSetting& setting, const StreamInput& input) {
  if (setting.kind != StreamSetting::Kind::map || setting.axes.size() != 1 || input.offset != 0) return false;
  const AxisMap& axis = input.axes[0];
  return axis.step == 1 && axis.table.empty() && axis.lo <= 0 && axis.hi >= setting.axes[0];
}

/// Calls visit(first, count) for runs of consecutive elements that together are those in bytes `range`.
template <class Visit>
void for_each_run(const Order& order, const ByteRange& range, Visit&& visit) {
  const std::int64_t size = order.element_bytes();
  if (order.kind == Order::Kind::plain)
    return visit(range.from / size, ceil_div(range.to, size) - range.from / size);
  const BlockShape& s = order.shape;
  const std::int64_t c0 = s.block_bytes / size;
  const std::int64_t pixels = s.h * s.w;
  const std::int64_t end = ceil_div(range.to, s.block_bytes);
  for (std::int64_t block = range.from / s.block_bytes; block < end;) {
    const std::int64_t pixel = block % pixels;
    const std::int64_t count = std::min(pixels - pixel, end - block);
    const std::int64_t first_c = block / pixels % s.c1 * c0;
    const std::int64_t lanes = std::min(c0, s.c - first_c);
    const std::int64_t n = block / pixels / s.c1;
    if (order.kind == Order::Kind::image) {
      for (std::int64_t c = first_c; c < first_c + lanes; ++c) visit((n * s.c + c) * pixels + pixel, count);
    } else {
      for (std::int64_t p = pixel; p < pixel + count; ++p) visit((n * pixels + p) * s.c + first_c, lanes);
    }
    block += count;
  }
}

/// Calls visit(from, to) for the bytes at which elements [first, first + count) lie, whole blocks of them.
template <class Visit>
void for_each_bytes(const Order& order, std::int64_t first, std::int64_t count, Visit&& visit) {
  const std::int64_t size = order.element_bytes();
  if (order.kind == Order::Kind::plain) return visit(first * size, (first + count) * size);
  const BlockShape& s = order.shape;
  const bool image = order.kind == Order::Kind::image;
  const std::int64_t line = image ? s.h * s.w : s.c;  // elements that lie regularly
  const std::int64_t c0 = s.block_bytes / size;
  for (std::int64_t at = first; at < first + count;) {
    const std::int64_t take = std::min(line - at % line, first + count - at);
    if (image) {
      const std::int64_t from = order.position(at) / s.block_bytes * s.block_bytes;
      visit(from, from + take * s.block_bytes);
    } else {
      for (std::int64_t c = at; c < at + take; c += c0 - c % line % c0) {
        const std::int64_t from = order.position(c) / s.block_bytes * s.block_bytes;
        visit(from, from + s.block_bytes);
      }
    }
    at += take;
  }
}

/// The bytes of `input` that hold the elements of a copy's tile.
std::vector<ByteRange> copied(const StreamSetting& setting, const StreamInput& input,
                              const std::vector<ByteRange>& tile) {
  std::vector<ByteRange> all;
  for (const auto& range : tile) {
    for_each_run(setting.out, range, [&](std::int64_t first, std::int64_t count) {
      for_each_bytes(input.order, first, count, [&](std::int64_t from, std::int64_t to) {
        const ByteRange units{from / kBlock * kBlock, round_up(to, kBlock)};
        if (all.empty() || !(all.back() == units)) all.push_back(units);
      });
    });
  }
  std::sort(all.begin(), all.end(), [](const ByteRange& a, const ByteRange& b) { return a.from < b.from; });
  std::vector<ByteRange> out;
  for (ByteRange range : all) {
    range.to = std::min(range.to, input.order.bytes());
    if (!out.empty() && range.from <= out.back().to) {
      out.back().to = std::max(out.back().to, range.to);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

}  // namespace

StreamTile tile_of(const program::Command& command) {
  return {command.args[5], command.args[6], command.args[7], command.args[8], command.args[9]};
}

std::vector<ByteRange> tile_ranges(const Order& order, const StreamTile& tile) {
  if (tile.planes == 0) {
    return {{tile.first * kBlock, std::min((tile.first + tile.height) * kBlock, order.bytes())}};
  }
  std::vector<ByteRange> out;
  const std::int64_t plane = order.shape.h * order.shape.w;
  for (std::int64_t p = 0; p < tile.planes; ++p) {
    for (std::int64_t row = 0; row < tile.height; ++row) {
      const std::int64_t from = (tile.first + p * plane + row * order.shape.w) * kBlock;
      out.push_back({from, from + tile.width * kBlock});
    }
  }
  return out;
}

ByteRange reduced_part(const StreamSetting& setting, const StreamTile& tile) {
  std::int64_t count = 1;
  for (const auto& axis : setting.reduced) count *= axis.first;
  if (tile.planes > 0) return {0, count};
  return {count * tile.part / tile.width, count * (tile.part + 1) / tile.width};
}

PoolWindow pool_window(const StreamSetting& setting, const StreamTile& tile) {
  const BlockShape& in = setting.inputs[0].order.shape;
  const BlockShape& out = setting.out.shape;
  const ir::Window& w = setting.window;
  const std::int64_t pixel = tile.first % (out.h * out.w);
  const tiling::Axis down{in.h, w.kernel.h, w.stride.h, w.dilation.h, w.pad.top, 1};
  const tiling::Axis across{in.w, w.kernel.w, w.stride.w, w.dilation.w, w.pad.left, 1};
  const auto rows = tiling::input_range(down, {pixel / out.w, pixel / out.w + tile.height});
  const auto columns = tile.width == out.w
                           ? tiling::Range{0, in.w}
                           : tiling::input_range(across, {pixel % out.w, pixel % out.w + tile.width});
  return {rows.from, rows.to, columns.from, columns.to};
}

std::vector<ByteRange> needed(const StreamSetting& setting, std::size_t input, const StreamTile& tile) {
  const StreamInput& operand = setting.inputs[input];
  std::vector<ByteRange> out;
  if (setting.kind == StreamSetting::Kind::pool && input == 0) {
    const BlockShape& shape = operand.order.shape;
    const PoolWindow window = pool_window(setting, tile);
    const std::int64_t plane = tile.first / (setting.out.shape.h * setting.out.shape.w);
    for (std::int64_t p = 0; p < tile.planes; ++p) {
      for (std::int64_t row = window.row0; row < window.row1; ++row) {
        const std::int64_t from = (((plane + p) * shape.h + row) * shape.w + window.column0) * kBlock;
        out.push_back({from, from + (window.column1 - window.column0) * kBlock});
      }
    }
    return out;
  }
  const bool reduces = setting.kind == StreamSetting::Kind::reduce && input == 0;
  if (!reduces && is_identity(setting, operand)) return tile_ranges(setting.out, tile);
  if (is_copy(setting, operand)) return copied(setting, operand, tile_ranges(setting.out, tile));
  Units units;
  const ByteRange part = reduced_part(setting, tile);
  const std::int64_t step = setting.out.element_bytes();
  for (const auto& range : tile_ranges(setting.out, tile)) {
    for (std::int64_t at = range.from; at < range.to; at += step) {
      const std::int64_t flat = setting.out.element(at);
      if (flat < 0) continue;
      for_each_tap(setting, operand, flat, [&](std::int64_t element, double) {
        if (!reduces) return units.add(operand.order.position(element));
        for (std::int64_t r = part.from; r < part.to; ++r) {
          std::int64_t rest = r, from = element;
          for (std::size_t d = setting.reduced.size(); d-- > 0;) {
            from += rest % setting.reduced[d].first * setting.reduced[d].second;
            rest /= setting.reduced[d].first;
          }
          units.add(operand.order.position(from));
        }
      });
    }
  }
  return units.ranges(operand.order.bytes());
}

}  // namespace npusim::ascend310
