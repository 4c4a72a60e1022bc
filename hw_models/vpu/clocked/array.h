// The multiply-accumulate array of a DPU.
#pragma once

#include <cstdint>
#include <optional>

#include "hw_models/vpu/clocked/conv_walk.h"
#include "hw_models/vpu/clocked/idu.h"
#include "hw_models/vpu/clocked/numbers.h"

namespace npusim::vpu::clocked {

/// How fast the array goes through a step.
struct Pace {
  std::int64_t beats = 1;     ///< of a step: parts of its granule
  std::int64_t channels = 1;  ///< input channels a beat
  std::int64_t cost = 1;      ///< of a beat
  std::int64_t credit = 1;    ///< a cycle, in the same unit
};

/// Works through a convolution's steps beat by beat. A step begins when the IDU has the words of all steps
/// but the last `kAhead` in front of it: those come in during the start-up.
class Array {
 public:
  static constexpr std::int64_t kAhead = 16;

  void latch(const Job& job, const Grid& grid, const Pace& pace, Numbers* numbers);
  /// One edge of the DPU's clock.
  void edge(const Idu& idu);
  [[nodiscard]] bool done() const { return !walk_ || walk_->done(); }
  [[nodiscard]] std::int64_t begun() const { return begun_; }
  [[nodiscard]] std::int64_t finished() const { return finished_; }
  [[nodiscard]] std::int64_t steps() const { return walk_ ? walk_->steps() : 1; }

 private:
  void beat();

  std::optional<ConvWalk> walk_;
  Grid grid_;
  Pace pace_;
  Numbers* numbers_ = nullptr;
  std::int64_t beat_ = 0, credit_ = 0;
  std::int64_t begun_ = 0, finished_ = 0;  ///< steps
};

}  // namespace npusim::vpu::clocked
