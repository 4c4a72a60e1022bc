#include "workloads/onnx/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "workloads/importing/complete.h"
#include "workloads/onnx/tensor_values.h"
#include "workloads/passes/evaluate.h"

namespace npusim::onnx {

using Attribute = ::onnx::AttributeProto;

ir::TensorId ImportState::find(const std::string& name) {
  if (const auto value = values.find(name); value != values.end()) return value->second;
  const auto found = initializers.find(name);
  if (found == initializers.end()) return ir::kNoTensor;
  const ::onnx::TensorProto& proto = *found->second;
  const std::string where = fmt::format("{}: initializer '{}'", file, name);
  const auto dtype = dtype_of(proto.data_type());
  if (!dtype) {
    throw UserError(fmt::format("{}: element type {} is not supported", where, type_name(proto.data_type())));
  }
  ir::Tensor tensor{name, *dtype, {proto.dims().begin(), proto.dims().end()}, ir::TensorRole::weight, {}};
  check_size(tensor.shape, where);
  try {
    tensor.constant = values_of(proto, ir::elements(tensor.shape));
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", file, error.what()));
  }
  return values[name] = graph.add_tensor(std::move(tensor));
}

ir::TensorId ImportState::add(ir::Tensor tensor, const std::string& where) {
  check_size(tensor.shape, where);
  return graph.add_tensor(std::move(tensor));
}

std::string ImportState::unique_name(const std::string& base) {
  std::string name = base;
  for (int i = 2; !op_names.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

Node::Node(ImportState& state, const ::onnx::NodeProto& proto, std::size_t index, std::int64_t opset)
    : state_(state),
      proto_(proto),
      name_(proto.name().empty() ? fmt::format("{}_{}", proto.op_type(), index) : proto.name()),
      opset_(opset) {}

std::string Node::label() const { return fmt::format("node '{}' ({})", name_, type()); }

void Node::fail(const std::string& what) const {
  throw UserError(fmt::format("{}: {}: {}", state_.file, label(), what));
}

void Node::unsupported(const std::string& what) const {
  throw Unsupported(fmt::format("{}: {}", label(), what));
}

bool Node::has(std::size_t i) const { return i < inputs() && !proto_.input(static_cast<int>(i)).empty(); }

bool Node::has_output(std::size_t i) const {
  return i < outputs() && !proto_.output(static_cast<int>(i)).empty();
}

void Node::expect_inputs(std::size_t least, std::size_t most) const {
  bool given = inputs() >= least && inputs() <= most;
  for (std::size_t i = 0; given && i < least; ++i) given = has(i);
  if (!given) fail(importing::wrong_inputs(inputs(), least, most));
}

ir::TensorId Node::in(std::size_t i) {
  if (!has(i)) fail(fmt::format("input {} is missing", i));
  const std::string& name = proto_.input(static_cast<int>(i));
  const ir::TensorId id = state_.find(name);
  if (id == ir::kNoTensor)
    unsupported(fmt::format("reads '{}', a result that npusim does not compute", name));
  return id;
}

const std::vector<double>* Node::constant(std::size_t i) {
  const auto& values = state_.graph.tensor(in(i)).constant;
  return values ? &*values : nullptr;
}

std::vector<double> Node::numbers(std::size_t i, const std::string& what) {
  if (const std::vector<double>* values = constant(i)) return *values;
  unsupported(fmt::format("{} ('{}') is not a constant that the file holds; npusim needs static shapes", what,
                          proto_.input(static_cast<int>(i))));
}

std::vector<std::int64_t> Node::integers(std::size_t i, const std::string& what) {
  std::vector<std::int64_t> result;
  for (const double value : numbers(i, what)) result.push_back(passes::to_integer(value));
  return result;
}

const Attribute* Node::attribute(const std::string& name) const {
  for (const Attribute& attribute : proto_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

const Attribute* Node::attribute(const std::string& name, Attribute::AttributeType type,
                                 const char* type_name) const {
  const Attribute* found = attribute(name);
  // Writers of IR versions before 2 leave the type out.
  if (found != nullptr && found->has_type() && found->type() != type) {
    fail(fmt::format("attribute '{}' must be {}", name, type_name));
  }
  return found;
}

std::int64_t Node::integer(const std::string& name, std::int64_t otherwise) const {
  const Attribute* found = attribute(name, Attribute::INT, "an integer");
  return found != nullptr ? found->i() : otherwise;
}

double Node::number(const std::string& name, double otherwise) const {
  const Attribute* found = attribute(name, Attribute::FLOAT, "a number");
  return found != nullptr ? static_cast<double>(found->f()) : otherwise;
}

std::string Node::text(const std::string& name, const std::string& otherwise) const {
  const Attribute* found = attribute(name, Attribute::STRING, "a string");
  return found != nullptr ? found->s() : otherwise;
}

std::optional<std::vector<std::int64_t>> Node::integer_list(const std::string& name) const {
  const Attribute* found = attribute(name, Attribute::INTS, "a list of integers");
  if (found == nullptr) return std::nullopt;
  return std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<double>> Node::number_list(const std::string& name) const {
  const Attribute* found = attribute(name, Attribute::FLOATS, "a list of numbers");
  if (found == nullptr) return std::nullopt;
  return std::vector<double>(found->floats().begin(), found->floats().end());
}

const ::onnx::TensorProto* Node::tensor(const std::string& name) const {
  const Attribute* found = attribute(name, Attribute::TENSOR, "a tensor");
  return found != nullptr ? &found->t() : nullptr;
}

std::optional<std::vector<std::int64_t>> Node::axes(std::size_t i) {
  if (has(i)) return integers(i, "the list of axes");
  return integer_list("axes");
}

std::int64_t Node::axis(std::int64_t axis, std::size_t rank) const {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) {
    fail(fmt::format("axis {} is out of range; expected {} to {}", axis, -size, size - 1));
  }
  return axis < 0 ? axis + size : axis;
}

void Node::expect_range(std::int64_t value, std::int64_t low, std::int64_t high,
                        const std::string& what) const {
  if (value < low || value > high) {
    fail(fmt::format("{} is {}, expected {} to {}", what, value, low, high));
  }
}

void Node::result(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs, const Result& known) {
  if (outputs() == 0) fail("has no output");
  add_op(state_.unique_name(name_), kind, std::move(attrs), std::move(inputs), {proto_.output(0)}, {known});
}

void Node::results(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs,
                   const std::vector<Result>& known) {
  const std::vector<std::string> names(proto_.output().begin(), proto_.output().end());
  add_op(state_.unique_name(name_), kind, std::move(attrs), std::move(inputs), names, known);
}

ir::TensorId Node::step(const std::string& step, ir::OpKind kind, ir::Attrs attrs,
                        std::vector<ir::TensorId> inputs, const Result& known) {
  const std::string name = state_.unique_name(fmt::format("{}/{}", name_, step));
  add_op(name, kind, std::move(attrs), std::move(inputs), {""}, {known});
  return state_.graph.ops.back().outputs.front();
}

ir::TensorId Node::prepare(const std::string& step, ir::OpKind kind, ir::Attrs attrs,
                           std::vector<ir::TensorId> inputs) {
  const auto computed = [this](ir::TensorId id) {
    return id != ir::kNoTensor && state_.graph.tensor(id).role != ir::TensorRole::weight;
  };
  // What other operators make of weights is folded with them.
  if (std::any_of(inputs.begin(), inputs.end(), computed)) {
    return this->step(step, kind, std::move(attrs), std::move(inputs));
  }
  ir::Op op{state_.unique_name(fmt::format("{}/{}", name_, step)),
            kind,
            std::move(attrs),
            std::move(inputs),
            {},
            {},
            type()};
  const ir::DType dtype = state_.graph.tensor(op.inputs.at(0)).dtype;
  op.outputs = {state_.graph.add_tensor({op.name, dtype, {}, ir::TensorRole::weight, {}})};
  importing::infer(state_.graph, op, state_.file, label());
  state_.graph.prepared.push_back(op);
  return op.outputs.front();
}

void Node::constant_result(ir::DType dtype, ir::Shape shape, std::vector<double> values) {
  if (outputs() == 0) fail("has no output");
  ir::Tensor tensor{proto_.output(0), dtype, std::move(shape), ir::TensorRole::weight, {}};
  check_size(tensor.shape, fmt::format("{}: {}", state_.file, label()));
  if (ir::elements(tensor.shape) == static_cast<std::int64_t>(values.size()))
    tensor.constant = std::move(values);
  state_.values[proto_.output(0)] = state_.graph.add_tensor(std::move(tensor));
}

ir::TensorId Node::scalar(const std::string& step, double value, ir::DType dtype) {
  return state_.graph.add_tensor(
      {fmt::format("{}/{}", name_, step), dtype, {}, ir::TensorRole::weight, std::vector{value}});
}

void Node::add_op(std::string name, ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs,
                  const std::vector<std::string>& outputs, const std::vector<Result>& known) {
  ir::Op op{std::move(name), kind, std::move(attrs), std::move(inputs), {}, {}, type()};
  const std::string where = fmt::format("{}: {}", state_.file, label());
  const ir::DType first = state_.graph.tensor(op.inputs.at(0)).dtype;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Result result = i < known.size() ? known[i] : Result{};
    ir::Tensor tensor{outputs[i].empty() ? fmt::format("{}:{}", op.name, i) : outputs[i],
                      result.dtype.value_or(first),
                      result.shape.value_or(ir::Shape{}),
                      ir::TensorRole::activation,
                      {}};
    op.outputs.push_back(state_.add(std::move(tensor), where));
  }
  importing::complete(state_.graph, op, state_.file, label());
  const bool weights = std::all_of(op.inputs.begin(), op.inputs.end(),
                                   [this](ir::TensorId id) { return state_.is_weight(id); });
  if (weights) state_.derived.insert(op.outputs.begin(), op.outputs.end());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].empty()) state_.values[outputs[i]] = op.outputs[i];
  }
  state_.graph.ops.push_back(std::move(op));
}

}  // namespace npusim::onnx
