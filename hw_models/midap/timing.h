// Cycles of MIDAP's pipeline: pure functions of a layer's geometry. A cycle takes one row of 64 channels from
// one feature-map bank.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_models/midap/network.h"
#include "hw_models/midap/opcodes.h"
#include "sim/kernel/machine.h"
#include "sim/program/program.h"

namespace npusim::midap {

/// Duration of any command that runs in the pipeline: its cycles; of a compute command, rows and stalls.
kernel::Duration duration(const program::Command& command);

/// The row that the load register holds: a bank, and a row in it. Nothing: {-1, -1}.
struct LoadedRow {
  std::int64_t bank = -1, row = -1;
  bool operator==(const LoadedRow&) const = default;
};

/// Rows of one filter group (16 filters, or 64 channels of an extended operator) over output columns of one
/// segment. A gemm's columns are its pixels.
class SegmentRows {
 public:
  /// Columns [first, last] of the output, read through fragments `pieces` (in order of x; of overlapping ones
  /// the first that holds an x counts). `loaded` is the register's row before the segment.
  SegmentRows(const Spec& spec, const Network& net, const Layer& layer, std::vector<Mapping> pieces,
              std::int64_t first, std::int64_t last, LoadedRow loaded);

  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t last() const { return last_; }
  /// Rows of all columns in front of `column` (first .. last+1), of the segment's filter group `group`: the
  /// first may find another row in the load register than the others.
  [[nodiscard]] std::int64_t before(std::int64_t column, std::int64_t group) const;
  [[nodiscard]] std::int64_t total(std::int64_t group) const { return before(last_ + 1, group); }
  /// Rows of `column` in front of the first that reads input plane `x` or a later one (as the window sees
  /// it): always in the column's first pixel.
  [[nodiscard]] std::int64_t before_plane(std::int64_t column, std::int64_t x, std::int64_t group) const;
  /// The first column that reads input plane `x` or a later one; last()+1 when none does.
  [[nodiscard]] std::int64_t column_of_plane(std::int64_t x) const;
  /// Input planes [from, to) that a column reads, as the window sees them.
  [[nodiscard]] Fragment planes_of(std::int64_t column) const;
  /// Rows of the first pixel.
  [[nodiscard]] std::int64_t first_pixel(std::int64_t group) const;
  /// Cycles for which rows [from, to) of the segment's filter group `group` wait for the write stage: the row
  /// that completes an output vector may come no sooner than the vector before it has left. `pending`: cycles
  /// behind the row that completed the last vector until the next may be completed; kept up to date.
  [[nodiscard]] std::int64_t write_stalls(std::int64_t group, std::int64_t from, std::int64_t to,
                                          std::int64_t& pending) const;
  /// The row in the load register behind the segment.
  [[nodiscard]] LoadedRow loaded() const { return loaded_; }

 private:
  void count_aligned();
  void count_yz();
  std::int64_t yz_tap(std::int64_t x, std::int64_t y, LoadedRow& loaded) const;
  std::int64_t yz_pixel(std::int64_t column, std::int64_t row, std::int64_t end_x, LoadedRow& loaded) const;
  [[nodiscard]] std::int64_t in_x(std::int64_t column) const;
  [[nodiscard]] std::int64_t taps_x(std::int64_t column, std::int64_t end_x) const;
  [[nodiscard]] std::int64_t taps_y(std::int64_t row) const;

  const Spec& spec_;
  const Layer& layer_;
  MapShape in_;  ///< as the window sees it
  std::vector<Mapping> pieces_;
  std::int64_t first_, last_;
  LoadedRow start_, loaded_;
  bool yz_ = false;                    ///< rows run across y and channels
  std::int64_t column_taps_ = 1;       ///< vertical taps over all pixels of a column
  std::vector<std::int64_t> columns_;  ///< in front of each column: taps, or (yz) rows of the first group
  std::int64_t later_saving_ = 0;      ///< (yz) rows that later groups need less in their first pixel
};

/// Compute cycles of a whole layer whose input lies in one piece: the closed form of MidapSim's level 0.
std::int64_t compute_cycles(const Spec& spec, const Network& net, const Layer& layer);

/// Filter groups that work one after another.
std::int64_t filter_groups(const Spec& spec, const Layer& layer);

/// Rows of a window's tap in filter group `group` of a (grouped) convolution: of the channels its filters
/// use.
std::int64_t rows_of_group(const Spec& spec, const Layer& layer, std::int64_t channels, std::int64_t group);

/// Cycles that the write stage needs for one output vector: 1, or more where an extended operator's channels
/// are no multiple of 64 in their map and leave 16 at a time.
std::int64_t write_cycles(const Spec& spec, const Layer& layer);

}  // namespace npusim::midap
