// The cube, register by register.
#pragma once

#include <memory>

#include "hw_models/ascend310/clocked/edge_engine.h"

namespace npusim::ascend310::clocked {

/// An array of cube_m x cube_n dot-product units, each with cube_k multipliers, an adder tree and an
/// accumulator in L0C. Every edge the fetch unit reads a slab of cube_m rows of A from L0A and of cube_n
/// columns of B from L0B, cube_k elements deep, into the operand registers; `cube_fill` register stages later
/// the sums are added to the accumulators. Slabs come with rows fastest (B's stays in its registers), then
/// columns, then K, so an accumulator takes its K slabs in ascending order.
///
/// Numbers: fp16 operands, exact products, a balanced fp32 tree over a slab's products, one fp32 addition to
/// the accumulator; in int8, int32 throughout. Sources: design text hw/ascend310.md 1.1, 1.5, 2.1; adder tree
/// and accumulator buffers as in the chip's textbook (Springer 978-981-19-2879-6, chapter 3).
///
/// Layouts: L0A holds fractals [m][k] of 16 rows x 32 bytes, L0B [k][n] of 16 columns x 32 bytes, L0C [n][m]
/// of 16 rows x 16 columns of 4 bytes.
class Cube final : public EdgeEngine {
 public:
  Cube(const sc_core::sc_module_name& name, const Spec& spec);
  ~Cube() override;

 private:
  struct State;
  bool latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

  std::unique_ptr<State> state_;
};

}  // namespace npusim::ascend310::clocked
