// What the vector unit's lanes compute for the instructions that settings name.
#pragma once

#include <memory>
#include <vector>

#include "hw_models/ascend310/clocked/vector_pipe.h"
#include "hw_models/ascend310/semantics.h"
#include "sim/program/storage.h"

namespace npusim::ascend310::clocked {

/// Rows of an operand in UB: the runs of its region.
using Rows = std::vector<std::span<std::byte>>;
Rows rows_of(program::Storage& storage, const program::Region& region);

/// An element-wise function of one or two operands. Blocks of the first are `block_stride` blocks apart.
class FunctionLanes final : public Lanes {
 public:
  FunctionLanes(const ir::ElementwiseAttrs& op, std::vector<Rows> operands, Rows result,
                std::int64_t block_stride)
      : op_(op), operands_(std::move(operands)), result_(std::move(result)), block_stride_(block_stride) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  ir::ElementwiseAttrs op_;
  std::vector<Rows> operands_;
  Rows result_;
  std::int64_t block_stride_;
};

/// fp32 to fp16. A beat carries so many bytes of the fp32 operand.
class ConvertLanes final : public Lanes {
 public:
  ConvertLanes(Rows operand, Rows result) : operand_(std::move(operand)), result_(std::move(result)) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  Rows operand_, result_;
};

/// 16 x 16 elements of 2 bytes at a time: byte (i, j) of a 512-byte tile goes to (j, i).
class TransposeLanes final : public Lanes {
 public:
  TransposeLanes(Rows operand, Rows result) : operand_(std::move(operand)), result_(std::move(result)) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  Rows operand_, result_;
};

/// The sum of each repeat of 256 bytes by a balanced tree in fp32.
class SumLanes final : public Lanes {
 public:
  SumLanes(Rows operand, Rows result) : operand_(std::move(operand)), result_(std::move(result)) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  static constexpr std::int64_t kRepeat = 256;
  Rows operand_, result_;
  std::vector<float> level_;  ///< operands of the present repeat
};

/// A result tile on its way from L0C to UB, between the instructions of a copy_out. fp16 results come from
/// fp32 accumulators and biases; int8 results (workloads/reference/quantize.h) from int32 ones.
class ResultTile {
 public:
  /// `early` steps are applied when accumulators are rounded to the result's type.
  ResultTile(CopyOutSetting setting, std::size_t early, std::int64_t fractals, std::span<std::byte> result,
             std::span<const std::byte> bias, std::span<const std::byte> residual);

  /// Bytes of the accumulators, in L0C's order, from byte `from` on. Without a bias they are rounded at once.
  void receive(std::int64_t from, std::span<const std::byte> bytes);
  /// Accumulator `element` with its bias, in the accumulators' type.
  [[nodiscard]] double biased(std::int64_t element) const;
  /// Rounds an accumulator to the result's type, applies the early steps and writes to UB.
  void round(std::int64_t element, double sum);
  /// What step `step` makes of an element in UB: bits of fp16, or int8.
  [[nodiscard]] std::int16_t stepped(std::int64_t element, std::size_t step) const;
  void put(std::int64_t element, std::int16_t bits);

 private:
  [[nodiscard]] bool int8() const { return setting_.int8 != 0; }
  /// The tile's column that an accumulator belongs to. From the setting's `columns` on they are zero.
  [[nodiscard]] std::int64_t column(std::int64_t element) const;
  [[nodiscard]] std::int64_t home(std::int64_t element) const {
    return homes_[static_cast<std::size_t>(element)];
  }
  [[nodiscard]] double real(std::span<const std::byte> from, std::int64_t home, std::int64_t exponent) const;
  [[nodiscard]] std::int16_t apply(std::size_t step, double value, std::int64_t home) const;
  /// Exponent of an int8 element before step `step`.
  [[nodiscard]] std::int64_t exponent(std::size_t step) const;

  CopyOutSetting setting_;
  std::size_t early_;
  std::span<std::byte> result_;
  std::span<const std::byte> bias_, residual_;
  std::vector<std::byte> registers_;  ///< accumulators as received
  std::vector<std::int64_t> homes_;   ///< byte of the result for an accumulator; -1 for a fractal's padding
};

/// The bias pass of a copy_out: over fp32 accumulators.
class BiasLanes final : public Lanes {
 public:
  explicit BiasLanes(ResultTile& tile) : tile_(tile) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  ResultTile& tile_;
};

/// The last instruction of one step of a copy_out: over fp16 results.
class StepLanes final : public Lanes {
 public:
  StepLanes(ResultTile& tile, std::size_t step) : tile_(tile), step_(step) {}
  std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) override;
  void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) override;

 private:
  ResultTile& tile_;
  std::size_t step_;
};

}  // namespace npusim::ascend310::clocked
