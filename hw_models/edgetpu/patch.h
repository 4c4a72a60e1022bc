// Which part of a map a tile holds, and where in its memory a position lies that its windows read.
#pragma once

#include <cstdint>
#include <optional>

#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/spec.h"

namespace npusim::edgetpu {

/// Rows or columns [from, from + size) of a map.
struct Part {
  std::int64_t from = 0, size = 0;
  [[nodiscard]] std::int64_t end() const { return from + size; }
  [[nodiscard]] bool holds(std::int64_t at) const { return at >= from && at < end(); }
};

/// What tile `index` of `parts` along an axis of `extent` holds: lines are dealt out one by one, and
/// neighbouring lines stay together.
Part part_of(std::int64_t extent, std::int64_t parts, std::int64_t index);

/// One tile's view of a phase.
class Patch {
 public:
  Patch() = default;
  Patch(const Spec& spec, const PhaseSetting& setting, std::int64_t tile);

  [[nodiscard]] const Part& in_rows() const { return in_rows_; }
  [[nodiscard]] const Part& in_columns() const { return in_columns_; }
  [[nodiscard]] const Part& out_rows() const { return out_rows_; }
  [[nodiscard]] const Part& out_columns() const { return out_columns_; }
  /// Positions of the result that the tile makes.
  [[nodiscard]] std::int64_t positions() const { return out_rows_.size * out_columns_.size; }
  /// Rows and columns of the input, map or not, that the windows of the tile's results read; empty where it
  /// makes none.
  [[nodiscard]] const Part& window_rows() const { return window_rows_; }
  [[nodiscard]] const Part& window_columns() const { return window_columns_; }
  [[nodiscard]] bool in_map(std::int64_t y, std::int64_t x) const;

  /// Address in the tile's narrow memory of position (y, x) of the input: its own, or a border received. For
  /// a position outside of the map: nothing.
  [[nodiscard]] std::optional<std::int64_t> input(std::int64_t y, std::int64_t x) const;
  /// Where the borders' lines lie, `line` from 0 the nearest: positions `at` of the tile's columns (above,
  /// below) or of its window's rows (before, behind).
  [[nodiscard]] std::int64_t above(std::int64_t line, std::int64_t at) const;
  [[nodiscard]] std::int64_t below(std::int64_t line, std::int64_t at) const;
  [[nodiscard]] std::int64_t before(std::int64_t line, std::int64_t at) const;
  [[nodiscard]] std::int64_t behind(std::int64_t line, std::int64_t at) const;
  /// Address of position `index` of the tile's results, row by row, in the result and in the second operand.
  [[nodiscard]] std::int64_t output(std::int64_t index) const {
    return output(index, s_.out_width, s_.out_address);
  }
  [[nodiscard]] std::int64_t other(std::int64_t index) const {
    return output(index, s_.other_width, s_.other_address);
  }
  /// The same in the first operand where it has the result's shape.
  [[nodiscard]] std::int64_t same(std::int64_t index) const {
    return output(index, s_.in_width, s_.in_address);
  }
  /// Position of the map that result `index` of the tile is.
  [[nodiscard]] std::int64_t row(std::int64_t index) const {
    return out_rows_.from + index / out_columns_.size;
  }
  [[nodiscard]] std::int64_t column(std::int64_t index) const {
    return out_columns_.from + index % out_columns_.size;
  }

 private:
  [[nodiscard]] std::int64_t output(std::int64_t index, std::int64_t width, std::int64_t address) const {
    return address + (index / out_columns_.size * out_pitch_ + index % out_columns_.size) * width;
  }

  PhaseSetting s_;
  Part in_rows_, in_columns_, out_rows_, out_columns_, window_rows_, window_columns_;
  std::int64_t in_pitch_ = 1, out_pitch_ = 1;  ///< columns of the largest part
  std::int64_t position_bytes_ = 0;            ///< of a border
};

}  // namespace npusim::edgetpu
