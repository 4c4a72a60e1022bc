// ISyNet's networks within a limit of MACs.
#include "nas/space/isynet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/space/checks.h"
#include "workloads/zoo/zoo.h"

namespace npusim::space {
namespace {

using zoo::Edge;
using zoo::ISyNetStage;

/// All networks within a limit, found by trying: a stage behind each that leaves room.
class Enumeration {
 public:
  Enumeration(IsynetSize limit, std::int64_t side) : limit_(limit), side_(side) { extend({}); }
  [[nodiscard]] const std::vector<std::vector<ISyNetStage>>& networks() const { return networks_; }

 private:
  void extend(const std::vector<ISyNetStage>& stages) {
    if (!stages.empty() && isynet_size(stages, side_).within(limit_)) networks_.push_back(stages);
    if (stages.size() == kIsynetStages) return;
    std::vector<ISyNetStage> longer = stages;
    longer.emplace_back();
    for (std::size_t ci = 0; ci < kIsynetWidths; ++ci) {
      longer.back() = {{}, isynet_width(stages.size(), ci)};
      longer.back().edges.fill(Edge::identity);
      choose_edge(longer, 0);
    }
  }

  /// Whether the cheapest end behind these stages is within the limit, MACs and parameters each for itself.
  [[nodiscard]] bool fits(const std::vector<ISyNetStage>& stages) const {
    std::vector<ISyNetStage> longer = stages;
    IsynetSize least = isynet_size(stages, side_);
    while (longer.size() < kIsynetStages) {
      const std::size_t s = longer.size();
      longer.push_back({{}, isynet_width(s, 0)});
      longer.back().edges = {Edge::conv1, Edge::identity, Edge::identity, Edge::identity};
      const IsynetSize size = isynet_size(longer, side_);
      least = {std::min(least.macs, size.macs), std::min(least.parameters, size.parameters)};
    }
    return least.within(limit_);
  }

  void choose_edge(std::vector<ISyNetStage>& stages, std::size_t edge) {
    if (edge > 0) repeat(stages, edge);
    if (edge == 4) return;
    for (std::size_t kind = 0; kind < kIsynetEdges; ++kind) {
      stages.back().edges[edge] = static_cast<Edge>(kind);
      if (fits(stages)) choose_edge(stages, edge + 1);
    }
    stages.back().edges[edge] = Edge::identity;
  }

  void repeat(std::vector<ISyNetStage> stages, std::size_t edges) {
    const ISyNetStage plain = stages.back();
    for (std::int64_t expansion = 1; expansion <= (edges > 1 ? kIsynetMostExpansion : 1); ++expansion) {
      for (std::int64_t blocks = 1; blocks <= kIsynetMostBlocks; ++blocks) {
        for (const bool skip : blocks > 1 ? std::vector{false, true} : std::vector{false}) {
          for (const bool linear : edges > 1 ? std::vector{false, true} : std::vector{false}) {
            stages.back() = {plain.edges, plain.out, blocks, expansion, skip, !linear};
            if (linear) std::swap(stages.back().edges[edges - 1], stages.back().edges[3]);
            if (fits(stages)) extend(stages);
          }
        }
      }
    }
  }

