#include "workloads/importing/complete.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "workloads/importing/limits.h"
#include "workloads/passes/evaluate.h"

namespace npusim::importing {

void infer(ir::Graph& graph, const ir::Op& op, const std::string& file, const std::string& label) {
  const std::string where = fmt::format("{}: {}", file, label);
  std::vector<ir::Shape> shapes;
  try {
    shapes = ir::infer_shapes(graph, op);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", file, error.what()));
  }
  if (shapes.size() != op.outputs.size()) {
    throw UserError(fmt::format("{}: has {} outputs, expected {}", where, op.outputs.size(), shapes.size()));
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    check_size(shapes[i], where);
    graph.tensor(op.outputs[i]).shape = std::move(shapes[i]);
  }
  check_work(graph, op, where);
}

void complete(ir::Graph& graph, const ir::Op& op, const std::string& file, const std::string& label) {
  infer(graph, op, file, label);
  const auto values = passes::evaluate(graph, op);
  if (!values) return;
  for (std::size_t i = 0; i < values->size(); ++i) graph.tensor(op.outputs[i]).constant = (*values)[i];
}

std::string wrong_inputs(std::size_t given, std::size_t least, std::size_t most) {
  const std::string expected =
      least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
  return fmt::format("has {} inputs, expected {}", given, expected);
}

}  // namespace npusim::importing
