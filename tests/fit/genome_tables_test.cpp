#include "nas/fit/genome_tables.h"

#include <numeric>

#include "sim/base/hash.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;
using space::Genome;

namespace {

/// A number for a block that nothing but its name decides.
double number_of(const space::Block& block) { return static_cast<double>(fnv1a(block.name) % 100'000) + 1; }

/// Two channels: numbers and counts of the network's blocks.
GenomeTables::Function sum_of_blocks(const space::Space& space) {
  return [&space](const Genome& genome, std::span<double> sums) {
    for (const space::Block& block : space.blocks(space.canonical(genome))) {
      sums[0] += number_of(block);
      sums[1] += 1;
    }
  };
}

}  // namespace

TEST_CASE(
    "sums over blocks are table look-ups, exactly, in spaces with widths, depths and blocks to choose") {
  for (const std::string name : {"mnasnet-edgetpu", "s3nas"}) {
    CAPTURE(name);
    const auto space = space::make_space(name);
    const auto function = sum_of_blocks(*space);
    const auto tables = GenomeTables::build(*space, 2, function);
    REQUIRE(tables);
    CHECK(tables->parts() > 1);
    Rng rng(77);
    for (int i = 0; i < 300; ++i) {
      const Genome genome = space->sample(rng);
      std::vector<double> expected(2, 0);
      std::vector<double> sums(2, 0);
      function(genome, expected);
      tables->add(genome, sums);
      CHECK(sums[0] == Approx(expected[0]).epsilon(1e-9));
      CHECK(sums[1] == Approx(expected[1]).epsilon(1e-9));
    }
  }
}

TEST_CASE("a function of all genes together has no tables") {
  const auto space = space::make_space("mnasnet-edgetpu");
  const auto tangled = [](const Genome& genome, std::span<double> sums) {
    std::uint64_t hash = 1;
    for (const auto choice : genome) hash = (hash ^ choice) * 1099511628211ULL;
    sums[0] += static_cast<double>(hash % 1000);
  };
  CHECK_FALSE(GenomeTables::build(*space, 1, tangled));
}
