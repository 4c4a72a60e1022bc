#include "workloads/onnx/tensor_values.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "sim/base/error.h"
#include "workloads/importing/half.h"

namespace npusim::onnx {

namespace {

using Type = ::onnx::TensorProto;

using importing::bfloat_to_double;
using importing::half_to_double;

/// `raw` (little-endian) as elements of type T, each through `convert`.
template <class T, class Convert>
std::vector<double> from_raw(const std::string& raw, Convert convert) {
  std::vector<double> values(raw.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T element{};
    std::memcpy(&element, raw.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(element);
  }
  return values;
}

template <class T>
std::vector<double> from_raw(const std::string& raw) {
  return from_raw<T>(raw, [](T element) { return static_cast<double>(element); });
}

template <class Field>
std::vector<double> from_field(const Field& field) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(field.size()));
  for (const auto element : field) values.push_back(static_cast<double>(element));
  return values;
}

std::vector<double> raw_values(const Type& tensor) {
  const std::string& raw = tensor.raw_data();
  switch (tensor.data_type()) {
    case Type::FLOAT:
      return from_raw<float>(raw);
    case Type::DOUBLE:
      return from_raw<double>(raw);
    case Type::FLOAT16:
      return from_raw<std::uint16_t>(raw, half_to_double);
    case Type::BFLOAT16:
      return from_raw<std::uint16_t>(raw, bfloat_to_double);
    case Type::INT8:
      return from_raw<std::int8_t>(raw);
    case Type::UINT8:
    case Type::BOOL:
      return from_raw<std::uint8_t>(raw);
    case Type::INT16:
      return from_raw<std::int16_t>(raw);
    case Type::UINT16:
      return from_raw<std::uint16_t>(raw);
    case Type::INT32:
      return from_raw<std::int32_t>(raw);
    case Type::UINT32:
      return from_raw<std::uint32_t>(raw);
    case Type::INT64:
      return from_raw<std::int64_t>(raw);
    case Type::UINT64:
      return from_raw<std::uint64_t>(raw);
    default:
      return {};
  }
}

/// int32_data holds the small integers, and the bits of the half floats.
std::vector<double> int32_values(const Type& tensor) {
  std::vector<double> values = from_field(tensor.int32_data());
  const auto bits = [](double value) {
    return static_cast<std::uint16_t>(static_cast<std::uint32_t>(static_cast<std::int32_t>(value)));
  };
  for (double& value : values) {
    if (tensor.data_type() == Type::FLOAT16) value = half_to_double(bits(value));
    if (tensor.data_type() == Type::BFLOAT16) value = bfloat_to_double(bits(value));
  }
  return values;
}

std::vector<double> typed_values(const Type& tensor) {
  switch (tensor.data_type()) {
    case Type::FLOAT:
      return from_field(tensor.float_data());
    case Type::DOUBLE:
      return from_field(tensor.double_data());
    case Type::INT64:
      return from_field(tensor.int64_data());
    case Type::UINT32:
    case Type::UINT64:
      return from_field(tensor.uint64_data());
    default:
      return int32_values(tensor);
  }
}

}  // namespace

std::optional<ir::DType> dtype_of(std::int32_t onnx_type) {
  using ir::DType;
  switch (onnx_type) {
    case Type::FLOAT:
    case Type::DOUBLE:
      return DType::f32;
    case Type::FLOAT16:
      return DType::f16;
    case Type::BFLOAT16:
      return DType::bf16;
    case Type::UINT8:
    case 17:  // the four float8 formats
    case 18:
    case 19:
    case 20:
      return DType::u8;
    case Type::INT8:
      return DType::i8;
    case Type::INT16:
    case Type::UINT16:
      return DType::i16;
    case Type::INT32:
    case Type::UINT32:
      return DType::i32;
    case Type::INT64:
    case Type::UINT64:
      return DType::i64;
    case Type::BOOL:
      return DType::boolean;
    default:
      return std::nullopt;
  }
}

std::string type_name(std::int32_t onnx_type) {
  constexpr std::array kNames{"undefined",      "float",    "uint8",        "int8",           "uint16",
                              "int16",          "int32",    "int64",        "string",         "bool",
                              "float16",        "double",   "uint32",       "uint64",         "complex64",
                              "complex128",     "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
                              "float8e5m2fnuz", "uint4",    "int4",         "float4e2m1"};
  const auto index = static_cast<std::size_t>(onnx_type);
  return fmt::format("{} ({})", onnx_type >= 0 && index < kNames.size() ? kNames.at(index) : "unknown",
                     onnx_type);
}

std::optional<std::vector<double>> values_of(const Type& tensor, std::int64_t count) {
  if (count > ir::kMaxConstant || tensor.data_location() == Type::EXTERNAL || !dtype_of(tensor.data_type())) {
    return std::nullopt;
  }
  const bool absent = !tensor.has_raw_data() && typed_values(tensor).empty();
  if (absent && count != 0) return std::nullopt;
  return all_values(tensor, count);
}

std::vector<double> all_values(const Type& tensor, std::int64_t count) {
  std::vector<double> values = tensor.has_raw_data() ? raw_values(tensor) : typed_values(tensor);
  if (static_cast<std::int64_t>(values.size()) != count) {
    throw UserError(fmt::format("tensor '{}' holds {} values, expected {} elements of type {}", tensor.name(),
                                values.size(), count, type_name(tensor.data_type())));
  }
  return values;
}

}  // namespace npusim::onnx
