// A stable 64-bit content hash (FNV-1a), used to name resolved hardware descriptions and graphs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace npusim {

/// FNV-1a of `text`; the same on every machine.
constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

/// The hash as 16 hexadecimal digits.
std::string hex_hash(std::string_view text);

}  // namespace npusim
