// Graph -> layers.
#include "hw_models/midap/legalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "hw_models/mapping/refusals.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

/// What stands for a graph tensor: a layer's result, perhaps read magnified or cropped.
struct Source {
  LayerId layer = kNoLayer;
  std::int64_t scale_w = 1, scale_h = 1;
  std::int64_t crop_left = 0, crop_right = 0;
  [[nodiscard]] bool plain() const {
    return scale_w == 1 && scale_h == 1 && crop_left == 0 && crop_right == 0;
  }
};

bool unary(ir::Function function) {
  using F = ir::Function;
  static const std::set<F> kUnary = {F::relu,       F::leaky_relu, F::clip,  F::sigmoid,    F::hard_sigmoid,
                                     F::hard_swish, F::silu,       F::gelu,  F::tanh,       F::erf,
                                     F::sqrt,       F::exp,        F::log,   F::reciprocal, F::abs,
                                     F::neg,        F::floor,      F::round, F::elu,        F::softplus};
  return kUnary.count(function) != 0;
}

/// [N,C,H,W], [N,C,L] (height 1) or [N,C] as a map of one image.
std::optional<MapShape> map_of(const ir::Shape& shape) {
  if (shape.size() == 4) return MapShape{shape[3], shape[2], shape[1]};
  if (shape.size() == 3) return MapShape{shape[2], 1, shape[1]};
  if (shape.size() == 2) return MapShape{1, 1, shape[1]};
  return std::nullopt;
}

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph) : spec_(spec), graph_(graph) {}

  Network run() {
    count_uses();
    for (const auto id : graph_.inputs) add_input(id);
    for (const auto& op : graph_.ops) {
      if (!add_op(op)) reject(op);
    }
    if (!refusals_.empty()) refusals_.fail(graph_.name, "MIDAP");
    link();
    store_maps(spec_, net_);
    return std::move(net_);
  }

 private:
  // --- bookkeeping ---

  void count_uses() {
    for (const auto& op : graph_.ops) {
      for (const auto id : op.inputs) ++uses_[id];
      for (const auto& step : op.fused) ++uses_[step.operand];
    }
    for (const auto id : graph_.outputs) ++uses_[id];
  }

  /// Takes note of an operator that the chip cannot run. Its results become copies of nothing, so that what
  /// comes behind it is judged, too.
  void reject(const ir::Op& op) {
    for (const auto id : op.outputs) {
      const auto own = map_of(shape(id));
      Layer layer;
      layer.kind = Kind::average_pool;
      layer.inputs = {net_.inputs.empty() ? 0 : net_.inputs[0]};
      if (own) layer.own = *own;
      if (own) sources_[id] = {add(std::move(layer))};
      bad_.insert(id);
    }
    // Without an operand of its own, an operator that gives no reason of its own is not to blame.
    const bool blameless =
        why_.empty() && std::any_of(op.inputs.begin(), op.inputs.end(), [this](ir::TensorId id) {
          return bad_.count(id) != 0 && source(id) == nullptr;
        });
    if (!blameless) refusals_.add(op, why_);
    why_.clear();
  }

  bool no(std::string why) {
    why_ = std::move(why);
    return false;
  }

  [[nodiscard]] const Source* source(ir::TensorId id) const {
    const auto found = sources_.find(id);
    return found == sources_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return id != ir::kNoTensor && graph_.tensor(id).role == ir::TensorRole::weight;
  }
  [[nodiscard]] const ir::Shape& shape(ir::TensorId id) const { return graph_.tensor(id).shape; }

  LayerId add(Layer layer) {
    const auto id = static_cast<LayerId>(net_.layers.size());
    layer.stored_as = id;
    net_.layers.push_back(std::move(layer));
    return id;
  }

  /// A layer that reads `from`.
  static Layer reading(const ir::Op& op, Kind kind, std::string_view name, const Source& from,
                       const MapShape& own) {
    Layer layer;
    layer.name = op.name;
    layer.op = name;
    layer.kind = kind;
    layer.inputs = {from.layer};
    layer.own = own;
    layer.scale_w = from.scale_w;
    layer.scale_h = from.scale_h;
    layer.crop_left = from.crop_left;
    layer.crop_right = from.crop_right;
    layer.virtual_input = !from.plain();
    return layer;
  }

  /// A source as a map of its own: copied by a 1x1 pool where it is only a way to read another map.
  Source materialised(const ir::Op& op, const Source& from, const MapShape& own) {
    if (from.plain()) return from;
    Layer copy = reading(op, Kind::average_pool, "copy", from, own);
    copy.name = fmt::format("{}:copy{}", op.name, net_.layers.size());
    return {add(std::move(copy))};
  }

  /// The operator's result is that of `layer`, after its fused steps: functions cost nothing (a look-up table
  /// behind the adder), sums and products with a map are layers of their own.
  bool finish(const ir::Op& op, LayerId layer) {
    for (std::size_t i = 0; i < op.fused.size(); ++i) {
      const auto& step = op.fused[i];
      if (step.operand == ir::kNoTensor || is_weight(step.operand)) continue;
      const auto function = step.op.function;
      if (function != ir::Function::add && function != ir::Function::mul) {
        return no(fmt::format("fused {}", ir::to_string(function)));
      }
      const Source* operand = source(step.operand);
      if (operand == nullptr) return false;
      const MapShape own = *map_of(shape(op.outputs[0]));
      layer = arithmetic(op, fmt::format("{}:{}", op.name, ir::to_string(function)), function, {layer},
                         materialised(op, *operand, own), own);
    }
    sources_[op.outputs[0]] = {layer};
    return true;
  }

  LayerId arithmetic(const ir::Op& op, const std::string& name, ir::Function function, const Source& a,
                     const Source& b, const MapShape& own) {
    Layer layer = reading(op, Kind::arithmetic, ir::to_string(function), a, own);
    layer.name = name;
    layer.inputs.push_back(b.layer);
    layer.streamed = true;
    // A map with itself: from the banks and, once more, from DRAM. There is no other way to two operands.
    if (a.layer == b.layer) net_.at(a.layer).write_on_dram = true;
    return add(std::move(layer));
  }

  // --- operators ---

  void add_input(ir::TensorId id) {
    const auto& tensor = graph_.tensor(id);
    const auto own = map_of(tensor.shape);
    if (!own) return;
    net_.batch = std::max(net_.batch, tensor.shape[0]);
    Layer layer;
    layer.name = tensor.name;
    layer.op = "input";
    layer.kind = Kind::input;
    layer.own = *own;
    sources_[id] = {add(std::move(layer))};
    net_.inputs.push_back(sources_[id].layer);
  }

  bool add_op(const ir::Op& op) {
    switch (op.kind) {
      case ir::OpKind::conv:
        return add_conv(op);
      case ir::OpKind::conv_transpose:
        return add_transposed(op);
      case ir::OpKind::matmul:
        return add_matmul(op);
      case ir::OpKind::pool:
        return add_pool(op);
      case ir::OpKind::reduce:
        return add_reduce(op);
      case ir::OpKind::softmax:
        return add_softmax(op);
      case ir::OpKind::elementwise:
        return add_elementwise(op);
      case ir::OpKind::norm:
        if (std::get<ir::NormAttrs>(op.attrs).kind != ir::NormKind::batch) return false;
        return add_per_channel(op, op.inputs[0]);
      case ir::OpKind::concat:
        return add_concat(op);
      case ir::OpKind::reshape:
        return add_reshape(op);
      case ir::OpKind::slice:
        return add_slice(op);
      case ir::OpKind::resize:
        return add_resize(op);
      case ir::OpKind::cast:
      case ir::OpKind::quantize:
      case ir::OpKind::dequantize:
        return add_pass_through(op, "convert");
      default:
        return false;
    }
  }

  /// Borders behind the last window are trimmed, and negative where input is left over.
  static Window window_of(const ir::Window& from, const MapShape& in, const MapShape& out) {
    Window window;
    window.kw = from.kernel.w;
    window.kh = from.kernel.h;
    window.stride_w = from.stride.w;
    window.stride_h = from.stride.h;
    window.dilation_w = from.dilation.w;
    window.dilation_h = from.dilation.h;
    window.left = from.pad.left;
    window.top = from.pad.top;
    window.right =
        (out.w - 1) * from.stride.w + (from.kernel.w - 1) * from.dilation.w + 1 - from.pad.left - in.w;
    window.bottom =
        (out.h - 1) * from.stride.h + (from.kernel.h - 1) * from.dilation.h + 1 - from.pad.top - in.h;
    return window;
  }

  bool add_conv(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    if (!is_weight(op.inputs[1])) return no("weights that are computed");
    const auto from = map_of(shape(op.inputs[0]));
    const auto own = map_of(shape(op.outputs[0]));
    if (!from || !own) return no("neither 1-D nor 2-D");
    const bool depthwise = attrs.groups > 1 && attrs.groups == from->c && own->c == from->c;
    Layer layer =
        reading(op, depthwise ? Kind::depthwise : Kind::conv, depthwise ? "depthwise" : "conv", *in, *own);
    layer.window = window_of(attrs.window, *from, *own);
    layer.bias = op.inputs.size() > 2 && op.inputs[2] != ir::kNoTensor;
    layer.macs = ir::macs(graph_, op).count() / net_.batch;
    if (!depthwise) layer.groups = attrs.groups;
    layer.group_depth = from->c / attrs.groups;
    unroll_image(layer, op.inputs[0]);
    return finish(op, add(std::move(layer)));
  }

  /// The host unrolls an image of at most 3 channels for its only convolution.
  void unroll_image(Layer& layer, ir::TensorId tensor) {
    Layer& input = net_.at(layer.inputs[0]);
    const Window& window = layer.window;
    if (!spec_.first_layer_gemm || input.kind != Kind::input || layer.virtual_input || input.own.c > 3 ||
        layer.kind != Kind::conv || layer.groups > 1 || uses_[tensor] > 1 || window.dilation_w > 1 ||
        window.dilation_h > 1) {
      return;
    }
    layer.kind = Kind::gemm;
    layer.image = input.own;
    input.own = {layer.own.w * layer.own.h, 1, window.kw * window.kh * input.own.c};
  }

  bool add_transposed(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    const auto from = map_of(shape(op.inputs[0]));
    const auto own = map_of(shape(op.outputs[0]));
    if (!from || !own || !is_weight(op.inputs[1])) return no("weights that are computed, or more than 2-D");
    if (!in->plain()) return no("of a magnified or cropped map");
    const bool depthwise = attrs.groups > 1 && attrs.groups == from->c && own->c == from->c;
    if (attrs.groups > 1 && !depthwise) return no("grouped");
    Layer layer = reading(op, depthwise ? Kind::depthwise : Kind::conv, "conv_transpose", *in, *own);
    const auto& window = attrs.window;
    layer.scale_w = window.stride.w;
    layer.scale_h = window.stride.h;
    layer.zero_inserted = layer.virtual_input = true;
    ir::Window plain;
    plain.kernel = window.kernel;
    plain.dilation = window.dilation;
    plain.stride = {1, 1};
    plain.pad.left = (window.kernel.w - 1) * window.dilation.w - window.pad.left;
    plain.pad.top = (window.kernel.h - 1) * window.dilation.h - window.pad.top;
    layer.window = window_of(plain, {from->w * window.stride.w, from->h * window.stride.h, from->c}, *own);
    layer.bias = op.inputs.size() > 2 && op.inputs[2] != ir::kNoTensor;
    layer.macs = ir::macs(graph_, op).count() / net_.batch;
    layer.group_depth = from->c;
    return finish(op, add(std::move(layer)));
  }

  bool add_matmul(const ir::Op& op) {
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return is_weight(op.inputs[0]) ? no("weights on the left") : false;
    if (!is_weight(op.inputs[1])) return no("product of two activations");
    const auto& out = shape(op.outputs[0]);
    if (shape(op.inputs[0]).size() != 2 || !in->plain() || std::get<ir::MatMulAttrs>(op.attrs).transpose_a) {
      return no("of more than one row an image");
    }
    const MapShape from = net_.at(in->layer).own;
    Layer layer = reading(op, Kind::conv, "fc", *in, {1, 1, out[1]});
    layer.window.kw = from.w;
    layer.window.kh = from.h;
    layer.bias = op.inputs.size() > 2 && op.inputs[2] != ir::kNoTensor;
    layer.macs = ir::macs(graph_, op).count() / net_.batch;
    layer.group_depth = from.c;
    return finish(op, add(std::move(layer)));
  }

  bool add_pool(const ir::Op& op) {
    const auto& attrs = std::get<ir::PoolAttrs>(op.attrs);
    const Source* in = source(op.inputs[0]);
    const auto from = map_of(shape(op.inputs[0]));
    const auto own = map_of(shape(op.outputs[0]));
    if (in == nullptr || !from || !own) return false;
    const bool max = attrs.kind == ir::PoolKind::max;
    Layer layer =
        reading(op, max ? Kind::max_pool : Kind::average_pool, max ? "max_pool" : "average_pool", *in, *own);
    layer.window = window_of(attrs.window, *from, *own);
    return finish(op, add(std::move(layer)));
  }

  /// A mean over the whole map: in the reduction stage of what makes it, or else a pool of its own.
  bool add_reduce(const ir::Op& op) {
    const auto& attrs = std::get<ir::ReduceAttrs>(op.attrs);
    const Source* in = source(op.inputs[0]);
    const auto from = map_of(shape(op.inputs[0]));
    if (in == nullptr || !from) return false;
    std::vector<std::int64_t> spatial;
    for (std::size_t axis = 2; axis < shape(op.inputs[0]).size(); ++axis) {
      spatial.push_back(static_cast<std::int64_t>(axis));
    }
    if (attrs.axes != spatial || attrs.kind == ir::ReduceKind::sum)
      return no("not a mean or maximum over height and width");
    const MapShape own{1, 1, from->c};
    if (attrs.kind == ir::ReduceKind::mean && reduces(*in))
      return fuse_reduction(op, *in, own, "global_pool");
    const bool max = attrs.kind == ir::ReduceKind::max;
    Layer layer = reading(op, max ? Kind::max_pool : Kind::average_pool, "global_pool", *in, own);
    layer.window.kw = from->w;
    layer.window.kh = from->h;
    return finish(op, add(std::move(layer)));
  }

  [[nodiscard]] bool reduces(const Source& in) const {
    const Layer& producer = net_.at(in.layer);
    return in.plain() && producer.runs() && producer.reduction == kNoLayer;
  }

  bool fuse_reduction(const ir::Op& op, const Source& in, const MapShape& own, std::string_view name) {
    if (!op.fused.empty()) return no("a function of the reduced values");
    Layer layer = reading(op, Kind::reduce, name, in, own);
    const LayerId id = add(std::move(layer));
    net_.at(in.layer).reduction = id;
    net_.views.push_back(op.name);
    sources_[op.outputs[0]] = {id};
    return true;
  }

  bool add_softmax(const ir::Op& op) {
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    const auto from = map_of(shape(op.inputs[0]));
    if (!from || from->w * from->h != 1 || std::get<ir::SoftmaxAttrs>(op.attrs).axis != 1) {
      return no("over anything but the channels of one pixel");
    }
    if (!reduces(*in)) return no("not behind an operator whose reduction stage is free");
    return fuse_reduction(op, *in, *from, "softmax");
  }

  bool add_elementwise(const ir::Op& op) {
    const auto function = std::get<ir::ElementwiseAttrs>(op.attrs).function;
    if (unary(function) || (function == ir::Function::prelu && is_weight(op.inputs[1]))) {
      return add_pass_through(op, ir::to_string(function));
    }
    if (function != ir::Function::add && function != ir::Function::mul) return false;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
      if (is_weight(op.inputs[1 - i])) return add_per_channel(op, op.inputs[i]);
    }
    const Source* a = source(op.inputs[0]);
    const Source* b = source(op.inputs[1]);
    const auto own = map_of(shape(op.outputs[0]));
    const auto left = map_of(shape(op.inputs[0]));
    const auto right = map_of(shape(op.inputs[1]));
    if (a == nullptr || b == nullptr || !own || !left || !right) return false;
    const auto whole = [&](const MapShape& map) {
      return map.c == own->c && ((map.w == own->w && map.h == own->h) || map.w * map.h == 1);
    };
    if (!whole(*left) || !whole(*right))
      return no("operands that are neither of one size nor one value a channel");
    const Source first = materialised(op, *a, *left);
    const Source second = materialised(op, *b, *right);
    return finish(op, arithmetic(op, op.name, function, first, second, *own));
  }

  /// y = x * weight (+ weight), a channel: CIM 0's multiplier.
  bool add_per_channel(const ir::Op& op, ir::TensorId id) {
    const Source* in = source(id);
    const auto own = map_of(shape(op.outputs[0]));
    if (in == nullptr || !own) return false;
    Layer layer = reading(op, Kind::depthwise, "per_channel", *in, *own);
    return finish(op, add(std::move(layer)));
  }

  /// Through CIM 0 and its look-up table.
  bool add_pass_through(const ir::Op& op, std::string_view name) {
    const Source* in = source(op.inputs[0]);
    const auto own = map_of(shape(op.outputs[0]));
    if (in == nullptr || !own) return false;
    return finish(op, add(reading(op, Kind::average_pool, name, *in, *own)));
  }

  bool add_concat(const ir::Op& op) {
    const auto axis = std::get<ir::ConcatAttrs>(op.attrs).axis;
    const auto own = map_of(shape(op.outputs[0]));
    const bool along_x = axis == 3 && shape(op.outputs[0]).size() == 4;
    if (!own || (axis != 1 && !along_x)) return no("along anything but channels or width");
    Layer layer;
    layer.name = op.name;
    layer.op = "concat";
    layer.kind = Kind::concat;
    layer.own = *own;
    layer.x_begin = along_x ? 1 : 0;  // a mark for place_concat
    for (const auto id : op.inputs) {
      const Source* part = source(id);
      if (part == nullptr) return false;
      const Layer& producer = net_.at(part->layer);
      const bool in_place =
          part->plain() && producer.runs() && uses_[id] == 1 && producer.reduction == kNoLayer;
      if (in_place) {
        layer.inputs.push_back(part->layer);
        continue;
      }
      Layer copy = reading(op, Kind::average_pool, "copy", *part, *map_of(shape(id)));
      copy.name = fmt::format("{}:copy{}", op.name, layer.inputs.size());
      layer.inputs.push_back(add(std::move(copy)));
    }
    net_.views.push_back(op.name);
    return finish(op, add(std::move(layer)));
  }

  bool add_reshape(const ir::Op& op) {
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    const auto from = map_of(shape(op.inputs[0]));
    const auto to = map_of(shape(op.outputs[0]));
    if (!from || !to) return no("not between maps");
    const bool same = from->w == to->w && from->h == to->h && from->c == to->c;
    const bool flat = to->w * to->h == 1 && to->c == from->elements() && in->plain();
    if (!same && !flat) return no("a change of layout");
    net_.views.push_back(op.name);
    sources_[op.outputs[0]] = *in;
    return true;
  }

  bool add_slice(const ir::Op& op) {
    const auto& attrs = std::get<ir::SliceAttrs>(op.attrs);
    const auto& from = shape(op.inputs[0]);
    const auto& to = shape(op.outputs[0]);
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    if (from.size() != 4 || !std::equal(from.begin(), from.begin() + 3, to.begin()) || attrs.steps[3] != 1 ||
        in->scale_w != 1 || in->scale_h != 1) {
      return no("of anything but columns");
    }
    Source cropped = *in;
    cropped.crop_left += attrs.starts[3];
    cropped.crop_right += from[3] - to[3] - attrs.starts[3];
    net_.views.push_back(op.name);
    sources_[op.outputs[0]] = cropped;
    return true;
  }

  bool add_resize(const ir::Op& op) {
    const auto& from = shape(op.inputs[0]);
    const auto& to = shape(op.outputs[0]);
    const Source* in = source(op.inputs[0]);
    if (in == nullptr) return false;
    if (std::get<ir::ResizeAttrs>(op.attrs).mode != ir::ResizeAttrs::Mode::nearest || from.size() != 4 ||
        to[1] != from[1] || to[2] % from[2] != 0 || to[3] % from[3] != 0 || !in->plain()) {
      return no("not nearest by whole factors");
    }
    net_.views.push_back(op.name);
    sources_[op.outputs[0]] = {in->layer, to[3] / from[3], to[2] / from[2], 0, 0};
    return true;
  }

  // --- the whole ---

  /// Readers of each layer, its own reduction first; results of the network go to DRAM.
  void link() {
    for (auto& layer : net_.layers) {
      if (layer.reduction != kNoLayer) layer.next.push_back(layer.reduction);
    }
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      const auto id = static_cast<LayerId>(i);
      for (const LayerId input : net_.layers[i].inputs) {
        auto& next = net_.at(input).next;
        if (std::find(next.begin(), next.end(), id) == next.end()) next.push_back(id);
      }
    }
    for (const auto id : graph_.outputs) {
      const Source* result = source(id);
      if (result == nullptr) continue;
      Layer& layer = net_.at(result->layer);
      layer.write_on_dram = layer.result = true;
    }
  }

  const Spec& spec_;
  const ir::Graph& graph_;
  Network net_;
  std::map<ir::TensorId, Source> sources_;
  std::map<ir::TensorId, std::int64_t> uses_;
  std::set<ir::TensorId> bad_;  ///< results of rejected operators
  mapping::Refusals refusals_;
  std::string why_;
};

}  // namespace

Network legalize(const Spec& spec, const ir::Graph& graph) { return Legalizer(spec, graph).run(); }

}  // namespace npusim::midap
