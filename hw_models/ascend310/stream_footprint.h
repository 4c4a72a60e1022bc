// The bytes of an operand that a tile of a streaming operator's result needs, found run by run.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hw_models/ascend310/stream_setting.h"

namespace npusim::ascend310 {

/// A set of 32-byte units of an operand.
class UnitSet {
 public:
  /// `bytes`: of the whole operand.
  explicit UnitSet(std::int64_t bytes);
  /// `count` units from `first` on, every `stride`-th.
  void add(std::int64_t first, std::int64_t stride, std::int64_t count);
  /// Ascending, none touching the next.
  [[nodiscard]] std::vector<ByteRange> ranges() const;

 private:
  void fill(std::int64_t from, std::int64_t to);

  std::int64_t bytes_;
  std::vector<std::uint64_t> words_;
  std::int64_t low_, high_ = 0;                       ///< words that may hold units: [low, high)
  std::int64_t first_ = -1, stride_ = 0, count_ = 0;  ///< the last run: lanes of a block repeat it
};

/// Gathers the units of one operand that elements of the result need. Elements are visited in lines along one
/// axis of the result, whose elements lie regularly in the operand; a line costs as much as the units in it.
class Footprint {
 public:
  /// `part`: which of the reduced elements (StreamSetting::Kind::reduce, operand 0), else {0, 1}.
  Footprint(const StreamSetting& setting, const StreamInput& operand, bool reduces, ByteRange part);

  /// All elements in bytes `range` of the result, in storage order.
  void add(const ByteRange& range);
  [[nodiscard]] std::vector<ByteRange> ranges() const { return units_.ranges(); }

 private:
  /// An axis of the result, or several that the operand walks as one.
  struct Axis {
    std::int64_t extent = 1;
    std::int64_t stride = 1;  ///< in the result's elements
    std::int64_t step = 0, lo = 0, hi = 0;
    const AxisMap* table = nullptr;  ///< of an axis whose elements lie irregularly
  };
  /// Elements first + i * stride + j of the result, i < lines, j < length.
  struct Patch {
    std::int64_t first = 0, lines = 1, stride = 0, length = 1;
  };

  void merge_axes(const StreamSetting& setting);
  template <class Visit>
  void for_each_patch(const ByteRange& range, Visit&& visit) const;
  [[nodiscard]] const Axis* axis_along(std::int64_t stride) const;
  void add_patch(Patch patch);
  void add_line(std::int64_t flat, std::int64_t stride, std::int64_t count, const Axis& along);
  void add_segment(std::int64_t flat, const Axis& along, std::int64_t index, std::int64_t jump,
                   std::int64_t count);
  void add_elements(std::int64_t first, std::int64_t step, std::int64_t count);
  void add_reduced(std::int64_t first, std::int64_t step, std::int64_t count);
  void add_regular(std::int64_t first, std::int64_t step, std::int64_t count);
  void add_bytes(std::int64_t position, std::int64_t stride, std::int64_t count);

  const StreamSetting& setting_;
  const StreamInput& operand_;
  bool reduces_;
  ByteRange part_;
  UnitSet units_;
  std::vector<Axis> axes_;
  std::vector<std::int64_t> taps_;  ///< of the axes across a line: sums of their entries
};

}  // namespace npusim::ascend310
