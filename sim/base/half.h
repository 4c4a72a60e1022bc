// IEEE 754 binary16, by Eigen: conversions round to nearest, ties to even.
#pragma once

#include <Eigen/Core>
#include <cstdint>

namespace npusim {

/// The bits of the nearest fp16 number; overflow gives an infinity.
inline std::uint16_t half_bits(float value) { return Eigen::half_impl::float_to_half_rtne(value).x; }
/// The value of an fp16 number, exactly.
inline float half_value(std::uint16_t bits) {
  return Eigen::half_impl::half_to_float(Eigen::half_impl::raw_uint16_to_half(bits));
}
/// `value` rounded to fp16.
inline float round_to_half(float value) { return half_value(half_bits(value)); }

}  // namespace npusim
