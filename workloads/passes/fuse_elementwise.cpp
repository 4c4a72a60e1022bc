#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::Function;
using ir::OpId;
using ir::OpKind;
using ir::TensorId;

bool is_activation(Function function) {
  switch (function) {
    case Function::relu:
    case Function::leaky_relu:
    case Function::clip:
    case Function::sigmoid:
    case Function::hard_sigmoid:
    case Function::hard_swish:
    case Function::silu:
    case Function::gelu:
    case Function::tanh:
    case Function::elu:
    case Function::softplus:
      return true;
    default:
      return false;
  }
}

bool computes_macs(OpKind kind) {
  return kind == OpKind::conv || kind == OpKind::conv_transpose || kind == OpKind::matmul;
}

bool is_add(const ir::Op& op) {
  return op.kind == OpKind::elementwise && std::get<ir::ElementwiseAttrs>(op.attrs).function == Function::add;
}

bool has_residual(const ir::Op& op) {
  return std::any_of(op.fused.begin(), op.fused.end(),
                     [](const ir::FusedStep& step) { return step.operand != ir::kNoTensor; });
}

class Fuser {
 public:
  explicit Fuser(ir::Graph& graph) : editor_(graph) {}

  Removed run() {
    for (OpId id = 0; id < editor_.ops(); ++id) {
      if (editor_.erased(id)) continue;
      const ir::Op& op = editor_.op(id);
      if (op.kind != OpKind::elementwise || !op.fused.empty()) continue;
      if (is_activation(std::get<ir::ElementwiseAttrs>(op.attrs).function)) fuse_activation(id);
      if (is_add(op)) fuse_residual(id);
    }
    return {0, editor_.finish()};
  }

 private:
  [[nodiscard]] const ir::Tensor& tensor(TensorId id) { return editor_.graph().tensor(id); }

  /// The producer of `id` when nobody else needs what it computes now and the type stays.
  OpId exclusive_producer(TensorId id, TensorId result) {
    const OpId op = editor_.producer(id);
    if (op == Editor::kNoOp || !editor_.single_use(id) || tensor(id).dtype != tensor(result).dtype) {
      return Editor::kNoOp;
    }
    return op;
  }

  /// `op` applies the step that `next` was.
  void absorb(OpId op, OpId next, TensorId operand) {
    const ir::Op step = editor_.op(next);
    editor_.erase(next);
    editor_.add_step(op, {std::get<ir::ElementwiseAttrs>(step.attrs), operand});
    editor_.set_output(op, step.outputs[0]);
    editor_.op(op).source_op = join_sources(editor_.op(op).source_op, step.source_op);
  }

  void fuse_activation(OpId id) {
    const ir::Op& op = editor_.op(id);
    const OpId before = exclusive_producer(op.inputs[0], op.outputs[0]);
    if (before == Editor::kNoOp) return;
    if (computes_macs(editor_.op(before).kind) || is_add(editor_.op(before)))
      absorb(before, id, ir::kNoTensor);
  }

  /// Fuses an addition into the later of its two producers, or into the other one, which then moves behind
  /// it.
  void fuse_residual(OpId id) {
    const ir::Op add = editor_.op(id);
    TensorId late = add.inputs[0], early = add.inputs[1];
    if (tensor(late).shape != tensor(early).shape || late == early) return;
    if (editor_.producer(late) < editor_.producer(early)) std::swap(late, early);
    for (const auto& [main, other] : {std::pair{late, early}, std::pair{early, late}}) {
      OpId op = exclusive_producer(main, add.outputs[0]);
      if (op == Editor::kNoOp || !computes_macs(editor_.op(op).kind) || has_residual(editor_.op(op)))
        continue;
      if (editor_.is_weight(other)) continue;
      absorb(op, id, other);
      if (editor_.producer(other) > op) editor_.move(op, id);
      return;
    }
  }

  Editor editor_;
};

}  // namespace

Removed fuse_elementwise(ir::Graph& graph) { return Fuser(graph).run(); }

}  // namespace npusim::passes
