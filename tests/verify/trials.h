// Networks whose programs are executed on real tensors.
#pragma once

#include <string>
#include <vector>

#include "hw_models/api/prove.h"
#include "workloads/ir/graph.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

namespace npusim::verify_test {

/// The network with seeded numbers, compiled for the Ascend 310 (with overrides "key=value").
hw::Trial prepare(const ir::Graph& graph, ir::DType dtype, const std::vector<std::string>& overrides = {});

/// Fails unless the program computes every layer right in fp16 and int8, all of them by its own commands.
void require_right(const ir::Graph& graph, const std::vector<std::string>& overrides = {});

}  // namespace npusim::verify_test
