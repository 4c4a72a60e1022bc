// What the tests of the clocked twins share.
#pragma once

#include <string>
#include <vector>

#include "hw_models/ascend310/clocked/edge_engine.h"
#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/target.h"
#include "tests/kernel/clocked_bench.h"

namespace npusim::ascend310::test {

using kernel::test::Bench;

/// The built-in description with `overrides` ("key=value").
Spec spec_with(const std::vector<std::string>& overrides = {});

}  // namespace npusim::ascend310::test
