#include "workloads/tiling/geometry.h"

#include <algorithm>

#include "sim/base/units.h"

namespace npusim::tiling {

Range input_range(const Axis& axis, Range range) {
  const std::int64_t first = range.from * axis.stride - axis.pad;
  const std::int64_t last = (range.to - 1) * axis.stride - axis.pad + (axis.kernel - 1) * axis.dilation;
  const std::int64_t from = first <= 0 ? 0 : ceil_div(first, axis.input_dilation);
  const std::int64_t to = last < 0 ? 1 : last / axis.input_dilation + 1;
  Range out;
  out.from = std::clamp<std::int64_t>(from, 0, axis.extent - 1);
  out.to = std::clamp<std::int64_t>(to, out.from + 1, axis.extent);
  return out;
}

std::vector<Range> chop(Range range, std::int64_t size) {
  std::vector<Range> pieces;
  for (std::int64_t at = range.from; at < range.to; at += size) {
    pieces.push_back({at, std::min(at + size, range.to)});
  }
  return pieces;
}

std::vector<std::int64_t> divisions(std::int64_t size, std::int64_t unit) {
  std::vector<std::int64_t> out;
  for (std::int64_t parts = 1;; parts *= 2) {
    const std::int64_t piece = round_up(ceil_div(size, parts), unit);
    if (out.empty() || piece != out.back()) out.push_back(piece);
    if (piece <= unit) return out;
  }
}

}  // namespace npusim::tiling
