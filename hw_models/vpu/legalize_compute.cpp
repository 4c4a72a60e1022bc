// Graph -> layers: convolutions, products, pools, element-wise functions.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/vpu/legalizer.h"

namespace npusim::vpu {

namespace {

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

}  // namespace

bool post_processed(ir::Function function) {
  using F = ir::Function;
  return function == F::relu || function == F::leaky_relu || function == F::clip;
}

bool Legalizer::add_conv(const ir::Op& op) {
  const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
  const bool transposed = op.kind == ir::OpKind::conv_transpose;
  const auto in = map_shape(op.inputs[0]);
  const auto& window = attrs.window;
  if (!is_weight(op.inputs[1])) return no("weights that are computed");
  if (shape(op.inputs[0]).size() != 4) return no("not 2-D");
  if (patches(op)) {
    add_patches(op);
    return true;
  }
  if (!check_window(window)) return false;
  const auto own = map_shape(op.outputs[0]);
  if (in.c < kChannels && attrs.groups == 1) narrow_image(op.inputs[0], op.name);
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

void Legalizer::narrow_image(ir::TensorId id, const std::string& reader) {
  const std::int64_t wanted = round_up(map_shape(id).c, 4);
  const Value& value = values_.at(id);
  if (images_.count(id) == 0 || map_at(value.maps[0]).stored == wanted || spec_.local_operands) return;
  Layer& slice = add_layer(reader + ":slice", "slice", Kind::dma, {id}, id, Reading::windowed);
  Map& map = map_at(slice.out);
  map.stored = wanted;
  slice.runs = map.shape.h * map.shape.w;
}

bool Legalizer::patches(const ir::Op& op) const {
  const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
  const auto& w = attrs.window;
  const auto in = map_shape(op.inputs[0]);
  const bool large = w.kernel.h > kMaxKernel || w.kernel.w > kMaxKernel || w.stride.h > kMaxStride ||
                     w.stride.w > kMaxStride;
  const bool apart = w.kernel == w.stride && w.dilation == ir::Hw{1, 1} && in.h % w.kernel.h == 0 &&
                     in.w % w.kernel.w == 0 && w.pad == ir::Padding{};
  return large && apart && attrs.groups == 1 && op.kind == ir::OpKind::conv &&
         values_.at(op.inputs[0]).maps.size() == 1;
}

void Legalizer::add_patches(const ir::Op& op) {
  const auto& kernel = std::get<ir::ConvAttrs>(op.attrs).window.kernel;
  const Map& from = map_at(values_.at(op.inputs[0]).maps[0]);
  const std::int64_t channels = from.stored * kernel.h * kernel.w;
  const auto own = map_shape(op.outputs[0]);
  Layer& gather =
      add_layer(op.name + ":patches", "patches", Kind::dma, {op.inputs[0]}, op.outputs[0], Reading::windowed);
  Map& patch = map_at(gather.out);
  patch.shape = {own.h, own.w, channels};
  patch.stored = round_up(channels, kChannels);
  gather.rows = {map_shape(op.inputs[0]).h, kernel.h, kernel.h, 1, 0, 1};
  gather.moved = patch.shape.elements();
  gather.runs = own.h * own.w * kernel.h;
  gather.out_channels = gather.in_channels = patch.stored;
  Layer& layer = add_layer(op.name, "conv", Kind::dpu, {op.outputs[0]}, op.outputs[0], Reading::windowed);
  layer.macs = ir::macs(graph_, op).count() / net_.batch;
  layer.in_channels = round_up(channels, kChannels);
  layer.weight_bytes = layer.out_channels * (layer.in_channels * bytes_ + kChannels);
}

bool Legalizer::check_window(const ir::Window& w) {
  if (w.kernel.h > kMaxKernel || w.kernel.w > kMaxKernel) {
    return no(fmt::format("kernel {}x{}; a DPU takes up to {}", w.kernel.h, w.kernel.w, kMaxKernel));
  }
  if (w.stride.h > kMaxStride || w.stride.w > kMaxStride) {
    return no(fmt::format("stride {}x{}; a DPU takes up to {}", w.stride.h, w.stride.w, kMaxStride));
  }
  return true;
}

void Legalizer::set_window(Layer& layer, const ir::Window& w, const MapShape& in, bool transposed) {
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

bool Legalizer::add_matmul(const ir::Op& op) {
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
  Layer& layer = add_layer(op.name, weights && rows == 1 ? "fc" : "matmul", Kind::dpu, inputs, op.outputs[0],
                           weights ? Reading::windowed : Reading::whole);
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

bool Legalizer::add_pool(const ir::Op& op) {
  const auto& attrs = std::get<ir::PoolAttrs>(op.attrs);
  if (shape(op.inputs[0]).size() != 4) return no("not 2-D");
  if (!check_window(attrs.window)) return false;
  const bool max = attrs.kind == ir::PoolKind::max;
  Layer& layer = add_layer(op.name, max ? "max_pool" : "average_pool", Kind::dpu, {op.inputs[0]},
                           op.outputs[0], Reading::windowed);
  layer.dpu = DpuOp::pool;
  set_window(layer, attrs.window, map_shape(op.inputs[0]), false);
  return true;
}

bool Legalizer::add_reduce(const ir::Op& op) {
  const auto& attrs = std::get<ir::ReduceAttrs>(op.attrs);
  const auto in = map_shape(op.inputs[0]);
  const auto from = shape(op.inputs[0]);
  const bool spatial = from.size() == 4 && attrs.axes == std::vector<std::int64_t>{2, 3};
  if (!spatial || attrs.kind == ir::ReduceKind::sum) {
    Layer& layer = add_layer(op.name, "reduce", Kind::shave, {op.inputs[0]}, op.outputs[0], Reading::whole);
    layer.shave = "reduce";
    layer.moved = ir::elements(from);
    return true;
  }
  Layer& layer = add_layer(op.name, "global_pool", Kind::dpu, {op.inputs[0]}, op.outputs[0], Reading::whole);
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

bool Legalizer::add_function(const std::string& name, ir::Function function,
                             const std::vector<ir::TensorId>& inputs, ir::TensorId out) {
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

bool Legalizer::add_scale(const std::string& name, const std::string& op,
                          const std::vector<ir::TensorId>& inputs, ir::TensorId out) {
  // An int8 image's scale and zero point take a factor and an offset; one factor and offset follow another.
  const bool quantised = bytes_ == 1 && images_.count(inputs[0]) != 0;
  if (images_.count(inputs[0]) != 0) images_.insert(out);
  if (quantised || scaled_.count(inputs[0]) != 0) {
    if (!quantised) scaled_.insert(out);
    values_[out] = values_.at(inputs[0]);
    net_.views.push_back(name);
    return true;
  }
  if (readers(out).size() == 1) scaled_.insert(out);
  Layer& layer = add_layer(name, op, Kind::dpu, inputs, out, Reading::pointwise);
  layer.dpu = DpuOp::depthwise;
  layer.weight_bytes = layer.out_channels * 32;
  return true;
}

}  // namespace npusim::vpu
