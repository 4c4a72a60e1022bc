#include "hw_models/ascend310/stream_meaning.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "workloads/passes/evaluate.h"
#include "workloads/reference/kernels.h"
#include "workloads/reference/value.h"

namespace npusim::ascend310 {

using ir::OpKind;
using Indices = std::vector<std::int64_t>;

std::int64_t Exponents::of(ir::TensorId tensor) const {
  return quantization_ == nullptr ? 0 : quantization_->tensors.at(static_cast<std::size_t>(tensor));
}

std::int64_t Exponents::stage(const ir::Op& op, std::size_t stage) const {
  if (quantization_ == nullptr) return 0;
  return quantization_->stages.at(static_cast<std::size_t>(&op - graph_.ops.data())).at(stage);
}

namespace {

std::vector<AxisMap> steps(const Indices& strides) {
  std::vector<AxisMap> out(strides.size());
  for (std::size_t i = 0; i < strides.size(); ++i) out[i].step = strides[i];
  return out;
}

/// Builds the setting of one operator.
class Meaning {
 public:
  Meaning(const ir::Graph& graph, const ir::Op& op, ir::TensorId out, const Order& order,
          const std::vector<MeaningOperand>& operands, const Exponents& exponents)
      : graph_(graph), op_(op), out_(out), operands_(operands), exponents_(exponents) {
    setting_.out = order;
    setting_.axes = graph.shape(out);
    setting_.result_type = setting_.type = graph.tensor(out).dtype;
    setting_.exponent = out == op.outputs[0] ? exponents.stage(op, 0) : exponents.of(out);
  }

  std::optional<StreamSetting> build() {
    if (operands_.empty() || !main()) return std::nullopt;
    setting_.main_inputs = std::ssize(setting_.inputs);
    add_steps(0);
    return setting_;
  }

  StreamSetting rest(std::size_t first_step, const Order& partial) {
    StreamInput input;
    input.order = partial;
    input.exponent = setting_.exponent = exponents_.stage(op_, first_step);
    input.axes = steps(reference::row_major(setting_.axes));
    setting_.inputs.push_back(std::move(input));
    add_steps(first_step);
    return setting_;
  }

 private:
  [[nodiscard]] ir::Shape shape(std::size_t input) const { return graph_.shape(operands_.at(input).tensor); }
  [[nodiscard]] Indices strides(std::size_t input) const { return reference::row_major(shape(input)); }

  StreamInput& add(std::size_t operand, std::vector<AxisMap> axes, std::int64_t offset = 0) {
    StreamInput input;
    input.order = operands_.at(operand).order;
    input.resident = operands_.at(operand).resident;
    input.exponent = exponents_.of(operands_.at(operand).tensor);
    input.offset = offset;
    input.axes = std::move(axes);
    setting_.inputs.push_back(std::move(input));
    return setting_.inputs.back();
  }
  void add_broadcast(std::size_t operand) {
    add(operand, steps(reference::broadcast_strides(shape(operand), graph_.shape(out_))));
  }
  /// As many elements as the result, in the same order.
  void add_flat() {
    setting_.axes = {setting_.out.elements};
    add(0, steps({1}));
  }

  void add_steps(std::size_t first) {
    std::size_t operand = operands_.size();
    for (std::size_t i = first; i < op_.fused.size(); ++i) {
      if (op_.fused[i].operand != ir::kNoTensor) --operand;
    }
    for (std::size_t i = first; i < op_.fused.size(); ++i) {
      StreamStep step{op_.fused[i].op, -1, exponents_.stage(op_, i + 1)};
      if (op_.fused[i].operand != ir::kNoTensor) {
        step.input = std::ssize(setting_.inputs);
        add_step_operand(operand++);
      }
      setting_.steps.push_back(step);
    }
  }
  /// The axes may be factors of the result's.
  void add_step_operand(std::size_t operand) {
    if (setting_.axes == graph_.shape(out_)) return add_broadcast(operand);
    ensure(shape(operand) == graph_.shape(out_), "a fused operand of a movement has the result's shape");
    add(operand, steps(reference::row_major(setting_.axes)));
  }

