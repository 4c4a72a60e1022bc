// Streaming operators on tiles in UB.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "hw_models/ascend310/functional/commands.h"
#include "hw_models/ascend310/functional/number.h"
#include "sim/base/units.h"
#include "workloads/passes/evaluate.h"
#include "workloads/reference/value.h"

namespace npusim::ascend310 {

namespace {

using Kind = StreamSetting::Kind;

/// An operand in UB: ranges of its bytes, one after the other.
class Operand {
 public:
  Operand(const StreamInput& input, std::span<const std::byte> bytes, std::vector<ByteRange> ranges)
      : input_(input), bytes_(bytes), ranges_(std::move(ranges)) {
    std::int64_t at = 0;
    for (const auto& range : ranges_) {
      starts_.push_back(at);
      at += range.to - range.from;
    }
    ensure(at == std::ssize(bytes_), "a tile's operand has the bytes that the tile needs");
  }
  [[nodiscard]] double value(std::int64_t element) const {
    const std::int64_t position = input_.order.position(element);
    if (last_ >= ranges_.size() || position < ranges_[last_].from || position >= ranges_[last_].to) {
      const auto after =
          std::upper_bound(ranges_.begin(), ranges_.end(), position,
                           [](std::int64_t at, const ByteRange& range) { return at < range.from; });
      ensure(after != ranges_.begin() && position < std::prev(after)->to,
             "a tile needs an element that is not in UB");
      last_ = static_cast<std::size_t>(after - ranges_.begin() - 1);
    }
    const std::int64_t at = starts_[last_] + position - ranges_[last_].from;
    return get_number(bytes_.data() + at, input_.order.dtype, input_.exponent);
  }
  [[nodiscard]] const StreamInput& input() const { return input_; }

 private:
  const StreamInput& input_;
  std::span<const std::byte> bytes_;
  std::vector<ByteRange> ranges_;
  std::vector<std::int64_t> starts_;
  mutable std::size_t last_ = 0;  ///< neighbours lie in one range
};

/// One tile of one operator.
class StreamTileRun {
 public:
  StreamTileRun(const Execution& e, const StreamSetting& setting) : s_(setting), tile_(tile_of(e.command)) {
    place_operands(e);
    result_ = e.operand(true, 0);
  }

  void run() {
    if (s_.kind == Kind::softmax || (s_.kind == Kind::norm && !s_.given_moments)) return run_groups();
    const bool last_part = s_.kind != Kind::reduce || tile_.planes > 0 || tile_.part + 1 == tile_.width;
    if (!last_part) return carry();
    for_each_element([&](std::int64_t flat, std::int64_t home) { finish(flat, home, stage_0(flat, home)); });
  }

 private:
  void place_operands(const Execution& e) {
    const auto residents = static_cast<std::size_t>(
        std::count_if(s_.inputs.begin(), s_.inputs.end(), [](const auto& input) { return input.resident; }));
    const bool carried = s_.kind == Kind::reduce && tile_.planes == 0 && tile_.part > 0;
    const std::size_t reads = e.operands(false);
    ensure(reads >= residents + (carried ? 1 : 0), "a vector command reads its operands");
    const std::size_t first_resident = reads - residents - (carried ? 1 : 0);
    ensure(first_resident <= 1, "a tile's operands lie in one slot");
    std::span<const std::byte> slot;
    if (first_resident == 1) slot = e.operand(false, 0);
    std::int64_t at = 0;
    std::size_t resident = first_resident;
    for (std::size_t i = 0; i < s_.inputs.size(); ++i) {
      const StreamInput& input = s_.inputs[i];
      if (input.resident) {
        const auto bytes = e.operand(false, resident++);
        operands_.emplace_back(input, bytes, std::vector<ByteRange>{{0, std::ssize(bytes)}});
        continue;
      }
      auto ranges = needed(s_, i, tile_);
      std::int64_t bytes = 0;
      for (const auto& range : ranges) bytes += range.to - range.from;
      ensure(at + bytes <= std::ssize(slot), "a slot holds all that the tile needs");
      operands_.emplace_back(input,
                             slot.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes)),
                             std::move(ranges));
      at += bytes;
    }
    ensure(at == std::ssize(slot), "a slot holds no more than the tile needs");
    if (carried) carried_ = e.operand(false, reads - 1);
  }

