// ONNX's own operator tests, packed by scripts/update_onnx_node_tests.py.
#pragma once

#include <string>
#include <vector>

#include "workloads/reference/value.h"

namespace npusim::reference::testing {

/// One output of a test: what ONNX expects, and what the reference executor computed.
struct Checked {
  std::string output;
  Value expected;
  Value computed;
};

/// The packed tests in tests/data/onnx_node, by name.
std::vector<std::string> node_tests();

/// Imports and executes one. Inputs of integer type that import needs as constants (shapes, axes, paddings)
/// become initializers. Throws UserError where import or execution does.
std::vector<Checked> run_node_test(const std::string& name);

}  // namespace npusim::reference::testing
