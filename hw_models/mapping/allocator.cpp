#include "hw_models/mapping/allocator.h"

#include <algorithm>
#include <utility>

#include "sim/base/units.h"

namespace npusim::mapping {

std::vector<std::pair<std::int64_t, std::int64_t>> LifetimeAllocator::gaps(std::int64_t first,
                                                                           std::int64_t last) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> busy;
  for (const auto& block : blocks_) {
    if (block.first <= last && first <= block.last)
      busy.emplace_back(block.offset, block.offset + block.bytes);
  }
  std::sort(busy.begin(), busy.end());
  std::vector<std::pair<std::int64_t, std::int64_t>> free;
  std::int64_t cursor = base_;
  for (const auto& [from, to] : busy) {
    if (from > cursor) free.emplace_back(cursor, from - cursor);
    cursor = std::max(cursor, round_up(to, alignment_));
  }
  if (cursor < base_ + bytes_) free.emplace_back(cursor, base_ + bytes_ - cursor);
  return free;
}

std::optional<std::int64_t> LifetimeAllocator::allocate(std::int64_t bytes, std::int64_t first,
                                                        std::int64_t last) {
  for (const auto& [offset, size] : gaps(first, last)) {
    if (size >= bytes) {
      blocks_.push_back({offset, bytes, first, last});
      return offset;
    }
  }
  return std::nullopt;
}

std::int64_t LifetimeAllocator::largest_free(std::int64_t first, std::int64_t last) const {
  std::int64_t largest = 0;
  for (const auto& [offset, size] : gaps(first, last)) largest = std::max(largest, size);
  return largest;
}

}  // namespace npusim::mapping
