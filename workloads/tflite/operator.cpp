#include "workloads/tflite/operator.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "sim/base/error.h"
#include "workloads/importing/complete.h"
#include "workloads/passes/evaluate.h"

namespace npusim::tflite {

using format::ActivationFunctionType;
using ir::Function;
using ir::OpKind;
using ir::TensorId;

namespace {

/// A fused activation as an element-wise operator: its name, and what it computes.
struct Activation {
  const char* name;
  ir::ElementwiseAttrs attrs;
};

std::optional<Activation> activation_of(ActivationFunctionType type) {
  switch (type) {
    case ActivationFunctionType::RELU:
      return Activation{"relu", {Function::relu, 0, 0}};
    case ActivationFunctionType::RELU_N1_TO_1:
      return Activation{"relu_n1_to_1", {Function::clip, -1, 1}};
    case ActivationFunctionType::RELU6:
      return Activation{"relu6", {Function::clip, 0, 6}};
    case ActivationFunctionType::TANH:
      return Activation{"tanh", {Function::tanh, 0, 0}};
    default:
      return std::nullopt;
  }
}

}  // namespace

Operator::Operator(State& state, const format::Operator& op, std::size_t index)
    : state_(state), op_(op), type_(state.file.name(op)), index_(index) {}

std::string Operator::label() const { return fmt::format("operator {} ({})", index_, type_); }

void Operator::fail(const std::string& what) const { state_.file.fail(fmt::format("{}: {}", label(), what)); }

void Operator::unsupported(const std::string& what) const {
  throw Unsupported(fmt::format("{}: {}", label(), what));
}

std::int32_t Operator::index_of(std::size_t i) const {
  return op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i));
}

void Operator::expect_inputs(std::size_t least, std::size_t most) const {
  bool given = inputs() >= least && inputs() <= most;
  for (std::size_t i = 0; given && i < least; ++i) given = has(i);
  if (!given) fail(importing::wrong_inputs(inputs(), least, most));
}

std::int32_t Operator::input(std::size_t i) const {
  if (!has(i)) fail(fmt::format("input {} is missing", i));
  return index_of(i);
}

std::int32_t Operator::output(std::size_t i) const {
  if (i >= outputs()) fail(fmt::format("has {} outputs, expected at least {}", outputs(), i + 1));
  return op_.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i));
}

ir::Shape Operator::shape(std::size_t i) {
  const std::int32_t tensor = input(i);
  const auto& known = state_.values.at(static_cast<std::size_t>(tensor));
  if (const auto found = known.find(Layout::file); found != known.end()) {
    return state_.graph.shape(found->second);
  }
  if (const auto found = known.find(Layout::channels_first); found != known.end()) {
    return permuted(state_.graph.shape(found->second), kChannelsLast);
  }
  const std::int32_t constant = state_.constant_of(tensor);
  return state_.info(constant >= 0 ? constant : tensor).shape;
}

void Operator::expect_known_type(std::int32_t tensor) const {
  const TensorInfo& info = state_.info(tensor);
  if (!info.dtype) {
    unsupported(fmt::format("input '{}' of type {}", info.name, type_name(state_.file, tensor)));
  }
}

TensorId Operator::value(std::size_t i, Layout layout) {
  const std::int32_t tensor = input(i);
  const bool first = layout == Layout::channels_first;
  if (state_.constant_of(tensor) >= 0) {
    expect_known_type(state_.constant_of(tensor));
    Ints order(rank(i));
    for (std::size_t axis = 0; axis < order.size(); ++axis) order[axis] = static_cast<std::int64_t>(axis);
    return state_.weight(tensor, first ? kChannelsFirst : order);
  }
  auto& known = state_.values.at(static_cast<std::size_t>(tensor));
  if (const auto found = known.find(layout); found != known.end()) return found->second;
  const auto other = known.find(first ? Layout::file : Layout::channels_first);
  if (other == known.end()) {
    fail(fmt::format("reads tensor {} ('{}'), which holds no values and which no operator before it makes",
                     tensor, state_.info(tensor).name));
  }
  const TensorId moved =
      step(fmt::format("{}_{}", first ? "channels_first" : "channels_last", i), OpKind::transpose,
           ir::TransposeAttrs{first ? kChannelsFirst : kChannelsLast}, {other->second});
  state_.graph.tensor(moved).storage = state_.graph.tensor(other->second).storage;
  return known[layout] = moved;
}

TensorId Operator::image(std::size_t i) {
  if (rank(i) != 4) {
    unsupported(fmt::format("an input of {}; expected [N,H,W,C]", ir::to_string(shape(i))));
  }
  return value(i, Layout::channels_first);
}

