// The chip's commands and what they compute: shared by the mapper, the fast engines and the clocked twins.
#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace npusim::edgetpu {

/// The chip's opcodes; their arguments are in opcode_table() (target.cpp).
enum Opcode : program::OpcodeId {
  kLoad,       ///< host -> chip
  kStore,      ///< chip -> host
  kBroadcast,  ///< packets through the ring, from the owner's wide memory or the stream buffer to all tiles
  kExpand,     ///< rows of a depthwise kernel through scalar memory and the ring
  kExchange,   ///< borders between neighbours, a word at a time
  kCopy,       ///< input: from the stream of packets to the tile's block
  kConv,       ///< positions x rows of weights, a step each
  kDepthwise,  ///< positions x taps of one word of channels
  kProduct,    ///< fully connected: words of the input
  kPool,       ///< positions x taps of one group of channels
  kWords,      ///< word by word: steps
  kSpill,      ///< narrow -> wide memory, words
  kFill,       ///< wide -> narrow memory, words
  kHost        ///< an operator on the host's processor
};

/// Values of a broadcast's `row` that name no row of a slot: the packets are the network's input, or a whole
/// map on its way to every tile.
inline constexpr std::int64_t kImage = -1, kGather = -2;

/// What a phase's operations compute.
enum class Work : std::uint8_t {
  count,  ///< nothing that numbers are known for: loops alone
  input,
  conv,
  depthwise,
  product,
  max_pool,
  average_pool,
  add,
  subtract,
  multiply,
  minimum,
  maximum,
  move
};

/// What the registers of all of a phase's commands hold, on the ring, on the mesh and in the tiles. Maps are
/// split over the grid, larger parts first; position (y, x) of a tile's part lies at address + (y * pitch +
/// x) * width in its narrow memory, where pitch is the columns of the largest part. Sizes of the map that
/// one run of the phase works on (of a band, where the phase runs in bands).
///
/// Borders, where there are any: `above` rows received from the tile to the north, `below` rows from the
/// south, each of `pitch` positions, then `before` columns from the west and `behind` columns from the east,
/// each of `border_rows` positions, the first of which is the first row that the tile's windows read. Rows
/// nearest to the tile come first, and so do columns; a position has in_c channels, padded to words.
///
/// Weights: a fill lies in its slot of wide memory, the biases (lanes x int32) in the slot's row 0 and the
/// weights behind; row r of a fill holds tap r / (fill_rows / taps), word r % (fill_rows / taps) of the
/// fill's words.
///
/// Numbers: int8 by powers of two (workloads/reference/quantize.h). The result of a sum of products is
/// clamp(round(sum * 2^-shift)), of other work quantize(result, out_exponent); then it is clamped to [low,
/// high].
struct PhaseSetting {
  Work work = Work::count;
  std::int64_t in_h = 1, in_w = 1, in_c = 1, in_address = 0, in_width = 0;
  std::int64_t other_address = 0, other_width = 0;  ///< second operand, of the result's shape
  std::int64_t out_h = 1, out_w = 1, out_c = 1, out_address = 0, out_width = 0;
  std::int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, top = 0, left = 0;
  std::int64_t border_address = 0, above = 0, below = 0, before = 0, behind = 0, border_rows = 0;
  std::int64_t gathered = 0;   ///< 1: the input is a list of in_h * in_w * in_c bytes that the ring delivered
  std::int64_t kernels = 1;    ///< (transposed convolution) the arguments say how many positions
  std::int64_t fill_rows = 0;  ///< rows of weights of a fill, without biases
  std::int64_t fills = 1;      ///< of a group of outputs: above 1 there are partial sums
  std::int64_t buffers = 1;    ///< slots of the FIFO
  std::int64_t outputs = 0;    ///< of a stored row of weights
  std::int64_t sums_address = 0;  ///< partial sums in wide memory, one row (lanes x int32) a position
  std::int64_t word_steps = 1;    ///< of a word of the result, word by word
  std::int64_t divisor = 0;       ///< of an average; 0: the taps that lie in the map
  std::int64_t in_exponent = 0, other_exponent = 0, out_exponent = 0, shift = 0;
  std::int64_t low = -128, high = 127;
  bool operator==(const PhaseSetting&) const = default;
};

/// As a program's setting, and back. `from_setting` throws InternalError for one that is not a phase's.
program::Setting to_setting(const PhaseSetting& setting);
PhaseSetting from_setting(const program::Setting& setting);

}  // namespace npusim::edgetpu
