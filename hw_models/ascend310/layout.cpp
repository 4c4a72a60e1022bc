#include "hw_models/ascend310/layout.h"

#include <algorithm>

#include "sim/base/units.h"

namespace npusim::ascend310 {

BlockShape block_shape(const ir::Shape& shape, std::int64_t c0) {
  BlockShape out;
  const std::size_t rank = shape.size();
  if (rank == 4) {
    out.n = shape[0];
    out.c = shape[1];
    out.h = shape[2];
    out.w = shape[3];
  } else {
    if (rank >= 1) out.c = shape[rank - 1];
    if (rank >= 2) out.w = shape[rank - 2];
    for (std::size_t i = 0; i + 2 < rank; ++i) out.n *= shape[i];
  }
  out.c1 = ceil_div(out.c, c0);
  return out;
}

std::int64_t DeviceTensor::image_offset(std::int64_t n) const {
  if (near(n)) return place.near_offset + n * shape.image_bytes();
  return place.far_offset + (n - place.near_images) * shape.image_bytes();
}

void append_box(std::vector<program::Region>& out, const DeviceTensor& tensor, program::SpaceId space,
                bool write, std::int64_t n0, std::int64_t n1, std::int64_t b0, std::int64_t b1,
                std::int64_t p0, std::int64_t p1) {
  const BlockShape& shape = tensor.shape;
  const std::int64_t split = std::clamp(tensor.place.near_images, n0, n1);
  for (const auto& [from, to] : {std::pair{n0, split}, std::pair{split, n1}}) {
    if (from == to || b0 == b1 || p0 == p1) continue;
    program::Region region;
    region.space = space;
    region.write = write;
    region.offset = tensor.image_offset(from) + b0 * shape.plane_bytes() + p0 * 32;
    region.bytes = (p1 - p0) * 32;
    region.inner = b1 - b0;
    region.inner_stride = shape.plane_bytes();
    region.outer = to - from;
    region.outer_stride = shape.image_bytes();
    // Whole planes lie end to end, and so do whole images.
    if (region.inner == 1 || region.bytes == region.inner_stride) {
      region.bytes *= region.inner;
      region.inner = 1;
      region.inner_stride = 0;
    }
    if (region.outer == 1) region.outer_stride = 0;
    if (region.inner == 1 && region.outer > 1) {
      if (region.bytes == region.outer_stride) {
        region.bytes *= region.outer;
        region.outer = 1;
        region.outer_stride = 0;
      } else {
        region.inner = region.outer;
        region.inner_stride = region.outer_stride;
        region.outer = 1;
        region.outer_stride = 0;
      }
    }
    out.push_back(region);
  }
}

void append_linear(std::vector<program::Region>& out, const DeviceTensor& tensor, program::SpaceId space,
                   bool write, std::int64_t from, std::int64_t to) {
  const std::int64_t near_images = std::min(tensor.place.near_images, tensor.shape.n);
  const std::int64_t near_bytes = tensor.plain_bytes > 0 ? (near_images > 0 ? tensor.plain_bytes : 0)
                                                         : near_images * tensor.shape.image_bytes();
  const std::int64_t split = std::clamp(near_bytes, from, to);
  for (const auto& [a, b] : {std::pair{from, split}, std::pair{split, to}}) {
    if (a == b) continue;
    program::Region region;
    region.space = space;
    region.write = write;
    region.offset =
        a < near_bytes ? tensor.place.near_offset + a : tensor.place.far_offset + (a - near_bytes);
    region.bytes = b - a;
    out.push_back(region);
  }
}

}  // namespace npusim::ascend310
