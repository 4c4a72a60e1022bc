#include "workloads/reference/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/half.h"
#include "workloads/passes/evaluate.h"

namespace npusim::reference {

namespace {

float round_to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return value;
  return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
}

/// A number as a real type holds it. Through fp32, as all hardware does it that accumulates in fp32.
float round_real(double value, ir::DType type) {
  const auto single = static_cast<float>(value);
  if (type == ir::DType::f16) return round_to_half(single);
  return type == ir::DType::bf16 ? round_to_bfloat(single) : single;
}

}  // namespace

bool is_real(ir::DType type) {
  return type == ir::DType::f32 || type == ir::DType::f16 || type == ir::DType::bf16;
}

std::vector<double> Value::doubles() const {
  if (is_real(dtype)) return {reals.begin(), reals.end()};
  return {integers.begin(), integers.end()};
}

Value make_value(ir::DType dtype, ir::Shape shape, const std::vector<double>& numbers) {
  ensure(static_cast<std::int64_t>(numbers.size()) == ir::elements(shape),
         fmt::format("{} numbers for a tensor of {}", numbers.size(), ir::to_string(shape)));
  Value value{dtype, std::move(shape), {}, {}};
  if (is_real(dtype)) {
    value.reals.resize(numbers.size());
    std::transform(numbers.begin(), numbers.end(), value.reals.begin(),
                   [dtype](double number) { return round_real(number, dtype); });
  } else {
    value.integers.resize(numbers.size());
    std::transform(numbers.begin(), numbers.end(), value.integers.begin(),
                   [dtype](double number) { return passes::to_integer(passes::round_to(number, dtype)); });
  }
  return value;
}

Value converted(const Value& value, ir::DType dtype) {
  return value.dtype == dtype ? value : make_value(dtype, value.shape, value.doubles());
}

void set(Values& values, ir::TensorId id, Value value) {
  const auto index = static_cast<std::size_t>(id);
  if (values.size() <= index) values.resize(index + 1);
  values[index] = std::move(value);
}

const Value* find(const Values& values, ir::TensorId id) {
  const auto index = static_cast<std::size_t>(id);
  return id != ir::kNoTensor && index < values.size() && values[index] ? &*values[index] : nullptr;
}

Difference compare(const Value& expected, const Value& actual) {
  ensure(expected.shape == actual.shape,
         fmt::format("compared tensors are {} and {}", ir::to_string(expected.shape),
                     ir::to_string(actual.shape)));
  Difference result;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double wanted = expected.at(i), given = actual.at(i);
    if (std::isfinite(wanted)) result.peak = std::max(result.peak, std::abs(wanted));
    if (wanted == given || (std::isnan(wanted) && std::isnan(given))) continue;
    const double error = std::abs(given - wanted);
    const double distance = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    if (result.first < 0) result.first = static_cast<std::int64_t>(i);
    if (distance > result.max_abs) {
      result.max_abs = distance;
      result.worst = static_cast<std::int64_t>(i);
    }
  }
  return result;
}

std::string coordinates_text(std::int64_t index, const ir::Shape& shape) {
  if (index < 0) return "nowhere";
  ir::Shape at(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    at[i] = index % shape[i];
    index /= shape[i];
  }
  return fmt::format("[{}]", fmt::join(at, ","));
}

}  // namespace npusim::reference
