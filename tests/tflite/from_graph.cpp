#include "tests/tflite/from_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::tflite::testing {

namespace {

using ir::TensorId;

class Writer {
 public:
  explicit Writer(const ir::Graph& graph) : graph_(graph) {}

  Model run() {
    for (const TensorId id : graph_.inputs) tensors_[id] = m_.input(dims(id), Type::INT8, kActivation);
    for (const ir::Op& op : graph_.ops) write(op);
    for (const TensorId id : graph_.outputs) m_.output(tensors_.at(id));
    return std::move(m_);
  }

 private:
  static inline const Scales kActivation{{0.05F}, {-3}};

  /// The shape in the file's order.
  [[nodiscard]] Dims dims(TensorId id) const {
    const ir::Shape s = graph_.shape(id);
    Dims list(s.begin(), s.end());
    if (list.size() == 4) list = {list[0], list[2], list[3], list[1]};
    return list;
  }
  std::int32_t activation(const Dims& shape) { return m_.tensor(shape, Type::INT8, kActivation); }
  std::int32_t by_channel(const Dims& shape, std::int32_t axis, Type type) {
    const auto channels = static_cast<std::size_t>(shape.at(static_cast<std::size_t>(axis)));
    return m_.weights(shape, type,
                      {std::vector<float>(channels, 0.01F), std::vector<std::int64_t>(channels, 0), axis});
  }

  static ActivationFunctionType function(const ir::Op& op) {
    for (const ir::FusedStep& step : op.fused) {
      if (step.op.function == ir::Function::relu) return ActivationFunctionType::RELU;
      if (step.op.function == ir::Function::clip && step.op.beta == 6) return ActivationFunctionType::RELU6;
      if (step.operand == ir::kNoTensor) throw UserError(fmt::format("'{}': its activation", op.name));
    }
    return ActivationFunctionType::NONE;
  }

  /// What an operator with fused steps writes: its result, or what a sum behind it reads.
  std::int32_t begin(const ir::Op& op, ActivationFunctionType& own) {
    const bool adds = std::any_of(op.fused.begin(), op.fused.end(),
                                  [](const auto& step) { return step.operand != ir::kNoTensor; });
    const std::int32_t made = activation(dims(op.outputs[0]));
    own = adds ? ActivationFunctionType::NONE : function(op);
    if (!adds) tensors_[op.outputs[0]] = made;
    return made;
  }

  void end(const ir::Op& op, std::int32_t made) {
    for (const ir::FusedStep& step : op.fused) {
      if (step.operand == ir::kNoTensor) continue;
      const std::int32_t sum = tensors_[op.outputs[0]] = activation(dims(op.outputs[0]));
      format::AddOptionsT options;
      options.fused_activation_function = function(op);
      m_.op(Code::ADD, {made, tensors_.at(step.operand)}, {sum}, options);
    }
  }

  /// The padding of a window, by a PAD of its own where it is neither SAME nor VALID.
  Padding padding(const ir::Op& op, const ir::Window& w, std::int32_t& x) {
    const ir::Shape in = graph_.shape(op.inputs[0]);
    const auto same = [](std::int64_t size, std::int64_t k, std::int64_t s, std::int64_t d,
                         std::int64_t before, std::int64_t after) {
      const std::int64_t all =
          std::max<std::int64_t>(0, (ceil_div(size, s) - 1) * s + (k - 1) * d + 1 - size);
      return before == all / 2 && after == all - all / 2;
    };
    if (same(in[2], w.kernel.h, w.stride.h, w.dilation.h, w.pad.top, w.pad.bottom) &&
        same(in[3], w.kernel.w, w.stride.w, w.dilation.w, w.pad.left, w.pad.right)) {
      return Padding::SAME;
    }
    if (w.pad == ir::Padding{}) return Padding::VALID;
    const auto n = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
    Dims shape = dims(op.inputs[0]);
    shape[1] += n(w.pad.top + w.pad.bottom);
    shape[2] += n(w.pad.left + w.pad.right);
    const std::int32_t padded = activation(shape);
    const std::vector<std::int32_t> pads{0, 0, n(w.pad.top), n(w.pad.bottom), n(w.pad.left), n(w.pad.right),
                                         0, 0};
    m_.op(Code::PAD, {x, m_.constant(pads, {4, 2}, Type::INT32)}, {padded});
    x = padded;
    return Padding::VALID;
  }

  void conv(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    std::int32_t x = tensors_.at(op.inputs[0]);
    const Padding pad = padding(op, attrs.window, x);
    ActivationFunctionType own{};
    const std::int32_t y = begin(op, own);
    const auto stride = static_cast<std::int32_t>(attrs.window.stride.h);
    const Dims w = dims(op.inputs[1]);  // [O,H,W,I]
    Dims inputs{x};
    const bool depthwise = attrs.groups > 1;
    inputs.push_back(depthwise ? by_channel({1, w[1], w[2], w[0]}, 3, Type::INT8)
                               : by_channel(w, 0, Type::INT8));
    if (op.inputs.size() > 2) inputs.push_back(by_channel({w[0]}, 0, Type::INT32));
    if (depthwise) {
      m_.op(Code::DEPTHWISE_CONV_2D, inputs, {y}, depthwise_options(pad, stride, own));
    } else {
      m_.op(Code::CONV_2D, inputs, {y}, conv_options(pad, stride, 1, own));
    }
    end(op, y);
  }

  void fully_connected(const ir::Op& op) {
    ActivationFunctionType own{};
    const std::int32_t y = begin(op, own);
    const Dims w = dims(op.inputs[1]);
    Dims inputs{tensors_.at(op.inputs[0]), by_channel(w, 0, Type::INT8)};
    if (op.inputs.size() > 2) inputs.push_back(by_channel({w[0]}, 0, Type::INT32));
    format::FullyConnectedOptionsT options;
    options.fused_activation_function = own;
    m_.op(Code::FULLY_CONNECTED, inputs, {y}, options);
    end(op, y);
  }

  void write(const ir::Op& op) {
    const auto x = [&] { return tensors_.at(op.inputs[0]); };
    const auto y = [&] { return tensors_[op.outputs[0]] = activation(dims(op.outputs[0])); };
    switch (op.kind) {
      case ir::OpKind::conv:
        return conv(op);
      case ir::OpKind::matmul:
        return fully_connected(op);
      case ir::OpKind::reduce: {
        format::ReducerOptionsT options;
        options.keep_dims = std::get<ir::ReduceAttrs>(op.attrs).keepdims;
        return m_.op(Code::MEAN, {x(), m_.ints({1, 2})}, {y()}, options);
      }
      case ir::OpKind::reshape:
        return m_.op(Code::RESHAPE, {x(), m_.ints(dims(op.outputs[0]))}, {y()});
      default:
        throw UserError(fmt::format("'{}' ({})", op.name, ir::to_string(op.kind)));
    }
  }

  const ir::Graph& graph_;
  Model m_;
  std::map<TensorId, std::int32_t> tensors_;
};

}  // namespace

Model from_graph(const ir::Graph& graph) { return Writer(graph).run(); }

}  // namespace npusim::tflite::testing
