// The multiply-add of fractals.
#include <Eigen/Core>
#include <algorithm>

#include "hw_models/ascend310/functional/commands.h"
#include "hw_models/ascend310/functional/number.h"

namespace npusim::ascend310 {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// All fp16 numbers as floats, by their bits.
const std::vector<float>& half_table() {
  static const std::vector<float> table = [] {
    std::vector<float> values;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
      values.push_back(half_value(static_cast<std::uint16_t>(bits)));
    }
    return values;
  }();
  return table;
}

void widen(const std::byte* line, bool int8, std::int64_t elements, float* to) {
  if (int8) {
    for (std::int64_t i = 0; i < elements; ++i) to[i] = static_cast<float>(load_as<std::int8_t>(line + i));
    return;
  }
  const float* table = half_table().data();
  for (std::int64_t i = 0; i < elements; ++i) to[i] = table[load_as<std::uint16_t>(line + 2 * i)];
}

/// Fractal lines as rows of a matrix: fractal (i, k) is number i * i_stride + k * k_stride, k from `from` on.
void gather(std::span<const std::byte> operand, bool int8, std::int64_t i_stride, std::int64_t k_stride,
            std::int64_t from, Matrix& to) {
  const std::int64_t elements = int8 ? 32 : 16;
  for (std::int64_t row = 0; row < to.rows(); ++row) {
    for (std::int64_t k = 0; k < to.cols() / elements; ++k) {
      const std::int64_t fractal = row / 16 * i_stride + (from + k) * k_stride;
      widen(operand.data() + fractal * kFractal + row % 16 * kBlock, int8, elements,
            to.data() + row * to.cols() + k * elements);
    }
  }
}

/// Calls visit(accumulator, row, column) for every element of [n][m] fractals of 16 x 16.
template <class Visit>
void for_each_accumulator(std::int64_t rows, std::int64_t columns, std::span<std::byte> c, Visit&& visit) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      visit(c.data() + (column / 16 * (rows / 16) + row / 16) * kAccumulator +
                (row % 16 * 16 + column % 16) * 4,
            row, column);
    }
  }
}

/// Adds one K fractal to the sums: of each element, the 16 products by a balanced tree, as the cube's adder
/// trees do, and one addition. `a` is rows x 16, `b` 16 x columns.
void add_fractal(const Matrix& a, const Matrix& b, Matrix& sums) {
  const std::int64_t columns = b.cols();
  const float* const first = b.data();
  for (std::int64_t row = 0; row < a.rows(); ++row) {
    const float* const x = a.data() + row * 16;
    float* const to = sums.data() + row * columns;
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto pair = [&](std::int64_t k) {
        return x[k] * first[k * columns + j] + x[k + 1] * first[(k + 1) * columns + j];
      };
      const auto four = [&](std::int64_t k) { return pair(k) + pair(k + 2); };
      to[j] += (four(0) + four(4)) + (four(8) + four(12));
    }
  }
}

void multiply_half(std::span<const std::byte> a, std::span<const std::byte> b, std::int64_t m, std::int64_t n,
                   std::int64_t k, bool accumulate, std::span<std::byte> c) {
  Matrix left(m * 16, 16), lines(n * 16, 16), right(16, n * 16);
  Matrix sums = Matrix::Zero(m * 16, n * 16);
  if (accumulate) {
    for_each_accumulator(m * 16, n * 16, c, [&](const std::byte* at, std::int64_t row, std::int64_t column) {
      sums(row, column) = load_as<float>(at);
    });
  }
  for (std::int64_t from = 0; from < k; ++from) {
    gather(a, false, k, 1, from, left);
    gather(b, false, 1, n, from, lines);
    right = lines.transpose();
    add_fractal(left, right, sums);
  }
  for_each_accumulator(m * 16, n * 16, c, [&](std::byte* at, std::int64_t row, std::int64_t column) {
    store_as(at, sums(row, column));
  });
}

void multiply_int8(std::span<const std::byte> a, std::span<const std::byte> b, std::int64_t m, std::int64_t n,
                   std::int64_t k, bool accumulate, std::span<std::byte> c) {
  // Sums of up to 1024 products of int8 numbers are exact in fp32: at most 2^24.
  constexpr std::int64_t kStep = 32;
  Matrix left, right, product;
  for (std::int64_t from = 0; from < k; from += kStep) {
    const std::int64_t depth = std::min(kStep, k - from) * 32;
    left.resize(m * 16, depth);
    right.resize(n * 16, depth);
    gather(a, true, k, 1, from, left);
    gather(b, true, 1, n, from, right);
    product.noalias() = left * right.transpose();
    const bool add = accumulate || from > 0;
    for_each_accumulator(m * 16, n * 16, c, [&](std::byte* at, std::int64_t row, std::int64_t column) {
      const std::int32_t before = add ? load_as<std::int32_t>(at) : 0;
      store_as(at, before + static_cast<std::int32_t>(product(row, column)));
    });
  }
}

}  // namespace

void multiply_add(const Execution& e, bool accumulate) {
  const std::int64_t m = e.arg(0), n = e.arg(1), k = e.arg(2);
  const auto a = e.operand(false, 0);
  const auto b = e.operand(false, 1);
  const auto c = e.operand(true, 0);
  ensure(std::ssize(a) == m * k * kFractal && std::ssize(b) == n * k * kFractal &&
             std::ssize(c) == m * n * kAccumulator,
         "a mad's regions are as large as its tile");
  e.arg(3) != 0 ? multiply_int8(a, b, m, n, k, accumulate, c) : multiply_half(a, b, m, n, k, accumulate, c);
}

}  // namespace npusim::ascend310
