// MTE1, the mover from L1 to L0A and L0B, register by register.
#pragma once

#include <memory>

#include "hw_models/ascend310/clocked/edge_engine.h"

namespace npusim::ascend310::clocked {

/// A port into L1 that carries so many bytes an edge, behind it a pipeline to L0 as long as the instruction's
/// start (20 stages for load2d, 42 for load3d), and a sequencer that walks the destination fractal by
/// fractal, 16 lines of 32 bytes each.
///
/// load2d: a line takes 32 bytes of the port's time. load3d: with strides 1, 2, 4 and 8 the port fetches
/// 512 bytes of an input row at once, which hold 16/stride of a fractal's pixels, and where the pixels of a
/// fractal go on in another output row it spends one more fetch to turn there; with other strides it fetches
/// pixel by pixel, 32 bytes each, at its slow rate. Padding costs what pixels cost. Source: design text
/// hw/ascend310.md 2.2.
class Mte1 final : public EdgeEngine {
 public:
  Mte1(const sc_core::sc_module_name& name, const Spec& spec);
  ~Mte1() override;

 private:
  struct State;
  bool latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

  std::unique_ptr<State> state_;
};

}  // namespace npusim::ascend310::clocked
