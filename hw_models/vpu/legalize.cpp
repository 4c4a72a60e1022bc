// Graph -> layers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "hw_models/mapping/refusals.h"
#include "hw_models/vpu/network.h"
#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

/// A map as an operator sees it through reshapes and concatenations.
struct Value {
  std::vector<MapId> maps;
  bool reshaped = false;
};

/// How an operator's output rows depend on its operands'.
enum class Reading : std::uint8_t { windowed, pointwise, whole };

/// Steps that a DPU's post-processing does on the way out.
bool post_processed(ir::Function function) {
  using F = ir::Function;
  return function == F::relu || function == F::leaky_relu || function == F::clip;
}

std::string shave_name(ir::Function function) {
  using F = ir::Function;
  static const std::map<F, std::string> names = {{F::silu, "swish"},
                                                 {F::hard_swish, "hswish"},
                                                 {F::hard_sigmoid, "hsigmoid"},
                                                 {F::pow, "power"},
                                                 {F::where, "select"},
                                                 {F::logical_not, "logicalnot"},
                                                 {F::logical_and, "logicaland"},
                                                 {F::logical_or, "logicalor"}};
  const auto found = names.find(function);
  return found != names.end() ? found->second : std::string(ir::to_string(function));
}

/// [N,C,H,W] as a map; other shapes as rows of their last axis, in lines of up to 16.
MapShape map_of(const ir::Shape& shape) {
  if (shape.size() == 4) return {shape[2], shape[3], shape[1]};
  if (shape.size() <= 1) return {1, 1, shape.empty() ? 1 : shape[0]};
  const std::int64_t c = shape.back();
  const std::int64_t pixels =
      std::max<std::int64_t>(1, ir::elements(shape) / std::max<std::int64_t>(c, 1) / shape[0]);
  if (shape.size() == 2) return {1, 1, c};
  const std::int64_t w = pixels % 16 == 0 ? 16 : 1;
  return {pixels / w, w, c};
}

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, ir::DType dtype)
      : spec_(spec), graph_(graph), bytes_(ir::size_of(dtype)) {}

  Network run() {
    net_.name = graph_.name;
    net_.batch = batch();
    for (const auto id : graph_.inputs) {
      add_input(id);
    }
    for (const auto& op : graph_.ops) {
      if (add_base(op) && add_fused(op)) continue;
      refuse(op);
      for (const auto id : op.outputs) add_map(id, op.name);  // so that what follows is judged on its own
    }
    if (!refusals_.empty()) refusals_.fail(graph_.name, spec_.chip);
    finish();
    return std::move(net_);
  }

 private:
  /// An image comes channel by channel; DMA turns it so that a pixel's channels lie side by side.
  void add_input(ir::TensorId id) {
    const std::string& name = graph_.tensor(id).name;
    const MapId raw = add_map(id, name);
    Map& map = net_.maps[static_cast<std::size_t>(raw)];
    map.input = true;
    const bool image = map.stored < kChannels && map.shape.h > 1;
    if (!image || spec_.local_operands || !spec_.permute_input) return;
    map.stored = map.shape.c;
    Layer& layer = add_layer(name + ":permute", "permute", Kind::dma, {id}, id, Reading::windowed);
    layer.permutes = true;
    net_.maps[static_cast<std::size_t>(layer.out)].name = name + ".permuted";
  }

  [[nodiscard]] std::int64_t batch() const {
    if (graph_.inputs.empty()) return 1;
    const auto& shape = graph_.tensor(graph_.inputs[0]).shape;
    return shape.empty() ? 1 : shape[0];
  }

  /// The shape of one image.
  [[nodiscard]] ir::Shape shape(ir::TensorId id) const {
    ir::Shape shape = graph_.tensor(id).shape;
    if (!is_weight(id) && !shape.empty() && net_.batch > 1 && shape[0] % net_.batch == 0) {
      shape[0] /= net_.batch;
    }
    return shape;
  }
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return graph_.tensor(id).role == ir::TensorRole::weight || graph_.tensor(id).constant.has_value();
  }

  void refuse(const ir::Op& op) {
    refusals_.add(op, why_);
    why_.clear();
  }
  bool no(std::string why) {
    why_ = std::move(why);
    return false;
  }

  MapId add_map(ir::TensorId id, const std::string& name) { return add_map(id, name, map_of(shape(id))); }
  MapId add_map(ir::TensorId id, const std::string& name, const MapShape& shape) {
    Map map;
    map.name = name;
    map.shape = shape;
    map.bytes = bytes_;
    const bool image = std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end() &&
                       shape.c < kChannels;
    map.stored = image ? round_up(shape.c, 4) : round_up(shape.c, kChannels);
    net_.maps.push_back(map);
    const auto number = static_cast<MapId>(net_.maps.size()) - 1;
    values_[id] = {{number}, false};
    return number;
  }

  /// The map that stands for a tensor; the stored one where an operator works element by element on it.
  MapShape own_map(const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading) {
    const MapShape own = map_of(shape(out));
    if (reading != Reading::pointwise || inputs.empty()) return own;
    const Value& value = values_.at(inputs[0]);
    const MapShape& real = net_.maps[static_cast<std::size_t>(value.maps[0])].shape;
    return value.maps.size() == 1 && real.elements() == own.elements() ? real : own;
  }

  /// A layer `name` that reads `inputs` and writes a new map for tensor `out`.
  Layer& add_layer(const std::string& name, std::string op, Kind kind,
                   const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading) {
    Layer layer;
    layer.name = name;
    layer.op = std::move(op);
    layer.kind = kind;
    const MapShape own = own_map(inputs, out, reading);
    for (const auto id : inputs) {
      const bool broadcast = ir::elements(shape(id)) != own.elements();
      const MapShape seen = reading == Reading::pointwise && !broadcast ? own : map_of(shape(id));
      for (const MapId map : values_.at(id).maps) {
        const MapShape& real = net_.maps[static_cast<std::size_t>(map)].shape;
        const bool rows = real.h == seen.h && real.w == seen.w && seen.h > 1;
        layer.sources.push_back(
            {map, reading == Reading::whole || !rows || (reading == Reading::pointwise && broadcast)});
      }
    }
    layer.out = add_map(out, name, own);
    layer.rows.extent = own.h;
    layer.columns.extent = own.w;
    layer.out_channels = layer.in_channels = net_.maps[static_cast<std::size_t>(layer.out)].stored;
    layer.moved = own.elements();
    net_.layers.push_back(std::move(layer));
    return net_.layers.back();
  }

  /// Steps behind an operator that its engine cannot do on the way out.
  bool add_fused(const ir::Op& op) {
    for (const auto& step : op.fused) {
      const bool on_dpu = net_.layers.back().kind == Kind::dpu;
      if (step.operand == ir::kNoTensor && on_dpu && post_processed(step.op.function)) continue;
      const std::string name = fmt::format("{}:{}", op.name, ir::to_string(step.op.function));
      if (!add_function(name, step.op.function, {op.outputs[0], step.operand}, op.outputs[0])) return false;
    }
    return true;
  }

  bool add_base(const ir::Op& op) {
    using K = ir::OpKind;
    switch (op.kind) {
      case K::conv:
      case K::conv_transpose:
        return add_conv(op);
      case K::matmul:
        return add_matmul(op);
      case K::pool:
        return add_pool(op);
      case K::reduce:
        return add_reduce(op);
      case K::elementwise:
        return add_function(op.name, std::get<ir::ElementwiseAttrs>(op.attrs).function, op.inputs,
                            op.outputs[0]);
      case K::concat:
        return add_concat(op);
      case K::split:
      case K::slice:
        return add_slice(op);
      case K::reshape:
      case K::cast:
      case K::quantize:
      case K::dequantize:
      case K::identity:
        return add_view(op);
      default:
        return add_movement(op);
    }
  }

  bool add_conv(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    const bool transposed = op.kind == ir::OpKind::conv_transpose;
    const auto in = map_of(shape(op.inputs[0]));
    const auto& window = attrs.window;
    if (!is_weight(op.inputs[1])) return no("weights that are computed");
    if (shape(op.inputs[0]).size() != 4) return no("not 2-D");
    if (!check_window(window)) return false;
    const auto own = map_of(shape(op.outputs[0]));
    const bool depthwise = attrs.groups > 1 && attrs.groups == in.c && own.c == in.c;
    Layer& layer = add_layer(op.name, depthwise ? "depthwise" : "conv", Kind::dpu, {op.inputs[0]},
                             op.outputs[0], Reading::windowed);
    layer.dpu = depthwise ? DpuOp::depthwise : in.c < kChannels ? DpuOp::image_conv : DpuOp::conv;
    if (transposed) layer.op = "conv_transpose";
    set_window(layer, window, in, transposed);
    layer.macs = ir::macs(graph_, op).count() / net_.batch;
    layer.groups = depthwise ? 1 : attrs.groups;
    layer.in_channels = depthwise ? round_up(in.c, kChannels) : round_up(in.c / attrs.groups, kChannels);
    layer.out_channels = round_up(own.c / layer.groups, kChannels);
    net_.maps[static_cast<std::size_t>(layer.out)].stored = layer.groups * layer.out_channels;
    const std::int64_t per_output = layer.taps * (depthwise ? 1 : layer.in_channels) * bytes_;
    layer.weight_bytes = layer.groups * layer.out_channels * (round_up(per_output, 16) + 16);
    return true;
  }

  bool check_window(const ir::Window& w) {
    if (w.kernel.h > kMaxKernel || w.kernel.w > kMaxKernel) {
      return no(fmt::format("kernel {}x{}; a DPU takes up to {}", w.kernel.h, w.kernel.w, kMaxKernel));
    }
    if (w.stride.h > kMaxStride || w.stride.w > kMaxStride) {
      return no(fmt::format("stride {}x{}; a DPU takes up to {}", w.stride.h, w.stride.w, kMaxStride));
    }
    return true;
  }

  static void set_window(Layer& layer, const ir::Window& w, const MapShape& in, bool transposed) {
    layer.rows = {in.h, w.kernel.h, w.stride.h, w.dilation.h, w.pad.top, 1};
    layer.columns = {in.w, w.kernel.w, w.stride.w, w.dilation.w, w.pad.left, 1};
    layer.stride = std::max(w.stride.h, w.stride.w);
    layer.taps = w.kernel.h * w.kernel.w;
    if (!transposed) return;
    // A convolution of the input with zeros in between.
    layer.rows = {in.h, w.kernel.h, 1, w.dilation.h, (w.kernel.h - 1) * w.dilation.h - w.pad.top, w.stride.h};
    layer.columns = {in.w,      w.kernel.w, 1, w.dilation.w, (w.kernel.w - 1) * w.dilation.w - w.pad.left,
                     w.stride.w};
    layer.stride = 1;
  }

  bool add_matmul(const ir::Op& op) {
    const bool weights = is_weight(op.inputs[1]);
    if (is_weight(op.inputs[0])) return no("weights on the left");
    const auto a = shape(op.inputs[0]);
    const auto out = shape(op.outputs[0]);
    const auto& attrs = std::get<ir::MatMulAttrs>(op.attrs);
    const std::int64_t depth = attrs.transpose_a && a.size() > 1 ? a[a.size() - 2] : a.back();
    const std::int64_t columns = out.back();
    const std::int64_t rows = out.size() > 1 ? out[out.size() - 2] : 1;
    const std::int64_t products = weights ? 1 : ir::elements(out) / (rows * columns);
    std::vector<ir::TensorId> inputs = {op.inputs[0]};
    if (!weights) inputs.push_back(op.inputs[1]);
    Layer& layer = add_layer(op.name, weights && rows == 1 ? "fc" : "matmul", Kind::dpu, inputs,
                             op.outputs[0], weights ? Reading::windowed : Reading::whole);
    layer.macs = ir::macs(graph_, op).count() / net_.batch;
    layer.in_channels = round_up(depth, kChannels);
    layer.out_channels = round_up(columns, kChannels);
    layer.groups = products;
    if (weights) {
      layer.weight_bytes = layer.out_channels * (layer.in_channels * bytes_ + 16);
      return true;
    }
    // Results of all products side by side: rows of one product are the map's pixels.
    Map& map = net_.maps[static_cast<std::size_t>(layer.out)];
    const std::int64_t w = rows % 16 == 0 ? 16 : 1;
    map.shape = {rows / w, w, products * columns};
    map.stored = products * layer.out_channels;
    layer.rows.extent = map.shape.h;
    layer.columns.extent = map.shape.w;
    const Map& left = net_.maps[static_cast<std::size_t>(layer.sources[0].map)];
    layer.sources[0].whole = left.shape.h != map.shape.h || left.shape.w != map.shape.w || attrs.transpose_a;
    values_[op.outputs[0]].reshaped = true;
    return true;
  }

  bool add_pool(const ir::Op& op) {
    const auto& attrs = std::get<ir::PoolAttrs>(op.attrs);
    if (shape(op.inputs[0]).size() != 4) return no("not 2-D");
    if (!check_window(attrs.window)) return false;
    const bool max = attrs.kind == ir::PoolKind::max;
    Layer& layer = add_layer(op.name, max ? "max_pool" : "average_pool", Kind::dpu, {op.inputs[0]},
                             op.outputs[0], Reading::windowed);
    layer.dpu = DpuOp::pool;
    set_window(layer, attrs.window, map_of(shape(op.inputs[0])), false);
    return true;
  }

  /// A mean over height and width: an average pool; windows beyond 11 in more than one pass, rows first.
  bool add_reduce(const ir::Op& op) {
    const auto& attrs = std::get<ir::ReduceAttrs>(op.attrs);
    const auto in = map_of(shape(op.inputs[0]));
    const auto from = shape(op.inputs[0]);
    const bool spatial = from.size() == 4 && attrs.axes == std::vector<std::int64_t>{2, 3};
    if (!spatial || attrs.kind == ir::ReduceKind::sum) {
      Layer& layer = add_layer(op.name, "reduce", Kind::shave, {op.inputs[0]}, op.outputs[0], Reading::whole);
      layer.shave = "reduce";
      layer.moved = ir::elements(from);
      return true;
    }
    Layer& layer =
        add_layer(op.name, "global_pool", Kind::dpu, {op.inputs[0]}, op.outputs[0], Reading::whole);
    layer.dpu = DpuOp::pool;
    layer.taps = in.h * in.w;
    Map& map = net_.maps[static_cast<std::size_t>(layer.out)];
    map.shape = {1, 1, in.c};
    map.stored = round_up(in.c, kChannels);
    layer.out_channels = layer.in_channels = map.stored;
    layer.rows = {1, 1, 1, 1, 0, 1};
    layer.columns = {1, 1, 1, 1, 0, 1};
    return true;
  }

  bool add_function(const std::string& name, ir::Function function, const std::vector<ir::TensorId>& inputs,
                    ir::TensorId out) {
    std::vector<ir::TensorId> operands;
    for (const auto id : inputs) {
      if (id != ir::kNoTensor && !is_weight(id)) operands.push_back(id);
    }
    const bool same =
        std::all_of(operands.begin(), operands.end(), [&](auto id) { return shape(id) == shape(out); });
    const bool sum =
        (function == ir::Function::add || function == ir::Function::sub) && same && operands.size() == 2;
    const bool scaled = (function == ir::Function::add || function == ir::Function::mul ||
                         function == ir::Function::sub || function == ir::Function::div) &&
                        operands.size() == 1;
    if (scaled) return add_scale(name, std::string(ir::to_string(function)), operands, out);
    if (sum || post_processed(function)) {
      Layer& layer =
          add_layer(name, std::string(ir::to_string(function)), Kind::dpu, operands, out, Reading::pointwise);
      layer.dpu = DpuOp::eltwise;
      return true;
    }
    Layer& layer =
        add_layer(name, std::string(ir::to_string(function)), Kind::shave, operands, out, Reading::pointwise);
    layer.shave = shave_name(function);
    return true;
  }

  /// Constants a channel, multiplied or added: a depthwise convolution of one tap.
  bool add_scale(const std::string& name, const std::string& op, const std::vector<ir::TensorId>& inputs,
                 ir::TensorId out) {
    Layer& layer = add_layer(name, op, Kind::dpu, inputs, out, Reading::pointwise);
    layer.dpu = DpuOp::depthwise;
    layer.weight_bytes = layer.out_channels * 32;
    return true;
  }

  bool add_concat(const ir::Op& op) {
    const auto axis = std::get<ir::ConcatAttrs>(op.attrs).axis;
    const auto out = shape(op.outputs[0]);
    Value value;
    bool in_place = out.size() == 4 && axis == 1;
    for (const auto id : op.inputs) {
      if (is_weight(id)) {
        in_place = false;
        continue;
      }
      const Value& part = values_.at(id);
      in_place = in_place && !part.reshaped;
      value.maps.insert(value.maps.end(), part.maps.begin(), part.maps.end());
    }
    const bool result =
        std::find(graph_.outputs.begin(), graph_.outputs.end(), op.outputs[0]) != graph_.outputs.end();
    if (!in_place || result) return add_movement(op);
    net_.views.push_back(op.name);
    values_[op.outputs[0]] = std::move(value);
    return true;
  }

  /// A part of a map along channels is read where it is; other parts are copied.
  bool add_slice(const ir::Op& op) {
    const auto from = shape(op.inputs[0]);
    for (const auto id : op.outputs) {
      const auto to = shape(id);
      bool channels = from.size() == 4 && to.size() == 4 && from[2] == to[2] && from[3] == to[3];
      const bool result = std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
      if (channels && !result) {
        values_[id] = values_.at(op.inputs[0]);
      } else {
        add_layer(op.outputs.size() == 1 ? op.name : fmt::format("{}:{}", op.name, graph_.tensor(id).name),
                  std::string(ir::to_string(op.kind)), Kind::dma, {op.inputs[0]}, id, Reading::whole);
      }
    }
    net_.views.push_back(op.name);
    return true;
  }

  bool add_view(const ir::Op& op) {
    if (is_weight(op.inputs[0])) return no("of a constant");
    Value value = values_.at(op.inputs[0]);
    value.reshaped = value.reshaped || shape(op.inputs[0]) != shape(op.outputs[0]);
    values_[op.outputs[0]] = std::move(value);
    net_.views.push_back(op.name);
    return true;
  }

  /// Everything else: by a SHAVE if it computes, by DMA if it only moves.
  bool add_movement(const ir::Op& op) {
    using K = ir::OpKind;
    const std::string name(ir::to_string(op.kind));
    std::vector<ir::TensorId> inputs;
    for (const auto id : op.inputs) {
      if (id != ir::kNoTensor && !is_weight(id)) inputs.push_back(id);
    }
    if (op.kind == K::transpose && behind_dpu(op.inputs[0])) return add_view(op);
    if (op.kind == K::norm && std::get<ir::NormAttrs>(op.attrs).kind == ir::NormKind::batch) {
      return add_scale(op.name, "scale", inputs, op.outputs[0]);
    }
    const bool linear =
        op.kind == K::resize && std::get<ir::ResizeAttrs>(op.attrs).mode != ir::ResizeAttrs::Mode::nearest;
    const bool computes = op.kind == K::softmax || op.kind == K::norm || linear;
    const bool same = inputs.size() == 1 && shape(inputs[0]) == shape(op.outputs[0]);
    const bool magnifies = (op.kind == K::resize || op.kind == K::depth_to_space) && magnification(op) > 0;
    const Reading reading = same && computes ? Reading::pointwise
                            : magnifies      ? Reading::windowed
                                             : Reading::whole;
    Layer& layer =
        add_layer(op.name, name, computes ? Kind::shave : Kind::dma, inputs, op.outputs[0], reading);
    if (magnifies) layer.magnify = magnification(op);
    layer.shave = op.kind == K::norm ? "norm" : name;
    layer.permutes = op.kind == K::transpose || op.kind == K::depth_to_space || op.kind == K::space_to_depth;
    return true;
  }

  /// Output rows for each input row, 0 where that is no whole number.
  [[nodiscard]] std::int64_t magnification(const ir::Op& op) const {
    const auto from = shape(op.inputs[0]);
    const auto to = shape(op.outputs[0]);
    return from.size() == 4 && to[2] % from[2] == 0 ? to[2] / from[2] : 0;
  }

  /// Whether a DPU wrote the value: it can permute on the way out.
  bool behind_dpu(ir::TensorId id) {
    const Value& value = values_.at(id);
    return std::all_of(value.maps.begin(), value.maps.end(), [&](MapId map) {
      for (const auto& layer : net_.layers) {
        if (layer.out == map) return layer.kind == Kind::dpu;
      }
      return false;
    });
  }

  void finish() {
    for (const auto id : graph_.outputs) {
      const auto found = values_.find(id);
      if (found == values_.end()) continue;
      for (const MapId map : found->second.maps) net_.maps[static_cast<std::size_t>(map)].output = true;
    }
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      const auto id = static_cast<LayerId>(i);
      net_.maps[static_cast<std::size_t>(net_.layers[i].out)].producer = id;
      for (const auto& source : net_.layers[i].sources) {
        auto& consumers = net_.maps[static_cast<std::size_t>(source.map)].consumers;
        if (consumers.empty() || consumers.back() != id) consumers.push_back(id);
      }
    }
    add_padding_note();
  }

  void add_padding_note() {
    std::int64_t real = 0;
    std::int64_t stored = 0;
    for (const auto& map : net_.maps) {
      real += map.shape.elements();
      stored += map.shape.h * map.shape.w * map.stored;
    }
    if (stored > real) {
      net_.notes.push_back(fmt::format("maps hold {:.3f} times their channels: padded to multiples of {}",
                                       static_cast<double>(stored) / static_cast<double>(real), kChannels));
    }
  }

  const Spec& spec_;
  const ir::Graph& graph_;
  std::int64_t bytes_;
  Network net_;
  std::map<ir::TensorId, Value> values_;
  mapping::Refusals refusals_;
  std::string why_;
};

}  // namespace

Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype) {
  return Legalizer(spec, graph, dtype).run();
}

}  // namespace npusim::vpu
