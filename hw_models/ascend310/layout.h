// Tensors as the chip stores them, and the strided runs that tiles of them are.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/program/program.h"
#include "workloads/ir/graph.h"

namespace npusim::ascend310 {

/// A tensor in blocks of C0 channels (32 bytes): [n][c1][h][w] blocks.
/// Rank 4 (N,C,H,W) is NC1HWC0. Every other rank is a stack of matrices, FRACTAL_NZ without row padding: the
/// last dimension is C, the one before W, H is 1 and the rest are N.
struct BlockShape {
  std::int64_t n = 1, c = 1, h = 1, w = 1;
  std::int64_t c1 = 1;  ///< blocks of C0 channels
  std::int64_t block_bytes =
      32;  ///< of one pixel's block; fewer in the C04 format of a first layer (4 channels)
  [[nodiscard]] std::int64_t plane_bytes() const { return h * w * block_bytes; }
  [[nodiscard]] std::int64_t image_bytes() const { return c1 * plane_bytes(); }
  [[nodiscard]] std::int64_t bytes() const { return n * image_bytes(); }
  bool operator==(const BlockShape&) const = default;
};

/// The block shape of `shape` when a block holds `c0` channels.
BlockShape block_shape(const ir::Shape& shape, std::int64_t c0);

/// In what order a tensor's elements lie in memory, and as what type.
struct Order {
  enum class Kind : std::uint8_t {
    plain,   ///< row-major
    image,   ///< rank 4 (or 3, an image of one row): blocks of channels, the second axis
    matrix,  ///< blocks of the last axis; rows are all axes before it
  };
  Kind kind = Kind::plain;
  BlockShape shape;  ///< not of a plain one
  ir::DType dtype = ir::DType::f16;
  std::int64_t elements = 0;
  [[nodiscard]] std::int64_t element_bytes() const { return ir::size_of(dtype); }
  [[nodiscard]] std::int64_t bytes() const {
    return kind == Kind::plain ? elements * element_bytes() : shape.bytes();
  }
  /// The byte at which element `flat` (row-major index) lies, from the first of image 0.
  [[nodiscard]] std::int64_t position(std::int64_t flat) const;
  /// The element at byte `position`; -1 for padding of a block.
  [[nodiscard]] std::int64_t element(std::int64_t position) const;
  bool operator==(const Order&) const = default;
};

/// A tensor's place in the global space: the first `near_images` images lie in L2, the rest in DRAM.
struct Placement {
  std::int64_t near_images = 0;
  std::int64_t near_offset = 0;
  std::int64_t far_offset = 0;
};

/// A tensor on the chip.
struct DeviceTensor {
  std::string name;
  BlockShape shape;
  Placement place;
  /// A view of some channel blocks of a larger tensor (an input of a concatenation written in place): blocks
  /// of the whole image, 0 when the tensor is no view, and the first of its own.
  std::int64_t parent_c1 = 0;
  std::int64_t first_block = 0;
  std::int64_t plain_bytes =
      0;  ///< >0: not in blocks (a weight matrix, a packed fp32 input); one flat run of bytes
  ir::TensorId graph_tensor = ir::kNoTensor;  ///< whose values it holds; none for a mapper's own
  Order order;                                ///< how it holds them
  [[nodiscard]] std::int64_t bytes() const { return plain_bytes > 0 ? plain_bytes : shape.bytes(); }
  /// Bytes from one image to the next in memory.
  [[nodiscard]] std::int64_t image_stride() const {
    return (parent_c1 > 0 ? parent_c1 : shape.c1) * shape.plane_bytes();
  }
  /// Offset of image `n` in the global space.
  [[nodiscard]] std::int64_t image_offset(std::int64_t n) const;
  /// Offset in the global space of a byte of the tensor in storage order.
  [[nodiscard]] std::int64_t offset_of(std::int64_t position) const;
  [[nodiscard]] bool near(std::int64_t n) const { return n < place.near_images; }
};

/// Appends the runs of images [n0,n1), channel blocks [b0,b1), pixels [p0,p1) (row-major in the plane).
void append_box(std::vector<program::Region>& out, const DeviceTensor& tensor, program::SpaceId space,
                bool write, std::int64_t n0, std::int64_t n1, std::int64_t b0, std::int64_t b1,
                std::int64_t p0, std::int64_t p1);

/// Appends the runs of bytes [from, to) of the tensor in storage order.
void append_linear(std::vector<program::Region>& out, const DeviceTensor& tensor, program::SpaceId space,
                   bool write, std::int64_t from, std::int64_t to);

}  // namespace npusim::ascend310
