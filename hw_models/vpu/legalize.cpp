// Graph -> layers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "hw_models/vpu/legalizer.h"
#include "sim/base/error.h"

namespace npusim::vpu {

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

Legalizer::Legalizer(const Spec& spec, const ir::Graph& graph, ir::DType dtype)
    : spec_(spec), graph_(graph), bytes_(ir::size_of(dtype)) {}

Network Legalizer::run() {
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

std::int64_t Legalizer::batch() const {
  if (graph_.inputs.empty()) return 1;
  const auto& shape = graph_.tensor(graph_.inputs[0]).shape;
  return shape.empty() ? 1 : shape[0];
}

ir::Shape Legalizer::shape(ir::TensorId id) const {
  ir::Shape shape = graph_.tensor(id).shape;
  if (!is_weight(id) && !shape.empty() && net_.batch > 1 && shape[0] % net_.batch == 0) {
    shape[0] /= net_.batch;
  }
  return shape;
}

MapShape Legalizer::map_shape(ir::TensorId id) const {
  const ir::Shape all = shape(id);
  if (channels_last_.count(id) != 0) return {all[1], all[2], all[3]};
  return map_of(all);
}

bool Legalizer::is_weight(ir::TensorId id) const {
  return graph_.tensor(id).role == ir::TensorRole::weight || graph_.tensor(id).constant.has_value();
}

void Legalizer::refuse(const ir::Op& op) {
  refusals_.add(op, why_);
  why_.clear();
}

bool Legalizer::no(std::string why) {
  why_ = std::move(why);
  return false;
}

MapId Legalizer::add_map(ir::TensorId id, const std::string& name, const MapShape& shape) {
  Map map;
  map.name = name;
  map.shape = shape;
  map.bytes = bytes_;
  const bool image =
      std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end() && shape.c < kChannels;
  map.stored = image ? round_up(shape.c, 4) : round_up(shape.c, kChannels);
  net_.maps.push_back(map);
  const auto number = static_cast<MapId>(net_.maps.size()) - 1;
  values_[id] = {{number}, false};
  return number;
}

MapShape Legalizer::own_map(const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading) {
  const MapShape own = map_shape(out);
  if (reading != Reading::pointwise || inputs.empty()) return own;
  const Value& value = values_.at(inputs[0]);
  const MapShape& real = net_.maps[static_cast<std::size_t>(value.maps[0])].shape;
  return value.maps.size() == 1 && real.elements() == own.elements() ? real : own;
}

Layer& Legalizer::add_layer(const std::string& name, std::string op, Kind kind,
                            const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading) {
  Layer layer;
  layer.name = name;
  layer.op = std::move(op);
  layer.kind = kind;
  const MapShape own = own_map(inputs, out, reading);
  for (const auto id : inputs) {
    const bool broadcast = ir::elements(shape(id)) != own.elements();
    const MapShape seen = reading == Reading::pointwise && !broadcast ? own : map_shape(id);
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

bool Legalizer::add_fused(const ir::Op& op) {
  for (const auto& step : op.fused) {
    const bool on_dpu = net_.layers.back().kind == Kind::dpu;
    if (step.operand == ir::kNoTensor && on_dpu && post_processed(step.op.function)) continue;
    const std::string name = fmt::format("{}:{}", op.name, ir::to_string(step.op.function));
    if (!add_function(name, step.op.function, {op.outputs[0], step.operand}, op.outputs[0])) return false;
  }
  return true;
}

bool Legalizer::add_base(const ir::Op& op) {
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

void Legalizer::finish() {
  for (const auto id : graph_.outputs) {
    const auto found = values_.find(id);
    if (found == values_.end()) continue;
    for (const MapId map : found->second.maps) net_.maps[static_cast<std::size_t>(map)].output = true;
  }
  connect(net_);
  set_densities();
  add_padding_notes();
}

void Legalizer::set_densities() {
  std::vector<std::string> names;
  for (auto& layer : net_.layers) {
    const bool sparse = layer.kind == Kind::dpu && layer.dpu == DpuOp::conv && layer.weight_bytes > 0;
    if (!sparse) continue;
    names.push_back(layer.name);
    Density density = spec_.density;
    for (const auto& own : spec_.layer_density) {
      if (own.layer == layer.name) density = own;
    }
    // Both at once: VPUNN's costs are the smaller of each alone.
    layer.density =
        std::max<std::int64_t>(1, std::llround(std::min(density.weights, density.activations) * 1000));
    if (density.weights == 1) continue;
    // What is not zero, and a bit for each weight.
    const std::int64_t outputs = layer.groups * layer.out_channels;
    const std::int64_t dense = layer.weight_bytes / outputs - kWeightEntry;
    const auto packed = static_cast<std::int64_t>(std::ceil(static_cast<double>(dense) * density.weights));
    layer.weight_bytes =
        outputs * (round_up(packed + ceil_div(dense, 8 * bytes_), kWeightEntry) + kWeightEntry);
  }
  for (const auto& density : spec_.layer_density) {
    if (std::find(names.begin(), names.end(), density.layer) != names.end()) continue;
    throw UserError(
        fmt::format("mapping.layer_density: network '{}' has no convolution '{}' of 16 channels or "
                    "more{}",
                    graph_.name, density.layer, suggestion(density.layer, names)));
  }
}

void Legalizer::add_padding_notes() {
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
  std::int64_t done = 0;
  std::int64_t wanted = 0;
  std::pair<std::int64_t, std::string> most;
  for (const auto& layer : net_.layers) {
    if (layer.macs == 0 || layer.rows.input_dilation > 1) continue;
    const MapShape& out = map_at(layer.out).shape;
    const std::int64_t depth = layer.channelwise() ? 1 : layer.in_channels;
    const std::int64_t products = out.h * out.w * layer.groups * layer.out_channels * depth * layer.taps;
    done += std::max(products, layer.macs);
    wanted += layer.macs;
    most = std::max(most, {products - layer.macs, layer.name});
  }
  if (done > wanted) {
    net_.notes.push_back(
        fmt::format("padding loses {:.1f} % of the products that DPUs do, most ({:.1f} %) in layer '{}'",
                    100 * static_cast<double>(done - wanted) / static_cast<double>(done),
                    100 * static_cast<double>(most.first) / static_cast<double>(done), most.second));
  }
}

tiling::Range rows_of(const Network& net, const Layer& layer) {
  if (!layer.out_rows.empty()) return layer.out_rows;
  return {0, net.maps[static_cast<std::size_t>(layer.out)].shape.h};
}

void connect(Network& net) {
  for (auto& map : net.maps) {
    map.producer = -1;
    map.consumers.clear();
  }
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const auto id = static_cast<LayerId>(i);
    auto& producer = net.maps[static_cast<std::size_t>(net.layers[i].out)].producer;
    if (producer < 0) producer = id;
    for (const auto& source : net.layers[i].sources) {
      auto& consumers = net.maps[static_cast<std::size_t>(source.map)].consumers;
      if (consumers.empty() || consumers.back() != id) consumers.push_back(id);
    }
  }
}

Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype) {
  return Legalizer(spec, graph, dtype).run();
}

}  // namespace npusim::vpu
