// A graph of one operator, built from shapes.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

/// Adds an unproduced tensor: an input of the network.
inline TensorId add_input(Graph& graph, Shape shape) {
  Tensor tensor;
  tensor.name = fmt::format("x{}", graph.tensors.size());
  tensor.shape = std::move(shape);
  tensor.role = TensorRole::input;
  graph.inputs.push_back(graph.add_tensor(tensor));
  return graph.inputs.back();
}

inline TensorId add_weight(Graph& graph, Shape shape, DType dtype = DType::f32) {
  Tensor tensor;
  tensor.name = fmt::format("w{}", graph.tensors.size());
  tensor.shape = std::move(shape);
  tensor.dtype = dtype;
  tensor.role = TensorRole::weight;
  return graph.add_tensor(tensor);
}

/// Appends an operator whose output shapes are inferred, or `given` where they do not follow from its inputs.
inline std::vector<TensorId> append(Graph& graph, OpKind kind, Attrs attrs, std::vector<TensorId> inputs,
                                    const std::vector<Shape>& given = {}) {
  Op op;
  op.name = fmt::format("{}_{}", to_string(kind), graph.ops.size());
  op.kind = kind;
  op.attrs = std::move(attrs);
  op.inputs = std::move(inputs);
  const auto add_output = [&graph, &op](const Shape& shape) {
    Tensor tensor;
    tensor.name = fmt::format("{}.out{}", op.name, op.outputs.size());
    tensor.shape = shape;
    op.outputs.push_back(graph.add_tensor(tensor));
  };
  for (const Shape& shape : given) add_output(shape);
  if (given.empty()) {
    for (const Shape& shape : infer_shapes(graph, op)) add_output(shape);
  }
  graph.ops.push_back(op);
  graph.outputs = op.outputs;
  return op.outputs;
}

/// Output shape of one operator on inputs of these shapes.
inline Shape shape_of_one(OpKind kind, Attrs attrs, const std::vector<Shape>& inputs,
                          const std::vector<Shape>& given = {}) {
  Graph graph;
  std::vector<TensorId> ids;
  for (const Shape& shape : inputs) ids.push_back(add_input(graph, shape));
  append(graph, kind, std::move(attrs), ids, given);
  return infer_shapes(graph, graph.ops[0]).at(0);
}

/// The message of the `Error` that `action` throws; fails the test when it throws none.
template <class Error, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  throw std::runtime_error("the expected error was not thrown");
}

template <class Action>
std::string user_error(Action&& action) {
  return message_of<UserError>(action);
}

template <class Action>
std::string internal_error(Action&& action) {
  return message_of<InternalError>(action);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A window of equal sides.
inline Window window(std::int64_t kernel, std::int64_t stride = 1, std::int64_t pad = 0,
                     std::int64_t dilation = 1) {
  return {{kernel, kernel}, {stride, stride}, {dilation, dilation}, {pad, pad, pad, pad}};
}

}  // namespace npusim::ir
