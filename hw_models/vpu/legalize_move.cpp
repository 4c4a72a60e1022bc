// Graph -> layers: images, views, copies, permutations.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/vpu/legalizer.h"

namespace npusim::vpu {

std::vector<const ir::Op*> Legalizer::readers(ir::TensorId id) const {
  std::vector<const ir::Op*> found;
  for (const auto& op : graph_.ops) {
    if (std::find(op.inputs.begin(), op.inputs.end(), id) != op.inputs.end()) found.push_back(&op);
  }
  return found;
}

void Legalizer::find_channels_last(ir::TensorId id) {
  const auto& shape = graph_.tensor(id).shape;
  if (shape.size() != 4 || shape[3] >= kChannels) return;
  std::vector<ir::TensorId> chain = {id};
  while (true) {
    const auto next = readers(chain.back());
    if (next.size() != 1) return;
    const ir::Op& op = *next[0];
    if (op.kind == ir::OpKind::transpose) {
      if (std::get<ir::TransposeAttrs>(op.attrs).permutation == std::vector<std::int64_t>{0, 3, 1, 2})
        channels_last_.insert(chain.begin(), chain.end());
      return;
    }
    const bool scales = op.kind == ir::OpKind::elementwise && op.inputs.size() == 2 &&
                        (is_weight(op.inputs[0]) || is_weight(op.inputs[1]));
    if (!scales) return;
    chain.push_back(op.outputs[0]);
  }
}

void Legalizer::add_input(ir::TensorId id) {
  find_channels_last(id);
  images_.insert(id);
  const std::string& name = graph_.tensor(id).name;
  const MapId raw = add_map(id, name);
  Map& map = map_at(raw);
  map.input = true;
  const bool image = map.stored < kChannels && map.shape.h > 1;
  if (!image || spec_.local_operands || !spec_.permute_input) return;
  map.stored = map.shape.c;
  const bool last = channels_last_.count(id) != 0;
  const char* does = last ? "expand" : "permute";
  Layer& layer = add_layer(name + ":" + does, does, Kind::dma, {id}, id, Reading::windowed);
  layer.permutes = !last;
  if (last) layer.runs = map_at(layer.out).shape.h * map_at(layer.out).shape.w;
  map_at(layer.out).name = name + (last ? ".expanded" : ".permuted");
}

bool Legalizer::add_concat(const ir::Op& op) {
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

bool Legalizer::add_slice(const ir::Op& op) {
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

bool Legalizer::add_view(const ir::Op& op, bool reshapes) {
  if (is_weight(op.inputs[0])) return no("of a constant");
  Value value = values_.at(op.inputs[0]);
  value.reshaped = value.reshaped || (reshapes && shape(op.inputs[0]) != shape(op.outputs[0]));
  values_[op.outputs[0]] = std::move(value);
  net_.views.push_back(op.name);
  return true;
}

bool Legalizer::add_movement(const ir::Op& op) {
  using K = ir::OpKind;
  const std::string name(ir::to_string(op.kind));
  std::vector<ir::TensorId> inputs;
  for (const auto id : op.inputs) {
    if (id != ir::kNoTensor && !is_weight(id)) inputs.push_back(id);
  }
  if (op.kind == K::transpose && (channels_last_.count(op.inputs[0]) != 0 || behind_dpu(op.inputs[0]))) {
    if (images_.count(op.inputs[0]) != 0) images_.insert(op.outputs[0]);
    return add_view(op, channels_last_.count(op.inputs[0]) == 0);
  }
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
  Layer& layer = add_layer(op.name, name, computes ? Kind::shave : Kind::dma, inputs, op.outputs[0], reading);
  if (magnifies) layer.magnify = magnification(op);
  layer.shave = op.kind == K::norm ? "norm" : name;
  layer.permutes = op.kind == K::transpose || op.kind == K::depth_to_space || op.kind == K::space_to_depth;
  return true;
}

std::int64_t Legalizer::magnification(const ir::Op& op) const {
  const auto from = shape(op.inputs[0]);
  const auto to = shape(op.outputs[0]);
  return from.size() == 4 && to[2] % from[2] == 0 ? to[2] / from[2] : 0;
}

bool Legalizer::behind_dpu(ir::TensorId id) {
  const Value& value = values_.at(id);
  return std::all_of(value.maps.begin(), value.maps.end(), [&](MapId map) {
    for (const auto& layer : net_.layers) {
      if (layer.out == map) return layer.kind == Kind::dpu;
    }
    return false;
  });
}

}  // namespace npusim::vpu
