// What streaming operators compute, in the chip's terms.
#pragma once

#include <optional>
#include <vector>

#include "hw_models/ascend310/stream_setting.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/quantize.h"

namespace npusim::ascend310 {

/// An operand as it lies in the chip's memory.
struct MeaningOperand {
  ir::TensorId tensor = ir::kNoTensor;
  Order order;
  bool resident = false;
};

/// The exponents of an int8 network; without them all are 0 (a program that is only timed).
class Exponents {
 public:
  Exponents(const ir::Graph& graph, const reference::Quantization* quantization)
      : graph_(graph), quantization_(quantization) {}
  [[nodiscard]] std::int64_t of(ir::TensorId tensor) const;
  /// Of stage `stage` of an operator; the last is that of output 0.
  [[nodiscard]] std::int64_t stage(const ir::Op& op, std::size_t stage) const;

 private:
  const ir::Graph& graph_;
  const reference::Quantization* quantization_;
};

/// The setting of an operator that makes tensor `out` (one of its outputs), fused steps included. `operands`
/// are the inputs that the operator loads, in order, those of fused steps last. Nothing for an operator whose
/// addresses depend on data (a gather) or that the int8 and fp16 arithmetic does not define.
std::optional<StreamSetting> meaning_of(const ir::Graph& graph, const ir::Op& op, ir::TensorId out,
                                        const Order& order, const std::vector<MeaningOperand>& operands,
                                        const Exponents& exponents);

/// A change of order or type alone: elements keep their number.
StreamSetting copy_meaning(const Order& from, const Order& to, std::int64_t exponent);

/// Steps behind a result that lies in `partial`, the first of `operands`' tensors being the first step's that
/// has one: what is left of an operator's fused steps from `first_step` on.
StreamSetting rest_meaning(const ir::Graph& graph, const ir::Op& op, std::size_t first_step,
                           const Order& partial, const Order& order,
                           const std::vector<MeaningOperand>& operands, const Exponents& exponents);

/// Rows and columns of each matrix of a stack exchanged.
StreamSetting transpose_meaning(const Order& from, const Order& to, std::int64_t exponent);

/// An image cut into patches of `kernel`, each a row of channels x kernel.h x kernel.w elements.
StreamSetting patches_meaning(const Order& from, const Order& to, ir::Hw kernel, std::int64_t exponent);

}  // namespace npusim::ascend310
