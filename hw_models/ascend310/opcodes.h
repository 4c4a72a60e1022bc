// The Ascend 310's instructions, as mappers, engines and their clocked twins name them.
#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace npusim::ascend310 {

/// The chip's opcodes; their arguments are in opcode_table() (target.cpp).
enum Opcode : program::OpcodeId {
  kLoadGlobal,     ///< MTE2: global memory -> L1 or UB
  kStoreGlobal,    ///< MTE3: UB -> global memory
  kLoad2dA,        ///< MTE1: L1 -> L0A, fractals as they lie
  kLoad3dA,        ///< MTE1: L1 -> L0A, image to column
  kLoad2dB,        ///< MTE1: L1 -> L0B
  kMad,            ///< cube: C += A*B
  kVectorCopyOut,  ///< vector: L0C -> UB with conversion, then the epilogue's vector instructions
  kVector          ///< vector: instructions on UB
};

/// Rates at which vector instructions run.
enum VectorClass : std::int32_t { kSimple, kExp, kConvert, kTranspose, kReduce };

}  // namespace npusim::ascend310
