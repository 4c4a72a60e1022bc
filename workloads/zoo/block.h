// Blocks of mobile networks as strings: the notation of EfficientNet and S3NAS (arXiv 2009.02009).
#pragma once

#include <string>
#include <vector>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

/// One superkernel's choice: `expansion` times the block's input channels are filtered by this kernel.
struct Branch {
  std::int64_t kernel = 3;
  std::int64_t expansion = 1;
  bool operator==(const Branch&) const = default;
};

enum class BlockKind : std::uint8_t {
  mbconv,   ///< 1x1, depthwise, 1x1 (types 0 and, searchable, 12)
  fused,    ///< kxk, 1x1 (types 15 and, searchable, 16; type 1 is EfficientNet-EdgeTPU's, always 3x3)
  mixconv,  ///< 1x1 and depthwise a branch, concatenated, 1x1 (types 100 and, searchable, 102)
  conv,
  dense,
  global_average_pool
};

/// What a block's string says. A searchable block stands for its largest choice.
struct Block {
  BlockKind kind = BlockKind::mbconv;
  int type = 0;  ///< the number behind `c`
  std::int64_t repeat = 1;
  std::int64_t stride = 1;  ///< of the first of the repeats
  std::int64_t in = 0, out = 0;
  std::vector<Branch> branches = {};  ///< one but for mixconv
  double squeeze = 0;  ///< Squeeze-and-Excitation to max(1, int(in * squeeze)) channels; 0: none
  /// Squeezes the expanded channels instead, to a multiple of 8, behind a hard sigmoid (MobileNet v3).
  bool squeeze_expanded = false;
  bool skip = true;     ///< add the input where shapes allow it
  Act act = Act::relu;  ///< of a dense block: none unless given
  /// How windows are padded: by default as MidapSim does, which S3NAS' published latencies follow.
  Pad::Rule pad = Pad::Rule::leading;
};

/// The same block with padding written as `leading` where its windows get the same cells on a square image
/// of this side either way, so that equal blocks have equal strings. Only of one repeat.
Block with_plain_padding(Block block, std::int64_t side);

/// Parses, with fields in any order and each at most once,
///   r<repeat>_k<k[,k..]>_s<hh>_e<e[,e..]>_i<in>_o<out>_c<type>[_se<ratio>|_sx<ratio>][_noskip][_<act>][_<pad>]
/// (repeat defaults to 1, type to 0; sx squeezes as MobileNet v3 does; pad is leading, half or same), Conv2D
/// as k_s_i_o, Dense as i_o and GlobalAvgPool as i; each optionally behind its class and a slash
/// ("MixConvBlock/r1_..."). Throws UserError naming the position in the string.
Block parse_block(const std::string& text);

/// The string that parse_block reads, fields in the order above, without a class.
std::string to_string(const Block& block);

/// The class under which S3NAS' latency tables file a block: "MBConvBlock", "ConvBlock_kxk1x1", "Conv2D", ...
std::string class_of(const Block& block);

/// Merges branches of equal kernels, drops those without channels, and sorts by kernel.
std::vector<Branch> merged(std::vector<Branch> branches);

/// True for a block whose branches are all switched off: its output is its input.
bool is_identity(const Block& block);

/// Appends all repeats: "<name>" for one, "<name>.0", "<name>.1", ... for more. BatchNorm follows every
/// convolution; a pool's result is flattened. `x` must have block.in channels (rank 2 for a dense block).
TensorId append_block(Builder& b, const std::string& name, TensorId x, const Block& block);

}  // namespace npusim::zoo
