#include <algorithm>
#include <set>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"
#include "workloads/passes/recipe.h"

namespace npusim::passes {

namespace {

using ir::Function;
using ir::OpId;
using ir::Shape;
using ir::TensorId;

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon), and behind it [* scale] [+ bias].
class Match {
 public:
  Match(Editor& editor, OpId quotient) : editor_(editor), last_(quotient) { ops_.insert(quotient); }

  bool find() {
    if (!find_quotient() || !closed()) return false;
    tail_ = Shape(shape(x_).begin() + axis_, shape(x_).end());
    scale_ = take_weight(Function::mul);
    bias_ = take_weight(Function::add);
    return true;
  }

  void apply() {
    ir::Op& op = editor_.op(last_);
    std::string sources;
    for (const OpId id : ops_) sources = join_sources(sources, editor_.op(id).source_op);
    std::vector<TensorId> inputs{x_, scale_ == ir::kNoTensor ? ones() : fitted(scale_)};
    if (bias_ != ir::kNoTensor) inputs.push_back(fitted(bias_));
    for (const OpId id : ops_) {
      if (id != last_) editor_.erase(id);
    }
    op.kind = ir::OpKind::norm;
    op.attrs = ir::NormAttrs{ir::NormKind::layer, axis_, epsilon_};
    op.source_op = std::move(sources);
    editor_.set_inputs(last_, std::move(inputs));
  }

 private:
  [[nodiscard]] const Shape& shape(TensorId id) const { return editor_.graph().tensor(id).shape; }

  /// The producer of `id` when it is this function; it joins the match.
  OpId take(TensorId id, Function function) {
    const OpId op = editor_.producer(id);
    if (!editor_.is(op, function)) return Editor::kNoOp;
    ops_.insert(op);
    return op;
  }
  [[nodiscard]] TensorId input(OpId op, std::size_t i) const { return editor_.op(op).inputs.at(i); }

  /// The input of a mean over the last axes; kNoTensor when `id` is none.
  TensorId mean_of(TensorId id) {
    const OpId op = editor_.producer(id);
    if (op == Editor::kNoOp || editor_.op(op).kind != ir::OpKind::reduce) return ir::kNoTensor;
    const auto& attrs = std::get<ir::ReduceAttrs>(editor_.op(op).attrs);
    const TensorId in = input(op, 0);
    const auto rank = static_cast<std::int64_t>(shape(in).size());
    const auto count = static_cast<std::int64_t>(attrs.axes.size());
    if (attrs.kind != ir::ReduceKind::mean || !attrs.keepdims || count == 0 ||
        !editor_.op(op).fused.empty() || attrs.axes.front() != rank - count ||
        (axis_ >= 0 && axis_ != rank - count)) {
      return ir::kNoTensor;
    }
    axis_ = rank - count;
    ops_.insert(op);
    return in;
  }

  /// x of x - mean(x); kNoTensor when `id` is no such difference.
  TensorId centred(TensorId id) {
    const OpId op = take(id, Function::sub);
    if (op == Editor::kNoOp || mean_of(input(op, 1)) != input(op, 0)) return ir::kNoTensor;
    return input(op, 0);
  }

  /// The square's operand: pow(d, 2) or d * d.
  TensorId square_of(TensorId id) {
    if (const OpId op = take(id, Function::pow); op != Editor::kNoOp) {
      return editor_.scalar(input(op, 1)) == 2.0 ? input(op, 0) : ir::kNoTensor;
    }
    const OpId op = take(id, Function::mul);
    return op != Editor::kNoOp && input(op, 0) == input(op, 1) ? input(op, 0) : ir::kNoTensor;
  }

  bool find_quotient() {
    TensorId root = input(last_, 1);
    if (editor_.is(last_, Function::mul)) {
      const OpId op = take(root, Function::reciprocal);
      if (op == Editor::kNoOp) return false;
      root = input(op, 0);
    }
    x_ = centred(input(last_, 0));
    const OpId sqrt = take(root, Function::sqrt);
    if (x_ == ir::kNoTensor || sqrt == Editor::kNoOp) return false;
    const OpId sum = take(input(sqrt, 0), Function::add);
    if (sum == Editor::kNoOp) return false;
    const bool first = editor_.scalar(input(sum, 0)).has_value();
    const auto epsilon = editor_.scalar(input(sum, first ? 0 : 1));
    if (!epsilon) return false;
    epsilon_ = *epsilon;
    const TensorId squares = mean_of(input(sum, first ? 1 : 0));
    if (squares == ir::kNoTensor) return false;
    const TensorId difference = square_of(squares);
    return difference != ir::kNoTensor && centred(difference) == x_;
  }

  /// Whether only the match reads what its operators compute, the last one's result apart.
  [[nodiscard]] bool closed() const {
    return std::all_of(ops_.begin(), ops_.end(), [&](OpId op) {
      const TensorId out = editor_.op(op).outputs[0];
      const auto& readers = editor_.readers(out);
      return op == last_ ||
             (!editor_.is_output(out) &&
              std::all_of(readers.begin(), readers.end(), [&](OpId r) { return ops_.contains(r); }));
    });
  }

  /// Whether a weight has the shape of the normalised axes, leading ones apart.
  [[nodiscard]] bool fits(TensorId id) const {
    if (!editor_.is_weight(id) || shape(id).size() < tail_.size()) return false;
    const auto lead = shape(id).end() - static_cast<std::ptrdiff_t>(tail_.size());
    return std::equal(tail_.begin(), tail_.end(), lead) &&
           std::all_of(shape(id).begin(), lead, [](std::int64_t size) { return size == 1; });
  }

  /// The weight of `function` behind the match, which then includes it; kNoTensor when there is none.
  TensorId take_weight(Function function) {
    const TensorId out = editor_.op(last_).outputs[0];
    if (!editor_.single_use(out)) return ir::kNoTensor;
    const OpId next = editor_.readers(out).front();
    if (!editor_.is(next, function) || shape(editor_.op(next).outputs[0]) != shape(x_)) return ir::kNoTensor;
    const TensorId weight = input(next, input(next, 0) == out ? 1 : 0);
    if (!fits(weight)) return ir::kNoTensor;
    ops_.insert(next);
    last_ = next;
    return weight;
  }

  /// The weight in exactly the normalised axes' shape.
  TensorId fitted(TensorId id) { return Recipe(editor_, editor_.op(last_).name).reshape(id, tail_); }

  TensorId ones() {
    return editor_.add_tensor({editor_.op(last_).name + "/scale",
                               editor_.graph().tensor(x_).dtype,
                               {},
                               ir::TensorRole::weight,
                               std::vector{1.0}});
  }

  Editor& editor_;
  OpId last_;
  std::set<OpId> ops_;
  TensorId x_ = ir::kNoTensor;
  TensorId scale_ = ir::kNoTensor;
  TensorId bias_ = ir::kNoTensor;
  std::int64_t axis_ = -1;
  double epsilon_ = 0;
  Shape tail_;
};

}  // namespace

Removed recognise_layer_norm(ir::Graph& graph) {
  Editor editor(graph);
  for (OpId id = 0; id < editor.ops(); ++id) {
    if (editor.erased(id) || (!editor.is(id, Function::div) && !editor.is(id, Function::mul))) continue;
    Match match(editor, id);
    if (match.find()) match.apply();
  }
  return {0, editor.finish()};
}

}  // namespace npusim::passes
