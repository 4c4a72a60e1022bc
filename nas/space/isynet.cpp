#include "nas/space/isynet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nas/space/random.h"
#include "nas/space/staged.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::space {

using zoo::Edge;
using zoo::ISyNetStage;

namespace {

constexpr std::size_t kStages = kIsynetStages, kWidths = kIsynetWidths, kEdges = kIsynetEdges, kGenes = 9;
constexpr std::int64_t kMostBlocks = kIsynetMostBlocks, kMostExpansion = kIsynetMostExpansion;
constexpr int kTries = 100;  // of children beyond the limit
constexpr std::size_t kLa = 0, kNb = 1, kEf = 2, kSk = 3, kCi = 4, kE0 = 5;

/// Where a stage's genes start.
std::size_t offset(std::size_t stage) { return 1 + stage * kGenes; }

std::size_t edges_of(const ISyNetStage& stage) {
  return static_cast<std::size_t>(std::count_if(stage.edges.begin(), stage.edges.end(),
                                                [](Edge edge) { return edge != Edge::identity; }));
}

/// Behind one edge there is nothing to expand or to leave out.
constexpr double kWithOneEdge = 7;
double with_edges(std::size_t edges) {
  return edges == 1 ? kWithOneEdge
                    : 2 * kMostExpansion * std::pow(static_cast<double>(kEdges), static_cast<double>(edges));
}

double networks_of_a_stage() {
  double shapes = 0;
  for (std::size_t edges = 1; edges <= 4; ++edges) shapes += with_edges(edges);
  return static_cast<double>(kWidths) * static_cast<double>(1 + 2 * (kMostBlocks - 1)) * shapes;
}

/// Identities behind the other edges, but an edge 3 without its ReLU stays where it is.
ISyNetStage packed(const ISyNetStage& stage) {
  ISyNetStage plain = stage;
  const bool linear = !stage.last_relu && stage.edges[3] != Edge::identity;
  std::size_t next = 0;
  plain.edges.fill(Edge::identity);
  for (std::size_t i = 0; i < (linear ? 3 : 4); ++i) {
    if (stage.edges[i] != Edge::identity) plain.edges[next++] = stage.edges[i];
  }
  if (linear) plain.edges[3] = stage.edges[3];
  plain.last_relu = !linear;
  if (edges_of(plain) == 1) plain.expansion = 1;
  if (plain.blocks == 1) plain.skip = false;
  return plain;
}

Edge any_edge(Rng& rng) { return static_cast<Edge>(pick(rng, kEdges)); }

ISyNetStage any_stage(Rng& rng, std::size_t number) {
  std::vector<double> by_edges, by_blocks;
  for (std::size_t edges = 1; edges <= 4; ++edges) by_edges.push_back(with_edges(edges));
  for (std::int64_t blocks = 1; blocks <= kMostBlocks; ++blocks) by_blocks.push_back(blocks == 1 ? 1 : 2);
  ISyNetStage stage{};
  stage.edges.fill(Edge::identity);
  const std::size_t edges = 1 + pick_weighted(rng, by_edges);
  for (std::size_t i = 0; i < edges; ++i) stage.edges[i] = any_edge(rng);
  stage.out = isynet_width(number, pick(rng, kWidths));
  stage.blocks = 1 + static_cast<std::int64_t>(pick_weighted(rng, by_blocks));
  stage.expansion = edges > 1 ? rng.uniform(1, kMostExpansion) : 1;
  stage.skip = stage.blocks > 1 && rng.uniform(0, 1) == 1;
  if (edges > 1 && rng.uniform(0, 1) == 1) {
    std::swap(stage.edges[edges - 1], stage.edges[3]);
    stage.last_relu = false;
  }
  return stage;
}

Block block_of(std::int64_t in, const ISyNetStage& stage, bool first, std::int64_t side,
               const std::string& place) {
  const std::int64_t out = first ? ceil_div(side, 2) : side;
  return {fmt::format("isyblock:{}@{}", zoo::isynet_block_text(in, stage, first), side),
          {1, in, side, side},
          {1, stage.out, out, out},
          [stage, first](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
            return zoo::isynet_block(b, prefix, x, stage, first);
          },
          place};
}

}  // namespace

