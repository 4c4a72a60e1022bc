#include "workloads/passes/recipe.h"

#include <fmt/format.h>

#include <utility>

#include "workloads/passes/evaluate.h"

namespace npusim::passes {

ir::TensorId Recipe::apply(ir::Function function, std::vector<ir::TensorId> operands) {
  ir::Op op;
  op.kind = ir::OpKind::elementwise;
  op.attrs = ir::ElementwiseAttrs{function, 0, 0};
  op.inputs = std::move(operands);
  ir::Shape shape = ir::infer_shapes(editor_.graph(), op).front();
  return add(std::move(op), std::move(shape));
}

ir::TensorId Recipe::reshape(ir::TensorId id, ir::Shape shape) {
  if (editor_.graph().shape(id) == shape) return id;
  ir::Op op;
  op.kind = ir::OpKind::reshape;
  op.attrs = ir::ReshapeAttrs{};
  op.inputs = {id};
  return add(std::move(op), std::move(shape));
}

ir::TensorId Recipe::expand(ir::TensorId id, ir::Shape shape) {
  if (editor_.graph().shape(id) == shape) return id;
  ir::Op op;
  op.kind = ir::OpKind::expand;
  op.attrs = ir::ExpandAttrs{};
  op.inputs = {id};
  return add(std::move(op), std::move(shape));
}

ir::TensorId Recipe::scalar(double value, ir::DType dtype) {
  const std::string name = fmt::format("{}/constant{}", name_, editor_.graph().tensors.size());
  return editor_.add_tensor({name, dtype, {}, ir::TensorRole::weight, std::vector{value}});
}

ir::TensorId Recipe::add(ir::Op op, ir::Shape shape) {
  ir::Graph& graph = editor_.graph();
  op.name = fmt::format("{}/prepare{}", name_, graph.tensors.size());
  op.source_op = "prepared";
  const ir::DType dtype = graph.tensor(op.inputs.front()).dtype;
  op.outputs = {editor_.add_tensor({op.name, dtype, std::move(shape), ir::TensorRole::weight, {}})};
  if (auto values = evaluate(graph, op)) {
    graph.tensor(op.outputs.front()).constant = std::move(values->front());
  } else {
    graph.prepared.push_back(op);
  }
  return op.outputs.front();
}

}  // namespace npusim::passes
