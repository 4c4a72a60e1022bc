// One tile's memories, byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hw_models/edgetpu/spec.h"
#include "hw_models/edgetpu/tiles.h"
#include "sim/program/storage.h"

namespace npusim::edgetpu {

/// The memories of one tile.
class Bank {
 public:
  Bank() = default;
  Bank(const Spec& spec, program::Storage& storage, std::int64_t tile);
  [[nodiscard]] std::span<std::byte> narrow(std::int64_t at, std::int64_t bytes) const {
    return part(narrow_, at, bytes);
  }
  [[nodiscard]] std::span<std::byte> wide(std::int64_t at, std::int64_t bytes) const {
    return part(wide_, at, bytes);
  }
  [[nodiscard]] std::span<std::byte> staging(std::int64_t at, std::int64_t bytes) const {
    return part(staging_, at, bytes);
  }
  [[nodiscard]] std::int32_t counter(SyncCounter which) const { return word(sync_, which); }
  void set_counter(SyncCounter which, std::int32_t value) const { set_word(sync_, which, value); }
  /// Word `i` of four bytes.
  static std::int32_t word(std::span<const std::byte> bytes, std::int64_t i);
  static void set_word(std::span<std::byte> bytes, std::int64_t i, std::int32_t value);

 private:
  static std::span<std::byte> part(std::span<std::byte> memory, std::int64_t at, std::int64_t bytes);
  std::span<std::byte> narrow_, wide_, staging_, sync_;
};

}  // namespace npusim::edgetpu