IsynetSpace::IsynetSpace(std::string name, std::int64_t side, std::optional<IsynetSize> limit)
    : Space(std::move(name), {}), side_(side), limit_size_(limit) {
  if (limit_size_) IsynetLimit::expect_networks(*limit_size_, side_);
  const auto numbers = [this](const std::string& gene, std::int64_t low, std::int64_t high) {
    genes_.push_back({gene, {}});
    for (std::int64_t i = low; i <= high; ++i) genes_.back().choices.push_back(std::to_string(i));
  };
  numbers("stages", 1, kStages);
  for (std::size_t s = 0; s < kStages; ++s) {
    const std::string stage = fmt::format("stage{}.", s);
    numbers(stage + "LA", 0, 1);
    numbers(stage + "NB", 1, kMostBlocks);
    numbers(stage + "EF", 1, kMostExpansion);
    numbers(stage + "SK", 0, 1);
    numbers(stage + "CI", 0, kWidths - 1);
    for (std::size_t e = 0; e < 4; ++e) {
      genes_.push_back(
          {fmt::format("{}E{}", stage, e), {"1x1", "3x3", "5x5", "7x7", "3x1+1x3", "5x1+1x5", "7x1+1x7"}});
      if (e > 0) genes_.back().choices.emplace_back("identity");
    }
  }
}

std::vector<ISyNetStage> IsynetSpace::stages(const Genome& genome) const {
  check(genome);
  std::vector<ISyNetStage> all;
  for (std::size_t s = 0; s <= genome[0]; ++s) {
    const auto gene = [&](std::size_t which) { return genome[offset(s) + which]; };
    ISyNetStage stage{};
    for (std::size_t e = 0; e < 4; ++e) stage.edges[e] = static_cast<Edge>(gene(kE0 + e));
    stage.out = isynet_width(s, gene(kCi));
    stage.blocks = 1 + gene(kNb);
    stage.expansion = 1 + gene(kEf);
    stage.skip = gene(kSk) == 1;
    stage.last_relu = gene(kLa) == 1;
    all.push_back(packed(stage));
  }
  return all;
}

Genome IsynetSpace::compose(const std::vector<ISyNetStage>& stages) const {
  Genome genome(genes_.size(), 0);
  if (stages.empty() || stages.size() > kStages) {
    throw UserError(fmt::format("space '{}': expected 1 to {} stages", name_, kStages));
  }
  genome[0] = static_cast<std::uint16_t>(stages.size() - 1);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const ISyNetStage stage = packed(stages[s]);
    std::size_t ci = 0;
    while (ci < kWidths && isynet_width(s, ci) != stage.out) ++ci;
    if (ci == kWidths || stage.blocks < 1 || stage.blocks > kMostBlocks || stage.expansion < 1 ||
        stage.expansion > kMostExpansion || stage.edges[0] == Edge::identity) {
      throw UserError(fmt::format("space '{}', stage {}: not in the space", name_, s));
    }
    const auto set = [&](std::size_t which, std::int64_t value) {
      genome[offset(s) + which] = static_cast<std::uint16_t>(value);
    };
    set(kLa, stage.edges[3] != Edge::identity && stage.last_relu ? 1 : 0);
    set(kNb, stage.blocks - 1);
    set(kEf, stage.expansion - 1);
    set(kSk, stage.skip ? 1 : 0);
    set(kCi, static_cast<std::int64_t>(ci));
    for (std::size_t e = 0; e < 4; ++e) set(kE0 + e, static_cast<std::int64_t>(stage.edges[e]));
  }
  check(genome);
  return genome;
}

Genome IsynetSpace::canonical(Genome genome) const { return compose(stages(genome)); }

std::vector<bool> IsynetSpace::active(const Genome& genome) const {
  std::vector<bool> on(genome.size(), false);
  on[0] = true;
  const std::vector<ISyNetStage> all = stages(genome);
  for (std::size_t s = 0; s < all.size(); ++s) {
    for (std::size_t i = 0; i < kGenes; ++i) on[offset(s) + i] = true;
    on[offset(s) + kLa] = all[s].edges[3] != Edge::identity;
    on[offset(s) + kEf] = edges_of(all[s]) > 1;
    on[offset(s) + kSk] = all[s].blocks > 1;
  }
  return on;
}