  bool main() {
    switch (op_.kind) {
      case OpKind::elementwise:
        return elementwise();
      case OpKind::pool:
        return pool();
      case OpKind::reduce:
        return reduce();
      case OpKind::softmax:
        add_broadcast(0);
        setting_.kind = StreamSetting::Kind::softmax;
        setting_.grouped = {std::get<ir::SoftmaxAttrs>(op_.attrs).axis};
        return true;
      case OpKind::norm:
        return norm();
      case OpKind::resize:
        return resize();
      default:
        return movement();
    }
  }

  bool movement() {
    switch (op_.kind) {
      case OpKind::concat:
        return concat();
      case OpKind::split:
        return split();
      case OpKind::slice:
        return slice();
      case OpKind::pad:
        return pad();
      case OpKind::transpose: {
        const auto& permutation = std::get<ir::TransposeAttrs>(op_.attrs).permutation;
        permute(shape(0), permutation);
        setting_.axes = graph_.shape(out_);
        return true;
      }
      case OpKind::depth_to_space:
      case OpKind::space_to_depth:
        return regroup();
      case OpKind::gather:
        return gather();
      case OpKind::expand:
        add_broadcast(0);
        return true;
      case OpKind::reshape:
      case OpKind::identity:
      case OpKind::cast:
        add_flat();
        return true;
      default:
        return false;
    }
  }

  bool elementwise() {
    setting_.function = std::get<ir::ElementwiseAttrs>(op_.attrs);
    setting_.type = graph_.tensor(op_.inputs[0]).dtype;
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) add_broadcast(i);
    return true;
  }

  bool pool() {
    const auto& attrs = std::get<ir::PoolAttrs>(op_.attrs);
    setting_.kind = StreamSetting::Kind::pool;
    setting_.window = attrs.window;
    setting_.average = attrs.kind == ir::PoolKind::average;
    setting_.count_include_pad = attrs.count_include_pad;
    setting_.rounding = attrs.rounding;
    add(0, std::vector<AxisMap>(setting_.axes.size()));
    return true;
  }

  bool reduce() {
    const auto& attrs = std::get<ir::ReduceAttrs>(op_.attrs);
    setting_.kind = StreamSetting::Kind::reduce;
    setting_.reduce = attrs.kind;
    Indices kept;
    const Indices stride = strides(0);
    for (std::size_t d = 0; d < stride.size(); ++d) {
      const bool gone =
          std::find(attrs.axes.begin(), attrs.axes.end(), static_cast<std::int64_t>(d)) != attrs.axes.end();
      if (gone) setting_.reduced.emplace_back(shape(0)[d], stride[d]);
      if (!gone || attrs.keepdims) kept.push_back(gone ? 0 : stride[d]);
    }
    add(0, steps(kept));
    return true;
  }

  bool norm() {
    const auto& attrs = std::get<ir::NormAttrs>(op_.attrs);
    setting_.kind = StreamSetting::Kind::norm;
    setting_.epsilon = attrs.epsilon;
    setting_.given_moments = attrs.kind == ir::NormKind::batch;
    const auto rank = std::ssize(setting_.axes);
    if (!setting_.given_moments) {
      for (std::int64_t d = attrs.kind == ir::NormKind::layer ? attrs.axis : 2; d < rank; ++d) {
        setting_.grouped.push_back(d);
      }
    }
    add_broadcast(0);
    for (std::size_t i = 1; i < op_.inputs.size(); ++i) {
      if (op_.inputs[i] == ir::kNoTensor) continue;  // a last one: the bias
      if (attrs.kind == ir::NormKind::layer) {
        add_broadcast(i);
      } else {
        Indices stride(setting_.axes.size(), 0);
        stride[1] = 1;
        add(i, steps(stride));
      }
      setting_.inputs.back().exponent = 0;
    }
    return true;
  }

  bool resize() {
    const auto& attrs = std::get<ir::ResizeAttrs>(op_.attrs);
    setting_.kind = StreamSetting::Kind::sum;
    const ir::Shape in = shape(0);
    const Indices stride = strides(0);
    std::vector<AxisMap> axes;
    for (std::size_t d = 0; d < in.size(); ++d) {
      axes.push_back(resize_axis(attrs, d, in[d], setting_.axes[d], stride[d]));
    }
    add(0, std::move(axes));
    return true;
  }

