#include "hw_models/edgetpu/bank.h"

#include <cstring>

#include "hw_models/edgetpu/target.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

Bank::Bank(const Spec& spec, program::Storage& storage, std::int64_t tile) {
  const auto memory = [&](TileMemory which, std::int64_t bytes) {
    return storage.bytes(space_id(Space::tiles), tile_offset(spec, tile, which), bytes);
  };
  narrow_ = memory(TileMemory::narrow, spec.narrow_bytes);
  wide_ = memory(TileMemory::wide, spec.wide_bytes);
  staging_ = memory(TileMemory::staging, staging_bytes(spec));
  sync_ = memory(TileMemory::sync, kSyncBytes);
}

std::span<std::byte> Bank::part(std::span<std::byte> memory, std::int64_t at, std::int64_t bytes) {
  ensure(at >= 0 && at + bytes <= std::ssize(memory), "a tile stays in its memory");
  return memory.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes));
}

std::int32_t Bank::word(std::span<const std::byte> bytes, std::int64_t i) {
  std::int32_t value = 0;
  std::memcpy(&value, bytes.subspan(static_cast<std::size_t>(i) * sizeof value, sizeof value).data(),
              sizeof value);
  return value;
}

void Bank::set_word(std::span<std::byte> bytes, std::int64_t i, std::int32_t value) {
  std::memcpy(bytes.subspan(static_cast<std::size_t>(i) * sizeof value, sizeof value).data(), &value,
              sizeof value);
}

}  // namespace npusim::edgetpu
