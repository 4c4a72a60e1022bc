#include "sim/program/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/base/error.h"

namespace npusim::program {

Storage::Storage(const Program& program) : program_(program) {
  struct Piece {
    SpaceId space;
    std::int64_t first, last;
  };
  std::vector<Piece> pieces;
  const auto& spaces = program.target->spaces;
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    if (!spaces[i].global) pieces.push_back({static_cast<SpaceId>(i), 0, spaces[i].bytes});
  }
  for (const Buffer& buffer : program.buffers) {
    if (spaces.at(buffer.space).global) {
      pieces.push_back({buffer.space, buffer.offset, buffer.offset + buffer.bytes});
    }
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::pair(a.space, a.first) < std::pair(b.space, b.first);
  });
  for (std::size_t i = 0; i < pieces.size();) {
    Piece whole = pieces[i++];
    for (; i < pieces.size() && pieces[i].space == whole.space && pieces[i].first <= whole.last; ++i) {
      whole.last = std::max(whole.last, pieces[i].last);
    }
    extents_.push_back({whole.space, whole.first,
                        std::vector<std::byte>(static_cast<std::size_t>(whole.last - whole.first))});
  }
}

std::span<std::byte> Storage::bytes(SpaceId space, std::int64_t offset, std::int64_t bytes) {
  const auto after = std::upper_bound(extents_.begin(), extents_.end(), std::pair(space, offset),
                                      [](const std::pair<SpaceId, std::int64_t>& key, const Extent& extent) {
                                        return key < std::pair(extent.space, extent.offset);
                                      });
  if (after != extents_.begin()) {
    Extent& extent = *std::prev(after);
    const std::int64_t from = offset - extent.offset;
    if (extent.space == space && from + bytes <= static_cast<std::int64_t>(extent.data.size())) {
      return std::span(extent.data).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(bytes));
    }
  }
  throw InternalError(
      fmt::format("no storage behind {}[{} +{}]", program_.target->spaces.at(space).name, offset, bytes));
}

std::vector<std::byte> Storage::gather(const Region& region) {
  std::vector<std::byte> block(static_cast<std::size_t>(region.total_bytes()));
  std::byte* to = block.data();
  for_each_run(region, [&](std::int64_t offset) {
    const auto run = bytes(region.space, offset, region.bytes);
    std::memcpy(to, run.data(), run.size());
    to += run.size();
  });
  return block;
}

void Storage::scatter(const Region& region, std::span<const std::byte> block) {
  ensure(static_cast<std::int64_t>(block.size()) == region.total_bytes(),
         "a block is as large as its region");
  const std::byte* from = block.data();
  for_each_run(region, [&](std::int64_t offset) {
    const auto run = bytes(region.space, offset, region.bytes);
    std::memcpy(run.data(), from, run.size());
    from += run.size();
  });
}

}  // namespace npusim::program