  static AxisMap resize_axis(const ir::ResizeAttrs& attrs, std::size_t d, std::int64_t in, std::int64_t out,
                             std::int64_t stride) {
    AxisMap axis;
    const double scale =
        attrs.scales.empty() ? static_cast<double>(out) / static_cast<double>(in) : attrs.scales.at(d);
    axis.step = stride;
    if (in == out && scale == 1) return axis;
    std::vector<std::vector<std::pair<std::int64_t, double>>> taps;
    for (std::int64_t o = 0; o < out; ++o) {
      taps.push_back(reference::resize_taps(attrs, in, out, scale, o));
      axis.taps = std::max(axis.taps, std::ssize(taps.back()));
    }
    for (auto& cell : taps) {
      cell.resize(static_cast<std::size_t>(axis.taps), {0, 0});
      for (const auto& tap : cell) {
        axis.table.push_back(tap.first * stride);
        axis.weights.push_back(tap.second);
      }
    }
    return axis;
  }

  bool concat() {
    const auto axis = static_cast<std::size_t>(std::get<ir::ConcatAttrs>(op_.attrs).axis);
    std::int64_t start = 0;
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) {
      const Indices stride = strides(i);
      auto axes = steps(stride);
      axes[axis].lo = start;
      axes[axis].hi = start + shape(i)[axis];
      add(i, std::move(axes), -start * stride[axis]);
      start += shape(i)[axis];
    }
    return true;
  }

  bool split() {
    const auto& attrs = std::get<ir::SplitAttrs>(op_.attrs);
    std::int64_t start = 0;
    for (std::size_t i = 0; op_.outputs[i] != out_; ++i) start += attrs.sizes[i];
    add(0, steps(strides(0)), start * strides(0)[static_cast<std::size_t>(attrs.axis)]);
    return true;
  }

  bool slice() {
    const auto& attrs = std::get<ir::SliceAttrs>(op_.attrs);
    Indices stride = strides(0);
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < stride.size(); ++d) {
      offset += attrs.starts[d] * stride[d];
      stride[d] *= attrs.steps[d];
    }
    add(0, steps(stride), offset);
    return true;
  }

  bool pad() {
    const auto& attrs = std::get<ir::PadAttrs>(op_.attrs);
    if (op_.inputs.size() > 2 && op_.inputs[2] != ir::kNoTensor) {
      const auto& constant = graph_.tensor(op_.inputs[2]).constant;
      if (!constant || constant->empty()) return false;
      setting_.fill = constant->front();
    }
    const ir::Shape in = shape(0);
    const Indices stride = strides(0);
    auto axes = steps(stride);
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < in.size(); ++d) {
      if (attrs.mode == ir::PadAttrs::Mode::constant) {
        axes[d].lo = attrs.before[d];
        axes[d].hi = attrs.before[d] + in[d];
        offset -= attrs.before[d] * stride[d];
      } else if (in[d] != setting_.axes[d] || attrs.before[d] != 0) {
        for (std::int64_t o = 0; o < setting_.axes[d]; ++o) {
          axes[d].table.push_back(mirrored(o - attrs.before[d], in[d], attrs.mode) * stride[d]);
        }
      }
    }
    add(0, std::move(axes), offset);
    return true;
  }

  static std::int64_t mirrored(std::int64_t i, std::int64_t size, ir::PadAttrs::Mode mode) {
    if (mode == ir::PadAttrs::Mode::edge || size == 1) return std::clamp<std::int64_t>(i, 0, size - 1);
    const std::int64_t period = 2 * (size - 1);
    const std::int64_t at = ((i % period) + period) % period;
    return std::min(at, period - at);
  }

  /// The input seen as `seen`, its axes permuted: these are the result's.
  void permute(const ir::Shape& seen, const Indices& permutation) {
    const Indices stride = reference::row_major(seen);
    Indices order;
    setting_.axes.clear();
    for (const std::int64_t axis : permutation) {
      setting_.axes.push_back(seen[static_cast<std::size_t>(axis)]);
      order.push_back(stride[static_cast<std::size_t>(axis)]);
    }
    add(0, steps(order));
  }

  bool regroup() {
    const auto& attrs = std::get<ir::BlockAttrs>(op_.attrs);
    const ir::Shape in = shape(0), out = graph_.shape(out_);
    const std::int64_t b = attrs.block;
    if (op_.kind == OpKind::space_to_depth) {
      permute({in[0], in[1], out[2], b, out[3], b}, {0, 3, 5, 1, 2, 4});
    } else if (attrs.column_row_depth) {
      permute({in[0], out[1], b, b, in[2], in[3]}, {0, 1, 4, 2, 5, 3});
    } else {
      permute({in[0], b, b, out[1], in[2], in[3]}, {0, 3, 4, 1, 5, 2});
    }
    return true;
  }

  bool gather() {
    const auto axis = static_cast<std::size_t>(std::get<ir::GatherAttrs>(op_.attrs).axis);
    const auto& indices = graph_.tensor(op_.inputs[1]).constant;
    if (!indices) return false;  // addresses that depend on data
    const ir::Shape in = shape(0);
    const Indices stride = strides(0);
    setting_.axes.assign(in.begin(), in.end());
    setting_.axes[axis] = std::ssize(*indices);
    auto axes = steps(stride);
    for (const double number : *indices) {
      const std::int64_t index = passes::to_integer(number);
      axes[axis].table.push_back((index < 0 ? index + in[axis] : index) * stride[axis]);
    }
    add(0, std::move(axes));
    if (operands_.size() > 1) {  // the indices are in the addresses
      std::vector<AxisMap> none(setting_.axes.size());
      for (auto& map : none) map.hi = 0;
      add(1, std::move(none));
    }
    return true;
  }

  const ir::Graph& graph_;
  const ir::Op& op_;
  ir::TensorId out_;
  const std::vector<MeaningOperand>& operands_;
  const Exponents& exponents_;
  StreamSetting setting_;
};

