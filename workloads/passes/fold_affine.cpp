#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::Function;
using ir::OpId;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

bool has_weights(OpKind kind) {
  return kind == OpKind::conv || kind == OpKind::conv_transpose || kind == OpKind::matmul;
}

/// One pass over a graph: what follows an operator with weights and is linear a channel goes into them.
class Folder {
 public:
  explicit Folder(ir::Graph& graph) : editor_(graph) {}

  Removed run() {
    for (OpId id = 0; id < editor_.ops(); ++id) {
      const ir::Op& op = editor_.op(id);
      if (op.kind == OpKind::norm) fold_batch_norm(id);
      if (op.kind == OpKind::elementwise && op.fused.empty()) fold_elementwise(id);
    }
    editor_.finish();
    return removed_;
  }

 private:
  [[nodiscard]] const Shape& shape(TensorId id) const { return graph().tensor(id).shape; }
  [[nodiscard]] ir::Graph& graph() const { return editor_.graph(); }

  /// The operator before tensor `id` whose weights may take up what follows; kNoOp when there is none.
  [[nodiscard]] OpId linear(TensorId id) const {
    const OpId op = editor_.producer(id);
    if (op == Editor::kNoOp || !editor_.single_use(id)) return Editor::kNoOp;
    const ir::Op& candidate = editor_.op(op);
    if (!has_weights(candidate.kind) || !candidate.fused.empty()) return Editor::kNoOp;
    const bool bias = candidate.inputs.size() > 2 && candidate.inputs[2] != ir::kNoTensor;
    if (bias && !editor_.is_weight(candidate.inputs[2])) return Editor::kNoOp;
    return op;
  }

  /// The axis of an operator's output that its weights hold: channels, or a matrix product's columns.
  [[nodiscard]] std::size_t channel_axis(OpId op) const {
    return editor_.op(op).kind == OpKind::matmul ? shape(editor_.op(op).outputs[0]).size() - 1 : 1;
  }

  /// Whether weight `id`, broadcast to the output of `op`, has one value a channel (or one for all).
  [[nodiscard]] bool per_channel(TensorId id, OpId op) const {
    const Shape &w = shape(id), &out = shape(editor_.op(op).outputs[0]);
    if (!editor_.is_weight(id) || w.size() > out.size() || out.empty()) return false;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t axis = out.size() - w.size() + i;
      if (w[i] != 1 && (axis != channel_axis(op) || w[i] != out[axis])) return false;
    }
    return true;
  }

  /// Gives the operator its own weights when another one reads them too.
  void own_weights(OpId op, const std::string& by) {
    const TensorId weight = editor_.op(op).inputs.at(1);
    if (editor_.readers(weight).size() == 1) return;
    ir::Tensor copy = graph().tensor(weight);
    copy.name += "/" + by;
    copy.constant.reset();
    editor_.set_input(op, 1, editor_.add_tensor(std::move(copy)));
  }

  /// Adds a bias where there is none.
  bool ensure_bias(OpId op, const std::string& by) {
    std::vector<TensorId> inputs = editor_.op(op).inputs;
    if (inputs.size() > 2 && inputs[2] != ir::kNoTensor) return false;
    const std::int64_t channels = shape(editor_.op(op).outputs[0]).at(channel_axis(op));
    inputs.resize(3, ir::kNoTensor);
    inputs[2] = editor_.add_tensor(
        {by + "/bias", graph().tensor(inputs[1]).dtype, {channels}, ir::TensorRole::weight, std::nullopt});
    editor_.set_inputs(op, std::move(inputs));
    return true;
  }

  /// `op` takes over what `next` computes.
  void absorb(OpId op, OpId next) {
    const TensorId out = editor_.op(next).outputs[0];
    editor_.op(op).source_op = join_sources(editor_.op(op).source_op, editor_.op(next).source_op);
    editor_.erase(next);
    editor_.set_output(op, out);
  }

  void fold_batch_norm(OpId id) {
    const ir::Op norm = editor_.op(id);
    if (std::get<ir::NormAttrs>(norm.attrs).kind != ir::NormKind::batch || !norm.fused.empty()) return;
    const OpId op = linear(norm.inputs[0]);
    if (op == Editor::kNoOp || channel_axis(op) != 1 || !editor_.is_weight(editor_.op(op).inputs[1])) return;
    const bool constant = std::all_of(norm.inputs.begin() + 1, norm.inputs.end(),
                                      [&](TensorId input) { return editor_.is_weight(input); });
    if (!constant) return;
    own_weights(op, norm.name);
    ensure_bias(op, norm.name);
    absorb(op, id);
    ++removed_.folded;
  }

  void fold_elementwise(OpId id) {
    const ir::Op next = editor_.op(id);
    const Function function = std::get<ir::ElementwiseAttrs>(next.attrs).function;
    const bool sum = function == Function::add, difference = function == Function::sub;
    const bool product = function == Function::mul, quotient = function == Function::div;
    if (!sum && !difference && !product && !quotient) return;
    for (std::size_t i = 0; i < 2; ++i) {
      // a - conv(x) would change the sign of the weights, a / conv(x) is not linear.
      if (i == 1 && (difference || quotient)) return;
      const OpId op = linear(next.inputs[i]);
      if (op == Editor::kNoOp || !per_channel(next.inputs[1 - i], op)) continue;
      if (shape(next.outputs[0]) != shape(next.inputs[i])) continue;
      const bool scale = product || quotient;
      if (scale && !editor_.is_weight(editor_.op(op).inputs[1])) continue;
      if (scale) own_weights(op, next.name);
      const bool added = !scale && ensure_bias(op, next.name);
      absorb(op, id);
      ++(added ? removed_.fused : removed_.folded);
      return;
    }
  }

  mutable Editor editor_;
  Removed removed_;
};

}  // namespace

Removed fold_affine(ir::Graph& graph) { return Folder(graph).run(); }

}  // namespace npusim::passes
