// MIDAP for tests: chips with overrides, elaborated once, and runs that are checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/npu.h"
#include "hw_models/midap/network.h"
#include "hw_models/midap/spec.h"
#include "workloads/ir/graph.h"

namespace npusim::midap::test {

/// The built-in description, as the chip reads it.
const Spec& spec();

/// The evaluator of a built-in chip with overrides ("key=value"); elaborated once.
hw::Evaluator& chip(const std::string& name = "midap", const std::vector<std::string>& overrides = {});

/// Runs a network with its program verified, and fails unless the report's sums hold, its MACs are the
/// graph's and coverage is 100 %.
trace::Report run(const ir::Graph& graph, const std::string& name = "midap",
                  const std::vector<std::string>& overrides = {});

/// The network as the compiler leaves it: ordered and scheduled.
Network compiled(const ir::Graph& graph, const Spec& with = spec());

/// The layer of this name; fails when there is none.
const trace::LayerReport& layer(const trace::Report& report, std::string_view name);

/// The message of the UserError that running `graph` gives; "" when it gives none.
std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides = {});

}  // namespace npusim::midap::test
