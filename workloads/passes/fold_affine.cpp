#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"
#include "workloads/passes/recipe.h"

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
    // A result that is stored as integers is rounded before what follows.
    if (op == Editor::kNoOp || !editor_.single_use(id) || graph().tensor(id).storage) return Editor::kNoOp;
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

  /// A weight with one element a channel, or one for all of them, as [channels] or as a scalar.
  TensorId flat(Recipe& recipe, TensorId id, OpId op) const {
    const std::int64_t channels = shape(editor_.op(op).outputs[0]).at(channel_axis(op));
    return recipe.reshape(id, ir::elements(shape(id)) == channels ? Shape{channels} : Shape{});
  }

  /// The weights of `op` times or divided by `factor`, [channels] or a scalar.
  TensorId scaled_weights(Recipe& recipe, Function function, OpId op, TensorId factor) const {
    const ir::Op& target = editor_.op(op);
    const TensorId weights = target.inputs[1];
    const Shape w = shape(weights);
    if (shape(factor).empty()) return recipe.apply(function, {weights, factor});
    const std::int64_t channels = shape(factor)[0];
    if (target.kind == OpKind::matmul) {
      const bool rows = std::get<ir::MatMulAttrs>(target.attrs).transpose_b;
      return recipe.apply(function, {weights, rows ? recipe.reshape(factor, {channels, 1}) : factor});
    }
    if (target.kind == OpKind::conv) {
      Shape column(w.size(), 1);
      column[0] = channels;
      return recipe.apply(function, {weights, recipe.reshape(factor, column)});
    }
    // [C, M/g, ...]: group i of the outputs belongs to the i-th part of C.
    const std::int64_t groups = std::get<ir::ConvAttrs>(target.attrs).groups;
    Shape apart{groups, w[0] / groups}, column{groups, 1};
    apart.insert(apart.end(), w.begin() + 1, w.end());
    column.insert(column.end(), w.size() - 1, 1);
    column[2] = w[1];
    const TensorId product =
        recipe.apply(function, {recipe.reshape(weights, apart), recipe.reshape(factor, column)});
    return recipe.reshape(product, w);
  }

  /// Gives `op` another weight or bias.
  void set_weight(OpId op, std::size_t i, TensorId id) {
    std::vector<TensorId> inputs = editor_.op(op).inputs;
    inputs.resize(std::max(inputs.size(), i + 1), ir::kNoTensor);
    inputs[i] = id;
    editor_.set_inputs(op, std::move(inputs));
  }

  /// bias + summand or bias - summand; without a bias it is 0.
  void add_bias(OpId op, const std::string& by, Function function, TensorId id) {
    Recipe recipe(editor_, by);
    TensorId summand = flat(recipe, id, op);
    if (has_bias(op)) {
      set_weight(op, 2, recipe.apply(function, {editor_.op(op).inputs[2], summand}));
      return;
    }
    if (function == Function::sub) summand = recipe.apply(Function::neg, {summand});
    set_weight(op, 2, recipe.expand(summand, {shape(editor_.op(op).outputs[0]).at(channel_axis(op))}));
  }

  void scale(OpId op, const std::string& by, Function function, TensorId id) {
    Recipe recipe(editor_, by);
    const TensorId factor = flat(recipe, id, op);
    set_weight(op, 1, scaled_weights(recipe, function, op, factor));
    if (has_bias(op)) set_weight(op, 2, recipe.apply(function, {editor_.op(op).inputs[2], factor}));
  }

  /// Whether the weights' last axis is the output's: not of a product with a vector.
  [[nodiscard]] bool weights_have_channels(OpId op) const {
    return editor_.op(op).kind != OpKind::matmul || shape(editor_.op(op).inputs[1]).size() > 1;
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
    take_batch_norm(op, norm);
    absorb(op, id);
    ++removed_.folded;
  }

  /// w * s and (b - mean) * s + beta, with s = gamma / sqrt(variance + epsilon).
  void take_batch_norm(OpId op, const ir::Op& norm) {
    Recipe recipe(editor_, norm.name);
    const TensorId gamma = norm.inputs[1], beta = norm.inputs[2], mean = norm.inputs[3];
    const double epsilon = std::get<ir::NormAttrs>(norm.attrs).epsilon;
    const TensorId sum = recipe.apply(
        Function::add, {norm.inputs[4], recipe.scalar(epsilon, graph().tensor(norm.inputs[4]).dtype)});
    const TensorId factor = recipe.apply(Function::div, {gamma, recipe.apply(Function::sqrt, {sum})});
    set_weight(op, 1, scaled_weights(recipe, Function::mul, op, factor));
    if (has_bias(op)) {
      const TensorId centred = recipe.apply(Function::sub, {editor_.op(op).inputs[2], mean});
      const TensorId scaled = recipe.apply(Function::mul, {centred, factor});
      set_weight(op, 2, recipe.apply(Function::add, {scaled, beta}));
    } else {
      set_weight(op, 2, recipe.apply(Function::sub, {beta, recipe.apply(Function::mul, {mean, factor})}));
    }
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
        if (!editor_.is_weight(editor_.op(op).inputs[1]) || !weights_have_channels(op)) continue;
        scale(op, next.name, function, next.inputs[1 - i]);
      } else {
        add_bias(op, next.name, function, next.inputs[1 - i]);
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
