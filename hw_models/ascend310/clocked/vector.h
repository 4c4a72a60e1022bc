// The vector unit, register by register.
#pragma once

#include <memory>

#include "hw_models/ascend310/clocked/edge_engine.h"
#include "sim/kernel/machine.h"

namespace npusim::ascend310::clocked {

/// 128 lanes of fp16 on the Unified Buffer, and the way out of L0C. A vector command is `count` instructions,
/// one after the other through the pipe of vector_pipe.h. A copy_out streams accumulators from L0C through
/// decoding and conversion stages, then runs the instructions behind the cube: the bias in fp32, then the
/// steps by class. Sources: design text hw/ascend310.md 1.4, 2.4.
///
/// Numbers: each step's result is rounded once to fp16. A function that takes several instructions gets its
/// value with the last of them. A command whose setting names no lanes (an operator whose tiles are not the
/// data it needs, such as a change of layout) takes its time here and its effect from `otherwise`, at its
/// last edge.
class Vector final : public EdgeEngine {
 public:
  Vector(const sc_core::sc_module_name& name, const Spec& spec, kernel::Functional otherwise = {});
  ~Vector() override;

 private:
  struct State;
  bool latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

  std::unique_ptr<State> state_;
};

}  // namespace npusim::ascend310::clocked
