// Carry-save addition of a row of products, for several trees at once.
#pragma once

#include <cstdint>
#include <span>

namespace npusim::midap::clocked {

/// The sum, modulo 2^32, of `accumulator` and all `products`: 3:2 compressors (sum and carry words, no
/// carries run) until two words are left, which a full adder adds.
std::int32_t carry_save_sum(std::int32_t accumulator, std::span<const std::int32_t> products);

}  // namespace npusim::midap::clocked
