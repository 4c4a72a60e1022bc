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
  const std::int64_t inside = first_block * shape.plane_bytes();
  if (near(n)) return place.near_offset + n * image_stride() + inside;
  return place.far_offset + (n - place.near_images) * image_stride() + inside;
}

std::int64_t DeviceTensor::offset_of(std::int64_t position) const {
  if (plain_bytes > 0) return (place.near_images > 0 ? place.near_offset : place.far_offset) + position;
  return image_offset(position / shape.image_bytes()) + position % shape.image_bytes();
}

std::int64_t Order::position(std::int64_t flat) const {
  if (kind == Kind::plain) return flat * element_bytes();
  const std::int64_t c0 = shape.block_bytes / element_bytes();
  const std::int64_t pixels = shape.h * shape.w;
  std::int64_t n = 0, c = 0, pixel = 0;
  if (kind == Kind::image) {
    pixel = flat % pixels;
    c = flat / pixels % shape.c;
    n = flat / pixels / shape.c;
  } else {
    c = flat % shape.c;
    pixel = flat / shape.c % pixels;
    n = flat / shape.c / pixels;
  }
  return ((n * shape.c1 + c / c0) * pixels + pixel) * shape.block_bytes + c % c0 * element_bytes();
}

std::int64_t Order::element(std::int64_t position) const {
  if (kind == Kind::plain) return position / element_bytes();
  const std::int64_t c0 = shape.block_bytes / element_bytes();
  const std::int64_t pixels = shape.h * shape.w;
  const std::int64_t unit = position / shape.block_bytes;
  const std::int64_t pixel = unit % pixels;
  const std::int64_t n = unit / pixels / shape.c1;
  const std::int64_t c = unit / pixels % shape.c1 * c0 + position % shape.block_bytes / element_bytes();
  if (c >= shape.c) return -1;
  return kind == Kind::image ? (n * shape.c + c) * pixels + pixel : (n * pixels + pixel) * shape.c + c;
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
    region.offset = tensor.image_offset(from) + b0 * shape.plane_bytes() + p0 * shape.block_bytes;
    region.bytes = (p1 - p0) * shape.block_bytes;
    region.inner = b1 - b0;
    region.inner_stride = shape.plane_bytes();
    region.outer = to - from;
    region.outer_stride = tensor.image_stride();
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
  const auto add = [&](std::int64_t offset, std::int64_t bytes) {
    program::Region region;
    region.space = space;
    region.write = write;
    region.offset = offset;
    region.bytes = bytes;
    out.push_back(region);
  };
  if (tensor.plain_bytes > 0) {
    const bool near = tensor.place.near_images > 0;
    if (from < to) add((near ? tensor.place.near_offset : tensor.place.far_offset) + from, to - from);
    return;
  }
  // Images lie end to end, but for the border between L2 and DRAM and for views.
  const std::int64_t image_bytes = tensor.shape.image_bytes();
  const bool gaps = tensor.parent_c1 > 0;
  for (std::int64_t at = from; at < to;) {
    const std::int64_t image = at / image_bytes;
    const std::int64_t border =
        tensor.near(image) ? std::min(tensor.place.near_images, tensor.shape.n) : tensor.shape.n;
    const std::int64_t end = std::min(to, (gaps ? image + 1 : border) * image_bytes);
    add(tensor.image_offset(image) + at % image_bytes, end - at);
    at = end;
  }
}

}  // namespace npusim::ascend310
