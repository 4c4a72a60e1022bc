#include "nas/space/staged.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nas/space/random.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::space {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// Networks of a stage with exactly `depth` blocks.
double networks(const StagePlan& stage, std::int64_t depth) {
  if (depth == 0) return 1;
  const double first = static_cast<double>(stage.widths.size() * stage.first.size());
  if (stage.uniform) return first;
  return first * std::pow(static_cast<double>(stage.rest.size()), static_cast<double>(depth - 1));
}

double networks(const StagePlan& stage) {
  double sum = 0;
  for (const std::int64_t depth : stage.depths) sum += networks(stage, depth);
  return sum;
}

/// What a stage's blocks at `depth` choose from, by place.
std::vector<std::size_t> radices(const StagePlan& stage, std::int64_t depth) {
  if (depth == 0) return {};
  if (stage.uniform) return {stage.first.size()};
  std::vector<std::size_t> sizes(static_cast<std::size_t>(depth), stage.rest.size());
  sizes.front() = stage.first.size();
  return sizes;
}

/// All places of a uniform stage hold what its one gene says.
StagedSpace::StageValue expanded(const StagePlan& stage, std::int64_t depth, StagedSpace::StageValue value) {
  if (stage.uniform && depth > 0) value.blocks.resize(static_cast<std::size_t>(depth), value.blocks.front());
  return value;
}

/// Collects placed blocks while following the network's image and channels.
class Assembly {
 public:
  Assembly(std::int64_t side, zoo::Pad::Rule pad) : side_(side), pad_(pad) {}

  void add(zoo::Block block, const std::string& place) {
    block.in = channels_;
    block.pad = pad_;
    if (block.kind == zoo::BlockKind::global_average_pool) block.out = channels_;
    blocks_.push_back(placed_block(block, side_, place));
    channels_ = block.out;
    side_ = ceil_div(side_, block.stride);
  }
  void add_all(const std::vector<zoo::Block>& blocks, const std::string& place) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      add(blocks[i], blocks.size() == 1 ? place : fmt::format("{}{}", place, i));
    }
  }
  void add(const StagePlan& stage, const Choice& choice, std::int64_t width, bool first,
           const std::string& place) {
    zoo::Block block = choice.block;
    block.out = width;
    block.stride = first ? stage.stride : 1;
    block.skip = !first || stage.first_adds;
    add(block, place);
  }
  void move_to(std::int64_t side, std::int64_t channels) {
    side_ = side;
    channels_ = channels;
  }
  [[nodiscard]] std::int64_t side() const { return side_; }
  [[nodiscard]] std::int64_t channels() const { return channels_; }
  [[nodiscard]] std::vector<Block>& blocks() { return blocks_; }

 private:
  std::int64_t side_;
  zoo::Pad::Rule pad_;
  std::int64_t channels_ = 3;
  std::vector<Block> blocks_;
};

std::int64_t macs_of(const Block& block) {
  zoo::Builder b("block", block.input);
  return ir::macs(b.finish(block.append(b, "block", b.input()))).count();
}

}  // namespace

zoo::Block conv_block(std::int64_t kernel, std::int64_t stride, std::int64_t out, zoo::Act act) {
  return {.kind = zoo::BlockKind::conv, .stride = stride, .out = out, .branches = {{kernel, 1}}, .act = act};
}

zoo::Block pool_block() { return {.kind = zoo::BlockKind::global_average_pool}; }

zoo::Block dense_block(std::int64_t out, zoo::Act act) {
  return {.kind = zoo::BlockKind::dense, .out = out, .act = act};
}

zoo::Block mobile_block(std::int64_t kernel, std::int64_t expansion, zoo::Act act, bool fused) {
  return {.kind = fused ? zoo::BlockKind::fused : zoo::BlockKind::mbconv,
          .type = fused ? 15 : 0,
          .branches = {{kernel, expansion}},
          .act = act};
}

