// What a program's memories hold while its commands are executed with real numbers.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/program/program.h"

namespace npusim::program {

/// The bytes of every space of a program's target: scratchpads whole, the global space where the program has
/// buffers (buffers that share addresses share bytes). Zero at first.
class Storage {
 public:
  /// `program` must outlive the storage.
  explicit Storage(const Program& program);
  /// The contiguous bytes [offset, offset + bytes) of a space. Throws InternalError where a scratchpad or, in
  /// the global space, one run of adjoining buffers does not hold them all.
  [[nodiscard]] std::span<std::byte> bytes(SpaceId space, std::int64_t offset, std::int64_t bytes);
  /// The bytes of `region` in the order of its runs, as one block.
  [[nodiscard]] std::vector<std::byte> gather(const Region& region);
  /// Writes `block` to the runs of `region`. Throws InternalError unless it has region.total_bytes() bytes.
  void scatter(const Region& region, std::span<const std::byte> block);

 private:
  /// Adjoining or overlapping buffers, or a whole scratchpad.
  struct Extent {
    SpaceId space = 0;
    std::int64_t offset = 0;
    std::vector<std::byte> data;
  };
  const Program& program_;
  std::vector<Extent> extents_;  ///< by space, then offset
};

/// Calls visit(offset) for every single run of `region`, in order: neighbours are not merged, repetitions of
/// the same bytes come again.
template <std::invocable<std::int64_t> Visit>
void for_each_run(const Region& region, Visit&& visit) {
  for (std::int64_t outer = 0; outer < region.outer; ++outer) {
    for (std::int64_t inner = 0; inner < region.inner; ++inner) {
      visit(region.offset + outer * region.outer_stride + inner * region.inner_stride);
    }
  }
}

}  // namespace npusim::program
