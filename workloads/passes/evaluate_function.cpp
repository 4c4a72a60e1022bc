// Element-wise functions on numbers.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "sim/base/error.h"
#include "workloads/passes/evaluate.h"

namespace npusim::passes {

namespace {

using ir::DType;
using ir::Function;

bool is_integer(DType type) { return type != DType::f32 && type != DType::f16 && type != DType::bf16; }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double hard_sigmoid(double x, double alpha, double beta) { return std::clamp(alpha * x + beta, 0.0, 1.0); }

/// x * Phi(x), or its approximation by tanh.
double gelu(double x, bool approximate) {
  if (!approximate) return x * (1 + std::erf(x * M_SQRT1_2)) / 2;
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/// Half to even, as ONNX Round.
double round_even(double x) { return std::nearbyint(x); }

double unary(const ir::ElementwiseAttrs& a, double x) {
  switch (a.function) {
    case Function::relu:
      return std::max(x, 0.0);
    case Function::leaky_relu:
      return x < 0 ? a.alpha * x : x;
    case Function::clip:
      return std::min(std::max(x, a.alpha), a.beta);
    case Function::sigmoid:
      return sigmoid(x);
    case Function::hard_sigmoid:
      return hard_sigmoid(x, a.alpha, a.beta);
    case Function::hard_swish:
      return x * hard_sigmoid(x, 1.0 / 6, 0.5);
    case Function::silu:
      return x * sigmoid(x);
    case Function::gelu:
      return gelu(x, a.alpha == 1);
    case Function::tanh:
      return std::tanh(x);
    case Function::erf:
      return std::erf(x);
    case Function::sqrt:
      return std::sqrt(x);
    case Function::exp:
      return std::exp(x);
    case Function::log:
      return std::log(x);
    case Function::reciprocal:
      return 1 / x;
    case Function::abs:
      return std::abs(x);
    case Function::neg:
      return -x;
    case Function::floor:
      return std::floor(x);
    case Function::round:
      return round_even(x);
    case Function::logical_not:
      return x == 0 ? 1 : 0;
    case Function::elu:
      return x < 0 ? a.alpha * std::expm1(x) : x;
    case Function::softplus:
      return x > 30 ? x : std::log1p(std::exp(x));
    default:
      throw InternalError("not a function of one input");
  }
}

double divide(double x, double y, DType type) {
  if (!is_integer(type)) return x / y;
  return y == 0 ? 0 : std::trunc(x / y);
}

double binary(Function function, double x, double y, DType type) {
  switch (function) {
    case Function::add:
      return x + y;
    case Function::sub:
      return x - y;
    case Function::mul:
      return x * y;
    case Function::div:
      return divide(x, y, type);
    case Function::pow:
      return std::pow(x, y);
    case Function::min:
      return std::min(x, y);
    case Function::max:
      return std::max(x, y);
    case Function::prelu:
      return x < 0 ? x * y : x;
    case Function::equal:
      return x == y ? 1 : 0;
    case Function::less:
      return x < y ? 1 : 0;
    case Function::greater:
      return x > y ? 1 : 0;
    case Function::logical_and:
      return x != 0 && y != 0 ? 1 : 0;
    case Function::logical_or:
      return x != 0 || y != 0 ? 1 : 0;
    default:
      throw InternalError("not a function of two inputs");
  }
}

}  // namespace

std::int64_t to_integer(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kLimit) return std::numeric_limits<std::int64_t>::max();
  if (value <= -kLimit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

double round_to(double value, DType type) {
  if (type == DType::f32) {
    constexpr double kLargest = std::numeric_limits<float>::max();
    if (std::abs(value) > kLargest) return std::copysign(HUGE_VAL, value);
    return static_cast<double>(static_cast<float>(value));
  }
  if (!is_integer(type)) return value;
  if (type == DType::boolean) return value != 0 ? 1 : 0;
  if (std::isnan(value)) return 0;
  const double whole = std::trunc(value);
  if (type == DType::i64) return whole;
  const bool is_unsigned = type == DType::u8;
  const double span = std::ldexp(1.0, static_cast<int>(ir::size_of(type)) * 8);
  return std::clamp(whole, is_unsigned ? 0 : -span / 2, (is_unsigned ? span : span / 2) - 1);
}

double exact_value(const ir::ElementwiseAttrs& attrs, std::span<const double> operands, DType type) {
  if (operands.size() == 1) return unary(attrs, operands[0]);
  if (operands.size() == 2) return binary(attrs.function, operands[0], operands[1], type);
  ensure(operands.size() == 3 && attrs.function == Function::where, "a function of one to three inputs");
  return operands[0] != 0 ? operands[1] : operands[2];
}

double evaluate(const ir::ElementwiseAttrs& attrs, std::span<const double> operands, DType type) {
  return round_to(exact_value(attrs, operands, type), type);
}

}  // namespace npusim::passes
