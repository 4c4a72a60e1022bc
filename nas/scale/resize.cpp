#include "nas/scale/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "nas/scale/finish.h"
#include "nas/scale/scalable.h"
#include "sim/base/error.h"
#include "workloads/passes/editor.h"

namespace npusim::scale {
namespace {

using ir::OpKind;
using ir::Shape;
using ir::TensorId;

[[noreturn]] void fail(const ir::Op& op, const std::string& why) {
  throw UserError(fmt::format("operator '{}' ({}) cannot follow: {}", op.name, op.source_op, why));
}

/// Walks the operators in order; every tensor has its old shape in `before_` and its new one in `graph_`.
class Resizer {
 public:
  Resizer(const ir::Graph& graph, double width, std::int64_t divisor)
      : before_(graph), graph_(graph), width_(width), divisor_(divisor) {
    find_last();
    find_gates();
    for (const ir::Op& op : graph.ops) {
      if (has_weights(op) && op.kind != OpKind::matmul && !is_depthwise(op)) {
        divisor_ = std::lcm(divisor_, std::get<ir::ConvAttrs>(op.attrs).groups);
      }
    }
  }

  ir::Graph run(ir::Hw image) {
    const std::size_t height = height_axis(before_);
    Shape& input = graph_.tensor(graph_.inputs.front()).shape;
    input.at(height) = image.h;
    input.at(height + 1) = image.w;
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) follow(i);
    ir::verify(graph_);
    return std::move(graph_);
  }

 private:
  [[nodiscard]] bool is_weight(TensorId id) const {
    return id != ir::kNoTensor && before_.tensor(id).role == ir::TensorRole::weight;
  }
  [[nodiscard]] const Shape& before(TensorId id) const { return before_.tensor(id).shape; }
  [[nodiscard]] const Shape& now(TensorId id) const { return graph_.tensor(id).shape; }
  [[nodiscard]] bool is_depthwise(const ir::Op& op) const {
    const auto* conv = std::get_if<ir::ConvAttrs>(&op.attrs);
    return op.kind == OpKind::conv && conv->groups > 1 && conv->groups == before(op.inputs[0]).at(1);
  }
  [[nodiscard]] bool has_weights(const ir::Op& op) const {
    const bool kind =
        op.kind == OpKind::conv || op.kind == OpKind::conv_transpose || op.kind == OpKind::matmul;
    return kind && op.inputs.size() > 1 && is_weight(op.inputs[1]);
  }

  /// The layers whose outputs are the network's: their channels mean something.
  void find_last() {
    ir::Graph copy = before_;
    const passes::Editor editor(copy);
    std::vector<TensorId> open = before_.outputs;
    std::set<ir::OpId> seen;
    while (!open.empty()) {
      const ir::OpId id = editor.producer(open.back());
      open.pop_back();
      if (id == passes::Editor::kNoOp || !seen.insert(id).second) continue;
      const ir::Op& op = editor.op(id);
      if (has_weights(op) && !is_depthwise(op)) {
        last_.insert(static_cast<std::size_t>(id));
        continue;
      }
      for (const TensorId input : op.inputs) {
        if (input != ir::kNoTensor) open.push_back(input);
      }
    }
  }

  /// A gate has the channels of what it scales, also where those are a sum of rounded ones.
  void find_gates() {
    for (const Excitation& one : excitations(before_)) {
      const auto last = std::find_if(one.ops.rbegin(), one.ops.rend(),
                                     [&](std::size_t i) { return has_weights(before_.ops[i]); });
      if (last != one.ops.rend()) gates_[*last] = one.input;
    }
  }

  void set_weight(const ir::Op& op, TensorId id, Shape shape) {
    ir::Tensor& weight = graph_.tensor(id);
    if (weight.shape == shape) return;
    if (!is_weight(id)) fail(op, fmt::format("its operand '{}' is computed", weight.name));
    if (touched_.count(id) > 0) fail(op, fmt::format("'{}' has two readers of different sizes", weight.name));
    weight.shape = std::move(shape);
    weight.constant.reset();  // learned for the channels that were
    touched_.insert(id);
  }

  /// New output channels of layer `index`, which has `channels`.
  [[nodiscard]] std::int64_t outputs(std::int64_t channels, std::size_t index) const {
    const auto gate = gates_.find(index);
    if (gate != gates_.end() && channels == before(gate->second).at(1)) return now(gate->second).at(1);
    return last_.count(index) > 0 ? channels : scaled_channels(channels, width_, divisor_);
  }

  void follow(std::size_t index) {
    ir::Op& op = graph_.ops[index];
    if (has_weights(op)) {
      if (op.kind == OpKind::matmul) {
        follow_matmul(op, index);
      } else {
        follow_conv(op, index);
      }
    } else {
      follow_operands(op);
    }
    infer(op);
  }

  void follow_conv(ir::Op& op, std::size_t index) {
    auto& conv = std::get<ir::ConvAttrs>(op.attrs);
    const std::int64_t in = now(op.inputs[0]).at(1);
    Shape weight = before(op.inputs[1]);
    const bool transposed = op.kind == OpKind::conv_transpose;
    std::int64_t out = 0;
    if (is_depthwise(op)) {
      out = weight[0] / conv.groups * in;
      conv.groups = in;
      weight[0] = out;
    } else {
      if (in % conv.groups != 0) fail(op, fmt::format("{} channels in {} groups", in, conv.groups));
      out = outputs(transposed ? weight[1] * conv.groups : weight[0], index);
      weight[0] = transposed ? in : out;
      weight[1] = (transposed ? out : in) / conv.groups;
    }
    set_weight(op, op.inputs[1], weight);
    set_bias(op, out);
  }

