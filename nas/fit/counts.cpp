// Counts that follow from an operator's shapes alone.
#include <fmt/format.h>

#include <algorithm>

#include "nas/fit/features.h"
#include "workloads/ir/describe.h"

namespace npusim::fit {
namespace {

double elements_of(const ir::Graph& graph, ir::TensorId id) {
  return id == ir::kNoTensor ? 0 : static_cast<double>(ir::elements(graph.tensor(id).shape));
}

/// Vector operations an element.
double cost_of(const ir::ElementwiseAttrs& attrs) {
  switch (attrs.function) {
    case ir::Function::relu:
      return 1;
    case ir::Function::clip:
    case ir::Function::silu:
    case ir::Function::hard_swish:
    case ir::Function::hard_sigmoid:
      return 2;
    case ir::Function::sigmoid:
    case ir::Function::gelu:
    case ir::Function::tanh:
    case ir::Function::erf:
    case ir::Function::exp:
    case ir::Function::log:
    case ir::Function::pow:
    case ir::Function::elu:
    case ir::Function::softplus:
      return 4;
    default:
      return 1;
  }
}

double vector_operations(const ir::Graph& graph, const ir::Op& op) {
  const double out = op.outputs.empty() ? 0 : elements_of(graph, op.outputs.front());
  switch (op.kind) {
    case ir::OpKind::elementwise:
      return out * cost_of(std::get<ir::ElementwiseAttrs>(op.attrs));
    case ir::OpKind::pool: {
      const ir::Hw kernel = std::get<ir::PoolAttrs>(op.attrs).window.kernel;
      return out * static_cast<double>(kernel.h * kernel.w);
    }
    case ir::OpKind::reduce:
      return elements_of(graph, op.inputs.front());
    case ir::OpKind::norm:
      return 8 * out;
    case ir::OpKind::softmax:
      return 3 * out;
    case ir::OpKind::resize:
    case ir::OpKind::cast:
    case ir::OpKind::quantize:
    case ir::OpKind::dequantize:
      return out;
    default:
      return 0;
  }
}

/// A view moves nothing.
bool moves(const ir::Op& op) {
  return op.kind != ir::OpKind::reshape && op.kind != ir::OpKind::identity && op.kind != ir::OpKind::shape_of;
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  m += other.m;
  v += other.v;
  d += other.d;
  return *this;
}

Counts counts_of(const ir::Graph& graph, const ir::Op& op) {
  Counts counts;
  if (!moves(op)) return counts;
  counts.m = 2 * static_cast<double>(ir::macs(graph, op).count());
  counts.v = vector_operations(graph, op);
  for (const ir::TensorId id : op.inputs) counts.d += elements_of(graph, id);
  for (const ir::TensorId id : op.outputs) counts.d += elements_of(graph, id);
  for (const ir::FusedStep& step : op.fused) {
    counts.v += elements_of(graph, op.outputs.front()) * cost_of(step.op);
    counts.d += elements_of(graph, step.operand);
  }
  return counts;
}

Counts counts_of(const ir::Graph& graph) {
  Counts sum;
  for (const ir::Op& op : graph.ops) sum += counts_of(graph, op);
  return sum;
}

std::string kind_of(const ir::Graph& graph, const ir::Op& op) {
  if (op.kind == ir::OpKind::elementwise) {
    return std::string(ir::to_string(std::get<ir::ElementwiseAttrs>(op.attrs).function));
  }
  if (op.kind == ir::OpKind::conv) {
    const auto& conv = std::get<ir::ConvAttrs>(op.attrs);
    const bool depthwise = conv.groups == graph.tensor(op.inputs.front()).shape.at(1);
    const std::string_view name = conv.groups == 1 ? "conv" : depthwise ? "depthwise" : "grouped_conv";
    return fmt::format("{} {}x{}", name, conv.window.kernel.h, conv.window.kernel.w);
  }
  return std::string(ir::to_string(op.kind));
}

std::string signature_of(const ir::Graph& graph, const ir::Op& op) {
  std::string text = ir::describe(op);
  const auto add = [&](ir::TensorId id) {
    if (id == ir::kNoTensor) {
      text += " -";
      return;
    }
    const ir::Tensor& tensor = graph.tensor(id);
    text += fmt::format(" {}{}{}", ir::to_string(tensor.shape), ir::to_string(tensor.dtype),
                        tensor.role == ir::TensorRole::weight ? "w" : "");
  };
  for (const ir::TensorId id : op.inputs) add(id);
  text += " ->";
  for (const ir::TensorId id : op.outputs) add(id);
  for (const ir::FusedStep& step : op.fused) {
    text += " +" + ir::describe(step.op);
    if (step.operand != ir::kNoTensor) add(step.operand);
  }
  return text;
}

std::string_view operator_of(std::string_view layer) { return layer.substr(0, layer.rfind(':')); }

}  // namespace npusim::fit
