// The engines between a tile's narrow and wide memory.
#pragma once

#include <memory>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/clocked/faults.h"

namespace npusim::edgetpu::clocked {

/// Narrow-to-wide or wide-to-narrow: one word on its way at a time, `spill.cycles_per_word` edges each,
/// which need not be whole: the next word starts with what the last one left of its edge. How many words
/// follows from the command's regions: those of the whole block in one of the two memories. A command with a
/// region in only one of them reads, and leaves what it read in a place of its own.
class Mover final : public Engine {
 public:
  Mover(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults = {});
  ~Mover() override;

 protected:
  void latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace npusim::edgetpu::clocked
