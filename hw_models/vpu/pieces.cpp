// Workloads: a tile's share of a layer, cut for its engines.
#include <algorithm>

#include "hw_models/vpu/plan.h"
#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr std::int64_t kMostPieces = 24;

/// Taps inside the input, summed over outputs `range`.
std::int64_t valid_taps(const tiling::Axis& axis, Range range) {
  std::int64_t valid = 0;
  const std::int64_t extent = (axis.extent - 1) * axis.input_dilation + 1;
  for (std::int64_t i = range.from; i < range.to; ++i) {
    for (std::int64_t tap = 0; tap < axis.kernel; ++tap) {
      const std::int64_t at = i * axis.stride - axis.pad + tap * axis.dilation;
      if (at >= 0 && at < extent) ++valid;
    }
  }
  return valid;
}

Workload workload_of(const Spec& spec, const Network& net, const Layer& layer, const LayerPlan& plan,
                     Range rows, Range units) {
  const Map& out = net.maps[static_cast<std::size_t>(layer.out)];
  Workload work;
  work.op = layer.dpu;
  work.bytes = out.bytes;
  work.width = out.shape.w;
  work.height = rows.size();
  work.channels = layer.groups > 1 ? layer.out_channels : units.size() * plan.unit;
  work.in_channels = layer.in_channels;
  work.taps = layer.taps;
  work.stride = layer.stride;
  // A global pool's window is the whole map, without padding.
  work.valid = layer.rows.kernel * layer.columns.kernel == layer.taps
                   ? valid_taps(layer.rows, rows) * valid_taps(layer.columns, {0, out.shape.w})
                   : work.width * work.height * layer.taps;
  work.tiles = plan.split_channels ? spec.tiles : 1;
  work.density = layer.density;
  work.mode = best_mode(spec, work);
  return work;
}

/// Channels of a depthwise or pooling workload of a cuboid DPU: 64, 32 or 16.
std::vector<Range> window_segments(Range units) {
  std::vector<Range> segments;
  for (std::int64_t at = units.from; at < units.to;) {
    const std::int64_t left = units.to - at;
    const std::int64_t size = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    segments.push_back({at, at + size});
    at += size;
  }
  return segments;
}

std::vector<Range> segments_of(const Spec& spec, const Layer& layer, Range units, std::int64_t cuts) {
  const bool window = layer.dpu == DpuOp::depthwise || layer.dpu == DpuOp::pool;
  if (layer.kind == Kind::dpu && window && spec.generation == Generation::cuboid)
    return window_segments(units);
  if (layer.groups > 1) return tiling::chop(units, 1);
  std::vector<Range> segments;
  for (std::int64_t i = 0; i < cuts; ++i) {
    const Range segment = chunk_of(units, cuts, i);
    if (!segment.empty()) segments.push_back(segment);
  }
  return segments;
}

/// Cuts into rows x segments and hands the pieces out, each to the engine that is free first.
std::int64_t distribute(const Spec& spec, const Network& net, const Layer& layer, const LayerPlan& plan,
                        Range rows, const std::vector<Range>& segments, std::int64_t row_cuts,
                        std::vector<Piece>& pieces) {
  const std::int64_t engines = layer.kind == Kind::shave ? spec.shaves : spec.dpus;
  std::vector<std::int64_t> busy(static_cast<std::size_t>(engines), 0);
  for (std::int64_t cut = 0; cut < row_cuts; ++cut) {
    const Range part = chunk_of(rows, row_cuts, cut);
    if (part.empty()) continue;
    for (const Range& units : segments) {
      Piece piece{part, units, 0, {}};
      const auto first = std::min_element(busy.begin(), busy.end());
      piece.engine = first - busy.begin();
      if (layer.kind == Kind::dpu) {
        piece.work = workload_of(spec, net, layer, plan, part, units);
        *first += dpu_cycles(spec, piece.work) + spec.task_cycles;
      } else {
        *first += part.size() * units.size();
      }
      pieces.push_back(piece);
    }
  }
  return *std::max_element(busy.begin(), busy.end());
}

}  // namespace

Range chunk_of(Range range, std::int64_t chunks, std::int64_t index) {
  const std::int64_t size = ceil_div(range.size(), chunks);
  const std::int64_t from = std::min(range.to, range.from + index * size);
  return {from, std::min(range.to, from + size)};
}

Range needed_rows(const Network& net, const Layer& layer, const Source& source, Range rows) {
  const Map& map = net.maps[static_cast<std::size_t>(source.map)];
  if (source.whole) return {0, map.shape.h};
  if (layer.magnify > 1) return {rows.from / layer.magnify, ceil_div(rows.to, layer.magnify)};
  return tiling::input_range(layer.rows, rows);
}

std::int64_t weight_bytes(const Layer& layer, const LayerPlan& plan, Range units) {
  return layer.weight_bytes / plan.units * units.size();
}

std::vector<Piece> pieces_of(const Spec& spec, const Network& net, const Layer& layer, const LayerPlan& plan,
                             Range rows, Range units) {
  const std::int64_t engines = layer.kind == Kind::shave ? spec.shaves : spec.dpus;
  std::vector<Piece> best;
  std::int64_t shortest = INT64_MAX;
  for (std::int64_t row_cuts = 1; row_cuts <= std::min(rows.size(), engines * 2); ++row_cuts) {
    for (std::int64_t cuts = 1; cuts <= std::min(units.size(), engines * 2); ++cuts) {
      if (row_cuts * cuts > kMostPieces || (engines == 1 && row_cuts * cuts > 1)) continue;
      std::vector<Piece> pieces;
      const auto segments = segments_of(spec, layer, units, cuts);
      const std::int64_t cycles = distribute(spec, net, layer, plan, rows, segments, row_cuts, pieces);
      if (cycles < shortest) {
        shortest = cycles;
        best = std::move(pieces);
      }
    }
  }
  ensure(!best.empty(), "a piece of a layer has no workload");
  return best;
}

}  // namespace npusim::vpu
