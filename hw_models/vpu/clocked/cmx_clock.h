// The second clock of a DPU's twin.
#pragma once

#include <cstdint>

namespace npusim::vpu::clocked {

/// CMX's clock, divided from the DPU's by a phase accumulator that begins at zero with a workload.
class CmxClock {
 public:
  CmxClock(std::int64_t cmx_hz, std::int64_t dpu_hz) : cmx_hz_(cmx_hz), dpu_hz_(dpu_hz) {}
  void reset() { phase_ = 0; }
  /// One edge of the DPU's clock: how many edges of CMX's fall on it.
  std::int64_t edge() {
    phase_ += cmx_hz_;
    const std::int64_t edges = phase_ / dpu_hz_;
    phase_ %= dpu_hz_;
    return edges;
  }

 private:
  std::int64_t cmx_hz_, dpu_hz_;
  std::int64_t phase_ = 0;
};

}  // namespace npusim::vpu::clocked