  IsynetSize limit_;
  std::int64_t side_;
  std::vector<std::vector<ISyNetStage>> networks_;
};

}  // namespace

TEST_CASE(
    "MACs and parameters of ISyNets from their genomes are those of their graphs, at 224 and at odd sides") {
  Rng rng(3);
  for (const char* name : {"isynet", "isynet-full", "isynet-0.8g@75"}) {
    const auto space = make_space(name);
    for (int i = 0; i < 40; ++i) {
      const Genome genome = space->sample(rng);
      CAPTURE(space->encode(genome));
      const IsynetSize size = dynamic_cast<const IsynetSpace&>(*space).size(genome);
      const ir::Graph graph = space->build(genome);
      CHECK(size.macs == ir::macs(graph).count());
      CHECK(size.parameters == ir::parameters(graph));
    }
  }
}

TEST_CASE("draws, children and the largest of isynet have at most 6 GMACs and 25 M parameters") {
  struct Limited {
    const char* name;
    IsynetSize limit;
  };
  for (const auto& [name, limit] :
       {Limited{"isynet", {6'000'000'000, 25'000'000}}, Limited{"isynet-2g-9m", {2'000'000'000, 9'000'000}},
        Limited{"isynet-1.5g", {1'500'000'000, kNoLimit}}}) {
    CAPTURE(name);
    const auto made = make_space(name);
    const auto& space = dynamic_cast<const IsynetSpace&>(*made);
    Rng rng(8);
    Genome last = space.sample(rng);
    for (int i = 0; i < 300; ++i) {
      const Genome genome = space.sample(rng);
      const double rate = i % 3 == 0 ? 1.0 : 0.1;
      for (const Genome& one : {genome, space.mutate(genome, rng, rate), space.cross(genome, last, rng)}) {
        REQUIRE(space.size(one).within(limit));
      }
      last = genome;
    }
    const IsynetSize most = space.size(space.largest());
    CHECK(most.within(limit));
    CHECK(static_cast<double>(most.macs) > 0.95 * static_cast<double>(limit.macs));
  }
}

namespace {

/// Chi-square over all networks within a limit, drawn so often each.
void check_draws(const IsynetSize& limit, std::int64_t side, std::size_t networks) {
  const IsynetSpace space("isynet", side, limit);
  const Enumeration all(limit, side);
  std::map<Genome, int> drawn;
  for (const auto& stages : all.networks()) {
    const Genome genome = space.compose(stages);
    CHECK(space.size(genome).within(limit));
    CHECK(drawn.emplace(genome, 0).second);
  }
  CHECK(drawn.size() == networks);
  CHECK(space.count() == Approx(static_cast<double>(networks)).epsilon(0.1));
  Rng rng(4);
  const int each = 20;
  for (std::size_t i = 0; i < each * drawn.size(); ++i) {
    const auto at = drawn.find(space.sample(rng));
    REQUIRE(at != drawn.end());
    ++at->second;
  }
  double chi_square = 0;
  for (const auto& one : drawn) chi_square += std::pow(one.second - each, 2) / each;
  // Wilson and Hilferty's approximation of the 99.9 % point.
  const double freedom = static_cast<double>(networks) - 1, part = 2 / (9 * freedom);
  CHECK(chi_square < freedom * std::pow(1 - part + 3.0902 * std::sqrt(part), 3));
}

}  // namespace

TEST_CASE("each ISyNet within a limit is drawn equally often, of 277 and of 960 networks") {
  check_draws({1'900'000, kNoLimit}, 32, 277);
  check_draws({1'950'000, 1'720'000}, 32, 960);
}

TEST_CASE("the same seed draws the same ISyNets within a limit") {
  const auto one = make_space("isynet"), other = make_space("isynet");
  Rng a(17), b(17);
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const std::string text = one->encode(one->sample(a));
    CHECK(text == other->encode(other->sample(b)));
    seen.insert(text);
  }
  CHECK(seen.size() == 50);
}

TEST_CASE("an encoding names the same network in isynet, isynet-full and isynet-2g, also beyond the limit") {
  const auto full = make_space("isynet-full");
  const Genome largest = full->largest();
  const std::string text = full->encode(largest);
  for (const char* name : {"isynet", "isynet-2g"}) {
    const auto space = make_space(name);
    CHECK(space->decode(text) == largest);
    CHECK(ir::content_hash(space->build(largest)) == ir::content_hash(full->build(largest)));
    CHECK(is_network(name + (":" + text)));
    CHECK(space->count() < full->count());
  }
}

TEST_CASE("a limit that no ISyNet meets is refused with the least, and a wrong limit with the names") {
  CHECK(
      refusal([] { make_space("isynet-0.001g"); })
          .find(
              "no network of isynet for an image of 224x224 is within the limit; MACs and parameters of the "
              "smallest of 1 to 6 stages: 0.2588 G and 1.304 M, ") == 0);
  CHECK_FALSE(refusal([] { make_space("isynet-6g-1m"); }).empty());
  CHECK(refusal([] { make_space("isynet-9m"); }).find("no space is called 'isynet-9m'") == 0);
  CHECK(refusal([] { make_space("isynet-g"); }).find("no space is called 'isynet-g'") == 0);
  CHECK(refusal([] { make_space("isynet-1.5"); }).find("no space is called 'isynet-1.5'") == 0);
  CHECK_FALSE(is_network("isynet-many:000"));
}

TEST_CASE("of a space of one ISyNet, mutation gives the network itself") {
  // One 1x1 convolution of 16 channels, and the head: 3 * 16 + 2 * 16, 16 * 1280 + 2 * 1280 + 1281 * 1000.
  const IsynetSize least{6'535'168, 1'304'120};
  const IsynetSpace space("isynet", 32, least);
  Rng rng(2);
  const Genome only = space.sample(rng);
  CHECK(space.size(only).macs == least.macs);
  CHECK(space.size(only).parameters == least.parameters);
  CHECK(space.sample(rng) == only);
  CHECK(space.mutate(only, rng, 0.1) == only);
}

}  // namespace npusim::space
