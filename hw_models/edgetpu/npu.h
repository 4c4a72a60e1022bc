// The Edge TPU as the rest of npusim sees it.
#pragma once

#include <memory>
#include <string_view>

#include "hw_models/api/npu.h"

namespace npusim::edgetpu {

/// Built-in descriptions: Coral's USB stick at its two clocks, its PCIe board, the Pixel 4 (a guess) and
/// three published configurations of the template. All but the first extend it.
std::string_view coral_usb();
std::string_view coral_usb_250mhz();
std::string_view coral_pcie();
std::string_view pixel4();
std::string_view v1();
std::string_view v2();
std::string_view v3();
/// Builds the chip. Throws UserError for missing, unknown or out-of-range keys.
std::unique_ptr<hw::Npu> make(const Config& config);

}  // namespace npusim::edgetpu
