#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::OpId;
using ir::OpKind;
using ir::TensorId;

/// Kinds that integer engines run: those that accumulate may also write floating point.
bool accumulates(OpKind kind) {
  return kind == OpKind::conv || kind == OpKind::conv_transpose || kind == OpKind::matmul;
}

bool runs_on_integers(OpKind kind) {
  switch (kind) {
    case OpKind::pool:
    case OpKind::reduce:
    case OpKind::elementwise:
    case OpKind::concat:
    case OpKind::slice:
    case OpKind::reshape:
    case OpKind::transpose:
    case OpKind::pad:
    case OpKind::resize:
    case OpKind::depth_to_space:
    case OpKind::space_to_depth:
      return true;
    default:
      return accumulates(kind);
  }
}

class Absorber {
 public:
  explicit Absorber(ir::Graph& graph) : editor_(graph) {}

  Removed run() {
    for (OpId id = 0; id < editor_.ops(); ++id) {
      if (!editor_.erased(id) && runs_on_integers(editor_.op(id).kind)) absorb(id);
    }
    return {0, editor_.finish()};
  }

 private:
  /// The integers behind a dequantised tensor; kNoTensor when `id` is none.
  [[nodiscard]] TensorId integers(TensorId id) const {
    const OpId op = editor_.producer(id);
    if (op == Editor::kNoOp || editor_.op(op).kind != OpKind::dequantize) return ir::kNoTensor;
    return editor_.op(op).inputs[0];
  }

  /// A weight (a bias that was not quantised, a scalar) is no obstacle; an activation must be dequantised.
  [[nodiscard]] bool ready(TensorId id) const {
    return id == ir::kNoTensor || editor_.is_weight(id) || integers(id) != ir::kNoTensor;
  }

  void absorb(OpId id) {
    const ir::Op op = editor_.op(id);
    const auto ready_input = [&](TensorId input) { return ready(input); };
    const auto ready_step = [&](const ir::FusedStep& step) { return ready(step.operand); };
    if (op.outputs.size() != 1 || integers(op.inputs[0]) == ir::kNoTensor ||
        !std::all_of(op.inputs.begin(), op.inputs.end(), ready_input) ||
        !std::all_of(op.fused.begin(), op.fused.end(), ready_step)) {
      return;
    }
    const TensorId out = op.outputs[0];
    const OpId next = editor_.single_use(out) ? editor_.readers(out).front() : Editor::kNoOp;
    const bool requantised = next != Editor::kNoOp && editor_.op(next).kind == OpKind::quantize &&
                             editor_.op(next).inputs[0] == out;
    if (!requantised && !accumulates(op.kind)) return;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      read_integers(op.inputs[i], [&](TensorId q) { editor_.set_input(id, i, q); });
    }
    for (std::size_t i = 0; i < op.fused.size(); ++i) {
      read_integers(op.fused[i].operand, [&](TensorId q) { editor_.set_step_operand(id, i, q); });
    }
    if (!requantised) return;
    const TensorId result = editor_.op(next).outputs[0];
    editor_.op(id).source_op = join_sources(op.source_op, editor_.op(next).source_op);
    editor_.erase(next);
    editor_.set_output(id, result);
  }

  template <class Set>
  void read_integers(TensorId id, Set set) {
    const TensorId quantised = integers(id);
    if (quantised == ir::kNoTensor) return;
    const OpId dequantize = editor_.producer(id);
    set(quantised);
    if (editor_.unused(id)) editor_.erase(dequantize);
  }

  Editor editor_;
};

}  // namespace

Removed absorb_quantization(ir::Graph& graph) { return Absorber(graph).run(); }

}  // namespace npusim::passes
