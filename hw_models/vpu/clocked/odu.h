// The output unit of a DPU: words of the result on their way to CMX.
#pragma once

#include <cstdint>

namespace npusim::vpu::clocked {

/// The write port. A word leaves when the array is through with its share of the work, and the port is free.
class Odu {
 public:
  /// `words`, the last `tail` of which leave only when the array has ended, one a CMX clock. In front of them
  /// every word holds the port for `cost / credit` CMX clocks.
  void latch(std::int64_t words, std::int64_t tail, std::int64_t cost, std::int64_t credit) {
    words_ = words;
    tail_ = tail;
    cost_ = cost;
    per_edge_ = credit;
    left_ = credit_ = 0;
  }
  /// One edge of CMX's clock: `done` of `all` steps are through; `ended`: and nothing else is under way.
  void edge(std::int64_t done, std::int64_t all, bool ended);
  /// All but the tail has left.
  [[nodiscard]] bool at_tail() const { return left_ >= words_ - tail_; }
  [[nodiscard]] bool done() const { return left_ == words_; }
  [[nodiscard]] std::int64_t words() const { return words_; }
  [[nodiscard]] std::int64_t left() const { return left_; }

 private:
  std::int64_t words_ = 0, tail_ = 0, cost_ = 0, per_edge_ = 0;
  std::int64_t left_ = 0;    ///< words that have left
  std::int64_t credit_ = 0;  ///< of the port
};

}  // namespace npusim::vpu::clocked
