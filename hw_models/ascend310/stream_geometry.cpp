// Which bytes a tile of a streaming operator is and needs.
#include <algorithm>

#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/stream_footprint.h"
#include "hw_models/ascend310/stream_setting.h"
#include "sim/base/units.h"
#include "workloads/tiling/geometry.h"

namespace npusim::ascend310 {

namespace {

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
  Footprint footprint(setting, operand, reduces, reduced_part(setting, tile));
  for (const auto& range : tile_ranges(setting.out, tile)) footprint.add(range);
  return footprint.ranges();
}

}  // namespace npusim::ascend310
