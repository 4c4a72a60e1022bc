// What the tests of the clocked twins share.
#pragma once

#include <string>
#include <vector>

#include "hw_models/midap/clocked/pipeline.h"
#include "hw_models/midap/spec.h"
#include "hw_models/midap/target.h"
#include "tests/kernel/clocked_bench.h"

namespace npusim::midap::test {

using kernel::test::Bench;

/// The built-in description with `overrides` ("key=value").
Spec spec_with(const std::vector<std::string>& overrides = {});

}  // namespace npusim::midap::test
