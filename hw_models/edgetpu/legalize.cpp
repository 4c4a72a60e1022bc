#include "hw_models/edgetpu/legalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

using ir::Function;

/// Largest softmax that the vendor's compiler takes: over the channels of one pixel.
constexpr std::int64_t kSoftmaxChannels = 16'000;
/// Passes over the words of a softmax: exponential, sum, product (two operations).
constexpr std::int64_t kSoftmaxSteps = 4;

/// [N,C,H,W], [N,L,C] or [N,C] of one image.
std::optional<Shape> shape_of(const ir::Shape& shape) {
  if (shape.size() == 4) return Shape{shape[2], shape[3], shape[1]};
  if (shape.size() == 3) return Shape{1, shape[1], shape[2]};
  if (shape.size() == 2) return Shape{1, 1, shape[1]};
  if (shape.size() == 1) return Shape{1, 1, shape[0]};
  return std::nullopt;
}

bool same(const Shape& a, const Shape& b) { return a.h == b.h && a.w == b.w && a.c == b.c; }

/// Bytes that the host reads for a byte of a resized map.
constexpr std::int64_t kResizeTaps = 4;

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, const std::map<std::string, std::string>& refused,
            const reference::Quantization* quantization)
      : spec_(spec), graph_(graph), refused_(refused), quantization_(quantization) {}

  Network run() {
    net_.name = graph_.name;
    check_graph();
    for (const auto id : graph_.inputs) add_input(id);
    for (const auto& op : graph_.ops) {
      const bool chip = net_.host_names.empty() || spec_.allow_return;
      why_.clear();
      const std::size_t phases = net_.phases.size();
      const std::size_t maps = net_.maps.size();
      const std::size_t views = net_.views.size();
      if (chip && inputs_known(op) && !refused(op) && add_op(op)) continue;
      net_.phases.resize(phases);  // what a refused operator had begun
      net_.maps.resize(maps);
      net_.views.resize(views);
      add_host(op);
    }
    for (const auto id : graph_.outputs) {
      if (maps_.count(id) != 0) net_.map(maps_[id]).network_output = true;
    }
    return std::move(net_);
  }

 private:
  // --- bookkeeping ---

  [[nodiscard]] const ir::Shape& shape(ir::TensorId id) const { return graph_.tensor(id).shape; }
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return id != ir::kNoTensor && graph_.tensor(id).role == ir::TensorRole::weight;
  }
  [[nodiscard]] bool is_map(ir::TensorId id) const { return id != ir::kNoTensor && !is_weight(id); }
  [[nodiscard]] const Shape& map_shape(ir::TensorId id) { return net_.map(maps_.at(id)).shape; }

  void check_graph() {
    for (const auto id : graph_.inputs) {
      const ir::Tensor& tensor = graph_.tensor(id);
      if (tensor.shape.size() > 1 && tensor.shape[0] > 1) {
        throw UserError(fmt::format(
            "network '{}': input '{}' is {}: the Edge TPU runs batches of 1 only; expected --batch 1",
            graph_.name, tensor.name, ir::to_string(tensor.shape)));
      }
    }
    for (const auto id : graph_.inputs) check_rank(id);
    for (const auto& op : graph_.ops) {
      for (const auto id : op.outputs) check_rank(id);
    }
  }

  void check_rank(ir::TensorId id) const {
    if (shape(id).size() <= 4) return;
    throw UserError(
        fmt::format("network '{}': tensor '{}' has {} dimensions, {}; the Edge TPU expects at most 4",
                    graph_.name, graph_.tensor(id).name, shape(id).size(), ir::to_string(shape(id))));
  }

  bool refused(const ir::Op& op) {
    const auto found = refused_.find(op.name);
    if (found == refused_.end()) return false;
    why_ = found->second;
    return true;
  }

  bool no(std::string why) {
    why_ = std::move(why);
    return false;
  }

  MapId new_map(std::string name, const Shape& own) {
    Map map;
    map.name = std::move(name);
    map.shape = own;
    net_.maps.push_back(std::move(map));
    return static_cast<MapId>(net_.maps.size()) - 1;
  }

  Phase phase_of(const ir::Op& op, Kind kind, std::string_view name, std::vector<MapId> inputs) {
    Phase phase;
    phase.name = phase.operator_name = op.name;
    phase.op = name;
    phase.kind = kind;
    phase.inputs = std::move(inputs);
    phase.source = index_of(op);
    return phase;
  }

  [[nodiscard]] std::int64_t index_of(const ir::Op& op) const { return &op - graph_.ops.data(); }
  [[nodiscard]] int exponent(ir::TensorId id) const {
    return quantization_ == nullptr ? 0 : quantization_->tensors.at(static_cast<std::size_t>(id));
  }
  /// Of what stage `stage` of an operator makes: the operator itself, then its fused steps.
  [[nodiscard]] int exponent(const ir::Op& op, std::size_t stage) const {
    if (quantization_ == nullptr) return 0;
    return quantization_->stages.at(static_cast<std::size_t>(index_of(op))).at(stage);
  }
  /// The phase that makes `map` clamps its result. Elsewhere a clamp costs nothing and has no numbers.
  void clamp(const ir::FusedStep& step, MapId map) {
    if (net_.phases.empty()) return;
    Phase& phase = net_.phases.back();
    if (phase.output != map) {
      phase.plain = false;
      return;
    }
    const int e = net_.map(map).exponent;
    const bool clip = step.op.function == Function::clip;
    phase.low = std::max(phase.low, reference::quantize(clip ? step.op.alpha : 0.0, e));
    if (clip) phase.high = std::min(phase.high, reference::quantize(step.op.beta, e));
  }

  /// Adds a phase with a map of its own as the result.
  MapId add(Phase phase, const Shape& own) {
    phase.output = new_map(phase.name, own);
    phase.weight_bytes = stored_bytes(spec_, net_, phase);
    net_.phases.push_back(std::move(phase));
    return net_.phases.back().output;
  }

  [[nodiscard]] bool inputs_known(const ir::Op& op) {
    const auto known = [this](ir::TensorId id) { return !is_map(id) || maps_.count(id) != 0; };
    return std::all_of(op.inputs.begin(), op.inputs.end(), known);
  }

  /// Word by word with `steps` a word: its own phase behind `map`.
  MapId add_words(const ir::Op& op, const std::string& name, std::vector<MapId> inputs, const Shape& own,
                  std::int64_t steps) {
    Phase phase = phase_of(op, Kind::eltwise, name, std::move(inputs));
    if (!net_.phases.empty() && net_.phases.back().name.starts_with(op.name)) {
      phase.name = fmt::format("{}:{}", op.name, name);
    }
    phase.word_steps = steps;
    return add(std::move(phase), own);
  }

  /// Steps of a function of one operand; 0: a clamp, which every operation has; nothing: not on the chip.
  [[nodiscard]] std::optional<std::int64_t> unary_steps(Function function) const {
    switch (function) {
      case Function::relu:
      case Function::clip:
        return 0;
      case Function::sigmoid:
      case Function::tanh:
        return 1;
      case Function::leaky_relu:
      case Function::prelu:
        return spec_.multiply_steps;
      case Function::silu:  // logistic and a product
        return 1 + spec_.multiply_steps;
      case Function::hard_sigmoid:  // sum, clamp, product
        return spec_.add_steps + spec_.multiply_steps;
      default:
        return std::nullopt;
    }
  }

  [[nodiscard]] std::optional<std::int64_t> binary_steps(Function function) const {
    switch (function) {
      case Function::add:
      case Function::sub:
        return spec_.add_steps;
      case Function::mul:
        return spec_.multiply_steps;
      case Function::min:
      case Function::max:
        return 1;
      default:
        return std::nullopt;
    }
  }

  /// The operator's result is `map` after its fused steps.
  bool finish(const ir::Op& op, MapId map) {
    std::size_t stage = 0;
    net_.map(map).exponent = exponent(op, stage);
    for (const auto& step : op.fused) {
      ++stage;
      const std::string name(ir::to_string(step.op.function));
      const Shape own = net_.map(map).shape;
      if (is_map(step.operand)) {
        const auto steps = binary_steps(step.op.function);
        if (!steps || maps_.count(step.operand) == 0) return no(fmt::format("function {}", name));
        map = add_words(op, name, {map, maps_[step.operand]}, own, *steps);
        net_.map(map).exponent = exponent(op, stage);
        continue;
      }
      auto steps = unary_steps(step.op.function);
      if (step.operand != ir::kNoTensor && !steps) steps = binary_steps(step.op.function);
      if (!steps) return no(fmt::format("function {}", name));
      if (*steps > 0) map = add_words(op, name, {map}, own, *steps);
      net_.map(map).exponent = exponent(op, stage);
      if (*steps == 0) clamp(step, map);
    }
    maps_[op.outputs[0]] = map;
    net_.map(map).tensor = op.outputs[0];
    return true;
  }

  void add_input(ir::TensorId id) {
    const auto& tensor = graph_.tensor(id);
    const auto own = shape_of(tensor.shape);
    if (!own) return;
    Phase phase;
    phase.name = tensor.name;
    phase.op = "input";
    phase.kind = Kind::input;
    maps_[id] = add(std::move(phase), *own);
    net_.map(maps_[id]).tensor = id;
    net_.map(maps_[id]).exponent = exponent(id);
    net_.inputs.push_back(maps_[id]);
  }

  /// A view of another map, with a shape of its own.
  bool view(const ir::Op& op, const Shape& own) {
    const MapId from = maps_.at(op.inputs[0]);
    const MapId map = new_map(op.name, own);
    net_.map(map).home = from;
    net_.views.push_back(op.name);
    return finish(op, map);
  }

  // --- operators ---

  bool add_op(const ir::Op& op) {
    const auto own = shape_of(shape(op.outputs[0]));
    if (!own) return no("a scalar");
    switch (op.kind) {
      case ir::OpKind::conv:
        return add_conv(op, *own);
      case ir::OpKind::conv_transpose:
        return add_transposed(op, *own);
      case ir::OpKind::matmul:
        return add_matmul(op, *own);
      case ir::OpKind::pool:
        return add_pool(op, *own);
      case ir::OpKind::reduce:
        return add_reduce(op, *own);
      case ir::OpKind::softmax:
        return add_softmax(op, *own);
      case ir::OpKind::elementwise:
        return add_elementwise(op, *own);
      case ir::OpKind::norm:
        return add_norm(op, *own);
      case ir::OpKind::concat:
        return add_concat(op, *own);
      case ir::OpKind::resize:
        return add_resize(op, *own);
      case ir::OpKind::reshape:
        return add_reshape(op, *own);
      case ir::OpKind::transpose:
        return add_transpose(op, *own);
      default:
        return add_copy(op, *own);
    }
  }

  /// Moves whole channels, or requantises: a step a word. Everything else is the host's.
  bool add_copy(const ir::Op& op, const Shape& own) {
    switch (op.kind) {
      case ir::OpKind::pad:
      case ir::OpKind::slice:
      case ir::OpKind::space_to_depth:
      case ir::OpKind::depth_to_space:
      case ir::OpKind::quantize:
      case ir::OpKind::dequantize:
      case ir::OpKind::cast:
        if (!is_map(op.inputs[0])) return false;
        return finish(op, add_words(op, std::string(ir::to_string(op.kind)), {maps_[op.inputs[0]]}, own, 1));
      case ir::OpKind::split:
        for (const auto id : op.outputs) {
          const auto part = shape_of(shape(id));
          if (!part) return false;
          maps_[id] = add_words(op, "split", {maps_.at(op.inputs[0])}, *part, 1);
        }
        return true;
      default:
        return false;
    }
  }

  static Window window_of(const ir::Window& from) {
    Window window;
    window.kh = from.kernel.h;
    window.kw = from.kernel.w;
    window.stride_h = from.stride.h;
    window.stride_w = from.stride.w;
    window.dilation_h = from.dilation.h;
    window.dilation_w = from.dilation.w;
    window.top = from.pad.top;
    window.left = from.pad.left;
    return window;
  }

  bool add_conv(const ir::Op& op, const Shape& own) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    if (shape(op.inputs[0]).size() != 4) return no("not over height and width");
    if (!is_weight(op.inputs[1])) return no("weights that are computed");
    const Shape& in = map_shape(op.inputs[0]);
    const bool depthwise = attrs.groups > 1 && attrs.groups == in.c && own.c % in.c == 0;
    if (attrs.groups > 1 && !depthwise) return no("grouped convolution");
    Phase phase = phase_of(op, depthwise ? Kind::depthwise : Kind::conv, depthwise ? "depthwise" : "conv",
                           {maps_.at(op.inputs[0])});
    phase.window = window_of(attrs.window);
    phase.macs = ir::macs(graph_, op).count();
    set_weights(op, phase);
    return finish(op, add(std::move(phase), own));
  }

  void set_weights(const ir::Op& op, Phase& phase) const {
    phase.weights = op.inputs[1];
    phase.weights_exponent = exponent(op.inputs[1]);
    if (op.inputs.size() > 2) phase.bias = op.inputs[2];
  }

  bool add_transposed(const ir::Op& op, const Shape& own) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    if (shape(op.inputs[0]).size() != 4 || !is_weight(op.inputs[1])) return no("weights that are computed");
    if (attrs.groups > 1) return no("grouped transposed convolution");
    Phase phase = phase_of(op, Kind::conv, "conv_transpose", {maps_.at(op.inputs[0])});
    phase.window = window_of(attrs.window);
    phase.kernels = attrs.window.stride.h * attrs.window.stride.w;
    phase.macs = ir::macs(graph_, op).count();
    return finish(op, add(std::move(phase), own));
  }

  bool add_matmul(const ir::Op& op, const Shape& own) {
    if (!is_map(op.inputs[0]) || !is_weight(op.inputs[1])) return no("product of two activations");
    if (own.h * own.w != 1) return no("product of more than one row");
    Phase phase = phase_of(op, Kind::fc, "fc", {maps_.at(op.inputs[0])});
    phase.macs = ir::macs(graph_, op).count();
    set_weights(op, phase);
    return finish(op, add(std::move(phase), own));
  }

  bool add_pool(const ir::Op& op, const Shape& own) {
    const auto& attrs = std::get<ir::PoolAttrs>(op.attrs);
    if (shape(op.inputs[0]).size() != 4) return no("not over height and width");
    const bool max = attrs.kind == ir::PoolKind::max;
    Phase phase = phase_of(op, max ? Kind::max_pool : Kind::average_pool, max ? "max_pool" : "average_pool",
                           {maps_.at(op.inputs[0])});
    phase.window = window_of(attrs.window);
    if (attrs.count_include_pad) phase.divisor = phase.window.taps();
    phase.plain = max || !attrs.count_include_pad || (attrs.rounding.h == 0 && attrs.rounding.w == 0);
    return finish(op, add(std::move(phase), own));
  }

  bool add_reduce(const ir::Op& op, const Shape& own) {
    const auto& attrs = std::get<ir::ReduceAttrs>(op.attrs);
    if (shape(op.inputs[0]).size() != 4 || attrs.axes != std::vector<std::int64_t>{2, 3}) {
      return no("not over height and width");
    }
    const Shape& in = map_shape(op.inputs[0]);
    const bool max = attrs.kind == ir::ReduceKind::max;
    Phase phase =
        phase_of(op, max ? Kind::max_pool : Kind::average_pool, "global_pool", {maps_.at(op.inputs[0])});
    phase.window.kh = in.h;
    phase.window.kw = in.w;
    phase.plain = attrs.kind != ir::ReduceKind::sum;
    return finish(op, add(std::move(phase), {1, 1, own.c}));
  }

  bool add_softmax(const ir::Op& op, const Shape& own) {
    if (own.h * own.w != 1 || own.c > kSoftmaxChannels) return no("softmax over more than one pixel");
    return finish(op, add_words(op, "softmax", {maps_.at(op.inputs[0])}, own, kSoftmaxSteps));
  }

  bool add_elementwise(const ir::Op& op, const Shape& own) {
    const auto function = std::get<ir::ElementwiseAttrs>(op.attrs).function;
    const std::string name(ir::to_string(function));
    std::vector<MapId> operands;
    for (const auto id : op.inputs) {
      if (is_map(id)) operands.push_back(maps_.at(id));
    }
    const bool binary = op.inputs.size() == 2 && function != Function::prelu;
    const auto steps = binary ? binary_steps(function) : unary_steps(function);
    if (!steps || operands.empty()) return no(fmt::format("function {}", name));
    const bool fits = std::any_of(operands.begin(), operands.end(),
                                  [&](MapId id) { return same(net_.map(id).shape, own); });
    if (!fits) return no("operands that are both broadcast");
    return finish(op, add_words(op, name, std::move(operands), own, std::max<std::int64_t>(*steps, 1)));
  }

  bool add_norm(const ir::Op& op, const Shape& own) {
    if (std::get<ir::NormAttrs>(op.attrs).kind != ir::NormKind::batch) return no("normalisation at run time");
    return finish(
        op, add_words(op, "scale", {maps_.at(op.inputs[0])}, own, spec_.multiply_steps + spec_.add_steps));
  }

  bool add_resize(const ir::Op& op, const Shape& own) {
    const auto mode = std::get<ir::ResizeAttrs>(op.attrs).mode;
    if (mode == ir::ResizeAttrs::Mode::cubic || shape(op.inputs[0]).size() != 4) return no("cubic");
    const bool nearest = mode == ir::ResizeAttrs::Mode::nearest;
    return finish(op, add_words(op, nearest ? "resize_nearest" : "resize_bilinear", {maps_.at(op.inputs[0])},
                                own, nearest ? 1 : spec_.resize_steps));
  }

  /// On the chip channels lie innermost: moving them there or back is only another name.
  bool add_transpose(const ir::Op& op, const Shape&) {
    const auto& order = std::get<ir::TransposeAttrs>(op.attrs).permutation;
    const bool inward = order == std::vector<std::int64_t>{0, 2, 3, 1};
    const bool outward = order == std::vector<std::int64_t>{0, 3, 1, 2};
    if (!inward && !outward) return no("transposition of anything but the channels");
    return view(op, map_shape(op.inputs[0]));
  }

  bool add_reshape(const ir::Op& op, const Shape& own) {
    if (!is_map(op.inputs[0])) return false;
    const Shape in = map_shape(op.inputs[0]);
    const bool flat = own.h * own.w == 1 && (in.h * in.w == 1 || feeds_product(op));
    if (same(in, own) || flat) return view(op, flat ? Shape{in.h, in.w, in.c} : own);
    return finish(op, add_words(op, "reshape", {maps_.at(op.inputs[0])}, own, 1));
  }

  /// A flattened map that only products read is gathered by them.
  [[nodiscard]] bool feeds_product(const ir::Op& op) const {
    bool all = true;
    for (const auto& other : graph_.ops) {
      const bool reads =
          std::find(other.inputs.begin(), other.inputs.end(), op.outputs[0]) != other.inputs.end();
      all = all && (!reads || other.kind == ir::OpKind::matmul);
    }
    return all;
  }

  bool add_concat(const ir::Op& op, const Shape& own) {
    const auto axis = std::get<ir::ConcatAttrs>(op.attrs).axis;
    const auto rank = shape(op.outputs[0]).size();
    const std::int64_t channels = rank == 3 ? 2 : 1;
    std::vector<MapId> parts;
    for (const auto id : op.inputs) {
      if (!is_map(id)) return no("joined with a constant");
      parts.push_back(maps_.at(id));
    }
    if (axis != channels || rank < 2) return finish(op, add_words(op, "concat", parts, own, 1));
    const MapId whole = new_map(op.name, own);
    std::int64_t channel = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const MapId part = in_place(op, parts[i], i);
      net_.map(part).home = whole;
      net_.map(part).home_channel = channel;
      channel += spec_.padded(net_.map(part).shape.c);
    }
    net_.map(whole).stored_channels = channel;
    net_.views.push_back(op.name);
    return finish(op, whole);
  }

  /// The part itself where it can lie inside the concatenation, else a copy.
  MapId in_place(const ir::Op& op, MapId part, std::size_t index) {
    const Map& map = net_.map(part);
    const bool input = std::find(net_.inputs.begin(), net_.inputs.end(), part) != net_.inputs.end();
    if (map.home == kNone && !map.on_host && !input && map.shape.c % spec_.dot == 0) return part;
    Phase copy = phase_of(op, Kind::eltwise, "copy", {part});
    copy.name = fmt::format("{}:copy{}", op.name, index);
    const int own = net_.map(part).exponent;
    const MapId home = add(std::move(copy), net_.map(part).shape);
    net_.map(home).exponent = own;
    return home;
  }

  // --- the host ---

  void add_host(const ir::Op& op) {
    if (net_.host_names.empty()) {
      net_.host_reason = fmt::format(
          "'{}' ({}{}{})", op.name, op.source_op.empty() ? std::string(ir::to_string(op.kind)) : op.source_op,
          why_.empty() ? "" : ": ", why_);
    }
    net_.host_names.push_back(op.name);
    Phase phase = phase_of(op, Kind::host, ir::to_string(op.kind), {});
    const auto reads = [&](ir::TensorId id) {
      if (id == ir::kNoTensor) return;
      phase.host_bytes += ir::elements(shape(id));
      if (!is_map(id) || maps_.count(id) == 0) return;
      net_.map(maps_[id]).used_by_host = true;
      phase.inputs.push_back(maps_[id]);
    };
    for (const auto id : op.inputs) reads(id);
    for (const auto& step : op.fused) reads(step.operand);
    phase.host_macs = ir::macs(graph_, op).count();
    if (op.kind == ir::OpKind::resize) phase.host_bytes += kResizeTaps * ir::elements(shape(op.outputs[0]));
    for (const auto id : op.outputs) {
      phase.host_bytes += ir::elements(shape(id));
      const MapId map = new_map(graph_.tensor(id).name, shape_of(shape(id)).value_or(Shape{}));
      net_.map(map).on_host = true;
      net_.map(map).tensor = id;
      net_.map(map).exponent = exponent(id);
      maps_[id] = map;
      phase.host_outputs.push_back(map);
    }
    net_.phases.push_back(std::move(phase));
  }

  const Spec& spec_;
  const ir::Graph& graph_;
  const std::map<std::string, std::string>& refused_;
  const reference::Quantization* quantization_;
  Network net_;
  std::map<ir::TensorId, MapId> maps_;
  std::string why_;
};

}  // namespace

MapId Network::home_of(MapId id, std::int64_t* channel) const {
  std::int64_t at = 0;
  while (map(id).home != kNone) {
    at += map(id).home_channel;
    id = map(id).home;
  }
  if (channel != nullptr) *channel = at;
  return id;
}

Network legalize(const Spec& spec, const ir::Graph& graph, const std::map<std::string, std::string>& refused,
                 const reference::Quantization* quantization) {
  return Legalizer(spec, graph, refused, quantization).run();
}

Network compile_network(const Spec& spec, const ir::Graph& graph,
                        const reference::Quantization* quantization) {
  std::map<std::string, std::string> refused;
  for (;;) {
    Network net = legalize(spec, graph, refused, quantization);
    const auto misfit = place(spec, net);
    if (!misfit) return net;
    if (misfit->operator_name.empty()) {
      throw UserError(
          fmt::format("network '{}': its input fits no memory of the chip: {}; a smaller one helps",
                      graph.name, misfit->why));
    }
    ensure(refused.insert({misfit->operator_name, misfit->why}).second, "a refused operator that is placed");
  }
}

}  // namespace npusim::edgetpu
