// The last step of importing an operator.
#pragma once

#include <cstddef>
#include <string>

#include "workloads/ir/graph.h"

namespace npusim::importing {

/// Fills in the shapes of the outputs of `op`, which exist.
/// Throws UserError beginning with "<file>: " where shapes do not fit, and with "<file>: <label>: " for
/// another number of outputs, for shapes beyond limits.h and for an implausible amount of work.
void infer(ir::Graph& graph, const ir::Op& op, const std::string& file, const std::string& label);
/// The same, and the outputs' constant values where they follow from the inputs'.
void complete(ir::Graph& graph, const ir::Op& op, const std::string& file, const std::string& label);

/// "has 3 inputs, expected 1 to 2".
std::string wrong_inputs(std::size_t given, std::size_t least, std::size_t most);

}  // namespace npusim::importing
