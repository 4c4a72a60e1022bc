// From a global address to the memory that serves it.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "sim/mem/clock_ratio.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// One request of a port: at most `request_bytes`, within one interleaving block, one DRAM page and one
/// memory.
struct Request {
  std::int64_t offset = 0;  ///< within the target's own address space
  std::int32_t bytes = 0;
  std::uint16_t target = 0;  ///< DRAM channel, AddressMap::sram_target() or a link's
  std::uint16_t port = 0;
  std::uint16_t slot = 0;  ///< which of the port's outstanding requests: hand it back with the response
  bool write = false;
};

/// Where an address lives. Consecutive blocks of `interleave_bytes` go to consecutive channels.
class AddressMap {
 public:
  struct Place {
    std::uint16_t target;
    std::int64_t offset;
  };

  explicit AddressMap(const MemorySpec& spec)
      : channels_(spec.external ? 1 : spec.dram.channels),
        block_shift_(std::countr_zero(static_cast<std::uint64_t>(spec.dram.interleave_bytes))),
        sram_base_(spec.sram.base),
        sram_bytes_(spec.sram.bytes),
        dram_bytes_(spec.dram.channel_bytes > 0 ? spec.dram.channel_bytes * spec.dram.channels : INT64_MAX) {
    for (const HostLinkSpec& link : spec.links) links_.push_back({link.base, link.bytes});
  }

  /// The index behind the last channel.
  [[nodiscard]] std::uint16_t sram_target() const { return static_cast<std::uint16_t>(channels_.divisor()); }

  /// The target of a host link, by its place in MemorySpec::links.
  [[nodiscard]] std::uint16_t link_target(std::size_t link) const {
    return static_cast<std::uint16_t>(sram_target() + 1 + link);
  }

  /// Bytes of all channels: addresses behind them exist in windows only.
  [[nodiscard]] std::int64_t dram_bytes() const { return dram_bytes_; }
  /// Whether all of [begin, end) exists.
  [[nodiscard]] bool exists(std::int64_t begin, std::int64_t end) const {
    if (begin >= 0 && (end <= dram_bytes_ || (begin >= sram_base_ && end <= sram_base_ + sram_bytes_))) {
      return true;
    }
    for (const Window& link : links_) {
      if (begin >= link.base && end <= link.base + link.bytes) return true;
    }
    return false;
  }

  [[nodiscard]] Place locate(std::int64_t address) const {
    const std::int64_t in_window = address - sram_base_;
    if (static_cast<std::uint64_t>(in_window) < static_cast<std::uint64_t>(sram_bytes_)) {
      return {sram_target(), in_window};
    }
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const std::int64_t in_link = address - links_[i].base;
      if (static_cast<std::uint64_t>(in_link) < static_cast<std::uint64_t>(links_[i].bytes)) {
        return {link_target(i), in_link};
      }
    }
    const std::int64_t block = address >> block_shift_;
    const std::int64_t row = channels_.floor(block);
    const std::int64_t within = address - (block << block_shift_);
    return {static_cast<std::uint16_t>(block - row * channels_.divisor()), (row << block_shift_) + within};
  }

 private:
  Divider channels_;
  int block_shift_;
  std::int64_t sram_base_;
  std::int64_t sram_bytes_;
  std::int64_t dram_bytes_;
  struct Window {
    std::int64_t base = 0, bytes = 0;
  };
  std::vector<Window> links_;
};

}  // namespace npusim::mem
