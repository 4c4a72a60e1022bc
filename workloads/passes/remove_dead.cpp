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
  for (const ir::Op& op : graph.prepared) {
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
  const auto renumber_op = [&](ir::Op& op) {
    for (ir::TensorId& id : op.inputs) renumber(id);
    for (ir::TensorId& id : op.outputs) renumber(id);
    for (ir::FusedStep& step : op.fused) renumber(step.operand);
  };
  for (ir::Op& op : graph.prepared) renumber_op(op);
  for (ir::Op& op : graph.ops) renumber_op(op);
  for (ir::TensorId& id : graph.inputs) renumber(id);
  for (ir::TensorId& id : graph.outputs) renumber(id);
}

/// Keeps the operators with a result in `live`, and adds what they read to it. Returns how many are gone.
std::int64_t keep_needed(std::vector<ir::Op>& ops, Flags& live) {
  std::vector<bool> needed(ops.size(), false);
  for (std::size_t i = ops.size(); i-- > 0;) {
    for (const ir::TensorId id : ops[i].outputs) needed[i] = needed[i] || live[static_cast<std::size_t>(id)];
    if (needed[i]) mark_reads(live, ops[i]);
  }
  std::vector<ir::Op> kept;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) kept.push_back(std::move(ops[i]));
  }
  const auto dead = static_cast<std::int64_t>(needed.size() - kept.size());
  ops = std::move(kept);
  return dead;
}

}  // namespace

Removed remove_dead(ir::Graph& graph) {
  Flags live(graph.tensors.size(), false);
  for (const ir::TensorId id : graph.outputs) mark(live, id);
  const std::int64_t dead = keep_needed(graph.ops, live);
  keep_needed(graph.prepared, live);
  compact(graph);
  return {dead, 0};
}

}  // namespace npusim::passes