Block placed_block(zoo::Block block, std::int64_t side, const std::string& place) {
  using zoo::BlockKind;
  if (block.kind == BlockKind::mixconv) {
    block.branches = zoo::merged(block.branches);
    if (block.branches.size() == 1) {
      block.kind = BlockKind::mbconv;
      block.type = 0;
    }
  }
  if (block.stride != 1 || block.in != block.out) block.skip = true;
  block = zoo::with_plain_padding(block, side);
  const bool dense = block.kind == BlockKind::dense;
  const bool pool = block.kind == BlockKind::global_average_pool;
  const std::int64_t out_side = ceil_div(side, block.stride);
  Block part;
  part.name = "block:" + zoo::to_string(block) + (dense ? "" : fmt::format("@{}", side));
  part.input = dense ? ir::Shape{1, block.in} : ir::Shape{1, block.in, side, side};
  part.output = dense || pool ? ir::Shape{1, block.out} : ir::Shape{1, block.out, out_side, out_side};
  part.append = [block](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
    return zoo::append_block(b, prefix, x, block);
  };
  part.place = place;
  return part;
}

StagedSpace::StagedSpace(StagedPlan plan) : Space(plan.name, {}), plan_(std::move(plan)) {
  ensure(!plan_.sides.empty() && !plan_.stages.empty(), "a space with images and stages");
  if (plan_.sides.size() > 1) {
    Gene image{"image", {}};
    for (const std::int64_t side : plan_.sides) image.choices.push_back(std::to_string(side));
    genes_.push_back(std::move(image));
  }
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) add_genes(plan_.stages[s], s);
}

void StagedSpace::add_genes(const StagePlan& stage, std::size_t number) {
  ensure(!stage.widths.empty() && !stage.depths.empty() && !stage.first.empty(), "a stage with choices");
  ensure(stage.depths.front() > 0 || stage.stride == 1, "only stages of stride 1 can be left out");
  const auto numbers = [&](const char* what, const std::vector<std::int64_t>& values) {
    if (values.size() == 1) return kNone;
    Gene gene{fmt::format("stage{}.{}", number, what), {}};
    for (const std::int64_t value : values) gene.choices.push_back(std::to_string(value));
    genes_.push_back(std::move(gene));
    return genes_.size() - 1;
  };
  Layout layout;
  layout.width = numbers("width", stage.widths);
  layout.depth = stage.zero ? kNone : numbers("depth", stage.depths);
  layout.blocks = genes_.size();
  layout.places = stage.uniform ? 1 : static_cast<std::size_t>(stage.depths.back());
  for (std::size_t i = 0; i < layout.places; ++i) {
    Gene gene{stage.uniform ? fmt::format("stage{}.blocks", number) : fmt::format("stage{}.{}", number, i),
              {}};
    for (const Choice& choice : i == 0 ? stage.first : stage.rest) gene.choices.push_back(choice.text);
    if (stage.zero && i > 0) gene.choices.emplace_back("skip");
    genes_.push_back(std::move(gene));
  }
  layouts_.push_back(layout);
}

std::size_t StagedSpace::side_index(const Genome& genome) const {
  return plan_.sides.size() > 1 ? genome.front() : 0;
}

StagedSpace::StageValue StagedSpace::read(const Genome& genome, std::size_t s) const {
  const StagePlan& stage = plan_.stages[s];
  const Layout& layout = layouts_[s];
  StageValue value;
  if (layout.width != kNone) value.width = genome[layout.width];
  const std::int64_t depth = stage.zero              ? stage.depths.back()
                             : layout.depth != kNone ? stage.depths[genome[layout.depth]]
                                                     : stage.depths.front();
  for (std::size_t i = 0; i < static_cast<std::size_t>(depth); ++i) {
    const std::size_t choice = genome[layout.blocks + (stage.uniform ? 0 : i)];
    if (stage.zero && i > 0 && choice == stage.rest.size()) continue;
    value.blocks.push_back(choice);
  }
  return value;
}

