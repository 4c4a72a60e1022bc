// Every space keeps its promises.
#include <algorithm>
#include <cmath>
#include <map>

#include "nas/space/isynet.h"
#include "nas/space/staged.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/space/checks.h"
#include "workloads/zoo/zoo.h"

namespace npusim::space {

TEST_CASE("2000 random genomes of each space survive encoding, mutation and crossing") {
  for (const SpaceInfo& info : spaces()) check_random_genomes(*make_space(info.name), 2000);
}

TEST_CASE("a block alone is what its name builds, and networks are made of listed blocks") {
  for (const char* name : {"s3nas", "s3nas-fused", "proxyless", "ofa", "mnasnet-edgetpu", "mbconv-bench",
                           "edsr@36x64", "patterns"}) {
    check_blocks(*make_space(name), 20);
  }
}

TEST_CASE("mbconv-bench has 104,976 networks, numbered without gaps or repeats") {
  const auto space = make_space("mbconv-bench");
  CHECK(space->count() == 104'976);
  check_enumeration(*space);
}

TEST_CASE("150 patterns, 6,144 EDSRs and 15,625 cells are numbered without gaps or repeats") {
  CHECK(make_space("patterns")->count() == 150);
  CHECK(make_space("edsr")->count() == 6144);
  CHECK(make_space("nb201")->count() == 15'625);
  for (const char* name : {"patterns", "edsr", "nb201"}) check_enumeration(*make_space(name));
}

namespace {

/// Two stages with everything that a plan can have: widths, depths, a stage that may be missing, zero
/// operations.
StagedPlan small_plan() {
  const auto choice = [](const char* text, std::int64_t kernel) {
    return Choice{text, mobile_block(kernel, 2, zoo::Act::relu)};
  };
  const std::vector<Choice> two{choice("k3e2", 3), choice("k5e2", 5)};
  StagedPlan plan{.name = "small", .sides = {32, 64}};
  plan.stem = {conv_block(3, 2, 8, zoo::Act::relu)};
  plan.stages = {{.widths = {16}, .stride = 2, .depths = {1, 2, 3}, .first = two, .rest = two, .zero = true},
                 {.widths = {16, 24}, .stride = 1, .depths = {0, 1, 3}, .first = two, .rest = two}};
  plan.head = {pool_block(), dense_block(10)};
  return plan;
}

}  // namespace

TEST_CASE("a plan of 2 images, 14 and 21 stages is counted, numbered and sampled as 588 networks") {
  const StagedSpace space(small_plan());
  // 2 + 4 + 8; nothing, 2 widths of 2, 2 widths of 8.
  CHECK(space.count() == 2 * 14 * (1 + 2 * 2 + 2 * 8));
  check_enumeration(space);
  check_random_genomes(space, 2000);
  check_blocks(space, 50);
  check_uniform_sampling(space, 40);
}

TEST_CASE("every network of a small space is drawn equally often") {
  check_uniform_sampling(*make_space("patterns"), 60);
  check_uniform_sampling(*make_space("nb201"), 10);
}

TEST_CASE("a zero operation has no place: skips move behind the blocks") {
  const StagedSpace space(small_plan());
  Genome genome = space.largest();
  genome[2] = 2;  // of image, stage0.0, stage0.1, stage0.2, ...
  genome[3] = 1;
  const Genome plain = space.canonical(genome);
  CHECK(plain[2] == 1);
  CHECK(plain[3] == 2);
  CHECK(space.encode(genome) == space.encode(plain));
  CHECK(ir::content_hash(space.build(genome)) == ir::content_hash(space.build(plain)));
}

TEST_CASE("ISyNet's stages are drawn by the networks behind them, and canonical genomes build the same") {
  const IsynetSpace space("isynet", 224);
  // Three widths, 39 depths with and without skip, 7 + 4 (7^2 + 7^3 + 7^4) blocks.
  const double stage = 3.0 * 39 * (7 + 4 * (49 + 343 + 2401));
  CHECK(space.count() == Approx(std::pow(stage, 6)).epsilon(1e-5));
  Rng rng(5);
  std::map<std::size_t, int> by_edges;
  int single = 0;
  const int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    const zoo::ISyNetStage last = space.stages(space.sample(rng)).back();
    ++by_edges[static_cast<std::size_t>(std::count_if(last.edges.begin(), last.edges.end(),
                                                      [](zoo::Edge e) { return e != zoo::Edge::identity; }))];
    single += last.blocks == 1 ? 1 : 0;
  }
  // Four standard deviations of a binomial distribution.
  const auto expect = [draws](int drawn, double share) {
    CHECK(std::abs(drawn - draws * share) < 4 * std::sqrt(draws * share * (1 - share)));
  };
  expect(by_edges[4], 4 * 2401 / 11179.0);
  expect(by_edges[3], 4 * 343 / 11179.0);
  expect(single, 1 / 39.0);
  for (int i = 0; i < 20; ++i) {
    Genome genome;
    for (const Gene& gene : space.genes()) {
      genome.push_back(
          static_cast<std::uint16_t>(rng.uniform(0, static_cast<std::int64_t>(gene.choices.size()) - 1)));
    }
    CHECK(ir::content_hash(space.build(genome)) == ir::content_hash(space.build(space.canonical(genome))));
  }
}

TEST_CASE("a network of isynet or nb201 is made of blocks that the zoo builds by their names") {
  Rng rng(9);
  for (const char* name : {"isynet", "nb201"}) {
    const auto space = make_space(name);
    for (int i = 0; i < 30; ++i) {
      const Genome genome = space->sample(rng);
      std::int64_t macs = 0;
      for (const Block& block : space->blocks(genome)) {
        CAPTURE(block.name);
        zoo::Builder b("block", block.input);
        const zoo::TensorId y = block.append(b, "block", b.input());
        CHECK(b.shape(y) == block.output);
        const ir::Graph graph = b.finish(y);
        CHECK(ir::content_hash(graph) == ir::content_hash(zoo::build(block.name)));
        macs += ir::macs(graph).count();
      }
      CHECK(ir::macs(space->build(genome)).count() == macs);
    }
  }
}

TEST_CASE("an unknown space is refused with the nearest name") {
  CHECK(refusal([] { make_space("s3mas"); }).find("no space is called 's3mas'; did you mean 's3nas'?") == 0);
  CHECK(refusal([] { make_space("proxyless@16"); }).find("at least 32x32") != std::string::npos);
  CHECK(refusal([] { build("s3nas"); }) == "'s3nas': expected <space>:<encoding>");
}

TEST_CASE("a wrong encoding is refused with its position") {
  const auto space = make_space("mbconv-bench");
  CHECK(space->encode(space->largest()) == "h-h-h-h");
  CHECK(
      refusal([&] { space->decode("h-h-h-i"); }) ==
      "space 'mbconv-bench', encoding 'h-h-h-i', character 7: gene 'stage3.blocks' has choices 0 to h (k3e2 "
      "to f7e6)");
  CHECK(refusal([&] { space->decode("h-h"); }).find("character 4: expected '-'") != std::string::npos);
  CHECK(refusal([&] { space->decode("h-h-h-"); }).find("character 7: expected a digit") != std::string::npos);
  CHECK(refusal([&] { space->decode("h-h-h-h0"); }).find("character 8: expected the end") !=
        std::string::npos);
  CHECK(refusal([&] { space->decode("h_h-h-h"); }).find("character 2: expected '-'") != std::string::npos);
  CHECK(refusal([&] { space->build({0, 0, 0}); }).find("expected 4 genes, got 3") != std::string::npos);
  CHECK(refusal([&] { space->build({0, 18, 0, 0}); }).find("gene 'stage1.blocks'") != std::string::npos);
}

}  // namespace npusim::space
