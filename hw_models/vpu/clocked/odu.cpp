#include "hw_models/vpu/clocked/odu.h"

#include "sim/base/units.h"

namespace npusim::vpu::clocked {

void Odu::edge(std::int64_t done, std::int64_t all, bool ended) {
  if (at_tail()) {
    if (ended && !this->done()) ++left_;
    return;
  }
  credit_ += per_edge_;
  while (!at_tail() && credit_ >= cost_) {
    if (done < mul_div(left_, all, words_)) {
      credit_ = 0;  // a port without a word stands still
      return;
    }
    credit_ -= cost_;
    ++left_;
  }
}

}  // namespace npusim::vpu::clocked
