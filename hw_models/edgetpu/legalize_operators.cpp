// What each kind of operator becomes on the chip.
#include <fmt/format.h>

#include "hw_models/edgetpu/legalizer.h"

namespace npusim::edgetpu {

namespace {

using ir::Function;

/// Largest softmax that the vendor's compiler takes: over the channels of one pixel.
constexpr std::int64_t kSoftmaxChannels = 16'000;
/// Passes over the words of a softmax: exponential, sum, product (two operations).
constexpr std::int64_t kSoftmaxSteps = 4;

bool same(const Shape& a, const Shape& b) { return a.h == b.h && a.w == b.w && a.c == b.c; }

}  // namespace

bool Legalizer::add_op(const ir::Op& op) {
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

bool Legalizer::add_copy(const ir::Op& op, const Shape& own) {
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

Window Legalizer::window_of(const ir::Window& from) {
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

bool Legalizer::add_conv(const ir::Op& op, const Shape& own) {
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

void Legalizer::set_weights(const ir::Op& op, Phase& phase) const {
  phase.weights = op.inputs[1];
  phase.weights_exponent = exponent(op.inputs[1]);
  if (op.inputs.size() > 2) phase.bias = op.inputs[2];
}

bool Legalizer::add_transposed(const ir::Op& op, const Shape& own) {
  const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
  if (shape(op.inputs[0]).size() != 4 || !is_weight(op.inputs[1])) return no("weights that are computed");
  if (attrs.groups > 1) return no("grouped transposed convolution");
  Phase phase = phase_of(op, Kind::conv, "conv_transpose", {maps_.at(op.inputs[0])});
  phase.window = window_of(attrs.window);
  phase.kernels = attrs.window.stride.h * attrs.window.stride.w;
  phase.macs = ir::macs(graph_, op).count();
  return finish(op, add(std::move(phase), own));
}

bool Legalizer::add_matmul(const ir::Op& op, const Shape& own) {
  if (!is_map(op.inputs[0]) || !is_weight(op.inputs[1])) return no("product of two activations");
  if (own.h * own.w != 1) return no("product of more than one row");
  Phase phase = phase_of(op, Kind::fc, "fc", {maps_.at(op.inputs[0])});
  phase.macs = ir::macs(graph_, op).count();
  set_weights(op, phase);
  return finish(op, add(std::move(phase), own));
}

bool Legalizer::add_pool(const ir::Op& op, const Shape& own) {
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

bool Legalizer::add_reduce(const ir::Op& op, const Shape& own) {
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

bool Legalizer::add_softmax(const ir::Op& op, const Shape& own) {
  if (own.h * own.w != 1 || own.c > kSoftmaxChannels) return no("softmax over more than one pixel");
  return finish(op, add_words(op, "softmax", {maps_.at(op.inputs[0])}, own, kSoftmaxSteps));
}

bool Legalizer::add_elementwise(const ir::Op& op, const Shape& own) {
  const auto function = std::get<ir::ElementwiseAttrs>(op.attrs).function;
  const std::string name(ir::to_string(function));
  std::vector<MapId> operands;
  for (const auto id : op.inputs) {
    if (is_map(id)) operands.push_back(maps_.at(id));
  }
  const bool binary = op.inputs.size() == 2 && function != Function::prelu;
  const auto steps = binary ? binary_steps(function) : unary_steps(function);
  if (!steps || operands.empty()) return no(fmt::format("function {}", name));
  const bool fits =
      std::any_of(operands.begin(), operands.end(), [&](MapId id) { return same(net_.map(id).shape, own); });
  if (!fits) return no("operands that are both broadcast");
  return finish(op, add_words(op, name, std::move(operands), own, std::max<std::int64_t>(*steps, 1)));
}

bool Legalizer::add_norm(const ir::Op& op, const Shape& own) {
  if (std::get<ir::NormAttrs>(op.attrs).kind != ir::NormKind::batch) return no("normalisation at run time");
  return finish(
      op, add_words(op, "scale", {maps_.at(op.inputs[0])}, own, spec_.multiply_steps + spec_.add_steps));
}

bool Legalizer::add_resize(const ir::Op& op, const Shape& own) {
  const auto mode = std::get<ir::ResizeAttrs>(op.attrs).mode;
  if (mode == ir::ResizeAttrs::Mode::cubic || shape(op.inputs[0]).size() != 4) return no("cubic");
  const bool nearest = mode == ir::ResizeAttrs::Mode::nearest;
  return finish(op, add_words(op, nearest ? "resize_nearest" : "resize_bilinear", {maps_.at(op.inputs[0])},
                              own, nearest ? 1 : spec_.resize_steps));
}

bool Legalizer::add_transpose(const ir::Op& op, const Shape&) {
  const auto& order = std::get<ir::TransposeAttrs>(op.attrs).permutation;
  const bool inward = order == std::vector<std::int64_t>{0, 2, 3, 1};
  const bool outward = order == std::vector<std::int64_t>{0, 3, 1, 2};
  if (!inward && !outward) return no("transposition of anything but the channels");
  return view(op, map_shape(op.inputs[0]));
}

bool Legalizer::add_reshape(const ir::Op& op, const Shape& own) {
  if (!is_map(op.inputs[0])) return false;
  const Shape in = map_shape(op.inputs[0]);
  const bool flat = own.h * own.w == 1 && (in.h * in.w == 1 || feeds_product(op));
  if (same(in, own) || flat) return view(op, flat ? Shape{in.h, in.w, in.c} : own);
  return finish(op, add_words(op, "reshape", {maps_.at(op.inputs[0])}, own, 1));
}

bool Legalizer::feeds_product(const ir::Op& op) const {
  bool all = true;
  for (const auto& other : graph_.ops) {
    const bool reads =
        std::find(other.inputs.begin(), other.inputs.end(), op.outputs[0]) != other.inputs.end();
    all = all && (!reads || other.kind == ir::OpKind::matmul);
  }
  return all;
}

bool Legalizer::add_concat(const ir::Op& op, const Shape& own) {
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

MapId Legalizer::in_place(const ir::Op& op, MapId part, std::size_t index) {
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

}  // namespace npusim::edgetpu
