// Places buffers with lifetimes in a bounded address range.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace npusim::mapping {

/// First fit over [base, base + bytes): buffers whose lifetimes overlap do not share addresses.
class LifetimeAllocator {
 public:
  LifetimeAllocator(std::int64_t base, std::int64_t bytes, std::int64_t alignment)
      : base_(base), bytes_(bytes), alignment_(alignment) {}
  /// The offset of `bytes` free during the whole of [first, last], or nothing when none is left.
  std::optional<std::int64_t> allocate(std::int64_t bytes, std::int64_t first, std::int64_t last);
  /// The largest piece that `allocate` would grant for that lifetime.
  [[nodiscard]] std::int64_t largest_free(std::int64_t first, std::int64_t last) const;

 private:
  struct Block {
    std::int64_t offset, bytes, first, last;
  };
  /// Free gaps during [first, last], as (offset, bytes), ascending.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> gaps(std::int64_t first,
                                                                        std::int64_t last) const;
  std::int64_t base_, bytes_, alignment_;
  std::vector<Block> blocks_;
};

}  // namespace npusim::mapping
