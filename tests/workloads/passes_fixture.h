// Short names for the operators that passes work on.
#pragma once

#include <string>
#include <vector>

#include "tests/workloads/ir_fixture.h"
#include "workloads/passes/passes.h"

namespace npusim::ir {

inline TensorId add_scalar(Graph& graph, double value) {
  const TensorId id = add_weight(graph, {});
  graph.tensor(id).constant = std::vector{value};
  return id;
}

inline TensorId apply(Graph& graph, Function function, std::vector<TensorId> inputs, double alpha = 0,
                      double beta = 0) {
  return append(graph, OpKind::elementwise, ElementwiseAttrs{function, alpha, beta}, std::move(inputs)).at(0);
}

inline TensorId conv(Graph& graph, TensorId x, std::int64_t channels, bool bias = true) {
  std::vector<TensorId> inputs{x, add_weight(graph, {channels, graph.shape(x).at(1), 3, 3})};
  if (bias) inputs.push_back(add_weight(graph, {channels}));
  return append(graph, OpKind::conv, ConvAttrs{window(3, 1, 1), 1, {0, 0}}, inputs).at(0);
}

inline TensorId linear(Graph& graph, TensorId x, std::int64_t columns) {
  return append(graph, OpKind::matmul, MatMulAttrs{},
                {x, add_weight(graph, {graph.shape(x).back(), columns})})
      .at(0);
}

inline TensorId batch_norm(Graph& graph, TensorId x) {
  std::vector<TensorId> inputs{x};
  for (int i = 0; i < 4; ++i) inputs.push_back(add_weight(graph, {graph.shape(x).at(1)}));
  return append(graph, OpKind::norm, NormAttrs{NormKind::batch, 1, 1e-5}, inputs).at(0);
}

inline TensorId reshape(Graph& graph, TensorId x, const Shape& shape) {
  return append(graph, OpKind::reshape, ReshapeAttrs{}, {x}, {shape}).at(0);
}

inline TensorId transpose(Graph& graph, TensorId x, std::vector<std::int64_t> permutation) {
  return append(graph, OpKind::transpose, TransposeAttrs{std::move(permutation)}, {x}).at(0);
}

/// The result's functions, fused steps included, in order.
inline std::vector<Function> functions(const Graph& graph) {
  std::vector<Function> result;
  for (const Op& op : graph.ops) {
    if (op.kind == OpKind::elementwise) result.push_back(std::get<ElementwiseAttrs>(op.attrs).function);
    for (const FusedStep& step : op.fused) result.push_back(step.op.function);
  }
  return result;
}

inline std::vector<OpKind> kinds(const Graph& graph) {
  std::vector<OpKind> result;
  for (const Op& op : graph.ops) result.push_back(op.kind);
  return result;
}

/// Runs one pass and verifies the graph.
inline passes::Removed run(Graph& graph, passes::Removed (*pass)(Graph&)) {
  const passes::Removed removed = pass(graph);
  verify(graph);
  return removed;
}

}  // namespace npusim::ir
