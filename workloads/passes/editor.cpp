#include "workloads/passes/editor.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"

namespace npusim::passes {

namespace {
std::size_t index(std::int32_t id) { return static_cast<std::size_t>(id); }
}  // namespace

Editor::Editor(ir::Graph& graph)
    : graph_(graph),
      producer_(graph.tensors.size(), kNoOp),
      readers_(graph.tensors.size()),
      output_(graph.tensors.size(), false),
      erased_(graph.ops.size(), false) {
  for (ir::OpId id = 0; id < ops(); ++id) link(id);
  for (const ir::TensorId id : graph.outputs) output_[index(id)] = true;
}

ir::OpId Editor::producer(ir::TensorId id) const {
  return id == ir::kNoTensor ? kNoOp : producer_[index(id)];
}

const std::vector<ir::OpId>& Editor::readers(ir::TensorId id) const { return readers_[index(id)]; }

std::optional<double> Editor::scalar(ir::TensorId id) const {
  if (id == ir::kNoTensor) return std::nullopt;
  const auto& constant = graph_.tensor(id).constant;
  if (!constant || constant->size() != 1) return std::nullopt;
  return constant->front();
}

bool Editor::is(ir::OpId id, ir::Function function) const {
  if (id == kNoOp) return false;
  const ir::Op& candidate = op(id);
  return candidate.kind == ir::OpKind::elementwise && candidate.fused.empty() &&
         std::get<ir::ElementwiseAttrs>(candidate.attrs).function == function;
}

void Editor::use(ir::OpId id, ir::TensorId tensor) {
  if (tensor != ir::kNoTensor) readers_[index(tensor)].push_back(id);
}

void Editor::release(ir::OpId id, ir::TensorId tensor) {
  if (tensor == ir::kNoTensor) return;
  auto& readers = readers_[index(tensor)];
  const auto found = std::find(readers.begin(), readers.end(), id);
  ensure(found != readers.end(), "a reader that is registered");
  readers.erase(found);
}

void Editor::link(ir::OpId id) {
  for (const ir::TensorId input : op(id).inputs) use(id, input);
  for (const ir::FusedStep& step : op(id).fused) use(id, step.operand);
  for (const ir::TensorId output : op(id).outputs) producer_[index(output)] = id;
}

void Editor::unlink(ir::OpId id) {
  for (const ir::TensorId input : op(id).inputs) release(id, input);
  for (const ir::FusedStep& step : op(id).fused) release(id, step.operand);
  for (const ir::TensorId output : op(id).outputs) producer_[index(output)] = kNoOp;
}

ir::TensorId Editor::add_tensor(ir::Tensor tensor) {
  producer_.push_back(kNoOp);
  readers_.emplace_back();
  output_.push_back(false);
  return graph_.add_tensor(std::move(tensor));
}

void Editor::set_input(ir::OpId id, std::size_t i, ir::TensorId tensor) {
  ir::TensorId& input = op(id).inputs.at(i);
  release(id, input);
  input = tensor;
  use(id, tensor);
}

void Editor::set_inputs(ir::OpId id, std::vector<ir::TensorId> inputs) {
  unlink(id);
  op(id).inputs = std::move(inputs);
  link(id);
}

void Editor::add_step(ir::OpId id, const ir::FusedStep& step) {
  op(id).fused.push_back(step);
  use(id, step.operand);
}

void Editor::set_step_operand(ir::OpId id, std::size_t step, ir::TensorId tensor) {
  ir::TensorId& operand = op(id).fused.at(step).operand;
  release(id, operand);
  operand = tensor;
  use(id, tensor);
}

void Editor::set_output(ir::OpId id, ir::TensorId tensor) {
  ensure(op(id).outputs.size() == 1 && producer(tensor) == kNoOp, "one output, and one writer of it");
  producer_[index(op(id).outputs[0])] = kNoOp;
  op(id).outputs[0] = tensor;
  producer_[index(tensor)] = id;
}

void Editor::replace_uses(ir::TensorId from, ir::TensorId to) {
  for (const ir::OpId reader : std::exchange(readers_[index(from)], {})) {
    for (ir::TensorId& input : op(reader).inputs) {
      if (input == from) input = to;
    }
    for (ir::FusedStep& step : op(reader).fused) {
      if (step.operand == from) step.operand = to;
    }
    readers_[index(to)].push_back(reader);
  }
  if (!is_output(from)) return;
  std::replace(graph_.outputs.begin(), graph_.outputs.end(), from, to);
  output_[index(from)] = false;
  output_[index(to)] = true;
}

void Editor::erase(ir::OpId id) {
  ensure(!erased(id), "an operator that is erased once");
  unlink(id);
  erased_[index(id)] = true;
}

ir::OpId Editor::move(ir::OpId id, ir::OpId place) {
  ensure(erased(place) && !erased(id), "a free place");
  unlink(id);
  op(place) = std::move(op(id));
  erased_[index(place)] = false;
  erased_[index(id)] = true;
  link(place);
  return place;
}

std::int64_t Editor::finish() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
    if (erased_[i]) continue;
    if (kept != i) graph_.ops[kept] = std::move(graph_.ops[i]);
    ++kept;
  }
  const auto gone = static_cast<std::int64_t>(graph_.ops.size() - kept);
  graph_.ops.resize(kept);
  return gone;
}

std::string join_sources(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  return first + "+" + second;
}

}  // namespace npusim::passes
