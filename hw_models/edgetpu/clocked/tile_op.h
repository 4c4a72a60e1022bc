// The operation engine of one tile: loop nest, lanes, accumulators.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/patch.h"

namespace npusim::edgetpu::clocked {

/// What all tiles' operation engines are told of a command.
struct OpRegisters {
  PhaseSetting s;
  program::OpcodeId opcode = 0;
  std::array<std::int32_t, program::kMaxArgs> args{};
  std::int64_t slot = 0;                  ///< of the FIFO, in wide memory
  std::span<const std::byte> parameters;  ///< (products) of all groups of outputs
};

/// A nest of counters, the innermost first. One with a limit of zero is done at once.
class LoopNest {
 public:
  LoopNest() = default;
  explicit LoopNest(std::vector<std::int64_t> limits);
  [[nodiscard]] std::int64_t at(std::size_t loop) const { return counters_[loop]; }
  [[nodiscard]] bool first(std::size_t loop) const { return counters_[loop] == 0; }
  [[nodiscard]] bool last(std::size_t loop) const { return counters_[loop] + 1 == limits_[loop]; }
  [[nodiscard]] bool done() const { return done_; }
  void advance();

 private:
  std::vector<std::int64_t> limits_, counters_;
  bool done_ = true;
};

/// One step of the loop nest at an edge: operands are read, lanes multiply, accumulators add, and in the last
/// step of a result it is rounded and written. A step whose row of weights is not in the FIFO yet waits. In
/// the pass over its last position the tile gives the FIFO back row by row.
class TileOp {
 public:
  TileOp(const Spec& spec, program::Storage& storage, std::int64_t tile);
  void latch(const OpRegisters& registers);
  /// One edge. Returns whether the tile has more to do.
  bool edge();
  [[nodiscard]] bool done() const { return nest_.done(); }

 private:
  using Words = std::vector<std::int32_t>;

  [[nodiscard]] std::vector<std::int64_t> limits() const;
  [[nodiscard]] bool weighs() const { return r_.opcode == kConv || r_.opcode == kDepthwise; }
  [[nodiscard]] bool has_row() const;
  void use_row();
  void step();
  void conv();
  void depthwise();
  void product();
  void pool();
  void words();
  void copy();
  void dot_product(std::span<const std::byte> word, std::span<const std::byte> row);
  void start(std::span<const std::byte> sums);
  [[nodiscard]] std::span<const std::byte> row(std::int64_t index) const;
  [[nodiscard]] std::span<const std::byte> input(std::int64_t position, std::int64_t tap,
                                                 std::int64_t channel, std::int64_t bytes) const;
  [[nodiscard]] std::int8_t rounded(std::int64_t sum) const;
  [[nodiscard]] std::int8_t clamped(double value) const;
  void write(std::int64_t position, std::int64_t channel, std::span<const std::int8_t> values) const;

  const Spec& spec_;
  std::int64_t tile_;
  Bank bank_, first_bank_;  ///< the tile's, and that of the tile that holds a map of one pixel
  Patch patch_;
  OpRegisters r_;
  LoopNest nest_;
  Words accumulators_;
  std::int64_t counted_ = 0;      ///< taps of a pool that lie in the map
  std::vector<std::byte> zeros_;  ///< what lies outside of the map
  std::int32_t fill_begin_ = 0;   ///< packets used before the present fill
};

}  // namespace npusim::edgetpu::clocked
