// Borders on the mesh: cycles of the fast engine, and every byte that a window reads where it is looked for.
#include "hw_models/edgetpu/clocked/mesh.h"

#include "hw_models/edgetpu/phases.h"
#include "tests/catch.h"
#include "tests/edgetpu_clocked/lone.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

struct Outcome {
  std::int64_t commands = 0, late = 0, wrong = 0;  ///< wrong: commands with a byte that is not the map's
};

bool borders_right(const Spec& spec, const Lone& it, program::Storage& storage) {
  const Shape& in = it.net.maps[0].shape;
  for (std::int64_t tile = 0; tile < spec.tiles(); ++tile) {
    const Patch patch(spec, it.s, tile);
    const clocked::Bank bank(spec, storage, tile);
    for (std::int64_t y = patch.window_rows().from; y < patch.window_rows().end(); ++y) {
      for (std::int64_t x = patch.window_columns().from; x < patch.window_columns().end(); ++x) {
        const auto address = patch.input(y, x);
        for (std::int64_t c = 0; address && c < in.c; ++c) {
          if (bank.narrow(*address + c, 1)[0] != static_cast<std::byte>(it.at(y, x, c))) return false;
        }
      }
    }
  }
  return true;
}

Outcome run(const Chip& chip, std::int64_t commands, std::uint64_t seed, const clocked::Faults& faults = {}) {
  Rng rng(seed);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Mesh>("mesh", chip.spec, faults); });
  Outcome counts;
  while (counts.commands < commands) {
    Shape in;
    Shape out;
    const Window window = random_window(rng, in, out, 18);
    in.c = rng.uniform(1, 12);
    Lone it = lone(chip.spec, Kind::depthwise, in, {out.h, out.w, in.c}, window, rng);
    const Halo halo = halo_of(chip.spec, it.net, it.phase());
    if (halo.cycles == 0 || gathers(it.net, it.phase())) continue;
    place_map(chip.spec, it, bench.storage(), false);
    const auto program =
        program_of(chip, it.s, Queue::mesh, kExchange, {halo.positions, chip.spec.padded(in.c), halo.relays});
    ++counts.commands;
    if (difference(bench, chip, program) != 0) ++counts.late;
    if (!borders_right(chip.spec, it, bench.storage())) ++counts.wrong;
  }
  return counts;
}

}  // namespace

TEST_CASE(
    "10,000 exchanges of borders take the fast engine's cycles and bring every byte that windows read") {
  const Outcome counts = run(Chip(), 10'000, 21);
  CHECK(counts.late == 0);
  CHECK(counts.wrong == 0);
}

TEST_CASE("on other grids and links, too") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{{"tiles.rows=1"},
                                                                     {"tiles.rows=2", "tiles.columns=5"},
                                                                     {"mesh.bytes_per_cycle=1"},
                                                                     {"mesh.bytes_per_cycle=3"},
                                                                     {"mesh.bytes_per_cycle=16"}}) {
    INFO(overrides[0]);
    const Outcome counts = run(Chip(overrides), 300, 22);
    CHECK(counts.late == 0);
    CHECK(counts.wrong == 0);
  }
}

TEST_CASE("a register too many on a link and tiles that pass nothing on are caught") {
  clocked::Faults late;
  late.link_registers = 1;
  CHECK(run(Chip(), 100, 23, late).late == 100);
  clocked::Faults deaf;
  deaf.no_relay = true;
  CHECK(run(Chip(), 300, 24, deaf).late + run(Chip(), 300, 24, deaf).wrong > 0);
}
