#include "hw_models/ascend310/clocked/lanes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/half.h"
#include "sim/base/units.h"
#include "workloads/passes/evaluate.h"
#include "workloads/reference/quantize.h"

namespace npusim::ascend310::clocked {

namespace {

constexpr std::int64_t kHalf = 2;   ///< bytes of fp16
constexpr std::int64_t kFloat = 4;  ///< bytes of fp32

template <class T>
T load(std::span<const std::byte> bytes, std::int64_t at) {
  ensure(at >= 0 && at + std::int64_t{sizeof(T)} <= std::ssize(bytes), "lanes read inside their operand");
  T value;
  std::memcpy(&value, &bytes[static_cast<std::size_t>(at)], sizeof value);
  return value;
}

template <class T>
void store(std::span<std::byte> bytes, std::int64_t at, T value) {
  ensure(at >= 0 && at + std::int64_t{sizeof(T)} <= std::ssize(bytes), "lanes write inside their result");
  std::memcpy(&bytes[static_cast<std::size_t>(at)], &value, sizeof value);
}

void store_bytes(std::span<std::byte> to, std::int64_t at, std::span<const std::byte> from) {
  ensure(at >= 0 && at + std::ssize(from) <= std::ssize(to), "lanes write inside their result");
  std::memcpy(&to[static_cast<std::size_t>(at)], from.data(), from.size());
}

const std::span<std::byte>& row_at(const Rows& rows, std::int64_t row) {
  return rows.at(static_cast<std::size_t>(row));
}

std::uint16_t rounded(double value) { return half_bits(static_cast<float>(value)); }

/// A function of fp16 numbers.
std::uint16_t value_of(const ir::ElementwiseAttrs& op, std::span<const double> operands) {
  return rounded(passes::exact_value(op, operands, ir::DType::f16));
}

}  // namespace

Rows rows_of(program::Storage& storage, const program::Region& region) {
  Rows rows;
  program::for_each_run(region, [&](std::int64_t offset) {
    rows.push_back(storage.bytes(region.space, offset, region.bytes));
  });
  return rows;
}

std::vector<std::byte> FunctionLanes::compute(std::int64_t row, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results(static_cast<std::size_t>(count));
  std::array<double, 2> values{};
  for (std::int64_t at = from; at < from + count; at += kHalf) {
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const std::int64_t source = i == 0 ? at / kBlock * block_stride_ * kBlock + at % kBlock : at;
      values.at(i) = half_value(load<std::uint16_t>(row_at(operands_[i], row), source));
    }
    store(std::span(results), at - from, value_of(op_, std::span(values).first(operands_.size())));
  }
  return results;
}

void FunctionLanes::write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) {
  store_bytes(row_at(result_, row), from, results);
}

std::vector<std::byte> ConvertLanes::compute(std::int64_t row, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results(static_cast<std::size_t>(count / 2));
  for (std::int64_t at = 0; at < count; at += kFloat) {
    store(std::span(results), at / 2, half_bits(load<float>(row_at(operand_, row), from + at)));
  }
  return results;
}

void ConvertLanes::write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) {
  store_bytes(row_at(result_, row), from / 2, results);
}

std::vector<std::byte> TransposeLanes::compute(std::int64_t row, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results(static_cast<std::size_t>(count));
  for (std::int64_t at = from; at < from + count; at += kHalf) {
    const std::int64_t i = at % kFractal / kBlock;
    const std::int64_t j = at % kBlock / kHalf;
    const std::int64_t source = at / kFractal * kFractal + j * kBlock + i * kHalf;
    store(std::span(results), at - from, load<std::uint16_t>(row_at(operand_, row), source));
  }
  return results;
}

void TransposeLanes::write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) {
  store_bytes(row_at(result_, row), from, results);
}

std::vector<std::byte> SumLanes::compute(std::int64_t row, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results;
  const auto& operand = row_at(operand_, row);
  for (std::int64_t at = from; at < from + count; at += kHalf) {
    level_.push_back(half_value(load<std::uint16_t>(operand, at)));
    if ((at + kHalf) % kRepeat != 0 && at + kHalf != std::ssize(operand)) continue;
    level_.resize(kRepeat / kHalf);  // masked lanes are zero
    for (std::size_t width = level_.size() / 2; width > 0; width /= 2) {
      for (std::size_t i = 0; i < width; ++i) level_[i] = level_[2 * i] + level_[2 * i + 1];
    }
    results.resize(results.size() + kHalf);
    store(std::span(results), std::ssize(results) - kHalf, half_bits(level_[0]));
    level_.clear();
  }
  return results;
}

void SumLanes::write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) {
  store_bytes(row_at(result_, row), from / kRepeat * kHalf, results);
}

