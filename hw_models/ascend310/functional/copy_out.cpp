// Accumulators to results: bias, conversion, the steps behind the cube.
#include <algorithm>
#include <array>

#include "hw_models/ascend310/functional/commands.h"
#include "hw_models/ascend310/functional/number.h"
#include "workloads/passes/evaluate.h"

namespace npusim::ascend310 {

namespace {

/// One result tile.
class Tile {
 public:
  Tile(const Execution& e, const CopyOutSetting& setting)
      : s_(setting),
        n_(e.arg(0) / setting.m),
        accumulators_(e.operand(false, 0)),
        result_(e.operand(true, 0)),
        per_block_(setting.int8 != 0 ? 2 : 1) {
    std::size_t next = 1;
    if (s_.first_bias >= 0) bias_ = e.operand(false, next++);
    if (std::any_of(s_.steps.begin(), s_.steps.end(), [](const auto& step) { return step.residual; })) {
      residual_ = e.operand(false, next++);
      ensure(residual_.size() == result_.size(), "a residual tile is as large as the result's");
    }
    ensure(next == e.operands(false), "a copy_out reads accumulators, bias and residual");
    std::int64_t pixels = 0;
    for (const std::int64_t run : s_.pixels) pixels += run;
    ensure(std::ssize(accumulators_) == s_.m * n_ * kAccumulator &&
               std::ssize(result_) == pixels * n_ / per_block_ * kBlock,
           "a copy_out's regions are as large as its tile");
  }

  void run() {
    std::int64_t fractal = 0;
    std::int64_t base = 0;
    for (const std::int64_t pixels : s_.pixels) {
      for (std::int64_t n = 0; n < n_; ++n) {
        for (std::int64_t p = 0; p < pixels; ++p) {
          const std::int64_t from = (n * s_.m + fractal + p / 16) * kAccumulator + p % 16 * 64;
          const std::int64_t to =
              base + (n / per_block_ * pixels + p) * kBlock + n % per_block_ * kBlock / per_block_;
          line(n, from, to);
        }
      }
      fractal += (pixels + 15) / 16;
      base += pixels * n_ / per_block_ * kBlock;
    }
    ensure(fractal == s_.m, "the runs of a result tile fill its fractals");
  }

 private:
  /// 16 columns of one pixel.
  void line(std::int64_t n, std::int64_t from, std::int64_t to) {
    const std::int64_t size = s_.int8 != 0 ? 1 : 2;
    for (std::int64_t j = 0; j < 16; ++j) {
      const std::int64_t column = n * 16 + j;
      const std::byte* accumulator = accumulators_.data() + from + j * 4;
      const std::int64_t home = to + j * size;
      if (column >= s_.columns) {
        std::fill_n(result_.begin() + home, size, std::byte{0});
      } else if (s_.int8 != 0) {
        integer(accumulator, column, home);
      } else {
        real(accumulator, column, home);
      }
    }
  }

  [[nodiscard]] const std::byte* bias_at(std::int64_t column) const {
    const std::int64_t at = (s_.first_bias + column) * 4;
    ensure(at + 4 <= std::ssize(bias_), "a copy_out reads beyond its bias");
    return bias_.data() + at;
  }

  void real(const std::byte* accumulator, std::int64_t column, std::int64_t home) {
    float sum = load_as<float>(accumulator);
    if (s_.first_bias >= 0) sum += load_as<float>(bias_at(column));
    float value = round_to_half(sum);
    for (const auto& step : s_.steps) {
      const double other = step.residual ? get_number(residual_.data() + home, ir::DType::f16, 0) : 0;
      value = round_to_half(static_cast<float>(apply(step, static_cast<double>(value), other)));
    }
    store_as(result_.data() + home, half_bits(value));
  }

  void integer(const std::byte* accumulator, std::int64_t column, std::int64_t home) {
    std::int64_t sum = load_as<std::int32_t>(accumulator);
    if (s_.first_bias >= 0) sum += load_as<std::int32_t>(bias_at(column));
    std::int64_t q = reference::requantize(sum, static_cast<int>(s_.shift));
    std::int64_t exponent = s_.exponent;
    for (const auto& step : s_.steps) {
      const double other =
          step.residual ? get_number(residual_.data() + home, ir::DType::i8, s_.residual_exponent) : 0;
      const double value = apply(step, reference::dequantize(q, static_cast<int>(exponent)), other);
      exponent = step.exponent;
      q = reference::quantize(value, static_cast<int>(exponent));
    }
    store_as(result_.data() + home, static_cast<std::int8_t>(q));
  }

  static double apply(const CopyOutStep& step, double value, double other) {
    const std::array<double, 2> operands = {value, other};
    return passes::exact_value(step.op, std::span(operands).first(step.residual ? 2 : 1), ir::DType::f32);
  }

  const CopyOutSetting& s_;
  std::int64_t n_;
  std::span<const std::byte> accumulators_;
  std::span<std::byte> result_;
  std::span<const std::byte> bias_, residual_;
  std::int64_t per_block_;  ///< fractals of columns in one block of the result
};

}  // namespace

void copy_out(const Execution& e, const CopyOutSetting& setting) { Tile(e, setting).run(); }

}  // namespace npusim::ascend310
