// Random layers as commands of the pipeline, with what the fast engine says they take and what they compute.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hw_models/midap/network.h"
#include "hw_models/midap/opcodes.h"
#include "sim/base/rng.h"
#include "sim/program/program.h"
#include "tests/midap_clocked/bench.h"

namespace npusim::midap::test {

/// One layer whose input lies in banks 0 to 2, in up to three fragments; its result goes to bank 3. Features,
/// weights and biases are seeded random bytes.
class Trial {
 public:
  /// A layer of random geometry that keeps to what the compiler makes.
  Trial(const Spec& spec, Work work, std::uint64_t seed);

  /// Changes a command's setting before the twin sees it (a deliberate fault).
  using Spoil = std::function<void(PipelineSetting&)>;
  /// Runs all commands on the twin. Returns what went wrong first, in words; "" when cycles of every command
  /// and all numbers are right. `commands` counts.
  std::string run(Bench& bench, const program::Target& target, std::int64_t& commands,
                  const Spoil& spoil = {});
  [[nodiscard]] std::string describe() const;

 private:
  void choose_windowed(Rng& rng);
  void choose_result(Rng& rng);
  void choose_pieces(Rng& rng);
  void place_input(program::Storage& storage) const;
  void place_weights(program::Storage& storage, std::int64_t group, std::int64_t buffer,
                     std::int64_t base) const;
  void place_operand(program::Storage& storage, std::int64_t column, std::int64_t buffer) const;
  [[nodiscard]] std::string compare(program::Storage& storage) const;
  [[nodiscard]] std::int64_t value(std::int64_t x, std::int64_t y, std::int64_t channel) const;
  [[nodiscard]] bool has_taps(std::int64_t x, std::int64_t y) const;
  [[nodiscard]] std::int64_t windowed_sum(std::int64_t x, std::int64_t y, std::int64_t channel) const;
  [[nodiscard]] std::int8_t feature(std::int64_t x, std::int64_t y, std::int64_t c) const;
  [[nodiscard]] std::int8_t weight(std::int64_t filter, std::int64_t kx, std::int64_t ky,
                                   std::int64_t c) const;
  [[nodiscard]] std::int8_t bias(std::int64_t channel) const;
  [[nodiscard]] Layer& layer() { return net_.layers[1]; }
  [[nodiscard]] const Layer& layer() const { return net_.layers[1]; }

  friend class Runner;
  const Spec& spec_;
  Work work_;
  std::uint64_t seed_;
  Network net_;
  std::vector<Mapping> pieces_;
  std::int64_t shift_ = 0, bias_shift_ = 0, relu_ = 0;
  std::int64_t split_ = 0;  ///< first column of the second segment; 0: one segment
  bool control_between_ = false;
};

}  // namespace npusim::midap::test