TensorId Operator::flat(std::size_t i) {
  const auto& known = state_.values.at(static_cast<std::size_t>(input(i)));
  const auto found = known.find(Layout::channels_first);
  if (found == known.end() || known.contains(Layout::file)) return plain(i);
  const ir::Shape& shape = state_.graph.shape(found->second);
  return shape[1] == 1 || shape[2] * shape[3] == 1 ? found->second : plain(i);
}

TensorId Operator::broadcast_in(std::size_t i, Layout layout, std::size_t rank) {
  const ir::Shape own = shape(i);
  if (layout == Layout::file || ir::elements(own) == 1) return plain(i);
  if (own.size() == rank) return image(i);
  if (is_constant(i)) return weight(i, kChannelsFirst);
  ir::Shape full(4 - own.size(), 1);
  full.insert(full.end(), own.begin(), own.end());
  const TensorId wide = reshape(fmt::format("widen_{}", i), plain(i), full);
  return step(fmt::format("channels_first_{}", i), OpKind::transpose, ir::TransposeAttrs{kChannelsFirst},
              {wide});
}

TensorId Operator::weight(std::size_t i, const Ints& permutation) {
  if (is_constant(i)) {
    if (rank(i) > permutation.size()) {
      fail(fmt::format("input {} is {}; expected at most {} dimensions", i, ir::to_string(shape(i)),
                       permutation.size()));
    }
    expect_known_type(state_.constant_of(input(i)));
    return state_.weight(input(i), permutation);
  }
  if (rank(i) != permutation.size()) {
    fail(fmt::format("input {} is {}; expected {} dimensions", i, ir::to_string(shape(i)),
                     permutation.size()));
  }
  return step(fmt::format("permuted_{}", i), OpKind::transpose, ir::TransposeAttrs{permutation}, {plain(i)});
}

Layout Operator::follow() {
  for (std::size_t i = 0; i < inputs(); ++i) {
    if (!has(i)) continue;
    const auto& known = state_.values.at(static_cast<std::size_t>(input(i)));
    if (known.contains(Layout::channels_first)) return Layout::channels_first;
  }
  return Layout::file;
}

std::vector<double> Operator::numbers(std::size_t i, const std::string& what) {
  const auto& values = state_.graph.tensor(plain(i)).constant;
  if (values) return *values;
  unsupported(fmt::format("{} ('{}') is not a constant that the file holds; npusim needs static shapes", what,
                          state_.info(input(i)).name));
}

Ints Operator::integers(std::size_t i, const std::string& what) {
  Ints result;
  for (const double value : numbers(i, what)) result.push_back(passes::to_integer(value));
  return result;
}

std::int64_t Operator::axis(std::int64_t axis, std::size_t rank) const {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) {
    fail(fmt::format("axis {} is out of range; expected {} to {}", axis, -size, size - 1));
  }
  return axis < 0 ? axis + size : axis;
}

std::int64_t Operator::axis_in(Layout layout, std::int64_t axis) {
  constexpr std::array<std::int64_t, 4> kPlaces{0, 2, 3, 1};
  return layout == Layout::file ? axis : kPlaces.at(static_cast<std::size_t>(axis));
}

void Operator::expect_range(std::int64_t value, std::int64_t low, std::int64_t high,
                            const std::string& what) const {
  if (value < low || value > high) {
    fail(fmt::format("{} is {}, expected {} to {}", what, value, low, high));
  }
}

ir::Tensor Operator::output_tensor(std::size_t i, const std::optional<ir::Shape>& shape) const {
  const TensorInfo& info = output_info(i);
  if (!info.dtype) unsupported(fmt::format("a result of type {}", type_name(state_.file, output(i))));
  if (info.storage && info.storage->scales.size() > 1) unsupported("a result that is quantised by channel");
  return {info.name, *info.dtype, shape.value_or(ir::Shape{}), ir::TensorRole::activation, {}, info.storage};
}

void Operator::add(const std::string& name, OpKind kind, ir::Attrs attrs, std::vector<TensorId> inputs,
                   std::vector<ir::Tensor> outputs) {
  ir::Op op{state_.unique_name(name), kind, std::move(attrs), std::move(inputs), {}, {}, type_};
  for (ir::Tensor& tensor : outputs) {
    importing::check_size(tensor.shape, fmt::format("{}: {}", state_.file.path(), label()));
    op.outputs.push_back(state_.graph.add_tensor(std::move(tensor)));
  }
  importing::complete(state_.graph, op, state_.file.path(), label());
  state_.graph.ops.push_back(std::move(op));
}