StreamSetting moved(const Order& from, const Order& to, std::int64_t exponent, Indices axes,
                    const Indices& strides) {
  StreamSetting out;
  out.out = to;
  out.axes = std::move(axes);
  out.exponent = exponent;
  const bool integers = !reference::is_real(from.dtype) && from.dtype != ir::DType::i8;
  out.type = out.result_type = integers ? to.dtype : ir::DType::f32;
  StreamInput input;
  input.order = from;
  input.exponent = exponent;
  input.axes = steps(strides);
  out.inputs.push_back(std::move(input));
  return out;
}

}  // namespace

std::optional<StreamSetting> meaning_of(const ir::Graph& graph, const ir::Op& op, ir::TensorId out,
                                        const Order& order, const std::vector<MeaningOperand>& operands,
                                        const Exponents& exponents) {
  return Meaning(graph, op, out, order, operands, exponents).build();
}

StreamSetting rest_meaning(const ir::Graph& graph, const ir::Op& op, std::size_t first_step,
                           const Order& partial, const Order& order,
                           const std::vector<MeaningOperand>& operands, const Exponents& exponents) {
  return Meaning(graph, op, op.outputs[0], order, operands, exponents).rest(first_step, partial);
}

StreamSetting copy_meaning(const Order& from, const Order& to, std::int64_t exponent) {
  return moved(from, to, exponent, {to.elements}, {1});
}

StreamSetting transpose_meaning(const Order& from, const Order& to, std::int64_t exponent) {
  const BlockShape& s = from.shape;
  return moved(from, to, exponent, {s.n, s.c, s.w}, {s.w * s.c, 1, s.c});
}

StreamSetting patches_meaning(const Order& from, const Order& to, ir::Hw kernel, std::int64_t exponent) {
  const BlockShape& s = from.shape;
  return moved(from, to, exponent, {s.n, s.h / kernel.h, s.w / kernel.w, s.c, kernel.h, kernel.w},
               {s.c * s.h * s.w, kernel.h * s.w, kernel.w, s.h * s.w, s.w, 1});
}

}  // namespace npusim::ascend310
