// Every tile's memories in the space `tiles`: what numbers are computed in.
#pragma once

#include <cstdint>

#include "hw_models/edgetpu/spec.h"

namespace npusim::edgetpu {

/// Tile t's memories begin at t * tile_stride(): narrow memory, wide memory, a staging memory for what the
/// ring delivers to be read once (an image, a gathered map; the real chip has FIFOs there, which the model
/// does not size), and the tile's sync counters of four bytes.
enum class TileMemory : std::uint8_t { narrow, wide, staging, sync };

/// The tile's sync counters: packets of weights that have arrived in its FIFO, and that it has used up.
enum SyncCounter : std::int64_t { kArrived, kUsed };
inline constexpr std::int64_t kSyncBytes = 256;

constexpr std::int64_t staging_bytes(const Spec& spec) { return spec.narrow_bytes; }
constexpr std::int64_t tile_stride(const Spec& spec) {
  return spec.narrow_bytes + spec.wide_bytes + staging_bytes(spec) + kSyncBytes;
}
/// Where a memory of a tile begins in the space.
constexpr std::int64_t tile_offset(const Spec& spec, std::int64_t tile, TileMemory memory) {
  std::int64_t at = tile * tile_stride(spec);
  if (memory >= TileMemory::wide) at += spec.narrow_bytes;
  if (memory >= TileMemory::staging) at += spec.wide_bytes;
  if (memory >= TileMemory::sync) at += staging_bytes(spec);
  return at;
}

}  // namespace npusim::edgetpu
