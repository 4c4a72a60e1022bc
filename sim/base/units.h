// Unit types: a name says the role, the type says the unit.
#pragma once

#include <compare>
#include <cstdint>

namespace npusim {

/// An integer amount of one unit. Different units do not mix; scaling by a plain integer is allowed.
template <class Tag>
class Quantity {
 public:
  using rep = std::int64_t;
  constexpr Quantity() = default;
  constexpr explicit Quantity(rep count) : count_(count) {}
  /// The plain number, for formulas and output.
  [[nodiscard]] constexpr rep count() const { return count_; }
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity other) { return count_ += other.count_, *this; }
  constexpr Quantity& operator-=(Quantity other) { return count_ -= other.count_, *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.count_ + b.count_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.count_ - b.count_); }
  friend constexpr Quantity operator*(Quantity a, rep factor) { return Quantity(a.count_ * factor); }

 private:
  rep count_ = 0;
};

using Cycles = Quantity<struct CyclesTag>;  ///< cycles of the chip's main clock
using Bytes = Quantity<struct BytesTag>;
using Macs = Quantity<struct MacsTag>;  ///< multiply-accumulate operations

/// A time later than any simulated one: "never".
inline constexpr Cycles kNever{INT64_MAX / 4};

/// ceil(a / b) for a >= 0, b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
/// The smallest multiple of `b` that is at least `a` (a >= 0, b > 0).
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

/// floor(a * b / c) without overflow of the product (a, b >= 0, c > 0).
constexpr std::int64_t mul_div(std::int64_t a, std::int64_t b, std::int64_t c) {
  __extension__ using Wide = __int128;
  return static_cast<std::int64_t>(static_cast<Wide>(a) * b / c);
}

}  // namespace npusim
