// MIDAP as the rest of npusim sees it.
#pragma once

#include <memory>
#include <string_view>

#include "hw_models/api/npu.h"

namespace npusim::midap {

/// The built-in description (midap.yaml).
std::string_view description();
/// The same chip on npusim's DRAM (midap-lpddr4.yaml, which extends midap).
std::string_view lpddr4_description();
/// Builds the chip. Throws UserError for missing, unknown or out-of-range keys.
std::unique_ptr<hw::Npu> make(const Config& config);

}  // namespace npusim::midap
