// What a vector command of a streaming operator computes: the typed form of its setting, and which bytes of
// the operands a tile of the result needs. The mapper loads those bytes; the functional execution finds them
// in UB by the same geometry, in the order of the ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "hw_models/ascend310/layout.h"
#include "sim/program/program.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310 {

/// Where, along one axis of the result, the operand's elements lie. Index i takes operand index
/// i * step (elements of the operand), or the entries [i * taps, (i + 1) * taps) of `table`; outside [lo, hi)
/// or with a negative entry the operand has no element.
struct AxisMap {
  std::int64_t step = 0;
  std::int64_t lo = 0, hi = std::int64_t{1} << 40;
  std::int64_t taps = 1;
  std::vector<std::int64_t> table;
  std::vector<double> weights;  ///< of the entries; empty: 1
  bool operator==(const AxisMap&) const = default;
};

/// One operand: element (i0, i1, ...) of the result takes the operand's element offset + sum of the axes'.
struct StreamInput {
  Order order;
  std::int64_t exponent = 0;  ///< of an int8 operand
  bool resident = false;      ///< whole in UB, before the tiles' operands
  std::int64_t offset = 0;
  std::vector<AxisMap> axes;
  bool operator==(const StreamInput&) const = default;
};

/// An element-wise step behind the operator.
struct StreamStep {
  ir::ElementwiseAttrs op;
  std::int64_t input = -1;  ///< its second operand; -1: none
  std::int64_t exponent = 0;
};

/// One streaming operator. Every result passes stage 0, then the steps, rounded after each.
struct StreamSetting {
  enum class Kind : std::uint8_t {
    map,      ///< a function of one element an operand; without one, the first operand that has an element
    sum,      ///< the weighted sum over the taps of operand 0 (resize)
    reduce,   ///< over the `reduced` axes of operand 0
    pool,     ///< over a window of operand 0
    softmax,  ///< over the `grouped` axes
    norm      ///< (x - mean) / sqrt(variance + epsilon) * scale + bias, mean and variance over `grouped` axes
  };
  Kind kind = Kind::map;
  Order out;
  std::vector<std::int64_t> axes;  ///< their product is the elements of the result, row-major
  std::vector<StreamInput> inputs;
  std::int64_t main_inputs = 1;  ///< operands of stage 0, the first ones
  std::optional<ir::ElementwiseAttrs> function;
  double fill = 0;  ///< where no operand has an element
  ir::ReduceKind reduce = ir::ReduceKind::mean;
  std::vector<std::pair<std::int64_t, std::int64_t>> reduced;  ///< extent and step in the operand
  std::vector<std::int64_t> grouped;
  bool given_moments = false;  ///< norm: operands 3 and 4 are mean and variance (batch norm)
  double epsilon = 0;
  ir::Window window;
  bool average = false, count_include_pad = false;
  ir::Hw rounding;                         ///< of the padding, what an average never counts
  ir::DType type = ir::DType::f32;         ///< in which stage 0's function works, as in the graph
  ir::DType result_type = ir::DType::f32;  ///< of the result and the steps, as in the graph
  std::int64_t exponent = 0;               ///< of stage 0, int8
  std::vector<StreamStep> steps;
};

program::Setting to_setting(const StreamSetting& setting);
/// Throws InternalError for what to_setting() did not write.
StreamSetting stream_setting(const program::Setting& setting);

/// Half-open bytes of a tensor in storage order.
struct ByteRange {
  std::int64_t from = 0, to = 0;
  bool operator==(const ByteRange&) const = default;
};

/// A part of the result, as a vector command's arguments give it. Units are 32 bytes of storage order.
struct StreamTile {
  std::int64_t first = 0;   ///< unit
  std::int64_t planes = 0;  ///< 0: a run of `height` units; part `part` of `width` of their inputs
  std::int64_t height = 1;  ///< else rectangles of height x width pixels of that many planes
  std::int64_t width = 1;
  std::int64_t part = 0;
};
StreamTile tile_of(const program::Command& command);

/// The tile's bytes, in the order in which they lie in UB.
std::vector<ByteRange> tile_ranges(const Order& order, const StreamTile& tile);

/// The bytes of operand `input` that the tile needs: ascending whole units (but for the operand's end).
std::vector<ByteRange> needed(const StreamSetting& setting, std::size_t input, const StreamTile& tile);

/// Part `part` of `parts` of the reduced elements, half-open.
ByteRange reduced_part(const StreamSetting& setting, const StreamTile& tile);

/// Input rows and columns that a pool's tile reads, whole rows where the tile has whole rows.
struct PoolWindow {
  std::int64_t row0 = 0, row1 = 0, column0 = 0, column1 = 0;
};
PoolWindow pool_window(const StreamSetting& setting, const StreamTile& tile);

/// Calls visit(offset of element in operand, weight) for each tap of the result's element `flat`; the taps of
/// the first axis vary fastest.
template <class Visit>
void for_each_tap(const StreamSetting& setting, const StreamInput& input, std::int64_t flat, Visit&& visit) {
  constexpr std::size_t kMost = 12;
  std::int64_t index[kMost];
  const std::size_t rank = setting.axes.size();
  for (std::size_t d = rank; d-- > 0;) {
    index[d] = flat % setting.axes[d];
    flat /= setting.axes[d];
  }
  std::int64_t base = input.offset;
  std::int64_t combinations = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    const AxisMap& axis = input.axes[d];
    if (index[d] < axis.lo || index[d] >= axis.hi) return;
    if (axis.table.empty()) {
      base += index[d] * axis.step;
    } else if (axis.taps == 1) {
      const std::int64_t entry = axis.table[static_cast<std::size_t>(index[d])];
      if (entry < 0) return;
      base += entry;
      // A weight of a single tap is 1.
    } else {
      combinations *= axis.taps;
    }
  }
  for (std::int64_t c = 0; c < combinations; ++c) {
    std::int64_t rest = c, at = base;
    double weight = 1;
    for (std::size_t d = 0; d < rank; ++d) {
      const AxisMap& axis = input.axes[d];
      if (axis.taps == 1) continue;
      const auto entry = static_cast<std::size_t>(index[d] * axis.taps + rest % axis.taps);
      rest /= axis.taps;
      weight *= axis.weights[entry];
      at += axis.table[entry];
    }
    visit(at, weight);
  }
}

}  // namespace npusim::ascend310
