#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::OpKind;

/// Whether a permutation moves only axes of size 1, so that all elements stay in order.
bool keeps_order(const ir::Shape& shape, const std::vector<std::int64_t>& permutation) {
  std::int64_t last = -1;
  for (const std::int64_t axis : permutation) {
    if (shape[static_cast<std::size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

/// Whether the second of two operators can read the first one's input instead.
bool merge(const ir::Op& first, ir::Op& second) {
  if (first.kind != second.kind || !first.fused.empty() || !second.fused.empty()) return false;
  if (first.kind == OpKind::reshape) return true;
  if (first.kind != OpKind::transpose) return false;
  const auto& inner = std::get<ir::TransposeAttrs>(first.attrs).permutation;
  for (std::int64_t& axis : std::get<ir::TransposeAttrs>(second.attrs).permutation) {
    axis = inner[static_cast<std::size_t>(axis)];
  }
  return true;
}

void simplify(const ir::Graph& graph, ir::Op& op) {
  if (op.kind != OpKind::transpose) return;
  const auto& permutation = std::get<ir::TransposeAttrs>(op.attrs).permutation;
  if (!keeps_order(graph.tensor(op.inputs[0]).shape, permutation)) return;
  op.kind = OpKind::reshape;
  op.attrs = ir::ReshapeAttrs{};
}

}  // namespace

Removed merge_views(ir::Graph& graph) {
  Editor editor(graph);
  for (ir::OpId id = 0; id < editor.ops(); ++id) {
    ir::Op& op = editor.op(id);
    if (op.kind != OpKind::reshape && op.kind != OpKind::transpose) continue;
    // Two transposes may together be a reshape, which then merges with one before them.
    for (simplify(graph, op);; simplify(graph, op)) {
      const ir::OpId before = editor.producer(op.inputs[0]);
      if (before == Editor::kNoOp || !merge(editor.op(before), op)) break;
      const ir::TensorId between = op.inputs[0];
      op.source_op = join_sources(editor.op(before).source_op, op.source_op);
      editor.set_input(id, 0, editor.op(before).inputs[0]);
      if (editor.unused(between)) editor.erase(before);
    }
    // What cancels must be gone before the next view looks for its predecessor.
    remove_identity(editor, id);
  }
  return {editor.finish(), 0};
}

}  // namespace npusim::passes
