#include "workloads/ir/graph.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace npusim::ir {

std::int64_t elements(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

TensorId Graph::add_tensor(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors.size() - 1);
}

Macs macs(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::conv: {
      const Shape w = graph.shape(op.inputs.at(1));
      const std::int64_t taps = elements(w) / w.at(0);
      return Macs(elements(graph.shape(op.outputs.at(0))) * taps);
    }
    case OpKind::conv_transpose: {
      const Shape w = graph.shape(op.inputs.at(1));
      return Macs(elements(graph.shape(op.inputs.at(0))) * (elements(w) / w.at(0)));
    }
    case OpKind::matmul: {
      const Shape a = graph.shape(op.inputs.at(0));
      const bool transposed = std::get<MatMulAttrs>(op.attrs).transpose_a && a.size() > 1;
      const std::int64_t k = a.at(a.size() - (transposed ? 2 : 1));
      return Macs(elements(graph.shape(op.outputs.at(0))) * k);
    }
    default:
      return Macs(0);
  }
}

Macs macs(const Graph& graph) {
  Macs total;
  for (const Op& op : graph.ops) total += macs(graph, op);
  return total;
}

bool is_quantized(const Graph& graph) {
  const auto byte = [&](TensorId id) {
    if (id == kNoTensor || graph.tensor(id).role == TensorRole::weight) return false;
    const Tensor& tensor = graph.tensor(id);
    const DType dtype = tensor.storage ? tensor.storage->dtype : tensor.dtype;
    return dtype == DType::i8 || dtype == DType::u8;
  };
  return std::any_of(graph.ops.begin(), graph.ops.end(), [&](const Op& op) {
    const bool computes =
        op.kind == OpKind::conv || op.kind == OpKind::conv_transpose || op.kind == OpKind::matmul;
    const bool dequantizes = op.kind == OpKind::dequantize;
    return (computes || dequantizes) && byte(op.inputs.at(0));
  });
}

std::int64_t parameters(const Graph& graph) {
  std::vector<bool> counted(graph.tensors.size(), false);
  std::int64_t total = 0;
  for (const Op& op : graph.ops) {
    const bool batch_norm = op.kind == OpKind::norm && std::get<NormAttrs>(op.attrs).kind == NormKind::batch;
    const std::size_t end = batch_norm ? std::min<std::size_t>(op.inputs.size(), 3) : op.inputs.size();
    for (std::size_t i = 0; i < end; ++i) {
      const TensorId id = op.inputs[i];
      if (id == kNoTensor || counted.at(static_cast<std::size_t>(id))) continue;
      const Tensor& tensor = graph.tensor(id);
      const bool index = tensor.dtype == DType::i64 || tensor.dtype == DType::boolean;
      if (tensor.role != TensorRole::weight || tensor.shape.empty() || index) continue;
      counted[static_cast<std::size_t>(id)] = true;
      total += elements(tensor.shape);
    }
  }
  return total;
}

}  // namespace npusim::ir