void Operator::publish(std::size_t i, TensorId id, Layout layout) {
  const auto index = static_cast<std::size_t>(output(i));
  const TensorInfo& info = output_info(i);
  if (!state_.values[index].empty() || has_values(state_.file, output(i))) {
    fail(fmt::format("writes tensor {} ('{}'), which is an input, a constant or another's result", index,
                     info.name));
  }
  const ir::Shape& own = state_.graph.shape(id);
  const ir::Shape made = layout == Layout::file ? own : permuted(own, kChannelsLast);
  bool open = false;
  for (const bool axis : info.open) open = open || axis;
  // A shape of rank 0 also means that the file says nothing.
  if (state_.fixed_shapes && !open && !info.shape.empty() && made != info.shape) {
    fail(fmt::format("makes {} of its inputs, but the file says that '{}' is {}", ir::to_string(made),
                     info.name, ir::to_string(info.shape)));
  }
  state_.values[index][layout] = id;
  state_.native[index] = layout;
}

void Operator::result(OpKind kind, ir::Attrs attrs, std::vector<TensorId> inputs, const Result& how) {
  ir::Tensor final = output_tensor(0, how.shape);
  const std::string name = fmt::format("{}_{}", type_, index_);
  if (how.activation == ActivationFunctionType::NONE) {
    add(name, kind, std::move(attrs), std::move(inputs), {std::move(final)});
    return publish(0, state_.graph.ops.back().outputs.front(), how.layout);
  }
  const auto activation = activation_of(how.activation);
  if (!activation) {
    unsupported(
        fmt::format("the fused activation {}", format::EnumNameActivationFunctionType(how.activation)));
  }
  // What is between the two is an accumulator, not a tensor of the file.
  ir::Tensor sum = final;
  sum.name = fmt::format("{}/{}", final.name, "linear");
  sum.storage.reset();
  add(name, kind, std::move(attrs), std::move(inputs), {std::move(sum)});
  const TensorId linear = state_.graph.ops.back().outputs.front();
  final.shape = state_.graph.shape(linear);
  add(fmt::format("{}/{}", name, activation->name), OpKind::elementwise, activation->attrs, {linear},
      {std::move(final)});
  publish(0, state_.graph.ops.back().outputs.front(), how.layout);
}

void Operator::results(OpKind kind, ir::Attrs attrs, std::vector<TensorId> inputs, Layout layout) {
  std::vector<ir::Tensor> tensors;
  for (std::size_t i = 0; i < outputs(); ++i) tensors.push_back(output_tensor(i, std::nullopt));
  add(fmt::format("{}_{}", type_, index_), kind, std::move(attrs), std::move(inputs), std::move(tensors));
  const std::vector<TensorId> made = state_.graph.ops.back().outputs;
  for (std::size_t i = 0; i < made.size(); ++i) publish(i, made[i], layout);
}

TensorId Operator::step(const std::string& step, OpKind kind, ir::Attrs attrs, std::vector<TensorId> inputs,
                        const std::optional<ir::Shape>& shape, std::optional<ir::DType> dtype) {
  const std::string name = fmt::format("{}_{}/{}", type_, index_, step);
  ir::Tensor tensor{name,
                    dtype.value_or(state_.graph.tensor(inputs.at(0)).dtype),
                    shape.value_or(ir::Shape{}),
                    ir::TensorRole::activation,
                    {}};
  add(name, kind, std::move(attrs), std::move(inputs), {std::move(tensor)});
  return state_.graph.ops.back().outputs.front();
}

TensorId Operator::reshape(const std::string& step, TensorId id, ir::Shape shape) {
  if (state_.graph.shape(id) == shape) return id;
  const TensorId made = this->step(step, OpKind::reshape, ir::ReshapeAttrs{}, {id}, std::move(shape));
  const auto& storage = state_.graph.tensor(id).storage;
  if (storage && storage->scales.size() == 1) state_.graph.tensor(made).storage = storage;
  return made;
}

void Operator::reshape_to_output(std::size_t i, TensorId id, ir::Shape shape) {
  add(fmt::format("{}_{}{}", type_, index_, i == 0 ? "" : fmt::format("/{}", i)), OpKind::reshape,
      ir::ReshapeAttrs{}, {id}, {output_tensor(i, std::move(shape))});
  publish(i, state_.graph.ops.back().outputs.front(), Layout::file);
}

TensorId Operator::scalar(const std::string& step, double value, TensorId like) {
  return state_.graph.add_tensor({state_.unique_name(fmt::format("{}_{}/{}", type_, index_, step)),
                                  state_.graph.tensor(like).dtype,
                                  {},
                                  ir::TensorRole::weight,
                                  std::vector{value}});
}

void Operator::alias_constant() {
  state_.dequantized[static_cast<std::size_t>(output(0))] = state_.constant_of(input(0));
}

}  // namespace npusim::tflite
