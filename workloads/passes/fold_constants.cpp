#include <algorithm>

#include "workloads/passes/evaluate.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

bool is_weight(const ir::Graph& graph, ir::TensorId id) {
  return id == ir::kNoTensor || graph.tensor(id).role == ir::TensorRole::weight;
}

/// Whether every result is known, or follows from weights alone.
bool known(const ir::Graph& graph, const ir::Op& op) {
  const auto weight = [&](ir::TensorId id) { return is_weight(graph, id); };
  const auto constant = [&](ir::TensorId id) { return graph.tensor(id).constant.has_value(); };
  if (std::all_of(op.outputs.begin(), op.outputs.end(), constant)) return true;
  return std::all_of(op.inputs.begin(), op.inputs.end(), weight) &&
         std::all_of(op.fused.begin(), op.fused.end(),
                     [&](const ir::FusedStep& step) { return weight(step.operand); });
}

Removed fold(ir::Graph& graph, bool dequantize) {
  const auto before = graph.ops.size();
  std::erase_if(graph.ops, [&](const ir::Op& op) {
    if (!known(graph, op) || (op.kind == ir::OpKind::dequantize && !dequantize)) return false;
    const auto values = evaluate(graph, op);
    bool computed = true;
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      ir::Tensor& tensor = graph.tensor(op.outputs[i]);
      tensor.role = ir::TensorRole::weight;
      if (values && op.fused.empty()) tensor.constant = (*values)[i];
      computed = computed && tensor.constant.has_value();
    }
    if (!computed) graph.prepared.push_back(op);
    return true;
  });
  return {static_cast<std::int64_t>(before - graph.ops.size()), 0};
}

}  // namespace

Removed fold_constants(ir::Graph& graph) { return fold(graph, false); }

Removed fold_weights(ir::Graph& graph) { return fold(graph, true); }

}  // namespace npusim::passes
