// Proof by numbers: a compiled program, command by command on real tensors, against the reference executor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/quantize.h"

namespace npusim::hw {

/// A network ready to be executed: what the chip compiled, and what the reference says it computes. The chip
/// must outlive it.
struct Trial {
  ir::Graph graph;                       ///< after the passes
  ir::DType dtype = ir::DType::f16;      ///< fp16 or int8
  reference::Quantization quantization;  ///< int8 only
  reference::Values expected;            ///< of every tensor of `graph`, in the chip's arithmetic
  Compiled compiled;
};

/// Runs the passes on `graph`, the reference on the result and the chip's compiler; verifies the program.
/// `given`: the inputs and weights of `graph`. Throws UserError when the chip has no functional execution or
/// the type is neither fp16 nor int8.
Trial prepare_trial(const Npu& npu, const ir::Graph& graph, const reference::Values& given, ir::DType dtype);

/// How one tensor that a task wrote compares with what the reference makes of the chip's own operands.
struct TensorCheck {
  std::string task;  ///< the layer
  std::string tensor;
  std::int64_t elements = 0;
  double max_abs = 0;    ///< largest difference
  double relative = 0;   ///< of it to the largest magnitude of the reference's tensor
  double tolerance = 0;  ///< the largest `relative` that passes for an element of that magnitude
  double used = 0;       ///< the largest share of its own tolerance that an element took
  double end_to_end =
      0;  ///< largest difference to the reference's whole run, of the tensor's scale: a figure
};

/// An element that is wrong.
struct Mismatch {
  std::string task, tensor;
  std::string element;  ///< "[0,3,17,2]"
  double expected = 0, actual = 0;
  double tolerance = 0;     ///< absolute
  std::size_t command = 0;  ///< the store that wrote it, index in the program
  std::string where;        ///< that command in words, and the layer's tiling
};

struct Verdict {
  std::vector<TensorCheck> checks;
  std::vector<std::string> not_computed;  ///< tasks whose results were taken from the reference
  std::optional<Mismatch> mismatch;       ///< the first wrong element of the first wrong layer
  std::int64_t commands = 0;
};

/// The orders in which commands of different queues may be executed. All are allowed by the flags, and every
/// read's write and every overwrite's read are ordered by them (program::verify), so the results are equal.
enum class QueueOrder : std::uint8_t { first_ready, last_ready };

/// Executes the trial's program on fresh memory and compares every layer's result; stops at the first wrong
/// one. The program may have been changed since it was compiled (fault injection).
///
/// What a layer is held against: the reference's operator on the operands that the chip itself computed, so
/// that differences of earlier layers do not count. Operands without a place in memory (a view) are the
/// reference's, made of the chip's. A further copy of a tensor must equal the chip's first one exactly.
///
/// Tolerance. int8: none. fp16: chip and reference round at the same places (after the operator and each
/// fused step), but the chip adds K products in another order and in fp32, which is off by K * 2^-24 of the
/// sums' scale and turns a rounding the other way now and then, by one unit of last place: 2^-10 of the value
/// at most. Of element v with the stages' peaks P0, P1, ... before the last: 2^-10 * (|v| + P0 + P1 + ...) +
/// K * 2^-24 * peak, and half of the smallest fp16 number twice over.
Verdict run_trial(const Trial& trial, QueueOrder order = QueueOrder::first_ready);

}  // namespace npusim::hw
