#include "nas/fit/features.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::fit {
namespace {

constexpr std::size_t kLaunch = kStaticFeatures + 1;
constexpr std::size_t kCommands = kStaticFeatures + 2;

/// An input with no more channels is an image.
constexpr std::int64_t kImageChannels = 4;

/// Behind a layer's name, the name of its constants' buffer.
constexpr std::string_view kBuffer = ".parameters";

/// "core0.cube" and "core1.cube" are both "core.cube".
std::string without_numbers(std::string name) {
  std::erase_if(name, [](char c) { return c >= '0' && c <= '9'; });
  return name;
}

/// Appends a 3x3 depthwise convolution, which every chip has and which has few weights; returns its result.
ir::TensorId append_neighbour(ir::Graph& graph, ir::TensorId x, const std::string& name) {
  const ir::Tensor input = graph.tensor(x);
  const std::int64_t channels = input.shape.at(1);
  const ir::TensorId weight = graph.add_tensor(
      {name + ".weight", input.dtype, {channels, 1, 3, 3}, ir::TensorRole::weight, std::nullopt});
  const ir::TensorId result =
      graph.add_tensor({name + ".out", input.dtype, input.shape, ir::TensorRole::activation, std::nullopt});
  const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
  graph.ops.push_back(
      {name, ir::OpKind::conv, ir::ConvAttrs{window, channels}, {x, weight}, {result}, {}, "Conv"});
  return result;
}

/// A network of this operator: its activations are inputs, its results outputs. With neighbours, each map
/// but an image comes from a layer before and goes to one behind, as inside of a network: a chip may treat a
/// network's image and its results differently.
ir::Graph network_of(const ir::Graph& graph, const ir::Op& op, bool neighbours) {
  ir::Graph one;
  one.name = op.name;
  std::map<ir::TensorId, ir::TensorId> ids;
  const auto take = [&](ir::TensorId id, bool result) {
    if (id == ir::kNoTensor) return id;
    const auto [at, added] = ids.emplace(id, ir::kNoTensor);
    if (added) {
      ir::Tensor tensor = graph.tensor(id);
      const bool input = !result && tensor.role != ir::TensorRole::weight;
      if (input) tensor.role = ir::TensorRole::input;
      at->second = one.add_tensor(std::move(tensor));
      if (input) one.inputs.push_back(at->second);
      if (result) one.outputs.push_back(at->second);
      const ir::Shape& shape = one.tensor(at->second).shape;
      if (input && neighbours && shape.size() == 4 && shape.at(1) > kImageChannels) {
        at->second = append_neighbour(one, at->second, fmt::format("{}.before{}", op.name, one.ops.size()));
      }
    }
    return at->second;
  };
  ir::Op copy = op;
  for (ir::TensorId& id : copy.inputs) id = take(id, false);
  for (ir::FusedStep& step : copy.fused) step.operand = take(step.operand, false);
  for (ir::TensorId& id : copy.outputs) id = take(id, true);
  one.ops.push_back(std::move(copy));
  if (!neighbours) return one;
  for (ir::TensorId& output : one.outputs) {
    if (one.tensor(output).shape.size() != 4) continue;
    output = append_neighbour(one, output, fmt::format("{}.behind{}", op.name, one.ops.size()));
  }
  return one;
}

}  // namespace

Extractor::Extractor(const Config& chip, ir::DType dtype)
    : npu_(hw::make_npu(chip)), dtype_(dtype), names_{"m",       "v",          "d",      "in",      "out",
                                                      "weights", "parameters", "launch", "commands"} {
  std::map<std::string, std::size_t> first;
  for (const auto& queue : npu_->target().queues) {
    const std::string name = without_numbers(queue.name);
    const auto [at, added] = first.emplace(name, names_.size());
    if (added && queue.memory) {
      names_.push_back("read." + name);
      names_.push_back("write." + name);
    } else if (added) {
      names_.push_back("busy." + name);
    }
    feature_.push_back(at->second);
  }
}

void Extractor::compile(const ir::Graph& network, const ir::Op& op, Operator& described) const {
  std::vector<double>& features = described.features;
  const hw::Compiled compiled = npu_->compile(network, {dtype_});
  described.room = static_cast<double>(compiled.parameter_room);
  const auto& program = compiled.program;
  const auto& target = npu_->target();
  std::vector<double> busy(target.queues.size(), 0);
  for (const auto& task : program.tasks) {
    if (task.name != op.name && operator_of(task.name) != op.name) continue;
    features[kLaunch] += static_cast<double>(task.launch_cycles);
    features[kCommands] += task.command_count;
    for (std::uint32_t i = task.first_command; i < task.first_command + task.command_count; ++i) {
      const auto& command = program.commands[i];
      const auto& timing = npu_->machine().engines[command.queue].timing;
      if (timing) busy[command.queue] += static_cast<double>(timing(command).cycles);
      if (!target.queues[command.queue].memory) continue;
      for (const auto& region : program.regions_of(command)) {
        if (!target.spaces[region.space].global) continue;
        features[feature_[command.queue] + (region.write ? 1 : 0)] +=
            static_cast<double>(region.total_bytes());
      }
    }
  }
  for (std::size_t queue = 0; queue < busy.size(); ++queue) {
    if (target.queues[queue].memory) continue;
    features[feature_[queue]] = std::max(features[feature_[queue]], busy[queue]);
  }
  for (const auto& buffer : program.buffers) {
    const std::string_view name = buffer.name;
    if (!buffer.input || !name.ends_with(kBuffer)) continue;
    const std::string_view layer = name.substr(0, name.size() - kBuffer.size());
    if (layer == op.name || operator_of(layer) == op.name) {
      features[kParameters] += static_cast<double>(buffer.bytes);
    }
  }
}

const Operator& Extractor::describe(const ir::Graph& graph, const ir::Op& op) {
  const auto [at, added] = known_.try_emplace(signature_of(graph, op));
  if (!added) return at->second;
  const Counts counts = counts_of(graph, op);
  double weights = 0;
  double in = 0;
  double out = 0;
  const auto add = [&](ir::TensorId id, double& sum) {
    if (id != ir::kNoTensor) sum += static_cast<double>(ir::elements(graph.tensor(id).shape));
  };
  for (const ir::TensorId id : op.inputs) {
    if (id == ir::kNoTensor) continue;
    add(id, graph.tensor(id).role == ir::TensorRole::weight ? weights : in);
  }
  for (const ir::FusedStep& step : op.fused) add(step.operand, in);
  for (const ir::TensorId id : op.outputs) add(id, out);
  Operator described{at->first, kind_of(graph, op), {counts.m, counts.v, counts.d, in, out, weights}};
  described.features.resize(names_.size(), 0);
  for (const bool neighbours : {true, false}) {
    Operator compiled = described;
    try {
      compile(network_of(graph, op, neighbours), op, compiled);
      described = std::move(compiled);
      break;
    } catch (const UserError&) {
      // In its network a neighbour or the host may take over what the chip refuses here.
    }
  }
  at->second = std::move(described);
  return at->second;
}

}  // namespace npusim::fit
