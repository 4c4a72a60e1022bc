#include "hw_models/edgetpu/legalize.h"

#include <fmt/format.h>

#include "hw_models/edgetpu/legalizer.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

using ir::Function;

/// Bytes that the host reads for a byte of a resized map.
constexpr std::int64_t kResizeTaps = 4;

}  // namespace

std::optional<Shape> shape_of(const ir::Shape& shape) {
  if (shape.size() == 4) return Shape{shape[2], shape[3], shape[1]};
  if (shape.size() == 3) return Shape{1, shape[1], shape[2]};
  if (shape.size() == 2) return Shape{1, 1, shape[1]};
  if (shape.size() == 1) return Shape{1, 1, shape[0]};
  return std::nullopt;
}

Network Legalizer::run() {
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

void Legalizer::check_graph() {
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

void Legalizer::check_rank(ir::TensorId id) const {
  if (shape(id).size() <= 4) return;
  throw UserError(
      fmt::format("network '{}': tensor '{}' has {} dimensions, {}; the Edge TPU expects at most 4",
                  graph_.name, graph_.tensor(id).name, shape(id).size(), ir::to_string(shape(id))));
}

bool Legalizer::refused(const ir::Op& op) {
  const auto found = refused_.find(op.name);
  if (found == refused_.end()) return false;
  why_ = found->second;
  return true;
}

bool Legalizer::no(std::string why) {
  why_ = std::move(why);
  return false;
}

MapId Legalizer::new_map(std::string name, const Shape& own) {
  Map map;
  map.name = std::move(name);
  map.shape = own;
  net_.maps.push_back(std::move(map));
  return static_cast<MapId>(net_.maps.size()) - 1;
}

Phase Legalizer::phase_of(const ir::Op& op, Kind kind, std::string_view name, std::vector<MapId> inputs) {
  Phase phase;
  phase.name = phase.operator_name = op.name;
  phase.op = name;
  phase.kind = kind;
  phase.inputs = std::move(inputs);
  phase.source = index_of(op);
  return phase;
}

int Legalizer::exponent(const ir::Op& op, std::size_t stage) const {
  if (quantization_ == nullptr) return 0;
  return quantization_->stages.at(static_cast<std::size_t>(index_of(op))).at(stage);
}

void Legalizer::clamp(const ir::FusedStep& step, MapId map) {
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

MapId Legalizer::add(Phase phase, const Shape& own) {
  phase.output = new_map(phase.name, own);
  phase.weight_bytes = stored_bytes(spec_, net_, phase);
  net_.phases.push_back(std::move(phase));
  return net_.phases.back().output;
}

bool Legalizer::inputs_known(const ir::Op& op) {
  const auto known = [this](ir::TensorId id) { return !is_map(id) || maps_.count(id) != 0; };
  return std::all_of(op.inputs.begin(), op.inputs.end(), known);
}

MapId Legalizer::add_words(const ir::Op& op, const std::string& name, std::vector<MapId> inputs,
                           const Shape& own, std::int64_t steps) {
  Phase phase = phase_of(op, Kind::eltwise, name, std::move(inputs));
  if (!net_.phases.empty() && net_.phases.back().name.starts_with(op.name)) {
    phase.name = fmt::format("{}:{}", op.name, name);
  }
  phase.word_steps = steps;
  return add(std::move(phase), own);
}

std::optional<std::int64_t> Legalizer::unary_steps(Function function) const {
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

std::optional<std::int64_t> Legalizer::binary_steps(Function function) const {
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

bool Legalizer::finish(const ir::Op& op, MapId map) {
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

void Legalizer::add_input(ir::TensorId id) {
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

bool Legalizer::view(const ir::Op& op, const Shape& own) {
  const MapId from = maps_.at(op.inputs[0]);
  const MapId map = new_map(op.name, own);
  net_.map(map).home = from;
  net_.views.push_back(op.name);
  return finish(op, map);
}

void Legalizer::add_host(const ir::Op& op) {
  if (net_.host_names.empty()) {
    net_.host_reason = fmt::format("'{}' ({}{}{})", op.name,
                                   op.source_op.empty() ? std::string(ir::to_string(op.kind)) : op.source_op,
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
