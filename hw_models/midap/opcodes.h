// The chip's opcodes and the setting that says what the pipeline works on.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/program/program.h"

namespace npusim::midap {

/// The chip's opcodes; their arguments are in opcode_table() (target.cpp).
enum Opcode : program::OpcodeId {
  kLoadWeights,   ///< DRAM -> the idle weight buffer
  kLoadFeatures,  ///< DRAM -> a feature-map bank
  kLoadBiases,    ///< DRAM -> the idle bias memory
  kStore,         ///< write buffer -> DRAM
  kControl,       ///< the pipeline is given a load or a segment while it is idle
  kCompute,       ///< rows through the pipeline, and cycles in which it waits for the write stage
  kReduce,        ///< the reduction stage hands out its sums
  kDrain          ///< the pipeline runs empty
};

/// What CIMs do with rows.
enum class Work : std::uint8_t { conv, gemm, depthwise, max_pool, average_pool, sum, product };

/// Planes [head, tail) of a map in a bank.
struct BankPiece {
  std::int64_t bank = 0, head = 0, tail = 0;
  bool operator==(const BankPiece&) const = default;
};

/// How the pipeline is configured for a segment: the geometry that its address generators walk. Elements are
/// bytes. A segment is all filter groups over output columns [first, last]; a gemm's columns are its pixels.
struct PipelineSetting {
  Work work = Work::conv;
  std::int64_t in_w = 1, in_h = 1, in_c = 1;  ///< the input as the window sees it: magnified and cropped
  std::int64_t scale_w = 1, scale_h = 1;      ///< its magnification
  std::int64_t zeros = 0;                     ///< 1: magnified with zeros
  std::int64_t crop = 0;                      ///< planes cut off on the left
  std::int64_t kw = 1, kh = 1, stride_w = 1, stride_h = 1, dilation_w = 1, dilation_h = 1;
  std::int64_t left = 0, top = 0;       ///< padding
  std::int64_t first = 0, last = 0;     ///< output columns
  std::int64_t rows = 1;                ///< output pixels of a column (gemm: 1)
  std::int64_t filters = 0;             ///< output channels that are computed, padded to what works at once
  std::int64_t conv_groups = 1;         ///< of a grouped convolution
  std::int64_t group_depth = 0;         ///< its input channels a group
  std::int64_t own_c = 0;               ///< its output channels, unpadded
  std::int64_t filter_bytes = 0;        ///< of one filter
  std::int64_t broadcast = 0;           ///< 1: the second operand is one value a channel
  std::int64_t map_h = 1, map_c = 1;    ///< of the map that the result is part of
  std::int64_t z_begin = 0, z_end = 0;  ///< its channels that are written
  std::int64_t x_begin = 0;             ///< its first plane that is written
  std::int64_t own_w = 1, reverse = 0;  ///< 1: written mirrored in x over so many planes
  std::int64_t bias = 0;                ///< 1: added
  std::int64_t reduce = 0;              ///< 1: results are summed per channel
  std::int64_t bias_shift = 0;          ///< biases count 2^bias_shift of the accumulator
  std::int64_t shift = 0;               ///< accumulators are divided by 2^shift, rounding halves up
  std::int64_t relu = 0;                ///< 1: negative results become zero
  std::vector<BankPiece> pieces;   ///< of the input, in the order of x: the first that holds a plane counts
  std::vector<BankPiece> outputs;  ///< of the map
  bool operator==(const PipelineSetting&) const = default;
};

/// As a program's setting, and back. `from_setting` throws InternalError for one that is not the pipeline's.
program::Setting to_setting(const PipelineSetting& setting);
PipelineSetting from_setting(const program::Setting& setting);

}  // namespace npusim::midap
