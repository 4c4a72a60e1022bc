// The index from an operator's kind to what it computes.
#include "workloads/reference/compute.h"

#include <fmt/format.h>

#include "sim/base/error.h"

namespace npusim::reference {

namespace {

template <class T>
const T& attrs(const ir::Op& op) {
  return std::get<T>(op.attrs);
}

Dense sizes_of(const Dense& x, const ir::Shape& out) {
  return {out, std::vector<double>(x.shape.begin(), x.shape.begin() + out.at(0))};
}

/// Operators of one output.
Dense single(const ir::Op& op, const Operands& in, const ir::Shape& out, ir::DType type) {
  using ir::OpKind;
  const Dense& x = *in.at(0);
  switch (op.kind) {
    case OpKind::conv:
      return conv(attrs<ir::ConvAttrs>(op), in, out);
    case OpKind::conv_transpose:
      return conv_transpose(attrs<ir::ConvAttrs>(op), in, out);
    case OpKind::matmul:
      return matmul(attrs<ir::MatMulAttrs>(op), in, out);
    case OpKind::pool:
      return pool(attrs<ir::PoolAttrs>(op), x, out);
    case OpKind::reduce:
      return reduce(attrs<ir::ReduceAttrs>(op), x, out);
    case OpKind::elementwise:
      return elementwise(attrs<ir::ElementwiseAttrs>(op), in, out, type);
    case OpKind::norm:
      return norm(attrs<ir::NormAttrs>(op), in);
    case OpKind::softmax:
      return softmax(attrs<ir::SoftmaxAttrs>(op), x);
    case OpKind::concat:
      return concat(attrs<ir::ConcatAttrs>(op), in, out);
    case OpKind::slice:
      return slice(attrs<ir::SliceAttrs>(op), x, out);
    case OpKind::transpose:
      return transpose(attrs<ir::TransposeAttrs>(op), x, out);
    case OpKind::pad:
      return pad(attrs<ir::PadAttrs>(op), in, out);
    case OpKind::resize:
      return resize(attrs<ir::ResizeAttrs>(op), x, out);
    case OpKind::depth_to_space:
      return depth_to_space(attrs<ir::BlockAttrs>(op), x, out);
    case OpKind::space_to_depth:
      return space_to_depth(attrs<ir::BlockAttrs>(op), x, out);
    case OpKind::gather:
      return gather(attrs<ir::GatherAttrs>(op), in, out);
    case OpKind::expand:
      return expand(x, out);
    case OpKind::quantize:
      return quantize_linear(attrs<ir::QuantizeAttrs>(op), in);
    case OpKind::dequantize:
      return dequantize_linear(attrs<ir::QuantizeAttrs>(op), in);
    case OpKind::shape_of:
      return sizes_of(x, out);
    case OpKind::reshape:
    case OpKind::cast:
    case OpKind::identity:
      return {out, x.data};
    case OpKind::split:
      break;
  }
  throw InternalError("an operator of several outputs");
}

}  // namespace

std::vector<Dense> compute(const ir::Graph& graph, const ir::Op& op, const Operands& in) {
  if (op.kind == ir::OpKind::split) return split(attrs<ir::SplitAttrs>(op), *in.at(0));
  // A choice has the type of what is chosen from, not of the condition.
  const bool choice =
      op.kind == ir::OpKind::elementwise && attrs<ir::ElementwiseAttrs>(op).function == ir::Function::where;
  const ir::DType type = graph.tensor(op.inputs.at(choice ? 1 : 0)).dtype;
  std::vector<Dense> results;
  results.push_back(single(op, in, graph.tensor(op.outputs.at(0)).shape, type));
  return results;
}

}  // namespace npusim::reference
