// How a pass writes down where a changed weight's values come from.
#pragma once

#include <string>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/passes/editor.h"

namespace npusim::passes {

/// Operators on weights, appended to Graph::prepared. Results whose operands are all constants are constants
/// instead.
class Recipe {
 public:
  /// `name` begins the names of operators and results: the operator that is folded.
  Recipe(Editor& editor, std::string name) : editor_(editor), name_(std::move(name)) {}

  /// An element-wise function of weights, with broadcasting.
  ir::TensorId apply(ir::Function function, std::vector<ir::TensorId> operands);
  /// The same elements as `shape`; the tensor itself when it has that shape.
  ir::TensorId reshape(ir::TensorId id, ir::Shape shape);
  /// Repeated to `shape`, to which it broadcasts; the tensor itself when it has that shape.
  ir::TensorId expand(ir::TensorId id, ir::Shape shape);
  /// A constant of one element.
  ir::TensorId scalar(double value, ir::DType dtype);

 private:
  ir::TensorId add(ir::Op op, ir::Shape shape);

  Editor& editor_;
  std::string name_;
};

}  // namespace npusim::passes
