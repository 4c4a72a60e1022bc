// Geometry of a phase: what the largest tile has to do, how weights pass the ring, what moves on the mesh.
// Facts: tinycoral docs/isa/codegen_conv2d.md, codegen_conv.md, eltwise.md and compiled models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/edgetpu/network.h"

namespace npusim::edgetpu {

/// Positions of the largest tile's block of a map, and its bytes with channels padded to words.
std::int64_t tile_positions(const Spec& spec, const Shape& shape);
std::int64_t tile_bytes(const Spec& spec, const Shape& shape);
/// The part of its result that a phase makes in one run.
Shape run_shape(const Network& net, const Phase& phase);
/// Positions of the largest tile in one run of a phase.
std::int64_t run_positions(const Spec& spec, const Network& net, const Phase& phase);
/// Input rows that `rows` of a phase's result need.
std::int64_t rows_needed(const Phase& phase, std::int64_t rows);
/// The part of tile `index` of `parts` along an axis of `extent`: larger parts first.
std::int64_t tile_extent(std::int64_t extent, std::int64_t parts, std::int64_t index);

/// One axis of a windowed phase over the tiles: the most that crosses a border between two tiles in each
/// direction (relayed rows included), and how many kinds of tile there are.
struct AxisHalo {
  std::int64_t forward = 0, backward = 0;  ///< input rows sent to the next tile, to the one before
  std::int64_t window = 0;  ///< input rows that the largest tile's outputs read, borders included
  std::int64_t kinds = 1;   ///< tiles that differ in any number
  std::int64_t in_sizes = 1, out_sizes = 1;  ///< distinct parts
  /// Lines that tiles receive through tiles without lines of their own, and how many of these: each hands a
  /// word on a cycle after it came.
  struct Relayed {
    std::int64_t lines = 0, hops = 0;
  };
  std::vector<Relayed> relayed;
};
AxisHalo axis_halo(std::int64_t in, std::int64_t out, std::int64_t parts, std::int64_t kernel,
                   std::int64_t stride, std::int64_t dilation, std::int64_t pad);

/// Halo exchange of one run of a phase: cycles of the mesh (vertical, then horizontal, each direction on its
/// own), bytes of the border that a tile receives, and the instructions of the phase's block kinds.
struct Halo {
  std::int64_t cycles = 0, bytes = 0;
  std::int64_t relays = 0;     ///< cycles on top of those of the positions: words through tiles without lines
  std::int64_t positions = 0;  ///< of the input map, that the largest tile receives
  std::int64_t above = 0, below = 0;    ///< rows of them, from the north and from the south
  std::int64_t before = 0, behind = 0;  ///< columns of them, from the west and from the east
  std::int64_t rows = 0;                ///< of these columns
  std::int64_t mesh_instructions = 0, op_instructions = 1;
};
Halo halo_of(const Spec& spec, const Network& net, const Phase& phase);

/// A pool of a whole map into one pixel: the map is gathered over the ring, as a fully connected layer's
/// input.
bool gathers(const Network& net, const Phase& phase);

/// Rows of weights of one group of outputs of a convolution (K): taps times words of input channels.
std::int64_t conv_rows(const Spec& spec, const Network& net, const Phase& phase);
/// Mode and fills of a convolution.
Fills fills_of(const Spec& spec, const Network& net, const Phase& phase);

/// What is countable about one run of a phase, as decoded from compiled models.
struct Counts {
  std::int64_t steps = 0;          ///< of the largest tile
  std::int64_t ring_rows = 0;      ///< packets of weights or inputs that the tiles consume
  std::int64_t producer_rows = 0;  ///< that the owner sends: with a row of biases a group
  std::string loops;               ///< innermost first
};
Counts counts_of(const Spec& spec, const Network& net, const Phase& phase);

/// The input phase's steps a pixel, and its two parts: all rows of the largest tile but the last, the last.
struct InputCopy {
  std::int64_t pixel_steps = 0, columns = 0, rows = 0;
  std::int64_t packets = 0;  ///< of a row of tiles
};
InputCopy input_copy(const Spec& spec, const Shape& shape);

/// Bytes of a bias.
inline constexpr std::int64_t kBiasBytes = 4;
/// Outputs that a stored row of weights of a convolution or fully connected layer has: of a group.
std::int64_t stored_outputs(const Spec& spec, const Network& net, const Phase& phase);
/// Bytes of a phase's parameters as they lie on the chip: biases of 4 bytes, channels padded to words,
/// outputs to 16 or whole groups.
std::int64_t stored_bytes(const Spec& spec, const Network& net, const Phase& phase);
/// Bytes of wide memory of a tile that a phase's FIFO, partial sums and biases take.
std::int64_t wide_buffer_bytes(const Spec& spec, const Network& net, const Phase& phase);
/// Bytes of a phase's instructions.
std::int64_t instruction_bytes(const Spec& spec, const Network& net, const Phase& phase);

}  // namespace npusim::edgetpu
