#include "hw_models/vpu/clocked/array.h"

#include <algorithm>

namespace npusim::vpu::clocked {

void Array::latch(const Job& job, const Grid& grid, const Pace& pace, Numbers* numbers) {
  walk_.emplace(job, grid);
  grid_ = grid;
  pace_ = pace;
  numbers_ = numbers;
  beat_ = credit_ = begun_ = finished_ = 0;
}

void Array::edge(const Idu& idu) {
  if (done()) return;
  credit_ += pace_.credit;
  while (!done() && credit_ >= pace_.cost) {
    if (beat_ == 0) {
      if (!idu.has(std::max<std::int64_t>(0, begun_ - kAhead))) {
        credit_ = 0;  // lanes without operands stand still
        return;
      }
      ++begun_;
    }
    credit_ -= pace_.cost;
    beat();
  }
}

void Array::beat() {
  const std::int64_t granule = pace_.beats * pace_.channels;
  if (numbers_ != nullptr) {
    numbers_->multiply(walk_->step(), grid_, walk_->step().granule * granule + beat_ * pace_.channels,
                       pace_.channels);
  }
  if (++beat_ < pace_.beats) return;
  beat_ = 0;
  ++finished_;
  const Block block = walk_->block();
  if (walk_->advance() && numbers_ != nullptr) numbers_->finish(block);
}

}  // namespace npusim::vpu::clocked
