// Cycles of the Edge TPU's engines: pure functions of a command.
#pragma once

#include "hw_models/edgetpu/spec.h"
#include "sim/kernel/machine.h"
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

/// How long a command of any compute engine takes.
kernel::Duration duration(const Spec& spec, const program::Command& command);

/// Cycles of an operator on the host.
std::int64_t host_cycles(const Spec& spec, std::int64_t macs, std::int64_t bytes);

}  // namespace npusim::edgetpu
