#include "hw_models/vpu/clocked/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/half.h"
#include "sim/base/units.h"

namespace npusim::vpu::clocked {

namespace {

constexpr std::int64_t kTableEntry = 16;  ///< bytes behind an output channel's weights
constexpr std::int64_t kPair = 4;         ///< channels whose products are added first

float load(std::span<const std::byte> bytes, std::int64_t index, float /*type*/) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, &bytes[static_cast<std::size_t>(index * 2)], sizeof bits);
  return half_value(bits);
}
std::int32_t load(std::span<const std::byte> bytes, std::int64_t index, std::int32_t /*type*/) {
  return static_cast<std::int8_t>(std::to_integer<std::uint8_t>(bytes[static_cast<std::size_t>(index)]));
}

/// numerator / denominator, ties to even, as int8.
std::int8_t rounded(std::int64_t numerator, std::int64_t denominator) {
  std::int64_t floor = numerator / denominator;
  if (numerator % denominator < 0) --floor;
  const std::int64_t twice = 2 * (numerator - floor * denominator);
  const bool up = twice > denominator || (twice == denominator && floor % 2 != 0);
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(floor + (up ? 1 : 0), -128, 127));
}

void store(std::span<std::byte> bytes, std::int64_t index, float value, std::int64_t count,
           const WorkloadSetting& s) {
  if (count > 1) value /= static_cast<float>(count);
  if (s.relu != 0) value = std::max(value, 0.0F);
  const std::uint16_t bits = half_bits(value);
  std::memcpy(&bytes[static_cast<std::size_t>(index * 2)], &bits, sizeof bits);
}
void store(std::span<std::byte> bytes, std::int64_t index, std::int32_t value, std::int64_t count,
           const WorkloadSetting& s) {
  std::int8_t result = rounded(value, count << s.shift);
  if (s.relu != 0) result = std::max<std::int8_t>(result, 0);
  bytes[static_cast<std::size_t>(index)] = static_cast<std::byte>(result);
}

template <class T>
class Typed : public Numbers {
 public:
  Typed(const Job& job, const WorkloadSetting& setting, Operands operands)
      : job_(job), s_(setting), io_(std::move(operands)) {
    per_output_ = job.taps * (job.convolves() ? s_.in_c : 1);
    row_bytes_ = round_up(per_output_ * job.bytes, kTableEntry) + kTableEntry;
    const std::int64_t in_bytes = s_.in_w * s_.in_h * s_.in_c * job.bytes;
    const bool weights = job.convolves() || job.op == DpuOp::depthwise;
    ensure(io_.features.size() == (job.op == DpuOp::eltwise ? 2U : 1U), "a workload has its feature maps");
    for (const auto& map : io_.features) ensure(std::ssize(map) == in_bytes, "features are as large as told");
    ensure(std::ssize(io_.weights) == (weights ? row_bytes_ * job.channels : 0),
           "weights are as large as told");
    ensure(std::ssize(io_.result) == job.result_bytes(), "a result is as large as told");
    ensure(s_.kernel_w * s_.kernel_h == job.taps, "a setting has the command's taps");
    accumulators_.resize(static_cast<std::size_t>(job.mode.x * job.mode.y * job.mode.channels));
  }

  void multiply(const Step& step, const Grid& grid, std::int64_t from, std::int64_t count) override {
    const std::int64_t end = std::min(from + count, std::min(job_.in_channels, s_.in_c));
    if (from >= end) return;
    std::array<T, 16 * 16> weights{};  // [output][channel]
    for (std::int64_t o = 0; o < kChannels; ++o) {
      if (step.channel + o >= job_.channels) break;
      const auto row = io_.weights.subspan(static_cast<std::size_t>((step.channel + o) * row_bytes_));
      for (std::int64_t c = from; c < end; ++c)
        weights[static_cast<std::size_t>(o * 16 + c - from)] = load(row, step.tap * s_.in_c + c, T{});
    }
    for (std::int64_t y = step.y; y < std::min(step.y + grid.tile_h, job_.height); ++y) {
      for (std::int64_t x = step.x; x < std::min(step.x + grid.tile_w, job_.width); ++x) {
        const std::int64_t at = feature(x, y, step.tap);
        if (at < 0) continue;
        std::array<T, 16> pixel{};
        for (std::int64_t c = from; c < end; ++c)
          pixel[static_cast<std::size_t>(c - from)] = load(io_.features[0], at + c, T{});
        T* sums = &accumulators_[accumulator(x, y, step.channel)];
        for (std::int64_t o = 0; o < kChannels; ++o)
          add_products(sums[o], &weights[static_cast<std::size_t>(o * 16)], pixel, end - from);
      }
    }
  }

