// A resolved hardware description as YAML for people.
#pragma once

#include <string>

#include "sim/base/config.h"

namespace npusim::cli {

/// Nested YAML in key order, each leaf followed by its provenance as a comment. Loading the text gives the
/// same canonical description.
std::string yaml_text(const Config& config);

}  // namespace npusim::cli