  void follow_matmul(const ir::Op& op, std::size_t index) {
    const auto& attrs = std::get<ir::MatMulAttrs>(op.attrs);
    Shape weight = before(op.inputs[1]);
    const Shape& x = now(op.inputs[0]);
    if (weight.size() != 2 || attrs.transpose_a) fail(op, "it is no linear layer");
    const std::size_t n = attrs.transpose_b ? 0 : 1;
    weight[n] = outputs(weight[n], index);
    weight[1 - n] = x.back();
    const std::int64_t out = weight[n];
    set_weight(op, op.inputs[1], std::move(weight));
    set_bias(op, out);
  }

  void set_bias(const ir::Op& op, std::int64_t out) {
    if (op.inputs.size() < 3 || op.inputs[2] == ir::kNoTensor) return;
    Shape bias = before(op.inputs[2]);
    if (!bias.empty() && bias.back() != 1) bias.back() = out;
    set_weight(op, op.inputs[2], std::move(bias));
  }

  /// Weights of other operators (normalisations, slopes, scales) have x's sizes, aligned at its channels or
  /// its end.
  void follow_operands(const ir::Op& op) {
    const auto found = std::find_if(op.inputs.begin(), op.inputs.end(),
                                    [&](TensorId id) { return id != ir::kNoTensor && !is_weight(id); });
    if (found == op.inputs.end()) return;
    const TensorId x = *found;
    const Shape &old_x = before(x), &new_x = now(x);
    if (old_x == new_x) return;
    const bool by_channel =
        op.kind == OpKind::norm && std::get<ir::NormAttrs>(op.attrs).kind != ir::NormKind::layer;
    if (op.kind != OpKind::norm && op.kind != OpKind::elementwise) return;
    for (const TensorId id : op.inputs) {
      if (!is_weight(id) || before(id).empty()) continue;
      Shape shape = before(id);
      if (by_channel && shape.size() == 1) {
        shape[0] = new_x.at(1);
      } else {
        for (std::size_t back = 1; back <= std::min(shape.size(), old_x.size()); ++back) {
          std::int64_t& size = shape[shape.size() - back];
          if (size == old_x[old_x.size() - back] && size > 1) size = new_x[new_x.size() - back];
        }
      }
      set_weight(op, id, std::move(shape));
    }
  }

  void infer(const ir::Op& op) {
    std::vector<Shape> shapes;
    switch (op.kind) {
      case OpKind::reshape:
        shapes = {reshaped(op)};
        break;
      case OpKind::resize:
        shapes = {enlarged(op)};
        break;
      case OpKind::expand:
      case OpKind::slice:
      case OpKind::shape_of:
        if (now(op.inputs.at(0)) != before(op.inputs[0])) fail(op, "its result's shape is fixed");
        return;
      default:
        shapes = ir::infer_shapes(graph_, op);
    }
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      if (std::any_of(shapes[i].begin(), shapes[i].end(), [](std::int64_t size) { return size < 1; })) {
        fail(op, "nothing is left of the image");
      }
      graph_.tensor(op.outputs[i]).shape = shapes[i];
    }
  }

  [[nodiscard]] Shape reshaped(const ir::Op& op) const {
    const Shape &old_in = before(op.inputs.at(0)), &in = now(op.inputs[0]);
    Shape out = before(op.outputs.at(0));
    if (in == old_in) return out;
    if (out.size() == 2 && out[0] == old_in[0]) {  // flattened
      out[1] = ir::elements(in) / in[0];
    } else {
      for (std::size_t i = 0; i < std::min(out.size(), in.size()); ++i) {
        if (out[i] == old_in[i]) out[i] = in[i];
      }
    }
    if (ir::elements(out) != ir::elements(in)) fail(op, "its result's shape is fixed");
    return out;
  }

  [[nodiscard]] Shape enlarged(const ir::Op& op) const {
    const Shape &old_in = before(op.inputs.at(0)), &in = now(op.inputs[0]);
    Shape out = before(op.outputs.at(0));
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] * in[i] % old_in[i] != 0) fail(op, "its factor is no whole number");
      out[i] = out[i] * in[i] / old_in[i];
    }
    return out;
  }

  const ir::Graph& before_;
  ir::Graph graph_;
  double width_;
  std::int64_t divisor_;
  std::set<std::size_t> last_;
  std::map<std::size_t, TensorId> gates_;  ///< by layer that makes one, what it scales
  std::set<TensorId> touched_;
};

}  // namespace

void forget_weights(ir::Graph& graph) {
  for (const ir::Op& op : graph.ops) {
    const bool layer = op.kind == OpKind::conv || op.kind == OpKind::conv_transpose ||
                       op.kind == OpKind::matmul || op.kind == OpKind::norm;
    for (std::size_t i = 1; layer && i < op.inputs.size(); ++i) {
      if (op.inputs[i] != ir::kNoTensor) graph.tensor(op.inputs[i]).constant.reset();
    }
  }
}

std::size_t height_axis(const ir::Graph& graph) {
  if (graph.inputs.size() != 1) return 0;
  const TensorId image = graph.inputs.front();
  if (graph.shape(image).size() != 4 || graph.tensor(image).dtype == ir::DType::i64) return 0;
  const std::vector<std::int64_t> to_channels_first{0, 3, 1, 2};
  for (const ir::Op& op : graph.ops) {
    if (std::find(op.inputs.begin(), op.inputs.end(), image) == op.inputs.end()) continue;
    const auto* transpose = std::get_if<ir::TransposeAttrs>(&op.attrs);
    if (transpose == nullptr || transpose->permutation != to_channels_first) return 2;
  }
  return 1;
}

ir::Graph resized(const ir::Graph& graph, double width, std::int64_t divisor, ir::Hw image) {
  return Resizer(graph, width, divisor).run(image);
}

}  // namespace npusim::scale