  void finish(const Block& block) override {
    for (std::int64_t y = block.y; y < block.y + block.height; ++y) {
      for (std::int64_t x = block.x; x < block.x + block.width; ++x) {
        for (std::int64_t c = block.channel; c < std::min(block.channel + block.channels, job_.channels);
             ++c) {
          T& sum = accumulators_[accumulator(x, y, c)];
          store(io_.result, (y * job_.width + x) * job_.channels + c, sum + bias(c), 1, s_);
          sum = T{};
        }
      }
    }
  }

  void window(std::int64_t x0, std::int64_t y0, std::int64_t from, std::int64_t count) override {
    for (std::int64_t y = y0; y < std::min(y0 + kSide, job_.height); ++y) {
      for (std::int64_t x = x0; x < std::min(x0 + kSide, job_.width); ++x) {
        for (std::int64_t c = from; c < std::min(from + count, job_.channels); ++c) {
          std::int64_t taps = 1;
          const T value = channel(x, y, c, taps);
          store(io_.result, (y * job_.width + x) * job_.channels + c, value, taps, s_);
        }
      }
    }
  }

  [[nodiscard]] std::int64_t valid_taps() const override {
    std::int64_t valid = 0;
    for (std::int64_t y = 0; y < job_.height; ++y) {
      for (std::int64_t x = 0; x < job_.width; ++x) {
        for (std::int64_t tap = 0; tap < job_.taps; ++tap) valid += feature(x, y, tap) >= 0 ? 1 : 0;
      }
    }
    return valid;
  }

 private:
  /// The element of the features' first channel that a tap sees, or -1 in the padding.
  [[nodiscard]] std::int64_t feature(std::int64_t x, std::int64_t y, std::int64_t tap) const {
    const std::int64_t at_x = x * s_.stride_w - s_.left + tap % s_.kernel_w * s_.dilation_w;
    const std::int64_t at_y = y * s_.stride_h - s_.top + tap / s_.kernel_w * s_.dilation_h;
    if (at_x < 0 || at_y < 0 || at_x >= s_.in_w || at_y >= s_.in_h) return -1;
    return (at_y * s_.in_w + at_x) * s_.in_c;
  }

  [[nodiscard]] std::size_t accumulator(std::int64_t x, std::int64_t y, std::int64_t c) const {
    const Mode& m = job_.mode;
    return static_cast<std::size_t>(((y % m.y) * m.x + x % m.x) * m.channels + c % m.channels);
  }

  [[nodiscard]] T bias(std::int64_t channel) const {
    T value{};
    const std::int64_t at = (channel + 1) * row_bytes_ - kTableEntry;
    std::memcpy(&value, &io_.weights[static_cast<std::size_t>(at)], sizeof value);
    return value;
  }

  static void add_products(T& sum, const T* weights, const std::array<T, 16>& pixel, std::int64_t count) {
    for (std::int64_t c = 0; c < count; c += kPair) {
      std::array<T, 4> p{};
      for (std::int64_t i = 0; i < std::min(kPair, count - c); ++i)
        p[static_cast<std::size_t>(i)] = weights[c + i] * pixel[static_cast<std::size_t>(c + i)];
      sum += (p[0] + p[1]) + (p[2] + p[3]);
    }
  }

  /// A result of a depthwise convolution, pool or sum before it is rounded; `divisor` of a mean.
  T channel(std::int64_t x, std::int64_t y, std::int64_t c, std::int64_t& divisor) const {
    if (job_.op == DpuOp::eltwise) {
      const std::int64_t at = (y * job_.width + x) * s_.in_c + c;
      return load(io_.features[0], at, T{}) + load(io_.features[1], at, T{});
    }
    const bool largest = job_.op == DpuOp::pool && s_.maximum != 0;
    T sum = largest ? std::numeric_limits<T>::lowest() : T{};
    std::int64_t taps = 0;
    for (std::int64_t tap = 0; tap < job_.taps; ++tap) {
      const std::int64_t at = feature(x, y, tap);
      if (at < 0) continue;
      ++taps;
      const T value = load(io_.features[0], at + c, T{});
      if (largest) {
        sum = std::max(sum, value);
      } else if (job_.op == DpuOp::pool) {
        sum += value;
      } else {
        sum += value * load(io_.weights.subspan(static_cast<std::size_t>(c * row_bytes_)), tap, T{});
      }
    }
    if (job_.op == DpuOp::depthwise) return sum + bias(c);
    if (taps == 0) return T{};
    if (!largest) divisor = taps;
    return sum;
  }

  Job job_;
  WorkloadSetting s_;
  Operands io_;
  std::int64_t per_output_ = 0, row_bytes_ = 0;
  std::vector<T> accumulators_;  ///< [row][column][channel] of a block
};

}  // namespace

std::unique_ptr<Numbers> make_numbers(const Job& job, const WorkloadSetting& setting, Operands operands) {
  if (job.bytes == 2) return std::make_unique<Typed<float>>(job, setting, std::move(operands));
  return std::make_unique<Typed<std::int32_t>>(job, setting, std::move(operands));
}

}  // namespace npusim::vpu::clocked
