// The printed names of the IR's enumerations.
#include <fmt/format.h>
#include <fmt/ranges.h>

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
  switch (function) {
    case Function::add:
      return "add";
    case Function::sub:
      return "sub";
    case Function::mul:
      return "mul";
    case Function::div:
      return "div";
    case Function::pow:
      return "pow";
    case Function::min:
      return "min";
    case Function::max:
      return "max";
    case Function::where:
      return "where";
    case Function::prelu:
      return "prelu";
    case Function::relu:
      return "relu";
    case Function::leaky_relu:
      return "leaky_relu";
    case Function::clip:
      return "clip";
    case Function::sigmoid:
      return "sigmoid";
    case Function::hard_sigmoid:
      return "hard_sigmoid";
    case Function::hard_swish:
      return "hard_swish";
    case Function::silu:
      return "silu";
    case Function::gelu:
      return "gelu";
    case Function::tanh:
      return "tanh";
    case Function::erf:
      return "erf";
    case Function::sqrt:
      return "sqrt";
    case Function::exp:
      return "exp";
    case Function::log:
      return "log";
    case Function::reciprocal:
      return "reciprocal";
    case Function::abs:
      return "abs";
    case Function::neg:
      return "neg";
    case Function::floor:
      return "floor";
    case Function::round:
      return "round";
    case Function::logical_not:
      return "logical_not";
    case Function::equal:
      return "equal";
    case Function::less:
      return "less";
    case Function::greater:
      return "greater";
    case Function::logical_and:
      return "logical_and";
    case Function::logical_or:
      return "logical_or";
    case Function::elu:
      return "elu";
    case Function::softplus:
      return "softplus";
  }
  throw InternalError("unknown element-wise function");
}

std::string_view to_string(OpKind kind) {
  switch (kind) {
    case OpKind::conv:
      return "conv";
    case OpKind::conv_transpose:
      return "conv_transpose";
    case OpKind::matmul:
      return "matmul";
    case OpKind::pool:
      return "pool";
    case OpKind::reduce:
      return "reduce";
    case OpKind::elementwise:
      return "elementwise";
    case OpKind::norm:
      return "norm";
    case OpKind::softmax:
      return "softmax";
    case OpKind::concat:
      return "concat";
    case OpKind::split:
      return "split";
    case OpKind::slice:
      return "slice";
    case OpKind::reshape:
      return "reshape";
    case OpKind::transpose:
      return "transpose";
    case OpKind::pad:
      return "pad";
    case OpKind::resize:
      return "resize";
    case OpKind::depth_to_space:
      return "depth_to_space";
    case OpKind::space_to_depth:
      return "space_to_depth";
    case OpKind::gather:
      return "gather";
    case OpKind::expand:
      return "expand";
    case OpKind::cast:
      return "cast";
    case OpKind::quantize:
      return "quantize";
    case OpKind::dequantize:
      return "dequantize";
    case OpKind::shape_of:
      return "shape_of";
    case OpKind::identity:
      return "identity";
  }
  throw InternalError("unknown operator kind");
}

}  // namespace npusim::ir
