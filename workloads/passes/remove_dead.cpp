#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using Flags = std::vector<bool>;

void mark(Flags& flags, ir::TensorId id) {
  if (id != ir::kNoTensor) flags[static_cast<std::size_t>(id)] = true;
}

void mark_reads(Flags& flags, const ir::Op& op) {
  for (const ir::TensorId id : op.inputs) mark(flags, id);
  for (const ir::FusedStep& step : op.fused) mark(flags, step.operand);
}

/// Keeps the tensors that are referred to, in order, and renumbers all references.
void compact(ir::Graph& graph) {
  Flags kept(graph.tensors.size(), false);
  for (const ir::Op& op : graph.ops) {
    mark_reads(kept, op);
    for (const ir::TensorId id : op.outputs) mark(kept, id);
  }
  for (const ir::TensorId id : graph.inputs) mark(kept, id);
  for (const ir::TensorId id : graph.outputs) mark(kept, id);
  std::vector<ir::TensorId> renumbered(graph.tensors.size(), ir::kNoTensor);
  std::vector<ir::Tensor> tensors;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    renumbered[i] = static_cast<ir::TensorId>(tensors.size());
    tensors.push_back(std::move(graph.tensors[i]));
  }
  graph.tensors = std::move(tensors);
  const auto renumber = [&](ir::TensorId& id) {
    if (id != ir::kNoTensor) id = renumbered[static_cast<std::size_t>(id)];
  };
  for (ir::Op& op : graph.ops) {
    for (ir::TensorId& id : op.inputs) renumber(id);
    for (ir::TensorId& id : op.outputs) renumber(id);
    for (ir::FusedStep& step : op.fused) renumber(step.operand);
  }
  for (ir::TensorId& id : graph.inputs) renumber(id);
  for (ir::TensorId& id : graph.outputs) renumber(id);
}

}  // namespace

Removed remove_dead(ir::Graph& graph) {
  Flags live(graph.tensors.size(), false);
  for (const ir::TensorId id : graph.outputs) mark(live, id);
  std::vector<bool> needed(graph.ops.size(), false);
  for (std::size_t i = graph.ops.size(); i-- > 0;) {
    for (const ir::TensorId id : graph.ops[i].outputs) {
      needed[i] = needed[i] || live[static_cast<std::size_t>(id)];
    }
    if (needed[i]) mark_reads(live, graph.ops[i]);
  }
  std::vector<ir::Op> ops;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) ops.push_back(std::move(graph.ops[i]));
  }
  const auto dead = static_cast<std::int64_t>(needed.size() - ops.size());
  graph.ops = std::move(ops);
  compact(graph);
  return {dead, 0};
}

}  // namespace npusim::passes
