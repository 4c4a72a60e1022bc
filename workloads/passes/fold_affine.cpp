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
    if (has_bias(op) && !editor_.is_weight(candidate.inputs[2])) return Editor::kNoOp;
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

  [[nodiscard]] bool has_bias(OpId op) const {
    return editor_.op(op).inputs.size() > 2 && editor_.op(op).inputs[2] != ir::kNoTensor;
  }

  /// The values of input `i` change: the operator gets its own tensor when another one reads it too.
  void change_weight(OpId op, std::size_t i, const std::string& by) {
    const TensorId weight = editor_.op(op).inputs.at(i);
    if (editor_.readers(weight).size() > 1) {
      ir::Tensor copy = graph().tensor(weight);
      copy.name += "/" + by;
      editor_.set_input(op, i, editor_.add_tensor(std::move(copy)));
    }
    graph().tensor(editor_.op(op).inputs[i]).constant.reset();
  }

  /// Adds to the bias. Where there is none, `summand` becomes it if it has one value a channel.
  void add_bias(OpId op, const std::string& by, TensorId summand) {
    if (has_bias(op)) return change_weight(op, 2, by);
    const Shape channels{shape(editor_.op(op).outputs[0]).at(channel_axis(op))};
    std::vector<TensorId> inputs = editor_.op(op).inputs;
    ir::Tensor bias{by + "/bias", graph().tensor(inputs[1]).dtype, channels, ir::TensorRole::weight, {}};
    if (summand != ir::kNoTensor && ir::elements(shape(summand)) == channels[0]) {
      bias = graph().tensor(summand);
      bias.shape = channels;
    }
    inputs.resize(3, ir::kNoTensor);
    inputs[2] = editor_.add_tensor(std::move(bias));
    editor_.set_inputs(op, std::move(inputs));
  }

  void scale(OpId op, const std::string& by) {
    change_weight(op, 1, by);
    if (has_bias(op)) change_weight(op, 2, by);
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
    change_weight(op, 1, norm.name);
    add_bias(op, norm.name, ir::kNoTensor);
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
      const bool fused = !product && !quotient && !has_bias(op);
      if (product || quotient) {
        if (!editor_.is_weight(editor_.op(op).inputs[1])) continue;
        scale(op, next.name);
      } else {
        add_bias(op, next.name, sum ? next.inputs[1 - i] : ir::kNoTensor);
      }
      absorb(op, id);
      ++(fused ? removed_.fused : removed_.folded);
      return;
    }
  }

  mutable Editor editor_;
  Removed removed_;
};

}  // namespace

Removed fold_affine(ir::Graph& graph) { return Folder(graph).run(); }

}  // namespace npusim::passes
