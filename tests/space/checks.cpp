#include "tests/space/checks.h"

#include <cmath>
#include <map>
#include <set>

#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

namespace npusim::space {

void check_random_genomes(const Space& space, int samples) {
  CAPTURE(space.name());
  Rng rng(7);
  Genome last = space.sample(rng);
  for (int i = 0; i < samples; ++i) {
    const Genome genome = space.sample(rng);
    CAPTURE(space.encode(genome));
    REQUIRE_NOTHROW(space.check(genome));
    REQUIRE(space.canonical(genome) == genome);
    REQUIRE(space.decode(space.encode(genome)) == genome);
    const Genome mutated = space.mutate(genome, rng, i % 2 == 0 ? 0.1 : 0.0);
    REQUIRE(mutated != genome);
    const Genome crossed = space.cross(genome, last, rng);
    REQUIRE(space.cross(genome, genome, rng) == genome);
    for (const Genome& child : {mutated, crossed}) {
      REQUIRE_NOTHROW(space.check(child));
      REQUIRE(space.canonical(child) == child);
      REQUIRE(space.decode(space.encode(child)) == child);
    }
    last = genome;
  }
}

void check_enumeration(const Space& space) {
  CAPTURE(space.name());
  std::set<Genome> genomes;
  std::set<std::string> encodings;
  std::uint64_t index = 0;
  for (;; ++index) {
    const std::optional<Genome> genome = space.at(index);
    if (!genome) break;
    REQUIRE(space.canonical(*genome) == *genome);
    genomes.insert(*genome);
    encodings.insert(space.encode(*genome));
  }
  CHECK(static_cast<double>(index) == space.count());
  CHECK(genomes.size() == index);
  CHECK(encodings.size() == index);
  CHECK_FALSE(space.at(index + 1000).has_value());
}

void check_uniform_sampling(const Space& space, int draws_per_network) {
  CAPTURE(space.name());
  Rng rng(11);
  std::map<Genome, int> drawn;
  const double networks = space.count();
  const auto draws = static_cast<std::int64_t>(networks * draws_per_network);
  for (std::int64_t i = 0; i < draws; ++i) ++drawn[space.sample(rng)];
  double chi_square = 0;
  for (const auto& entry : drawn)
    chi_square += std::pow(entry.second - draws_per_network, 2) / draws_per_network;
  chi_square += (networks - static_cast<double>(drawn.size())) * draws_per_network;
  // Wilson and Hilferty's approximation of the chi-square distribution's 99.9 % point.
  const double freedom = networks - 1, part = 2 / (9 * freedom);
  const double bound = freedom * std::pow(1 - part + 3.0902 * std::sqrt(part), 3);
  CAPTURE(chi_square, bound);
  CHECK(drawn.size() <= networks);
  CHECK(chi_square < bound);
}

void check_blocks(const Space& space, int samples) {
  CAPTURE(space.name());
  std::set<std::string> names;
  for (const Block& block : space.all_blocks()) {
    CAPTURE(block.name);
    CHECK(names.insert(block.name).second);
    CHECK(block.place.empty());
    zoo::Builder b("block", block.input);
    const zoo::TensorId y = block.append(b, "block", b.input());
    CHECK(b.shape(y) == block.output);
    CHECK(ir::content_hash(b.finish(y)) == ir::content_hash(zoo::build(block.name)));
  }
  Rng rng(3);
  for (int i = 0; i < samples; ++i) {
    const Genome genome = space.sample(rng);
    std::int64_t macs = 0;
    for (const Block& block : space.blocks(genome)) {
      CAPTURE(block.name);
      CHECK(names.count(block.name) == 1);
      zoo::Builder b("block", block.input);
      macs += ir::macs(b.finish(block.append(b, "block", b.input()))).count();
    }
    const ir::Graph graph = space.build(genome);
    CHECK(ir::macs(graph).count() == macs);
    CHECK(graph.name == space.name() + ":" + space.encode(genome));
    CHECK(ir::macs(graph) <= ir::macs(space.build(space.largest())));
  }
}

}  // namespace npusim::space
