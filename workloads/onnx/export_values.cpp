#include "workloads/onnx/export_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "sim/base/error.h"

namespace npusim::onnx {

namespace {

/// Appends the bytes of a value, little-endian as ONNX's raw_data is.
template <class T>
void append(std::string& bytes, T value) {
  static_assert(std::endian::native == std::endian::little,
                "raw_data is written in the machine's byte order");
  char buffer[sizeof(T)];
  std::memcpy(buffer, &value, sizeof(T));
  bytes.append(buffer, sizeof(T));
}

/// IEEE 754 binary16, rounded to nearest even.
std::uint16_t half(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  if (std::isnan(value)) return sign | 0x7E00;
  if (magnitude >= 65520) return sign | 0x7C00;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude in [2^(exponent-1), 2^exponent)
  const int unit = std::max(exponent - 11, -24);
  const auto steps = static_cast<std::uint16_t>(std::nearbyint(std::ldexp(magnitude, -unit)));
  // A normal number has 1024 <= steps <= 2048 and counts on from its exponent; a subnormal one is its steps.
  return static_cast<std::uint16_t>(sign + (unit + 24) * 1024 + steps);
}

/// The upper half of the float, rounded to nearest even.
std::uint16_t bfloat(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

void append(std::string& bytes, ir::DType dtype, double value) {
  switch (dtype) {
    case ir::DType::f32:
      return append(bytes, static_cast<float>(value));
    case ir::DType::f16:
      return append(bytes, half(value));
    case ir::DType::bf16:
      return append(bytes, bfloat(value));
    case ir::DType::i8:
      return append(bytes, static_cast<std::int8_t>(value));
    case ir::DType::u8:
      return append(bytes, static_cast<std::uint8_t>(value));
    case ir::DType::i16:
      return append(bytes, static_cast<std::int16_t>(value));
    case ir::DType::i32:
      return append(bytes, static_cast<std::int32_t>(value));
    case ir::DType::i64:
      return append(bytes, static_cast<std::int64_t>(value));
    case ir::DType::boolean:
      return append(bytes, static_cast<std::uint8_t>(value != 0));
  }
  throw InternalError("unknown element type");
}

}  // namespace

::onnx::TensorProto_DataType onnx_type(ir::DType type) {
  switch (type) {
    case ir::DType::f32:
      return ::onnx::TensorProto_DataType_FLOAT;
    case ir::DType::f16:
      return ::onnx::TensorProto_DataType_FLOAT16;
    case ir::DType::bf16:
      return ::onnx::TensorProto_DataType_BFLOAT16;
    case ir::DType::i8:
      return ::onnx::TensorProto_DataType_INT8;
    case ir::DType::u8:
      return ::onnx::TensorProto_DataType_UINT8;
    case ir::DType::i16:
      return ::onnx::TensorProto_DataType_INT16;
    case ir::DType::i32:
      return ::onnx::TensorProto_DataType_INT32;
    case ir::DType::i64:
      return ::onnx::TensorProto_DataType_INT64;
    case ir::DType::boolean:
      return ::onnx::TensorProto_DataType_BOOL;
  }
  throw InternalError("unknown element type");
}

void describe(::onnx::TensorProto& out, const std::string& name, ir::DType dtype, const ir::Shape& shape) {
  out.set_name(name);
  out.set_data_type(onnx_type(dtype));
  for (const std::int64_t size : shape) out.add_dims(size);
}

void embed(::onnx::TensorProto& out, ir::DType dtype, const std::vector<double>& values) {
  std::string& bytes = *out.mutable_raw_data();
  bytes.reserve(values.size() * static_cast<std::size_t>(ir::size_of(dtype)));
  for (const double value : values) append(bytes, dtype, value);
}

void embed_random(::onnx::TensorProto& out, ir::DType dtype, std::int64_t count, double low, double high,
                  Rng& rng) {
  std::string& bytes = *out.mutable_raw_data();
  bytes.reserve(static_cast<std::size_t>(count * ir::size_of(dtype)));
  const bool real = dtype == ir::DType::f32 || dtype == ir::DType::f16 || dtype == ir::DType::bf16;
  const bool index = dtype == ir::DType::i64 || dtype == ir::DType::boolean;
  const std::int64_t offset = dtype == ir::DType::u8 ? 0 : -8;
  for (std::int64_t i = 0; i < count; ++i) {
    const double unit = static_cast<double>(rng.next() >> 11U) * 0x1p-53;
    const double integer = index ? 0 : static_cast<double>(offset) + std::floor(unit * 16);
    append(bytes, dtype, real ? low + unit * (high - low) : integer);
  }
}

}  // namespace npusim::onnx
