// The Ascend 310 for tests: chips with overrides, elaborated once, and graphs of one operator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/npu.h"
#include "hw_models/ascend310/spec.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310::test {

/// The built-in description, as the chip reads it.
const Spec& spec();

/// The evaluator of the built-in chip; elaborated once per kernel.
hw::Evaluator& chip(kernel::KernelKind kind = kernel::KernelKind::run_ahead);

/// Runs a network with its program verified, and fails unless the report's sums hold, its MACs are the
/// graph's and coverage is 100 %.
trace::Report run(const ir::Graph& graph, ir::DType dtype = ir::DType::f16,
                  kernel::KernelKind kind = kernel::KernelKind::run_ahead);

/// The same on a chip of its own with `overrides` ("key=value").
trace::Report run_with(const std::vector<std::string>& overrides, const ir::Graph& graph,
                       ir::DType dtype = ir::DType::f16);

/// The program of a network, after the common passes.
program::Program compile(const ir::Graph& graph, ir::DType dtype = ir::DType::f16);

/// The layer of this name, or else the first whose name starts with it; fails when there is none.
const trace::LayerReport& layer(const trace::Report& report, std::string_view prefix);

/// Bytes that a layer moved, whatever the memory and direction.
std::int64_t bytes(const trace::LayerReport& layer);

/// A convolution of x [shape] to `channels` channels, with bias: shape may be [n,c,l] or [n,c,h,w].
ir::Graph convolution(const ir::Shape& shape, std::int64_t channels, const ir::ConvAttrs& attrs);

/// "fp16" and "int8".
inline constexpr ir::DType kTypes[] = {ir::DType::f16, ir::DType::i8};

/// The message of the UserError that `action` throws; "" when it throws none.
template <class Action>
std::string user_error(Action&& action);

}  // namespace npusim::ascend310::test

#include "sim/base/error.h"

template <class Action>
std::string npusim::ascend310::test::user_error(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}
