// The printed names of the IR's enumerations.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

std::string_view to_string(DType type) {
  switch (type) {
    case DType::f32:
      return "fp32";
    case DType::f16:
      return "fp16";
    case DType::bf16:
      return "bf16";
    case DType::i8:
      return "int8";
    case DType::u8:
      return "uint8";
    case DType::i16:
      return "int16";
    case DType::i32:
      return "int32";
    case DType::i64:
      return "int64";
    case DType::boolean:
      return "bool";
  }
  throw InternalError("unknown element type");
}

std::int64_t size_of(DType type) {
  switch (type) {
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      return 1;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
      return 2;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::i64:
      return 8;
  }
  throw InternalError("unknown element type");
}

std::string to_string(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

std::string_view to_string(Function function) {
  static constexpr std::array kNames = std::to_array<std::string_view>(
      {"add",        "sub",        "mul",     "div",         "pow",        "min",     "max",
       "where",      "prelu",      "relu",    "leaky_relu",  "clip",       "sigmoid", "hard_sigmoid",
       "hard_swish", "silu",       "gelu",    "tanh",        "erf",        "sqrt",    "exp",
       "log",        "reciprocal", "abs",     "neg",         "floor",      "round",   "logical_not",
       "equal",      "less",       "greater", "logical_and", "logical_or", "elu",     "softplus"});
  static_assert(kNames.size() == static_cast<std::size_t>(Function::softplus) + 1);
  return kNames.at(static_cast<std::size_t>(function));
}

std::string_view to_string(OpKind kind) {
  static constexpr std::array kNames = std::to_array<std::string_view>(
      {"conv",       "conv_transpose", "matmul",         "pool",   "reduce",  "elementwise", "norm",
       "softmax",    "concat",         "split",          "slice",  "reshape", "transpose",   "pad",
       "resize",     "depth_to_space", "space_to_depth", "gather", "expand",  "cast",        "quantize",
       "dequantize", "shape_of",       "identity"});
  static_assert(kNames.size() == static_cast<std::size_t>(OpKind::identity) + 1);
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace npusim::ir
