// Edge TPUs for tests: chips with overrides, elaborated once, and runs that are checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/npu.h"
#include "hw_models/edgetpu/network.h"
#include "hw_models/edgetpu/spec.h"
#include "workloads/ir/graph.h"

namespace npusim::edgetpu::test {

/// The description of Coral's stick, as the chip reads it.
const Spec& spec();

/// The evaluator of a built-in chip with overrides ("key=value"); elaborated once.
hw::Evaluator& chip(const std::string& name = "edgetpu-coral-usb",
                    const std::vector<std::string>& overrides = {});

/// Runs a network with its program verified, and fails unless the report's sums hold and all operators and
/// bytes are accounted for.
trace::Report run(const ir::Graph& graph, const std::string& name = "edgetpu-coral-usb",
                  const std::vector<std::string>& overrides = {});

/// The network as the compiler leaves it: phases with places.
Network compiled(const ir::Graph& graph, const Spec& with = spec());

/// The layer of this name; fails when there is none.
const trace::LayerReport& layer(const trace::Report& report, std::string_view name);

/// The message of the UserError that running `graph` gives; "" when it gives none.
std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides = {});

/// A network of one input [1, channels, h, w] and one convolution, `groups` as in ONNX, padded as
/// TensorFlow's SAME.
ir::Graph one_conv(std::int64_t channels, std::int64_t h, std::int64_t w, std::int64_t out,
                   std::int64_t kernel, std::int64_t stride = 1, std::int64_t groups = 1);

bool holds(std::string_view text, std::string_view part);

}  // namespace npusim::edgetpu::test
