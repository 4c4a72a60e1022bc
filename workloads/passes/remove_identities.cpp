#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::OpKind;

bool is_unit_window(const ir::Window& w) {
  return w.kernel == ir::Hw{1, 1} && w.stride == ir::Hw{1, 1} && w.pad == ir::Padding{};
}

/// Whether a permutation of `shape` keeps the order of all elements.
bool moves_nothing(const std::vector<std::int64_t>& permutation) {
  return std::is_sorted(permutation.begin(), permutation.end());
}

/// Whether an operator with equal shape and type of input and output passes every element on as it is.
bool keeps_values(const ir::Op& op) {
  switch (op.kind) {
    case OpKind::identity:
    case OpKind::cast:
    case OpKind::reshape:
    case OpKind::expand:
    case OpKind::concat:
    case OpKind::split:
    case OpKind::reduce:  // over axes of size 1
      return true;
    case OpKind::resize: {
      const auto& scales = std::get<ir::ResizeAttrs>(op.attrs).scales;
      return std::all_of(scales.begin(), scales.end(), [](double scale) { return scale == 1; });
    }
    case OpKind::slice: {
      const auto& steps = std::get<ir::SliceAttrs>(op.attrs).steps;
      return std::all_of(steps.begin(), steps.end(), [](std::int64_t step) { return step > 0; });
    }
    case OpKind::pad: {
      const auto& before = std::get<ir::PadAttrs>(op.attrs).before;
      return std::all_of(before.begin(), before.end(), [](std::int64_t size) { return size == 0; });
    }
    case OpKind::transpose:
      return moves_nothing(std::get<ir::TransposeAttrs>(op.attrs).permutation);
    case OpKind::pool:
      return is_unit_window(std::get<ir::PoolAttrs>(op.attrs).window);
    default:
      return false;
  }
}

bool is_identity(const ir::Graph& graph, const ir::Op& op) {
  const bool joins = op.kind == OpKind::concat || op.kind == OpKind::split;
  if (!op.fused.empty() || op.outputs.size() != 1 || (joins && op.inputs.size() != 1)) return false;
  const ir::Tensor &in = graph.tensor(op.inputs[0]), &out = graph.tensor(op.outputs[0]);
  // A cast to another storage requantises.
  if (op.kind == OpKind::cast && in.storage != out.storage) return false;
  return in.shape == out.shape && in.dtype == out.dtype && keeps_values(op);
}

}  // namespace

bool remove_identity(Editor& editor, ir::OpId id) {
  ir::Graph& graph = editor.graph();
  const ir::Op& op = editor.op(id);
  if (!is_identity(graph, op)) return false;
  const ir::TensorId in = op.inputs[0], out = op.outputs[0];
  if (editor.is_output(out)) {
    // A result that is also an input, a weight or another result needs its copy.
    if (editor.producer(in) == Editor::kNoOp || editor.is_output(in)) return false;
    graph.tensor(in).name = graph.tensor(out).name;
  }
  editor.erase(id);
  editor.replace_uses(out, in);
  return true;
}

Removed remove_identities(ir::Graph& graph) {
  Editor editor(graph);
  for (ir::OpId id = 0; id < editor.ops(); ++id) remove_identity(editor, id);
  return {editor.finish(), 0};
}

}  // namespace npusim::passes
