// npusim's int8 arithmetic: what every chip computes in int8, bit for bit.
//
// Semantics (symmetric, per tensor, scales are powers of two)
//
//   1. A tensor of real type is a list of integers q in [-128, 127] and one exponent e: its elements are
//      q * 2^e. Zero is 0. Tensors of integer and boolean type are what they are.
//   2. round() is to the nearest integer, ties to even; clamp() is to [-128, 127].
//      quantize(x, e) = clamp(round(x * 2^-e)), of the exact real number x. NaN is 0.
//   3. An operator with fused steps is a chain of stages: stage 0 is the operator itself, stage k its k-th
//   fused
//      step. Each stage's result is quantised with the stage's exponent before the next reads it; the last
//      stage's exponent is the output tensor's. (Exponents of stages before a relu or clip equal the exponent
//      behind it: saturation and the step then commute, so that a chip may apply the step to accumulators.)
//   4. conv, conv_transpose, matmul: x and w are int8 with exponents ex, ew. Products are summed exactly, to
//      acc (it must fit int32). A bias b is the int32 round(b * 2^-(ex+ew)), saturated, and is added to acc.
//      The result of stage 0 is clamp(round(acc * 2^(ex+ew-e0))): requantize(acc, e0-ex-ew).
//   5. Every other stage: the operator's real function of the real operands q * 2^e, quantised with the
//      stage's exponent. The real result is that of double precision. For what is exact there (add, sub, mul,
//      max, min, relu, clip, prelu; mean, sum and average pools up to their one division) an integer
//      implementation gives the same bits; for sigmoid, gelu, ... of one operand it is a table of 256
//      entries, made with passes::exact_value; softmax and norms are computed in doubles.
//   6. Operands: every tensor of real type that an operator or a fused step reads is int8 with its exponent,
//      weights and constants too. Exceptions: the bias of 4, and inputs 1 and up of a norm (scale, bias,
//      mean, variance), which stay real.
//   7. Views do not requantise: calibrate() gives inputs and outputs of reshape, transpose, slice, split,
//   pad,
//      concat, gather, expand, depth_to_space, space_to_depth, identity, maximum pools, maximum reductions
//      and nearest resize one exponent. (Pad's fill value is quantised with it.)
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/reference/value.h"

namespace npusim::reference {

/// The exponents of one graph.
struct Quantization {
  /// By tensor id: of tensors of real type that an operator reads or writes as int8; 0 for all others.
  std::vector<int> tensors;
  /// By index of the operator: of each stage, 1 + fused steps. The last is the first output's.
  std::vector<std::vector<int>> stages;
};

/// Largest magnitudes that a run met, from which exponents follow.
struct Peaks {
  std::vector<double> tensors;              ///< by tensor id
  std::vector<std::vector<double>> stages;  ///< by index of the operator
};

/// The smallest exponent e with peak <= 127 * 2^e; 0 for a peak of 0. Throws InternalError when it is not
/// finite.
int exponent_for(double peak);

/// Exponents for `graph` from a run of it (execute() in fp32), by rules 3 and 7.
Quantization calibrate(const ir::Graph& graph, const Peaks& peaks);

/// clamp(round(value * 2^-exponent)).
std::int64_t quantize(double value, int exponent);
/// clamp(round(sum * 2^-shift)), exactly; a negative shift multiplies.
std::int64_t requantize(std::int64_t sum, int shift);
/// q * 2^exponent, exactly.
double dequantize(std::int64_t q, int exponent);

/// A real tensor as int8.
Value quantized(const Value& value, int exponent);
/// The int32 bias of rule 4 for an accumulator whose exponent is ex + ew.
std::vector<std::int64_t> quantized_bias(const Value& bias, int accumulator_exponent);
/// An int8 tensor as fp32.
Value dequantized(const Value& value, int exponent);

}  // namespace npusim::reference
