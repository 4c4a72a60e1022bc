// A region's contiguous runs of bytes.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <vector>

#include "sim/program/program.h"

namespace npusim::program {

/// Bytes [begin, end).
struct Run {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Calls `visit(Run)` for the region's runs in its own order. Repetitions that touch are one run, repetitions
/// of the same bytes (stride 0) are visited once.
template <std::invocable<Run> Visit>
void for_each_run(const Region& region, Visit visit) {
  std::int64_t bytes = region.bytes;
  std::int64_t inner = region.inner_stride == 0 ? 1 : region.inner;
  std::int64_t outer = region.outer_stride == 0 ? 1 : region.outer;
  if (inner > 1 && region.inner_stride == bytes) {
    bytes *= inner;
    inner = 1;
  }
  if (outer > 1 && inner == 1 && region.outer_stride == bytes) {
    bytes *= outer;
    outer = 1;
  }
  for (std::int64_t o = 0; o < outer; ++o) {
    std::int64_t begin = region.offset + o * region.outer_stride;
    for (std::int64_t i = 0; i < inner; ++i, begin += region.inner_stride) visit(Run{begin, begin + bytes});
  }
}

/// The first byte after the region's last run. Strides are not negative.
inline std::int64_t extent_end(const Region& region) {
  return region.offset + (region.outer - 1) * region.outer_stride + (region.inner - 1) * region.inner_stride +
         region.bytes;
}

/// Whether two of the region's repetitions share a byte.
inline bool overlaps_itself(const Region& region) {
  if (region.inner > 1 && region.inner_stride < region.bytes) return true;
  if (region.outer > 1 && region.outer_stride < region.bytes) return true;
  const std::int64_t row = (region.inner - 1) * region.inner_stride + region.bytes;
  if (region.outer == 1 || region.outer_stride >= row) return false;
  if (region.inner == 1) return true;
  std::vector<Run> runs;  // rows interleave: rare enough to sort
  for_each_run(region, [&](Run run) { runs.push_back(run); });
  std::sort(runs.begin(), runs.end(), [](Run a, Run b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].begin < runs[i - 1].end) return true;
  }
  return false;
}

}  // namespace npusim::program
