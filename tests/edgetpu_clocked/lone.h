// Phases on their own, with numbers: what the tests of single engines give the twins.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/network.h"
#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/patch.h"
#include "hw_models/edgetpu/spec.h"
#include "sim/base/rng.h"
#include "tests/kernel/clocked_bench.h"

namespace npusim::edgetpu::test {

using kernel::test::Bench;

/// The description of Coral's stick with `overrides` ("key=value"), and its target.
struct Chip {
  explicit Chip(const std::vector<std::string>& overrides = {});
  Spec spec;
  program::Target target;
};

/// One phase with maps in narrow memory, and the bytes of its operands.
struct Lone {
  Network net;
  PhaseSetting s;                    ///< as the compiler makes it; exponents and clamps may be set
  std::vector<std::int8_t> map;      ///< [y][x][c] of the first operand
  std::vector<std::int8_t> weights;  ///< [output][tap][input], as the phase's kind has them
  std::vector<std::int32_t> biases;  ///< by output

  [[nodiscard]] Phase& phase() { return net.phases[0]; }
  [[nodiscard]] const Phase& phase() const { return net.phases[0]; }
  /// Of the first operand; zero outside of the map.
  [[nodiscard]] std::int64_t at(std::int64_t y, std::int64_t x, std::int64_t c) const;
};

/// A phase of `kind` from maps of these shapes, placed one behind the other, borders last; with seeded bytes.
Lone lone(const Spec& spec, Kind kind, const Shape& in, const Shape& out, const Window& window, Rng& rng);
/// A window that makes some map of at most `most` rows and columns from one of at most as many.
Window random_window(Rng& rng, Shape& in, Shape& out, std::int64_t most);

/// Writes every tile's part of the first operand; its borders, too, where asked for.
void place_map(const Spec& spec, const Lone& it, program::Storage& storage, bool borders);

/// One command with the phase's setting.
program::Program program_of(const Chip& chip, const PhaseSetting& setting, Queue queue, Opcode opcode,
                            const std::vector<std::int64_t>& args,
                            const std::vector<program::Region>& regions = {});
/// Edges that the twin takes for the program's command less what the fast engine says.
std::int64_t difference(Bench& bench, const Chip& chip, const program::Program& program);

std::int8_t byte(Rng& rng);

}  // namespace npusim::edgetpu::test
