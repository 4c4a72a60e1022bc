#include "workloads/tflite/tensor_info.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "sim/base/error.h"
#include "workloads/importing/half.h"
#include "workloads/importing/limits.h"

namespace npusim::tflite {

namespace {

using format::TensorType;
using ir::DType;

std::string label(const ModelFile& file, std::int32_t index) {
  const auto* name = file.tensor(index).name();
  return name == nullptr || name->size() == 0 ? fmt::format("tensor {}", index)
                                              : fmt::format("tensor {} ('{}')", index, name->str());
}

[[noreturn]] void fail(const ModelFile& file, std::int32_t index, const std::string& what) {
  file.fail(fmt::format("{}: {}", label(file, index), what));
}

std::optional<DType> dtype_of(TensorType type) {
  switch (type) {
    case TensorType::FLOAT32:
      return DType::f32;
    case TensorType::FLOAT16:
      return DType::f16;
    case TensorType::BFLOAT16:
      return DType::bf16;
    case TensorType::INT4:  // kept in bytes, as TFLite's kernels unpack it
    case TensorType::INT8:
      return DType::i8;
    case TensorType::UINT8:
      return DType::u8;
    case TensorType::INT16:
      return DType::i16;
    case TensorType::INT32:
      return DType::i32;
    case TensorType::INT64:
      return DType::i64;
    case TensorType::BOOL:
      return DType::boolean;
    default:
      return std::nullopt;
  }
}

ir::Shape shape_of(const ModelFile& file, std::int32_t index) {
  ir::Shape shape;
  const auto* dims = file.tensor(index).shape();
  for (flatbuffers::uoffset_t i = 0; dims != nullptr && i < dims->size(); ++i) shape.push_back(dims->Get(i));
  for (const std::int64_t size : shape) {
    if (size < 0) fail(file, index, fmt::format("a dimension is {}; expected at least 0", size));
  }
  constexpr std::size_t kMaxRank = 8;
  if (shape.size() > kMaxRank) {
    fail(file, index, fmt::format("has {} dimensions; expected at most {}", shape.size(), kMaxRank));
  }
  importing::check_size(shape, fmt::format("{}: {}", file.path(), label(file, index)));
  return shape;
}

/// Scales and zero points of an integer tensor; nullopt where there are none.
std::optional<ir::IntegerStorage> storage_of(const ModelFile& file, std::int32_t index, DType dtype,
                                             const ir::Shape& shape) {
  const auto* quantization = file.tensor(index).quantization();
  if (quantization == nullptr) return std::nullopt;
  if (quantization->details_type() != 0) {
    fail(file, index, "is quantised by blocks or in a custom way; expected scales by tensor or by channel");
  }
  const auto* scales = quantization->scale();
  if (scales == nullptr || scales->size() == 0) return std::nullopt;
  ir::IntegerStorage storage{dtype, {scales->begin(), scales->end()}, {}, 0};
  for (const double scale : storage.scales) {
    if (scale > 0 && std::isfinite(scale)) continue;
    if (dtype == DType::i32 || dtype == DType::i64) return std::nullopt;  // integers after all
    fail(file, index, fmt::format("a scale is {}; expected a positive number", scale));
  }
  if (scales->size() > 1) {
    storage.axis = quantization->quantized_dimension();
    const bool fits = storage.axis >= 0 && storage.axis < static_cast<std::int64_t>(shape.size()) &&
                      shape[static_cast<std::size_t>(storage.axis)] == scales->size();
    if (!fits) {
      fail(file, index,
           fmt::format("has {} scales along axis {} of {}; expected one, or one for each index",
                       scales->size(), storage.axis, ir::to_string(shape)));
    }
  }
  const auto* zeros = quantization->zero_point();
  const std::uint32_t count = zeros == nullptr ? 0 : zeros->size();
  if (count > 1 && count != scales->size()) {
    fail(file, index, fmt::format("has {} scales, but {} zero points", scales->size(), count));
  }
  for (std::uint32_t i = 0; i < scales->size(); ++i) {
    storage.zero_points.push_back(count == 0 ? 0 : zeros->Get(count == 1 ? 0 : i));
  }
  return storage;
}

template <class T, class Convert>
std::vector<double> elements(std::span<const std::uint8_t> bytes, std::size_t count, Convert convert) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    T element{};
    std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(element);
  }
  return values;
}

