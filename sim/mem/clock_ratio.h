// Exact integer conversion between two clocks, and division by a constant known only at run time. No doubles.
#pragma once

#include <cstdint>

namespace npusim::mem {

/// Division by a fixed positive divisor through one multiplication: about a fifth of the cost of a divide
/// instruction.
class Divider {
 public:
  explicit Divider(std::int64_t divisor = 1)
      : divisor_(static_cast<std::uint64_t>(divisor)), reciprocal_(UINT64_MAX / divisor_) {}

  [[nodiscard]] std::int64_t divisor() const { return static_cast<std::int64_t>(divisor_); }

  /// floor(n / divisor) for n >= 0.
  [[nodiscard]] std::int64_t floor(std::int64_t n) const {
    __extension__ using Wide = unsigned __int128;
    const auto value = static_cast<std::uint64_t>(n);
    // The estimate is exact or one too small, because reciprocal_ errs by less than one part in 2^64.
    auto estimate = static_cast<std::uint64_t>((static_cast<Wide>(value) * reciprocal_) >> 64U);
    if (value - estimate * divisor_ >= divisor_) ++estimate;
    return static_cast<std::int64_t>(estimate);
  }
  /// ceil(n / divisor) for n >= 0.
  [[nodiscard]] std::int64_t ceil(std::int64_t n) const {
    return floor(n + static_cast<std::int64_t>(divisor_) - 1);
  }

 private:
  std::uint64_t divisor_;
  std::uint64_t reciprocal_;
};

/// Converts counts of one clock's edges to another's, both with an edge at time zero.
class ClockRatio {
 public:
  /// Throws UserError when the reduced ratio does not fit (the product of both terms must be below 2^62).
  ClockRatio(std::int64_t from_hz, std::int64_t to_hz);

  /// The first edge of the target clock not earlier than edge `n` of the source: ceil(n * to / from),
  /// exactly, for every n whose result is below 2^62.
  [[nodiscard]] std::int64_t convert(std::int64_t n) const {
    const std::int64_t whole = from_.floor(n);
    const std::int64_t rest = n - whole * from_.divisor();
    return whole * to_ + from_.ceil(rest * to_);
  }
  /// The last edge of the target clock not later than edge `n` of the source: floor(n * to / from).
  [[nodiscard]] std::int64_t convert_down(std::int64_t n) const {
    const std::int64_t whole = from_.floor(n);
    const std::int64_t rest = n - whole * from_.divisor();
    return whole * to_ + from_.floor(rest * to_);
  }

 private:
  Divider from_;
  std::int64_t to_ = 1;
};

}  // namespace npusim::mem
