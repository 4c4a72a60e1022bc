// Built-in chips for the tests of all chips: elaborated once, run with their programs verified.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/npu.h"
#include "workloads/ir/graph.h"

namespace npusim::test {

/// The evaluator of a built-in chip with overrides ("key=value") on the run-ahead kernel; elaborated once.
hw::Evaluator& evaluator(const std::string& name, const std::vector<std::string>& overrides = {});

/// Runs a network with its program verified and the report's sums checked.
trace::Report verified_run(hw::Evaluator& evaluator, const ir::Graph& graph, ir::DType dtype);

/// The layer of this name; throws std::out_of_range, naming all, when there is none.
const trace::LayerReport& layer_named(const trace::Report& report, std::string_view name);

}  // namespace npusim::test
