// Packets on the ring: cycles of the fast engine, and rows of weights as they were stored.
#include "hw_models/edgetpu/clocked/ring.h"

#include <algorithm>

#include "tests/catch.h"
#include "tests/edgetpu_clocked/lone.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

using clocked::Bank;

/// A fill of weights: stored rows of `outputs` x 4 bytes, with or without biases in front.
struct Fill {
  Fill(const Spec& spec, Rng& rng) {
    s.work = Work::conv;
    s.fill_rows = rng.uniform(1, 20);
    s.outputs = rng.uniform(1, 4) * spec.group() / 4;
    s.buffers = rng.uniform(1, 2);
    biases = rng.uniform(0, 1) == 1;
    packets = s.fill_rows + (biases ? 1 : 0);
    slot = rng.uniform(0, 100) * spec.row_bytes();
    stored = s.outputs * spec.dot;
  }
  PhaseSetting s;
  bool biases = false;
  std::int64_t packets = 0, slot = 0, stored = 0;
};

/// Commands that take other cycles than the fast engine says, or leave a wrong byte.
std::int64_t faults_of(const Chip& chip, std::int64_t commands, std::uint64_t seed,
                       const clocked::Faults& faults = {}) {
  Rng rng(seed);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Ring>("ring", chip.spec, faults); });
  const std::int64_t row = chip.spec.row_bytes();
  std::int64_t bad = 0;
  for (std::int64_t i = 0; i < commands; ++i) {
    const Fill fill(chip.spec, rng);
    const std::int64_t source = rng.uniform(0, 1000) * 16;
    const auto program =
        program_of(chip, fill.s, Queue::ring, kBroadcast, {fill.packets, fill.biases ? 0 : 1, 0},
                   {region_of(Space::parameters, false, source, fill.packets * fill.stored),
                    region_of(Space::wide, true, fill.slot, (fill.s.fill_rows + 1) * row)});
    const auto parameters =
        bench.storage().bytes(space_id(Space::parameters), source, fill.packets * fill.stored);
    for (auto& at : parameters) at = static_cast<std::byte>(byte(rng));
    for (std::int64_t tile = 0; tile < chip.spec.tiles(); ++tile) {
      const Bank bank(chip.spec, bench.storage(), tile);
      bank.set_counter(kUsed, bank.counter(kArrived));
    }
    bool right = difference(bench, chip, program) == 0;
    const Bank bank(chip.spec, bench.storage(), rng.uniform(0, chip.spec.tiles() - 1));
    for (std::int64_t p = 0; p < fill.packets; ++p) {
      const auto got = bank.wide(fill.slot + (p + (fill.biases ? 0 : 1)) * row, row);
      for (std::int64_t b = 0; b < row; ++b) {
        const auto wanted =
            b < fill.stored ? parameters[static_cast<std::size_t>(p * fill.stored + b)] : std::byte{0};
        right = right && got[static_cast<std::size_t>(b)] == wanted;
      }
    }
    if (!right) ++bad;
  }
  return bad;
}

}  // namespace

TEST_CASE("10,000 fills of weights take the fast engine's cycles and reach every tile row by row") {
  CHECK(faults_of(Chip(), 10'000, 41) == 0);
}

TEST_CASE("at 1, 7 and 300 bytes a cycle, too") {
  for (const char* rate : {"1", "7", "300"}) {
    INFO(rate);
    CHECK(faults_of(Chip({std::string("ring.bytes_per_cycle=") + rate}), 200, 42) == 0);
  }
}

TEST_CASE("a register too many on the ring is caught, and so is a FIFO that is one packet too shallow") {
  clocked::Faults late;
  late.ring_registers = 1;
  CHECK(faults_of(Chip(), 100, 43, late) == 100);

  // A position-outer convolution's FIFO holds two fills with their biases: the last packet of the second
  // waits for room that nobody makes.
  const auto fills_in_time = [](std::int64_t more) {
    const Chip chip;
    clocked::Faults faults;
    faults.fifo_packets = more;
    Bench bench(chip.target, [&] { return std::make_unique<clocked::Ring>("ring", chip.spec, faults); });
    PhaseSetting s;
    s.work = Work::conv;
    s.fill_rows = 5;
    s.outputs = 64;
    s.buffers = 2;
    for (int fill = 0; fill < 3; ++fill) {
      const auto program = program_of(chip, s, Queue::ring, kBroadcast, {6, 0, 0},
                                      {region_of(Space::parameters, false, 0, 6 * 256),
                                       region_of(Space::wide, true, fill % 2 * 6 * 256, 6 * 256)});
      try {
        if (bench.run(program, program.commands[0], 1000) != 6 * 32) return fill;
      } catch (const std::exception&) {
        return fill;  // it never ends
      }
    }
    return 3;
  };
  CHECK(fills_in_time(0) == 2);
  CHECK(fills_in_time(-1) == 1);
  CHECK(fills_in_time(6) == 3);
}

TEST_CASE(
    "rows of a depthwise kernel: 10,000 expansions take the fast engine's cycles and stand on a diagonal") {
  const Chip chip;
  Rng rng(44);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Ring>("ring", chip.spec); });
  const std::int64_t row = chip.spec.row_bytes();
  std::int64_t bad = 0;
  for (int i = 0; i < 10'000; ++i) {
    PhaseSetting s;
    s.work = Work::depthwise;
    s.in_c = s.out_c = 64;
    s.fill_rows = rng.uniform(1, 9);
    s.buffers = 2;
    const std::int64_t bytes = 4 * (4 + s.fill_rows);
    const auto program = program_of(chip, s, Queue::ring, kExpand, {s.fill_rows, 1, rng.uniform(0, 15), 0},
                                    {region_of(Space::parameters, false, 0, bytes),
                                     region_of(Space::wide, true, 0, (s.fill_rows + 1) * row)});
    const auto parameters = bench.storage().bytes(space_id(Space::parameters), 0, bytes);
    for (auto& at : parameters) at = static_cast<std::byte>(byte(rng));
    for (std::int64_t tile = 0; tile < chip.spec.tiles(); ++tile) {
      const Bank bank(chip.spec, bench.storage(), tile);
      bank.set_counter(kUsed, bank.counter(kArrived));
    }
    bool right = difference(bench, chip, program) == 0;
    const Bank bank(chip.spec, bench.storage(), rng.uniform(0, 15));
    right = right && std::equal(parameters.begin(), parameters.begin() + 16, bank.wide(0, 16).begin());
    for (std::int64_t tap = 0; tap < s.fill_rows; ++tap) {
      for (std::int64_t b = 0; b < row; ++b) {
        const bool diagonal = b < 16 && b / 4 == b % 4;
        const auto wanted =
            diagonal ? parameters[static_cast<std::size_t>(16 + tap * 4 + b / 4)] : std::byte{0};
        right = right && bank.wide((1 + tap) * row + b, 1)[0] == wanted;
      }
    }
    if (!right) ++bad;
  }
  CHECK(bad == 0);
}
