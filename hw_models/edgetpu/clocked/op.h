// The operation engines of all tiles.
#pragma once

#include <memory>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/clocked/faults.h"

namespace npusim::edgetpu::clocked {

/// Tiles take a command at the same edge, each works on its own part (tile_op.h), and the command is complete
/// when the last one is.
class Op final : public Engine {
 public:
  Op(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults = {});
  ~Op() override;

 protected:
  void latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace npusim::edgetpu::clocked
