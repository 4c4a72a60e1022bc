// Tile geometry along one axis: ranges, halos, cuts. No time, no chip.
#pragma once

#include <cstdint>
#include <vector>

namespace npusim::tiling {

/// Half-open: [from, to).
struct Range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  [[nodiscard]] std::int64_t size() const { return to - from; }
  [[nodiscard]] bool empty() const { return from >= to; }
  bool operator==(const Range&) const = default;
};

/// A window sliding along one axis of an input.
struct Axis {
  std::int64_t extent = 1;  ///< of the input
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad = 0;             ///< before the first element
  std::int64_t input_dilation = 1;  ///< zeros between input elements plus one (transposed convolution)
};

/// The input elements that outputs `range` touch, halo included, padding excluded. Never empty: where the
/// window sees only padding, the nearest element.
Range input_range(const Axis& axis, Range range);

/// [from, to) in pieces of `size`, the last one possibly shorter.
std::vector<Range> chop(Range range, std::int64_t size);

/// Piece sizes worth trying for a loop over `size`: all of it, half, a quarter, ..., in multiples of `unit`,
/// descending, without repetition.
std::vector<std::int64_t> divisions(std::int64_t size, std::int64_t unit);

}  // namespace npusim::tiling
