// MIDAP's pipeline, register by register.
#pragma once

#include <memory>

#include "hw_models/midap/spec.h"
#include "sim/kernel/clocked.h"

namespace npusim::midap::clocked {

/// Eight stages, each a register: load (a row of a feature-map bank and the same row of the CIMs' weight
/// memories), align (two-row shift register, broadcast), multiply, add (carry-save trees into accumulators;
/// extended CIM: 64 accumulators), bias and activation, reduction, write queue, write. While a command runs,
/// every edge moves everything by one stage; between commands everything stands still, which is how the chip
/// waits for data. Registers keep their contents from command to command: a compute command ends when the row
/// before the position in its arguments has been loaded, a drain when the pipeline is empty.
///
/// The write stage takes 64 channels an edge, or 16 where an extended operator's channels are no whole rows
/// of their map; the row that completes a vector is held back until the vector before it will have left the
/// queue. Source: design text hw/midap.md 2.1.
class Pipeline final : public kernel::ClockedEngine {
 public:
  Pipeline(const sc_core::sc_module_name& name, const Spec& spec);
  ~Pipeline() override;
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  [[nodiscard]] bool busy() const override { return busy_; }

 private:
  struct State;
  void on_edge();
  std::unique_ptr<State> state_;
  bool busy_ = false;
};

}  // namespace npusim::midap::clocked
