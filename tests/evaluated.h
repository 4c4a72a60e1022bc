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

/// The first command that starts or ends at another time, or on another engine, in two runs of a program with
/// spans, in words; "" when none does.
std::string different_command(const program::Program& program, const kernel::RunResult& fast,
                              const kernel::RunResult& clocked);
/// The same of a verified program with fast and with clocked engines, both on the SystemC kernel.
std::string different_command(const hw::Npu& chip, const program::Program& program);

}  // namespace npusim::test
