#include "sim/base/hash.h"

#include <fmt/format.h>

namespace npusim {

std::string hex_hash(std::string_view text) { return fmt::format("{:016x}", fnv1a(text)); }

}  // namespace npusim
