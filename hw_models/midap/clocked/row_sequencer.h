// The pipeline's address generators: which row of the feature maps and of the weights each cycle takes.
#pragma once

#include <deque>

#include "hw_models/midap/opcodes.h"

namespace npusim::midap::clocked {

/// What one cycle loads, and what becomes of it further down the pipeline.
struct Row {
  std::int64_t bank = 0, address = 0;         ///< first byte of the feature row
  bool multiply = true;                       ///< false: only fills the alignment register (a bubble)
  std::int64_t offset = 0;                    ///< of lane 0 in the two rows of the alignment register
  std::int64_t first_lane = 0, end_lane = 0;  ///< lanes that count; the others are zero
  std::int64_t weight_row = 0;                ///< in the filter
  bool first = false, last = false;           ///< of an output vector
  std::int64_t taps = 0;                      ///< (last) rows of the vector that were multiplied
  std::int64_t column = 0, y = 0, z = 0;      ///< the output vector: pixel, first channel of the layer's own
};

/// Walks a segment's loop nest: filter groups, columns, pixels of a column, kernel columns, then kernel rows
/// and channels. Taps outside of the input take no cycle. Where channels fill whole rows of 64 lanes a tap is
/// rows of its own (z mode). Else the taps of a kernel column are one run of bytes (yz mode), as are the
/// weights; both start anywhere in a row, and the alignment register joins two feature rows to match a row of
/// weights: where its first lanes come from a row that the register does not hold, that row is loaded first.
class RowSequencer {
 public:
  RowSequencer(std::int64_t lanes, std::int64_t cims) : lanes_(lanes), cims_(cims) {}

  /// Turns to a segment's first filter group.
  void begin(const PipelineSetting& setting);
  /// Turns to the next filter group. There must be one.
  void next_group();
  [[nodiscard]] bool group_done() const { return queue_.empty(); }
  [[nodiscard]] bool segment_done() const { return queue_.empty() && group_ + 1 >= groups(); }
  /// The next row; its column, and how many rows of that column have gone before. Behind the group's last
  /// row: the column behind the segment, 0.
  [[nodiscard]] const Row& next() const { return queue_.front(); }
  [[nodiscard]] std::int64_t column() const { return column_; }
  [[nodiscard]] std::int64_t row_of_column() const { return row_of_column_; }
  void take();
  /// The alignment register's row is no longer known.
  void forget() { newest_bank_ = newest_row_ = -1; }
  [[nodiscard]] const PipelineSetting& setting() const { return s_; }
  /// Channels of an output vector before cutting at the map's.
  [[nodiscard]] std::int64_t width() const { return all_cims() ? cims_ : lanes_; }
  [[nodiscard]] bool all_cims() const { return s_.work == Work::conv || s_.work == Work::gemm; }

 private:
  [[nodiscard]] bool element_wise() const { return s_.work == Work::sum || s_.work == Work::product; }
  [[nodiscard]] bool yz_mode() const { return s_.work == Work::conv && s_.in_c % lanes_ != 0; }
  [[nodiscard]] std::int64_t groups() const { return element_wise() ? 1 : s_.filters / width(); }
  void start_group();
  void refill();
  void push(Row row, bool multiply);
  void pixel_z();
  void pixel_yz();
  void run_yz(std::int64_t x, std::int64_t y, std::int64_t kx);
  void tap_rows(std::int64_t x, std::int64_t y, std::int64_t tap);
  [[nodiscard]] const BankPiece& piece_of(std::int64_t plane) const;

  std::int64_t lanes_, cims_;
  PipelineSetting s_;
  std::int64_t group_ = 0;
  std::int64_t column_ = 0, pixel_ = 0;  ///< under way
  std::int64_t row_of_column_ = 0;
  std::deque<Row> queue_;                            ///< of the pixel under way
  std::int64_t newest_bank_ = -1, newest_row_ = -1;  ///< tags of the alignment register's newer row
};

}  // namespace npusim::midap::clocked
