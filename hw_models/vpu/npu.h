// The Movidius VPUs as the rest of npusim sees them.
#pragma once

#include <memory>
#include <string_view>

#include "hw_models/api/npu.h"

namespace npusim::vpu {

/// The built-in descriptions.
std::string_view meteorlake_description();
std::string_view keembay_description();
std::string_view lunarlake_description();
/// Builds the chip. Throws UserError for missing, unknown or out-of-range keys.
std::unique_ptr<hw::Npu> make(const Config& config);

}  // namespace npusim::vpu
