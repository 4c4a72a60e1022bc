// The Ascend 310 as an Npu.
#pragma once

#include <memory>

#include "hw_models/api/npu.h"

namespace npusim::ascend310 {

/// The built-in description's text (ascend310.yaml).
std::string_view description();

/// Builds the chip. Throws UserError for missing, unknown or out-of-range keys.
std::unique_ptr<hw::Npu> make(const Config& config);

}  // namespace npusim::ascend310
