#include "nas/fit/block_tables.h"

#include <string>

#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;
using space::Genome;

namespace {

std::vector<std::string> names_of(const std::vector<space::Block>& blocks) {
  std::vector<std::string> names;
  for (const space::Block& block : blocks) names.push_back(block.name);
  return names;
}

/// A space of four genes; `tangled`: which block stands at each of its two places depends on all of them.
class Toy : public space::Space {
 public:
  explicit Toy(bool tangled, std::size_t choices)
      : Space("toy", std::vector<space::Gene>(4, {"gene", std::vector<std::string>(choices, "choice")})),
        tangled_(tangled) {}
  [[nodiscard]] double count() const override { return 0; }
  [[nodiscard]] std::optional<Genome> at(std::uint64_t) const override { return std::nullopt; }
  [[nodiscard]] Genome sample(Rng& rng) const override {
    Genome genome;
    const auto last = static_cast<std::int64_t>(genes()[0].choices.size()) - 1;
    for (int i = 0; i < 4; ++i) genome.push_back(static_cast<std::uint16_t>(rng.uniform(0, last)));
    return genome;
  }
  [[nodiscard]] Genome largest() const override { return {1, 1, 1, 1}; }
  [[nodiscard]] std::vector<space::Block> blocks(const Genome& genome) const override {
    std::vector<space::Block> list;
    for (std::size_t i = 0; i < 4; i += 2) {
      std::string name = std::to_string(genome[i]) + "," + std::to_string(genome[i + 1]);
      if (tangled_) {
        for (const auto choice : genome) name += "," + std::to_string(choice);
      }
      list.push_back({name, {}, {}, {}, i == 0 ? "front" : "back"});
    }
    // An optional place in the middle, which the first gene switches.
    if (genome[0] == 0) list.insert(list.begin() + 1, {"middle", {}, {}, {}, "middle"});
    return list;
  }
  [[nodiscard]] std::vector<space::Block> all_blocks() const override { return {}; }

 private:
  bool tangled_;
};

}  // namespace

TEST_CASE(
    "tables list the blocks of 300 random networks, in spaces of widths and depths and of blocks left out") {
  for (const std::string name : {"mnasnet-edgetpu", "mbconv-bench", "s3nas", "proxyless"}) {
    CAPTURE(name);
    const auto space = space::make_space(name);
    const auto tables = BlockTables::build(*space);
    REQUIRE(tables);
    Rng rng(77);
    for (int i = 0; i < 300; ++i) {
      const Genome genome = space->sample(rng);
      std::vector<std::string> found;
      tables->list(genome, [&](std::uint32_t block) { found.push_back(tables->blocks()[block].name); });
      CHECK(found == names_of(space->blocks(genome)));
    }
  }
}

TEST_CASE("two genes of 5 choices a place are two tables of 25 entries and one of 5") {
  const Toy toy(false, 5);
  const auto tables = BlockTables::build(toy);
  REQUIRE(tables);
  CHECK(tables->entries() == 25 + 5 + 25);
  CHECK(tables->blocks().size() == 25 + 1);
  std::vector<std::string> found;
  tables->list({0, 2, 3, 4}, [&](std::uint32_t block) { found.push_back(tables->blocks()[block].name); });
  CHECK(found == std::vector<std::string>{"0,2", "middle", "3,4"});
}

TEST_CASE("a space in which all of four genes of 40 choices decide every block has no tables") {
  CHECK_FALSE(BlockTables::build(Toy(true, 40)));
  CHECK(BlockTables::build(Toy(true, 5)));
}
