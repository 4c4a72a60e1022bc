// Single commands with their operands in scratchpads, for tests of twins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "hw_models/ascend310/opcodes.h"
#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/target.h"
#include "sim/base/rng.h"
#include "sim/program/program.h"
#include "sim/program/storage.h"

namespace npusim::ascend310::test {

/// A program of one command on core 0 and what its scratchpads hold.
class Draft {
 public:
  Draft(const program::Target& target, Pipe pipe, Opcode opcode, std::initializer_list<std::int64_t> args);
  program::Region& region(Memory memory, bool write, std::int64_t offset, std::int64_t bytes);
  void setting(program::Setting setting);
  [[nodiscard]] const program::Program& program() const { return program_; }
  [[nodiscard]] const program::Command& command() const { return program_.commands.front(); }

 private:
  program::Program program_;
};

/// Fills bytes with fp16 numbers of a few significant bits between -4 and 4, some of them zero.
void fill_half(std::span<std::byte> bytes, Rng& rng);
/// Fills bytes with any bytes.
void fill_bytes(std::span<std::byte> bytes, Rng& rng);

/// One of `edges` or, two times in five, a number in [low, high].
std::int64_t near(Rng& rng, std::int64_t low, std::int64_t high, std::initializer_list<std::int64_t> edges);

/// Element `index` of a span of T.
template <class T>
T read(std::span<const std::byte> bytes, std::int64_t index) {
  T value;
  std::memcpy(&value, &bytes[static_cast<std::size_t>(index) * sizeof(T)], sizeof value);
  return value;
}
template <class T>
void write(std::span<std::byte> bytes, std::int64_t index, T value) {
  std::memcpy(&bytes[static_cast<std::size_t>(index) * sizeof(T)], &value, sizeof value);
}

}  // namespace npusim::ascend310::test
