// Sixteen-bit floating point numbers as files hold them.
#pragma once

#include <cstdint>

namespace npusim::importing {

/// IEEE 754 binary16.
double half_to_double(std::uint16_t bits);
/// The upper half of a binary32.
double bfloat_to_double(std::uint16_t bits);

}  // namespace npusim::importing