void StagedSpace::write(Genome& genome, std::size_t s, const StageValue& value) const {
  const StagePlan& stage = plan_.stages[s];
  const Layout& layout = layouts_[s];
  const bool present = !value.blocks.empty();
  if (layout.width != kNone) genome[layout.width] = static_cast<std::uint16_t>(present ? value.width : 0);
  if (layout.depth != kNone) {
    const auto found =
        std::find(stage.depths.begin(), stage.depths.end(), static_cast<std::int64_t>(value.blocks.size()));
    ensure(found != stage.depths.end(), "a depth of the stage");
    genome[layout.depth] = static_cast<std::uint16_t>(found - stage.depths.begin());
  }
  for (std::size_t i = 0; i < layout.places; ++i) {
    const std::size_t absent = stage.zero ? stage.rest.size() : 0;
    genome[layout.blocks + i] =
        static_cast<std::uint16_t>(i < value.blocks.size() ? value.blocks[i] : absent);
  }
}

std::vector<bool> StagedSpace::active(const Genome& genome) const {
  std::vector<bool> on(genome.size(), true);
  for (std::size_t s = 0; s < layouts_.size(); ++s) {
    if (plan_.stages[s].zero) continue;
    const Layout& layout = layouts_[s];
    const std::size_t depth = read(genome, s).blocks.size();
    if (layout.width != kNone) on[layout.width] = depth > 0;
    for (std::size_t i = 0; i < layout.places; ++i) on[layout.blocks + i] = i < depth;
  }
  return on;
}

Genome StagedSpace::canonical(Genome genome) const {
  check(genome);
  for (std::size_t s = 0; s < layouts_.size(); ++s) write(genome, s, read(genome, s));
  return genome;
}

Genome StagedSpace::compose(std::size_t side, const std::vector<StageValue>& stages) const {
  ensure(stages.size() == layouts_.size(), "a value for every stage");
  Genome genome(genes_.size(), 0);
  if (plan_.sides.size() > 1) genome.front() = static_cast<std::uint16_t>(side);
  for (std::size_t s = 0; s < stages.size(); ++s) write(genome, s, stages[s]);
  check(genome);
  return genome;
}

double StagedSpace::count() const {
  auto product = static_cast<double>(plan_.sides.size());
  for (const StagePlan& stage : plan_.stages) product *= networks(stage);
  return product;
}

std::optional<Genome> StagedSpace::at(std::uint64_t index) const {
  if (count() > 0x1p53) {
    throw UserError(fmt::format("space '{}' has {:.3g} networks: too many to number", name_, count()));
  }
  if (static_cast<double>(index) >= count()) return std::nullopt;
  const auto take = [&index](std::uint64_t radix) {
    const std::uint64_t digit = index % radix;
    index /= radix;
    return digit;
  };
  const std::size_t side = take(plan_.sides.size());
  std::vector<StageValue> values;
  for (const StagePlan& stage : plan_.stages) {
    std::uint64_t rest = take(static_cast<std::uint64_t>(networks(stage)));
    auto depth = stage.depths.begin();
    for (; rest >= static_cast<std::uint64_t>(networks(stage, *depth)); ++depth) {
      rest -= static_cast<std::uint64_t>(networks(stage, *depth));
    }
    StageValue value;
    if (*depth > 0) {
      value.width = rest % stage.widths.size();
      rest /= stage.widths.size();
    }
    for (const std::size_t radix : radices(stage, *depth)) {
      value.blocks.push_back(rest % radix);
      rest /= radix;
    }
    values.push_back(expanded(stage, *depth, std::move(value)));
  }
  return compose(side, values);
}

