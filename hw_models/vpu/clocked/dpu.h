// A DPU, clock by clock.
#pragma once

#include <memory>

#include "hw_models/vpu/clocked/job.h"
#include "sim/kernel/clocked.h"

namespace npusim::vpu::clocked {

/// One data processing unit. Meteor Lake's: input unit with ports into CMX, array of 4x4 pixels by 16 output
/// channels, output unit with its write port; CMX's clock is divided from the DPU's. KeemBay's: the array
/// alone, whose operands are always there. One process on the rising edge of the DPU's clock.
///
/// A command with a setting computes on the bytes of its regions; one without moves counters only. Source:
/// design text hw/vpu.md 1.2 and 1.5, docs/calibration/vpu.md for the constants of `spec`.
class Dpu final : public kernel::ClockedEngine {
 public:
  Dpu(const sc_core::sc_module_name& name, const Spec& spec);
  Dpu(const sc_core::sc_module_name& name, const Spec& spec, const Structure& structure);
  ~Dpu() override;
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  [[nodiscard]] bool busy() const override { return busy_; }

 private:
  struct State;
  void on_edge();
  std::unique_ptr<State> state_;
  bool busy_ = false;
};

}  // namespace npusim::vpu::clocked