ResultTile::ResultTile(CopyOutSetting setting, std::size_t early, std::int64_t fractals,
                       std::span<std::byte> result, std::span<const std::byte> bias,
                       std::span<const std::byte> residual)
    : setting_(std::move(setting)),
      early_(early),
      result_(result),
      bias_(bias),
      residual_(residual),
      registers_(static_cast<std::size_t>(fractals * kAccumulator)),
      homes_(registers_.size() / kFloat, -1) {
  const std::int64_t size = int8() ? 1 : kHalf;
  const std::int64_t per_block = kBlock / size;
  const std::int64_t columns = fractals / setting_.m * 16;
  std::int64_t first_fractal = 0;
  std::int64_t base = 0;
  for (const std::int64_t pixels : setting_.pixels) {
    for (std::int64_t column = 0; column < columns; ++column) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        const std::int64_t at = ((column / 16 * setting_.m + first_fractal) * 16 + pixel) * 16 + column % 16;
        homes_.at(static_cast<std::size_t>(at)) =
            base + (column / per_block * pixels + pixel) * kBlock + column % per_block * size;
      }
    }
    base += ceil_div(columns, per_block) * pixels * kBlock;
    first_fractal += ceil_div(pixels, 16);
  }
  ensure(first_fractal == setting_.m, "the runs of a result tile fill its fractals");
}

void ResultTile::receive(std::int64_t from, std::span<const std::byte> bytes) {
  store_bytes(registers_, from, bytes);
  if (setting_.first_bias >= 0) return;
  for (std::int64_t i = from / kFloat; i < (from + std::ssize(bytes)) / kFloat; ++i) {
    round(i, int8() ? load<std::int32_t>(registers_, i * kFloat) : load<float>(registers_, i * kFloat));
  }
}

std::int64_t ResultTile::column(std::int64_t element) const {
  return element / (setting_.m * 256) * 16 + element % 16;
}

double ResultTile::biased(std::int64_t element) const {
  const std::int64_t at = (setting_.first_bias + column(element)) * kFloat;
  if (int8()) {
    return static_cast<double>(load<std::int32_t>(registers_, element * kFloat)) +
           load<std::int32_t>(bias_, at);
  }
  return load<float>(registers_, element * kFloat) + load<float>(bias_, at);
}

double ResultTile::real(std::span<const std::byte> from, std::int64_t home, std::int64_t exponent) const {
  if (!int8()) return half_value(load<std::uint16_t>(from, home));
  return reference::dequantize(load<std::int8_t>(from, home), static_cast<int>(exponent));
}

std::int64_t ResultTile::exponent(std::size_t step) const {
  return step == 0 ? setting_.exponent : setting_.steps.at(step - 1).exponent;
}

std::int16_t ResultTile::apply(std::size_t step, double value, std::int64_t home) const {
  const CopyOutStep& what = setting_.steps.at(step);
  std::array<double, 2> operands = {value, 0};
  if (what.residual) operands[1] = real(residual_, home, setting_.residual_exponent);
  const double result =
      passes::exact_value(what.op, std::span(operands).first(what.residual ? 2 : 1), ir::DType::f32);
  if (!int8()) return static_cast<std::int16_t>(rounded(result));
  return static_cast<std::int16_t>(reference::quantize(result, static_cast<int>(what.exponent)));
}

void ResultTile::round(std::int64_t element, double sum) {
  if (home(element) < 0) return;
  const bool padding = column(element) >= setting_.columns;
  std::int16_t bits = 0;
  if (!padding && int8()) {
    bits = static_cast<std::int16_t>(
        reference::requantize(static_cast<std::int64_t>(sum), static_cast<int>(setting_.shift)));
  } else if (!padding) {
    bits = static_cast<std::int16_t>(rounded(sum));
  }
  put(element, bits);
  for (std::size_t step = 0; step < early_; ++step) put(element, stepped(element, step));
}

std::int16_t ResultTile::stepped(std::int64_t element, std::size_t step) const {
  if (home(element) < 0 || column(element) >= setting_.columns) return 0;
  return apply(step, real(result_, home(element), exponent(step)), home(element));
}

void ResultTile::put(std::int64_t element, std::int16_t bits) {
  if (home(element) < 0) return;
  if (int8()) {
    store(result_, home(element), static_cast<std::int8_t>(bits));
  } else {
    store(result_, home(element), bits);
  }
}

std::vector<std::byte> BiasLanes::compute(std::int64_t /*row*/, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results;
  for (std::int64_t i = from / kFloat; i < (from + count) / kFloat; ++i) {
    results.resize(results.size() + sizeof(double));
    store(std::span(results), std::ssize(results) - std::int64_t{sizeof(double)}, tile_.biased(i));
  }
  return results;
}

void BiasLanes::write(std::int64_t /*row*/, std::int64_t from, std::span<const std::byte> results) {
  constexpr std::int64_t kDouble = sizeof(double);
  for (std::int64_t at = 0; at < std::ssize(results); at += kDouble) {
    tile_.round(from / kFloat + at / kDouble, load<double>(results, at));
  }
}

std::vector<std::byte> StepLanes::compute(std::int64_t /*row*/, std::int64_t from, std::int64_t count) {
  std::vector<std::byte> results(static_cast<std::size_t>(count));
  for (std::int64_t at = 0; at < count; at += kHalf) {
    store(std::span(results), at, tile_.stepped((from + at) / kHalf, step_));
  }
  return results;
}

void StepLanes::write(std::int64_t /*row*/, std::int64_t from, std::span<const std::byte> results) {
  for (std::int64_t at = 0; at < std::ssize(results); at += kHalf) {
    tile_.put((from + at) / kHalf, load<std::int16_t>(results, at));
  }
}

}  // namespace npusim::ascend310::clocked