  /// Calls visit(element of the result, its byte in the tile); padding is set to zero.
  template <class Visit>
  void for_each_element(Visit&& visit, bool pad = true) {
    const std::int64_t size = s_.out.element_bytes();
    std::int64_t home = 0;
    for (const auto& range : tile_ranges(s_.out, tile_)) {
      for (std::int64_t at = range.from; at < range.to; at += size, home += size) {
        const std::int64_t flat = s_.out.element(at);
        if (flat < 0) {
          if (pad) std::fill_n(result_.subspan(static_cast<std::size_t>(home)).begin(), size, std::byte{0});
        } else {
          visit(flat, home);
        }
      }
    }
  }

  /// The operand's one element for a result; `fallback` where it has none.
  [[nodiscard]] double single(std::size_t operand, std::int64_t flat, double fallback) const {
    double value = fallback;
    for_each_tap(s_, operands_[operand].input(), flat,
                 [&](std::int64_t element, double) { value = operands_[operand].value(element); });
    return value;
  }

  double stage_0(std::int64_t flat, std::int64_t home) {
    switch (s_.kind) {
      case Kind::map:
        return map(flat);
      case Kind::sum:
        return weighted_sum(flat);
      case Kind::reduce:
        return reduced(flat, home);
      case Kind::pool:
        return pool(flat);
      case Kind::norm:
        return scaled(flat,
                      (single(0, flat, 0) - single(3, flat, 0)) / std::sqrt(single(4, flat, 0) + s_.epsilon));
      default:
        throw InternalError("a grouped operator works on groups");
    }
  }

  /// The taps of a resize, one axis after the other, the first one first: sums are those of the reference.
  double weighted_sum(std::int64_t flat) {
    values_.clear();
    for_each_tap(s_, operands_[0].input(), flat,
                 [&](std::int64_t element, double) { values_.push_back(operands_[0].value(element)); });
    std::int64_t stride = 1;
    std::vector<std::int64_t> index(s_.axes.size());
    for (std::size_t d = s_.axes.size(); d-- > 0;) {
      index[d] = flat / stride % s_.axes[d];
      stride *= s_.axes[d];
    }
    // The first axis' taps vary fastest in `values_`.
    for (std::size_t d = 0; d < s_.axes.size(); ++d) {
      const AxisMap& axis = s_.inputs[0].axes[d];
      if (axis.taps == 1) continue;
      const auto taps = static_cast<std::size_t>(axis.taps);
      const double* weight = axis.weights.data() + index[d] * axis.taps;
      for (std::size_t i = 0; i * taps < values_.size(); ++i) {
        double sum = 0;
        for (std::size_t t = 0; t < taps; ++t) sum += weight[t] * values_[i * taps + t];
        values_[i] = sum;
      }
      values_.resize(values_.size() / taps);
    }
    return values_.at(0);
  }

  double map(std::int64_t flat) {
    if (s_.function) {
      values_.clear();
      for (std::int64_t i = 0; i < s_.main_inputs; ++i) {
        values_.push_back(single(static_cast<std::size_t>(i), flat, 0));
      }
      return passes::exact_value(*s_.function, values_, s_.type);
    }
    for (std::int64_t i = 0; i < s_.main_inputs; ++i) {
      const auto operand = static_cast<std::size_t>(i);
      bool found = false;
      double value = 0;
      for_each_tap(s_, operands_[operand].input(), flat, [&](std::int64_t element, double) {
        value = operands_[operand].value(element);
        found = true;
      });
      if (found) return value;
    }
    return s_.fill;
  }

