#include "workloads/importing/rebatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "sim/base/error.h"
#include "workloads/importing/limits.h"
#include "workloads/passes/evaluate.h"

namespace npusim::importing {

namespace {

using ir::OpKind;
using ir::Shape;
using ir::TensorId;

std::int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
  return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
}

/// Walks the operators in order with every tensor's old shape beside its new one.
class Rebatcher {
 public:
  Rebatcher(ir::Graph& graph, std::int64_t old_batch, std::int64_t new_batch, const std::string& file)
      : graph_(graph), old_batch_(old_batch), new_batch_(new_batch), file_(file) {
    for (const ir::Tensor& tensor : graph.tensors) old_.push_back(tensor.shape);
    within_.assign(graph.tensors.size(), 1);
  }

  void run() {
    for (const TensorId id : graph_.inputs) {
      Shape& shape = graph_.tensor(id).shape;
      if (!shape.empty() && shape[0] == old_batch_) shape[0] = new_batch_;
      check_size(shape, fmt::format("{}: input '{}'", file_, graph_.tensor(id).name));
    }
    std::vector<ir::Op> ops = std::move(graph_.ops);
    graph_.ops.clear();
    for (ir::Op& op : ops) {
      if (std::any_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) { return changed(id); }))
        follow(op);
      graph_.ops.push_back(std::move(op));
    }
  }

 private:
  [[noreturn]] void fail(const ir::Op& op, const std::string& what) const {
    throw UserError(
        fmt::format("{}: operator '{}' ({}) cannot follow a change of the batch from {} to {}: {}", file_,
                    op.name, op.source_op, old_batch_, new_batch_, what));
  }

  [[nodiscard]] const Shape& before(TensorId id) const { return old_.at(static_cast<std::size_t>(id)); }
  [[nodiscard]] std::int64_t& within(TensorId id) { return within_.at(static_cast<std::size_t>(id)); }
  [[nodiscard]] bool changed(TensorId id) const {
    return id != ir::kNoTensor && graph_.tensor(id).shape != before(id);
  }

  /// The axis of a tensor that holds the batch.
  std::optional<std::size_t> batch_axis(const ir::Op& op, TensorId id) const {
    const Shape &was = before(id), &is = graph_.tensor(id).shape;
    std::optional<std::size_t> axis;
    for (std::size_t i = 0; i < was.size(); ++i) {
      if (was[i] == is[i]) continue;
      if (axis) fail(op, fmt::format("axes {} and {} of its input both changed", *axis, i));
      axis = i;
    }
    return axis;
  }

  void follow(ir::Op& op) {
    switch (op.kind) {
      case OpKind::reshape:
        set(op, 0, reshaped(op));
        break;
      case OpKind::expand:
      case OpKind::resize:
      case OpKind::slice:
        set(op, 0, same_axis(op));
        break;
      case OpKind::split:
        split(op);
        break;
      case OpKind::concat:
        expand_weights(op);
        break;
      default:
        break;
    }
    infer(op);
    if (op.kind == OpKind::reshape) return;
    for (const TensorId id : op.inputs) {
      if (!changed(id)) continue;
      for (const TensorId out : op.outputs) within(out) = within(id);
      break;
    }
  }

  [[nodiscard]] std::string where(const ir::Op& op) const {
    return fmt::format("{}: operator '{}' with batch {}", file_, op.name, new_batch_);
  }

  void set(const ir::Op& op, std::size_t i, Shape shape) {
    check_size(shape, where(op));
    graph_.tensor(op.outputs.at(i)).shape = std::move(shape);
  }

  void infer(const ir::Op& op) {
    std::vector<Shape> shapes;
    try {
      shapes = ir::infer_shapes(graph_, op);
    } catch (const UserError& error) {
      fail(op, error.what());
    }
    for (std::size_t i = 0; i < shapes.size(); ++i) set(op, i, std::move(shapes[i]));
    check_work(graph_, op, where(op));
    for (const TensorId id : op.outputs) graph_.tensor(id).constant.reset();
    if (auto values = passes::evaluate(graph_, op)) {
      for (std::size_t i = 0; i < values->size(); ++i) graph_.tensor(op.outputs[i]).constant = (*values)[i];
    }
  }

  /// `size` with the old batch in it replaced by the new one.
  std::int64_t scaled(const ir::Op& op, std::int64_t size) const {
    if (size % old_batch_ != 0) fail(op, fmt::format("a dimension of {} does not contain the batch", size));
    return size / old_batch_ * new_batch_;
  }

  /// Row-major order is kept, so the batch is in the target where as many elements are outside of it as in
  /// the input. At the border of two dimensions it belongs to the inner one (a view [heads * batch, ...]),
  /// except that the last holds features.
  Shape reshaped(const ir::Op& op) {
    const TensorId in = op.inputs.at(0), out = op.outputs.at(0);
    const auto axis = batch_axis(op, in);
    Shape shape = before(out);
    if (!axis || shape.empty() || ir::elements(shape) == 0) fail(op, "the batch is not in its input");
    const std::int64_t outside =
        product(before(in).begin(), before(in).begin() + static_cast<std::ptrdiff_t>(*axis)) * within(in);
    std::int64_t reached = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const bool border = reached == outside;
      const bool inside = outside % reached == 0 && shape[i] % (outside / reached * old_batch_) == 0;
      const bool features = i + 1 == shape.size() && i > 0 && border && old_batch_ == 1;
      const bool holds = border ? shape[i] % old_batch_ == 0 : inside && reached * shape[i] > outside;
      if (features || holds) {
        const std::size_t place = features ? i - 1 : i;
        if (features) reached /= shape[place];
        within(out) = outside / reached;
        shape[place] = scaled(op, shape[place]);
        return shape;
      }
      reached *= shape[i];
    }
    fail(op, fmt::format("no dimension of {} holds the batch", ir::to_string(shape)));
  }

  /// Expand, Resize, Slice: the batch stays on its axis, counted from the end, and is taken whole.
  Shape same_axis(const ir::Op& op) const {
    const Shape &was = before(op.inputs.at(0)), &is = graph_.tensor(op.inputs.at(0)).shape;
    Shape shape = before(op.outputs.at(0));
    const auto axis = batch_axis(op, op.inputs.at(0));
    if (!axis) return shape;
    std::int64_t& size = shape.at(shape.size() - (was.size() - *axis));
    if (size != was[*axis]) fail(op, fmt::format("it changes axis {}, which holds the batch", *axis));
    size = is[*axis];
    return shape;
  }

  void split(ir::Op& op) const {
    auto& attrs = std::get<ir::SplitAttrs>(op.attrs);
    const auto axis = batch_axis(op, op.inputs.at(0));
    if (!axis || static_cast<std::int64_t>(*axis) != attrs.axis) return;
    for (std::int64_t& size : attrs.sizes) size = scaled(op, size);
  }

  /// A class token of the old batch is repeated for the new one before it is joined with batched data.
  void expand_weights(ir::Op& op) {
    const auto batched =
        std::find_if(op.inputs.begin(), op.inputs.end(), [&](TensorId id) { return changed(id); });
    const auto axis = batch_axis(op, *batched);
    if (!axis || static_cast<std::int64_t>(*axis) == std::get<ir::ConcatAttrs>(op.attrs).axis) return;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const TensorId id = op.inputs[i];
      if (changed(id) || before(id).size() <= *axis || before(id)[*axis] != 1) continue;
      ir::Tensor tensor = graph_.tensor(id);
      tensor.name = fmt::format("{}/batch{}", op.name, i);
      tensor.shape[*axis] = graph_.tensor(*batched).shape[*axis];
      tensor.role = ir::TensorRole::activation;
      tensor.constant.reset();
      const TensorId expanded = graph_.add_tensor(std::move(tensor));
      old_.push_back(before(id));
      within_.push_back(1);
      graph_.ops.push_back(
          {graph_.tensor(expanded).name, OpKind::expand, ir::ExpandAttrs{}, {id}, {expanded}, {}, "Expand"});
      op.inputs[i] = expanded;
    }
  }

  ir::Graph& graph_;
  std::int64_t old_batch_;
  std::int64_t new_batch_;
  const std::string& file_;
  std::vector<Shape> old_;
  /// Per tensor: how much of the batch's axis is outside of the batch (a view [tokens * batch, features]).
  std::vector<std::int64_t> within_;
};

}  // namespace

void change_batch(ir::Graph& graph, std::int64_t old_batch, std::int64_t new_batch, const std::string& file) {
  if (old_batch != new_batch) Rebatcher(graph, old_batch, new_batch, file).run();
}

}  // namespace npusim::importing