IsynetSize IsynetSpace::size(const Genome& genome) const { return isynet_size(stages(genome), side_); }

bool IsynetSpace::within_limit(const Genome& genome) const {
  return !limit_size_ || size(genome).within(*limit_size_);
}

const IsynetLimit& IsynetSpace::limited() const {
  std::call_once(limit_once_, [this] { limit_ = std::make_unique<const IsynetLimit>(*limit_size_, side_); });
  return *limit_;
}

double IsynetSpace::count() const {
  if (limit_size_) return limited().count();
  double sum = 0;
  for (std::size_t s = 1; s <= kStages; ++s) sum += std::pow(networks_of_a_stage(), static_cast<double>(s));
  return sum;
}

std::optional<Genome> IsynetSpace::at(std::uint64_t) const {
  throw UserError(fmt::format("space '{}' has {:.3g} networks: too many to number", name_, count()));
}

Genome IsynetSpace::sample(Rng& rng) const {
  if (limit_size_) return compose(limited().sample(rng));
  std::vector<double> weights;
  for (std::size_t s = 1; s <= kStages; ++s) {
    weights.push_back(std::pow(networks_of_a_stage(), static_cast<double>(s)));
  }
  std::vector<ISyNetStage> all;
  for (std::size_t left = 1 + pick_weighted(rng, weights); left > 0; --left) {
    all.push_back(any_stage(rng, all.size()));
  }
  return compose(all);
}

Genome IsynetSpace::mutate(const Genome& parent, Rng& rng, double rate) const {
  const bool small = within_limit(parent);
  for (int tries = 1; tries <= 20 * kTries; ++tries) {
    Genome child = Space::mutate(parent, rng, rate);
    if (!small || within_limit(child)) return child;
    if (tries % kTries == 0) rate /= 2;
  }
  return canonical(parent);
}

Genome IsynetSpace::cross(const Genome& a, const Genome& b, Rng& rng) const {
  const bool small = within_limit(a) && within_limit(b);
  for (int tries = 0; tries < kTries; ++tries) {
    Genome child = Space::cross(a, b, rng);
    if (!small || within_limit(child)) return child;
  }
  return canonical(a);
}

Genome IsynetSpace::largest() const {
  if (limit_size_) return compose(limited().largest());
  std::vector<ISyNetStage> all;
  for (std::size_t s = 0; s < kStages; ++s) {
    ISyNetStage stage{};
    stage.edges.fill(Edge::conv7);
    stage.out = isynet_width(s, kWidths - 1);
    stage.blocks = kMostBlocks;
    stage.expansion = kMostExpansion;
    all.push_back(stage);
  }
  return compose(all);
}

std::vector<Block> IsynetSpace::blocks(const Genome& genome) const {
  std::vector<Block> parts;
  std::int64_t side = side_, channels = 3;
  const std::vector<ISyNetStage> all = stages(genome);
  for (std::size_t s = 0; s < all.size(); ++s) {
    for (std::int64_t i = 0; i < all[s].blocks; ++i) {
      // A first block has no skip: its name must not depend on that of the others.
      ISyNetStage stage = all[s];
      stage.blocks = 1;
      stage.skip = stage.skip && i > 0;
      parts.push_back(block_of(channels, stage, i == 0, side, fmt::format("stage{}.{}", s, i)));
      channels = stage.out;
      if (i == 0) side = ceil_div(side, 2);
    }
  }
  zoo::Block head = conv_block(1, 1, 1280, zoo::Act::relu), pool = pool_block(), dense = dense_block(1000);
  head.in = channels;
  pool.in = pool.out = dense.in = head.out;
  parts.push_back(placed_block(head, side, "head0"));
  parts.push_back(placed_block(pool, side, "head1"));
  parts.push_back(placed_block(dense, side, "head2"));
  return parts;
}

std::vector<Block> IsynetSpace::all_blocks() const {
  throw UserError(fmt::format(
      "space '{}' has about a million different blocks: too many to list; take those of sampled networks",
      name_));
}

}  // namespace npusim::space
