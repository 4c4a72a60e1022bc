// The Ascend 310's programs with real numbers.
#pragma once

#include <memory>

#include "hw_models/api/functional.h"
#include "hw_models/ascend310/network.h"
#include "workloads/reference/quantize.h"

namespace npusim::ascend310 {

/// `network` as placed, task t > 0 being its layer t - 1; `computed`: by task. `graph` is copied.
std::unique_ptr<hw::Functional> make_functional(std::shared_ptr<const Network> network,
                                                const ir::Graph& graph, std::vector<bool> computed,
                                                const reference::Quantization* quantization);

}  // namespace npusim::ascend310