  /// The reduction of this part's elements, on top of the parts before.
  double partial(std::int64_t flat, std::int64_t home) const {
    const bool largest = s_.reduce == ir::ReduceKind::max;
    double result = largest ? -std::numeric_limits<double>::infinity() : 0;
    if (!carried_.empty()) result = carried(carried_.data() + accumulator(home));
    const ByteRange part = reduced_part(s_, tile_);
    for_each_tap(s_, operands_[0].input(), flat, [&](std::int64_t first, double) {
      for (std::int64_t r = part.from; r < part.to; ++r) {
        std::int64_t rest = r, element = first;
        for (std::size_t d = s_.reduced.size(); d-- > 0;) {
          element += rest % s_.reduced[d].first * s_.reduced[d].second;
          rest /= s_.reduced[d].first;
        }
        const double value = operands_[0].value(element);
        result = largest ? std::max(result, value) : result + value;
      }
    });
    return result;
  }
  double reduced(std::int64_t flat, std::int64_t home) const {
    const double result = partial(flat, home);
    if (s_.reduce != ir::ReduceKind::mean) return result;
    std::int64_t count = 1;
    for (const auto& axis : s_.reduced) count *= axis.first;
    return result / static_cast<double>(count);
  }

  /// Parts of a reduction leave accumulators of 4 bytes: fp32, or the integers' sums.
  void carry() {
    for_each_element(
        [&](std::int64_t flat, std::int64_t home) {
          std::byte* to = result_.data() + accumulator(home);
          const double value = partial(flat, home);
          if (s_.out.dtype == ir::DType::i8) {
            store_as(to, static_cast<std::int32_t>(std::ldexp(value, -static_cast<int>(exponent()))));
          } else {
            store_as(to, static_cast<float>(value));
          }
        },
        false);
  }
  [[nodiscard]] std::int64_t accumulator(std::int64_t home) const {
    return home / s_.out.element_bytes() * 4;
  }
  [[nodiscard]] double carried(const std::byte* at) const {
    if (s_.out.dtype != ir::DType::i8) return static_cast<double>(load_as<float>(at));
    return std::ldexp(static_cast<double>(load_as<std::int32_t>(at)), static_cast<int>(exponent()));
  }
  [[nodiscard]] std::int64_t exponent() const { return s_.inputs[0].exponent; }

  double pool(std::int64_t flat) const {
    const BlockShape& in = s_.inputs[0].order.shape;
    const BlockShape& out = s_.out.shape;
    const ir::Window& w = s_.window;
    const std::int64_t plane = flat / (out.h * out.w) * in.h * in.w;
    const std::int64_t y0 = flat / out.w % out.h * w.stride.h - w.pad.top;
    const std::int64_t x0 = flat % out.w * w.stride.w - w.pad.left;
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    std::int64_t count = 0;
    for (std::int64_t ky = 0; ky < w.kernel.h; ++ky) {
      const std::int64_t y = y0 + ky * w.dilation.h;
      for (std::int64_t kx = 0; kx < w.kernel.w; ++kx) {
        const std::int64_t x = x0 + kx * w.dilation.w;
        if (y >= 0 && y < in.h && x >= 0 && x < in.w) {
          const double value = operands_[0].value(plane + y * in.w + x);
          sum += value;
          largest = std::max(largest, value);
          ++count;
        } else if (s_.count_include_pad && y < in.h + w.pad.bottom - s_.rounding.h &&
                   x < in.w + w.pad.right - s_.rounding.w) {
          ++count;
        }
      }
    }
    if (!s_.average) return largest;
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }

  /// Scale and bias of a normalised element.
  [[nodiscard]] double scaled(std::int64_t flat, double value) const {
    if (s_.main_inputs > 1) value *= single(1, flat, 1);
    if (s_.main_inputs > 2) value += single(2, flat, 0);
    return value;
  }

  /// An element of a tile that is normalised as a whole.
  struct Member {
    std::int64_t group, flat, home;
    double value;
  };

