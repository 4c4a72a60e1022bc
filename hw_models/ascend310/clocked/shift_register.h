// A chain of registers, the backbone of every pipeline of the twins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace npusim::ascend310::clocked {

/// `depth` registers in a row, each empty or holding a T. A shift is one clock edge: every register passes
/// its content on, the first takes the new one, and what leaves the last is handed out. The registers lie in
/// a ring, so that a shift moves an index and no data.
template <class T>
class ShiftRegister {
 public:
  explicit ShiftRegister(std::int64_t depth) : registers_(static_cast<std::size_t>(depth)) {}

  /// One edge. Without registers, `in` passes straight through.
  std::optional<T> shift(std::optional<T> in) {
    if (registers_.empty()) return in;
    std::optional<T> out = std::exchange(registers_[oldest_], std::move(in));
    held_ += registers_[oldest_].has_value() ? 1 : 0;
    held_ -= out.has_value() ? 1 : 0;
    oldest_ = (oldest_ + 1) % registers_.size();
    return out;
  }

  [[nodiscard]] bool empty() const { return held_ == 0; }
  [[nodiscard]] std::int64_t depth() const { return static_cast<std::int64_t>(registers_.size()); }
  /// Register `stage`; 0 is the one that the last shift filled.
  [[nodiscard]] std::optional<T>& at(std::int64_t stage) {
    const std::size_t size = registers_.size();
    return registers_[(oldest_ + size - 1 - static_cast<std::size_t>(stage)) % size];
  }

 private:
  std::vector<std::optional<T>> registers_;
  std::size_t oldest_ = 0;
  std::int64_t held_ = 0;
};

}  // namespace npusim::ascend310::clocked