Genome StagedSpace::sample(Rng& rng) const {
  const std::size_t side = pick(rng, plan_.sides.size());
  std::vector<StageValue> values;
  for (const StagePlan& stage : plan_.stages) {
    std::vector<double> weights;
    for (const std::int64_t depth : stage.depths) weights.push_back(networks(stage, depth));
    const std::int64_t depth = stage.depths[pick_weighted(rng, weights)];
    StageValue value;
    value.width = pick(rng, stage.widths.size());
    for (const std::size_t radix : radices(stage, depth)) value.blocks.push_back(pick(rng, radix));
    values.push_back(expanded(stage, depth, std::move(value)));
  }
  return compose(side, values);
}

Genome StagedSpace::largest() const {
  std::vector<StageValue> values;
  Assembly assembly(plan_.sides.back(), plan_.pad);
  assembly.add_all(plan_.stem, "stem");
  for (const StagePlan& stage : plan_.stages) {
    StageValue value{stage.widths.size() - 1, {}};
    for (std::int64_t i = 0; i < stage.depths.back(); ++i) {
      const std::vector<Choice>& choices = i == 0 ? stage.first : stage.rest;
      std::size_t best = 0;
      std::int64_t most = -1;
      const std::int64_t side = assembly.side(), channels = assembly.channels();
      for (std::size_t c = 0; c < choices.size(); ++c) {
        assembly.move_to(side, channels);
        assembly.add(stage, choices[c], stage.widths.back(), i == 0, "");
        const std::int64_t macs = macs_of(assembly.blocks().back());
        if (macs > most) best = c;
        most = std::max(most, macs);
      }
      value.blocks.push_back(stage.uniform && i > 0 ? value.blocks.front() : best);
    }
    values.push_back(std::move(value));
  }
  return compose(plan_.sides.size() - 1, values);
}

std::vector<Block> StagedSpace::blocks(const Genome& genome) const {
  check(genome);
  Assembly assembly(plan_.sides[side_index(genome)], plan_.pad);
  assembly.add_all(plan_.stem, "stem");
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    const StagePlan& stage = plan_.stages[s];
    const StageValue value = read(genome, s);
    for (std::size_t i = 0; i < value.blocks.size(); ++i) {
      assembly.add(stage, (i == 0 ? stage.first : stage.rest)[value.blocks[i]], stage.widths[value.width],
                   i == 0, fmt::format("stage{}.{}", s, i));
    }
  }
  assembly.add_all(plan_.head, "head");
  return std::move(assembly.blocks());
}

std::vector<Block> StagedSpace::all_blocks() const {
  std::vector<Block> all;
  for (const std::int64_t image : plan_.sides) {
    Assembly assembly(image, plan_.pad);
    assembly.add_all(plan_.stem, "");
    std::set<std::int64_t> inputs{assembly.channels()};
    std::int64_t side = assembly.side();
    for (const StagePlan& stage : plan_.stages) {
      std::set<std::int64_t> outputs(stage.widths.begin(), stage.widths.end());
      if (stage.depths.front() == 0) outputs.insert(inputs.begin(), inputs.end());
      const std::int64_t out_side = ceil_div(side, stage.stride);
      for (const std::int64_t width : stage.widths) {
        for (const Choice& choice : stage.first) {
          for (const std::int64_t in : inputs) {
            assembly.move_to(side, in);
            assembly.add(stage, choice, width, true, "");
          }
        }
        for (const Choice& choice : stage.depths.back() > 1 ? stage.rest : std::vector<Choice>{}) {
          assembly.move_to(out_side, width);
          assembly.add(stage, choice, width, false, "");
        }
      }
      side = out_side;
      inputs = std::move(outputs);
    }
    for (const std::int64_t in : inputs) {
      assembly.move_to(side, in);
      assembly.add_all(plan_.head, "");
    }
    std::move(assembly.blocks().begin(), assembly.blocks().end(), std::back_inserter(all));
  }
  std::set<std::string> seen;
  std::erase_if(all, [&seen](const Block& block) { return !seen.insert(block.name).second; });
  for (Block& block : all) block.place.clear();
  return all;
}

}  // namespace npusim::space
