// Spaces that users describe in YAML; grammar in docs/spaces.md.
#pragma once

#include <string>

#include "nas/space/staged.h"
#include "sim/base/config.h"

namespace npusim::space {

/// The plan that a description stands for, called `name`. Throws UserError with file and line: for malformed
/// YAML, unknown keys (with the nearest), values out of range, and stages that cannot be built.
StagedPlan plan_of(const Config& config, const std::string& name);

}  // namespace npusim::space
