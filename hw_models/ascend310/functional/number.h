// Elements in the chip's memories.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sim/base/error.h"
#include "sim/base/half.h"
#include "workloads/ir/graph.h"
#include "workloads/passes/evaluate.h"
#include "workloads/reference/quantize.h"

namespace npusim::ascend310 {

template <class T>
T load_as(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <class T>
void store_as(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

/// The real number that the bytes at `at` stand for; `exponent` of an int8.
inline double get_number(const std::byte* at, ir::DType type, std::int64_t exponent) {
  switch (type) {
    case ir::DType::f32:
      return static_cast<double>(load_as<float>(at));
    case ir::DType::f16:
      return static_cast<double>(half_value(load_as<std::uint16_t>(at)));
    case ir::DType::i8:
      return std::ldexp(static_cast<double>(load_as<std::int8_t>(at)), static_cast<int>(exponent));
    case ir::DType::u8:
    case ir::DType::boolean:
      return static_cast<double>(load_as<std::uint8_t>(at));
    case ir::DType::i16:
      return static_cast<double>(load_as<std::int16_t>(at));
    case ir::DType::i32:
      return static_cast<double>(load_as<std::int32_t>(at));
    case ir::DType::i64:
      return static_cast<double>(load_as<std::int64_t>(at));
    default:
      throw InternalError("the Ascend 310 holds no elements of this type");
  }
}

/// Rounds to nearest even and saturates, as the type demands.
inline void put_number(std::byte* at, ir::DType type, std::int64_t exponent, double value) {
  switch (type) {
    case ir::DType::f32:
      return store_as(at, static_cast<float>(value));
    case ir::DType::f16:
      return store_as(at, half_bits(static_cast<float>(value)));
    case ir::DType::i8:
      return store_as(at, static_cast<std::int8_t>(reference::quantize(value, static_cast<int>(exponent))));
    case ir::DType::u8:
    case ir::DType::boolean:
      return store_as(at, static_cast<std::uint8_t>(passes::round_to(value, type)));
    case ir::DType::i16:
      return store_as(at, static_cast<std::int16_t>(passes::round_to(value, type)));
    case ir::DType::i32:
      return store_as(at, static_cast<std::int32_t>(passes::round_to(value, type)));
    case ir::DType::i64:
      return store_as(at, passes::to_integer(value));
    default:
      throw InternalError("the Ascend 310 holds no elements of this type");
  }
}

}  // namespace npusim::ascend310
