// The values of operators on small constants: shape arithmetic, and what a function does to a number.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::passes {

/// The function at one point, in double precision. `operands` has one value an input (two for binary
/// functions, three for where). Integer types (`type`) divide towards zero.
double exact_value(const ir::ElementwiseAttrs& attrs, std::span<const double> operands, ir::DType type);

/// exact_value() rounded to the type.
double evaluate(const ir::ElementwiseAttrs& attrs, std::span<const double> operands, ir::DType type);

/// `value` as `type` holds it: integers saturate (NaN is 0), fp32 rounds, booleans are 0 or 1.
double round_to(double value, ir::DType type);
/// `value` as an integer, saturated; NaN is 0.
std::int64_t to_integer(double value);

/// The values of each output of `op`, from its inputs' constants (shape_of: from its input's shape) and the
/// output shapes in `graph`. nullopt when an input is not constant, an output has more than ir::kMaxConstant
/// elements or the kind does no arithmetic that shapes need.
std::optional<std::vector<std::vector<double>>> evaluate(const ir::Graph& graph, const ir::Op& op);

}  // namespace npusim::passes