  void run_groups() {
    std::vector<Member> members;
    for_each_element([&](std::int64_t flat, std::int64_t home) {
      members.push_back({group_of(flat), flat, home, single(0, flat, 0)});
    });
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
      return std::pair(a.group, a.flat) < std::pair(b.group, b.flat);
    });
    std::int64_t together = 1;
    for (const std::int64_t axis : s_.grouped) together *= s_.axes[static_cast<std::size_t>(axis)];
    for (std::size_t from = 0; from < members.size();) {
      std::size_t to = from;
      while (to < members.size() && members[to].group == members[from].group) ++to;
      ensure(static_cast<std::int64_t>(to - from) == together,
             "a tile holds all that is normalised together");
      const auto group = std::span(members).subspan(from, to - from);
      s_.kind == Kind::softmax ? softmax(group) : normalise(group);
      from = to;
    }
    for (const Member& member : members) {
      const double value = s_.kind == Kind::norm ? scaled(member.flat, member.value) : member.value;
      finish(member.flat, member.home, value);
    }
  }

  [[nodiscard]] std::int64_t group_of(std::int64_t flat) const {
    std::int64_t stride = 1, group = 0;
    for (std::size_t d = s_.axes.size(); d-- > 0;) {
      const bool grouped =
          std::find(s_.grouped.begin(), s_.grouped.end(), static_cast<std::int64_t>(d)) != s_.grouped.end();
      if (!grouped) group += flat / stride % s_.axes[d] * stride;
      stride *= s_.axes[d];
    }
    return group;
  }

  static void softmax(std::span<Member> group) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const Member& member : group) largest = std::max(largest, member.value);
    for (Member& member : group) sum += member.value = std::exp(member.value - largest);
    for (Member& member : group) member.value /= sum;
  }

  void normalise(std::span<Member> group) const {
    const auto count = static_cast<double>(group.size());
    double sum = 0, squares = 0;
    for (const Member& member : group) sum += member.value;
    const double mean = sum / count;
    for (const Member& member : group) squares += (member.value - mean) * (member.value - mean);
    const double root = std::sqrt(squares / count + s_.epsilon);
    for (Member& member : group) member.value = (member.value - mean) / root;
  }

  /// Rounds stage 0, applies the steps and writes the element.
  void finish(std::int64_t flat, std::int64_t home, double value) {
    value = rounded(value, s_.exponent);
    std::int64_t exponent = s_.exponent;
    for (const auto& step : s_.steps) {
      std::array<double, 2> values = {value, 0};
      if (step.input >= 0) values[1] = single(static_cast<std::size_t>(step.input), flat, 0);
      value = rounded(
          passes::exact_value(step.op, std::span(values).first(step.input >= 0 ? 2 : 1), s_.result_type),
          step.exponent);
      exponent = step.exponent;
    }
    ensure(home + s_.out.element_bytes() <= std::ssize(result_), "a tile's results fit in its slot");
    put_number(result_.data() + home, s_.out.dtype, exponent, value);
  }

  [[nodiscard]] double rounded(double value, std::int64_t exponent) const {
    if (!reference::is_real(s_.result_type)) return passes::round_to(value, s_.result_type);
    switch (s_.out.dtype) {
      case ir::DType::f16:
        return static_cast<double>(round_to_half(static_cast<float>(value)));
      case ir::DType::i8: {
        const auto e = static_cast<int>(exponent);
        return reference::dequantize(reference::quantize(value, e), e);
      }
      default:
        return static_cast<double>(static_cast<float>(value));
    }
  }

  const StreamSetting& s_;
  StreamTile tile_;
  std::vector<Operand> operands_;
  std::span<const std::byte> carried_;  ///< accumulators of the parts before
  std::span<std::byte> result_;
  std::vector<double> values_;
};

}  // namespace

void stream(const Execution& e, const StreamSetting& setting) { StreamTileRun(e, setting).run(); }

}  // namespace npusim::ascend310
