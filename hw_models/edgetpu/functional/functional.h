// The Edge TPU's programs with real numbers.
#pragma once

#include <memory>

#include "hw_models/api/functional.h"
#include "hw_models/edgetpu/network.h"
#include "workloads/ir/graph.h"

namespace npusim::edgetpu {

/// `network` as emitted in `program`: task 1 + i is phase i. `spec` must outlive it; the others are copied.
std::shared_ptr<const hw::Functional> make_functional(const Spec& spec, const Network& network,
                                                      const ir::Graph& graph,
                                                      const program::Program& program);

}  // namespace npusim::edgetpu