template <class T>
std::vector<double> elements(std::span<const std::uint8_t> bytes, std::size_t count) {
  return elements<T>(bytes, count, [](T element) { return static_cast<double>(element); });
}

/// Two elements a byte, the first in the lower half.
std::vector<double> nibbles(std::span<const std::uint8_t> bytes, std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned half = i % 2 == 0 ? bytes[i / 2] & 0xFU : bytes[i / 2] >> 4U;
    values[i] = half < 8 ? static_cast<double>(half) : static_cast<double>(half) - 16;
  }
  return values;
}

std::vector<double> raw_values(TensorType type, std::span<const std::uint8_t> bytes, std::size_t count) {
  switch (type) {
    case TensorType::FLOAT32:
      return elements<float>(bytes, count);
    case TensorType::FLOAT16:
      return elements<std::uint16_t>(bytes, count, importing::half_to_double);
    case TensorType::BFLOAT16:
      return elements<std::uint16_t>(bytes, count, importing::bfloat_to_double);
    case TensorType::INT4:
      return nibbles(bytes, count);
    case TensorType::INT8:
      return elements<std::int8_t>(bytes, count);
    case TensorType::INT16:
      return elements<std::int16_t>(bytes, count);
    case TensorType::INT32:
      return elements<std::int32_t>(bytes, count);
    case TensorType::INT64:
      return elements<std::int64_t>(bytes, count);
    default:  // UINT8 and BOOL
      return elements<std::uint8_t>(bytes, count);
  }
}

void dequantize(const ir::IntegerStorage& storage, const ir::Shape& shape, std::vector<double>& values) {
  // Elements from one index of the axis to the next, and indices.
  std::size_t inner = 1;
  const std::size_t count = storage.scales.size();
  for (std::size_t i = static_cast<std::size_t>(storage.axis) + 1; count > 1 && i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t channel = count == 1 ? 0 : i / inner % count;
    values[i] = (values[i] - static_cast<double>(storage.zero_points[channel])) * storage.scales[channel];
  }
}

}  // namespace

TensorInfo describe(const ModelFile& file, std::int32_t index) {
  const format::Tensor& tensor = file.tensor(index);
  TensorInfo info;
  info.name = tensor.name() == nullptr || tensor.name()->size() == 0 ? fmt::format("tensor_{}", index)
                                                                     : tensor.name()->str();
  info.shape = shape_of(file, index);
  info.open.resize(info.shape.size(), false);
  if (const auto* signature = tensor.shape_signature();
      signature != nullptr && signature->size() == info.shape.size()) {
    for (std::uint32_t i = 0; i < signature->size(); ++i) info.open[i] = signature->Get(i) == -1;
  }
  info.dtype = dtype_of(tensor.type());
  const bool integer = info.dtype && *info.dtype != DType::f32 && *info.dtype != DType::f16 &&
                       *info.dtype != DType::bf16 && *info.dtype != DType::boolean;
  if (integer) info.storage = storage_of(file, index, *info.dtype, info.shape);
  if (info.storage) info.dtype = DType::f32;
  return info;
}

std::string type_name(const ModelFile& file, std::int32_t index) {
  const TensorType type = file.tensor(index).type();
  const std::string name = format::EnumNameTensorType(type);
  return name.empty() ? fmt::format("type {}", static_cast<int>(type)) : name;
}

bool has_values(const ModelFile& file, std::int32_t index) { return !file.data(index).empty(); }

std::vector<double> values_of(const ModelFile& file, std::int32_t index, const TensorInfo& info) {
  const TensorType type = file.tensor(index).type();
  const auto dtype = dtype_of(type);
  if (!dtype) fail(file, index, fmt::format("has values of the type {}", type_name(file, index)));
  if (file.tensor(index).sparsity() != nullptr) {
    fail(file, index, "is sparse; npusim reads the values of dense tensors only");
  }
  const auto bytes = file.data(index);
  const auto count = static_cast<std::size_t>(ir::elements(info.shape));
  const std::size_t needed =
      type == TensorType::INT4 ? (count + 1) / 2 : count * static_cast<std::size_t>(ir::size_of(*dtype));
  if (bytes.size() < needed) {
    fail(file, index,
         fmt::format("{} of type {} needs {} bytes, but its buffer has {}", ir::to_string(info.shape),
                     type_name(file, index), needed, bytes.size()));
  }
  std::vector<double> values = raw_values(type, bytes, count);
  if (info.storage) dequantize(*info.storage, info.shape, values);
  return values;
}

}  // namespace npusim::tflite
