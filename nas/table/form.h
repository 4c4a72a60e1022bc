// What a block is, read off its operators: the fields that latency tables file it under.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nas/space/space.h"

namespace npusim::table {

enum class Kind : std::uint8_t {
  conv,       ///< one convolution
  depthwise,  ///< one depthwise convolution
  mbconv,     ///< [1x1,] depthwise, 1x1
  fused,      ///< kxk, 1x1
  mixconv,    ///< several depthwise kernels side by side, 1x1
  dense,      ///< a linear layer
  pool,       ///< an average over height and width
  other
};
/// "conv", "mbconv", ...
std::string_view to_string(Kind kind);

/// A block's hyperparameters; 0 where it has none. Of a mixconv block: its largest kernel, all inner
/// channels.
struct Form {
  Kind kind = Kind::other;
  std::int64_t kernel = 0;
  std::int64_t stride = 0;
  std::int64_t groups = 0;    ///< of the kxk convolution
  std::int64_t expanded = 0;  ///< channels inside a block of several convolutions
  std::int64_t squeeze = 0;   ///< channels inside Squeeze-and-Excitation
  bool skip = false;          ///< the input is added to the result
  std::string act;            ///< of the first activation on the main path: "relu", "hard_swish"; "" for none
  std::int64_t convolutions = 0;  ///< on the main path, linear layers included
};

/// The block alone as a network `name` with this batch size. Operators are named behind "b0_".
ir::Graph network_of(const space::Block& block, std::int64_t batch);
/// Reads the form of such a network.
Form form_of(const ir::Graph& graph);

}  // namespace npusim::table
