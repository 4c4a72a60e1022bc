#include "nas/scale/scalable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "nas/space/isynet.h"
#include "nas/space/staged.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::scale {
namespace {

/// A network of mobile blocks: stem, stages, head.
class StagedNetwork : public Scalable {
 public:
  StagedNetwork(std::string name, const space::StagedSpace& space, const space::Genome& genome,
                std::int64_t batch)
      : Scalable(std::move(name)),
        stem_(space.plan().stem),
        head_(space.plan().head),
        pad_(space.plan().pad),
        batch_(batch) {
    const std::int64_t side = space.image_side(genome);
    base_.image = {side, side};
    for (std::size_t s = 0; s < space.plan().stages.size(); ++s) {
      const space::StagePlan& plan = space.plan().stages[s];
      const space::StagedSpace::StageValue value = space.read(genome, s);
      if (value.blocks.empty()) continue;
      Stage stage{.stride = plan.stride, .out = plan.widths[value.width], .first_adds = plan.first_adds};
      for (std::size_t i = 0; i < value.blocks.size(); ++i) {
        stage.blocks.push_back((i == 0 ? plan.first : plan.rest)[value.blocks[i]].block);
        stage.parameters.push_back(parameters_of(stage.blocks.back(), stage.out));
      }
      base_.depths.push_back(static_cast<std::int64_t>(stage.blocks.size()));
      stages_.push_back(fmt::format("stage{}", s));
      plan_.push_back(std::move(stage));
    }
  }

  [[nodiscard]] ir::Graph build(const Extent& extent, std::int64_t divisor) const override {
    Chain chain(fmt::format("{} {}", name_, to_string(extent)), batch_, extent.image.h, pad_);
    const auto out = [&](std::int64_t channels) { return scaled_channels(channels, extent.width, divisor); };
    for (std::size_t i = 0; i < stem_.size(); ++i)
      chain.add(end_block(stem_, i, out), place(stem_, "stem", i));
    for (std::size_t s = 0; s < plan_.size(); ++s) {
      const Stage& stage = plan_[s];
      const std::vector<std::size_t> which = blocks_at_depth(stage.parameters, extent.depths.at(s));
      for (std::size_t i = 0; i < which.size(); ++i) {
        zoo::Block block = stage.blocks[which[i]];
        block.out = out(stage.out);
        block.stride = i == 0 ? stage.stride : 1;
        block.skip = i > 0 || stage.first_adds;
        chain.add(block, fmt::format("{}.{}", stages_[s], i));
      }
    }
    for (std::size_t i = 0; i < head_.size(); ++i) {
      const bool classes = i + 1 == head_.size();
      chain.add(classes ? head_[i] : end_block(head_, i, out), place(head_, "head", i));
    }
    return chain.finish();
  }

 private:
  struct Stage {
    std::int64_t stride = 1, out = 0;
    bool first_adds = false;
    std::vector<zoo::Block> blocks = {};
    std::vector<std::int64_t> parameters = {};  ///< of each block at stride 1 and equal channels
  };

  /// Blocks in a row, while following the network's image and channels.
  class Chain {
   public:
    Chain(const std::string& name, std::int64_t batch, std::int64_t side, zoo::Pad::Rule pad)
        : builder_(name, {batch, 3, side, side}), x_(builder_.input()), side_(side), pad_(pad) {}
    void add(zoo::Block block, const std::string& place) {
      block.in = builder_.shape(x_).at(1);
      block.pad = pad_;
      if (block.kind == zoo::BlockKind::global_average_pool) block.out = block.in;
      const space::Block part = space::placed_block(block, side_, place);
      x_ = part.append(builder_, part.place, x_);
      side_ = ceil_div(side_, block.stride);
    }
    ir::Graph finish() { return builder_.finish(x_); }

   private:
    zoo::Builder builder_;
    zoo::TensorId x_;
    std::int64_t side_;
    zoo::Pad::Rule pad_;
  };

  template <class Out>
  static zoo::Block end_block(const std::vector<zoo::Block>& blocks, std::size_t i, const Out& out) {
    zoo::Block block = blocks[i];
    if (block.out > 0) block.out = out(block.out);
    return block;
  }
  static std::string place(const std::vector<zoo::Block>& blocks, const std::string& name, std::size_t i) {
    return blocks.size() == 1 ? name : fmt::format("{}{}", name, i);
  }
  static std::int64_t parameters_of(zoo::Block block, std::int64_t channels) {
    block.in = block.out = channels;
    constexpr std::int64_t kAnySide = 8;
    zoo::Builder b("block", {1, channels, kAnySide, kAnySide});
    return ir::parameters(b.finish(zoo::append_block(b, "block", b.input(), block)));
  }

  std::vector<zoo::Block> stem_, head_;
  zoo::Pad::Rule pad_;
  std::int64_t batch_;
  std::vector<Stage> plan_;
};

/// An ISyNet.
class IsynetNetwork : public Scalable {
 public:
  IsynetNetwork(std::string name, std::vector<zoo::ISyNetStage> stages, ir::Hw image, std::int64_t batch)
      : Scalable(std::move(name)), plan_(std::move(stages)), batch_(batch) {
    base_.image = image;
    for (std::size_t s = 0; s < plan_.size(); ++s) {
      base_.depths.push_back(plan_[s].blocks);
      stages_.push_back(fmt::format("stage{}", s));
    }
  }

  [[nodiscard]] ir::Graph build(const Extent& extent, std::int64_t divisor) const override {
    zoo::Builder b(fmt::format("{} {}", name_, to_string(extent)),
                   {batch_, 3, extent.image.h, extent.image.w});
    zoo::TensorId x = b.input();
    for (std::size_t s = 0; s < plan_.size(); ++s) {
      zoo::ISyNetStage stage = plan_[s];
      stage.out = scaled_channels(stage.out, extent.width, divisor);
      stage.skip = stage.skip || stage.blocks == 1;
      for (std::int64_t i = 0; i < extent.depths.at(s); ++i) {
        x = zoo::isynet_block(b, fmt::format("{}.{}", stages_[s], i), x, stage, i == 0);
      }
    }
    constexpr std::int64_t kHead = 1280, kClasses = 1000;
    x = b.conv_bn_act("head", x, {.out = scaled_channels(kHead, extent.width, divisor)});
    return b.finish(b.classifier(x, kClasses));
  }

 private:
  std::vector<zoo::ISyNetStage> plan_;
  std::int64_t batch_;
};

}  // namespace

std::string to_string(const Extent& extent) {
  return fmt::format("d{} w{:.4g} {}x{}", fmt::join(extent.depths, "-"), extent.width, extent.image.h,
                     extent.image.w);
}

std::int64_t scaled_channels(std::int64_t channels, double width, std::int64_t divisor) {
  if (width == 1) return channels;
  const double wanted = static_cast<double>(channels) * width;
  const auto half = static_cast<double>(divisor) / 2;
  const std::int64_t rounded =
      std::max(divisor, static_cast<std::int64_t>(wanted + half) / divisor * divisor);
  return static_cast<double>(rounded) < 0.9 * wanted ? rounded + divisor : rounded;
}

std::vector<std::size_t> blocks_at_depth(const std::vector<std::int64_t>& parameters, std::int64_t depth) {
  ensure(depth >= 1 && !parameters.empty(), "a stage of at least one block");
  const std::size_t blocks = parameters.size();
  const auto wanted = static_cast<std::size_t>(depth);
  std::vector<std::size_t> order(blocks);  // by parameters, most first
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (wanted < blocks) {
    std::stable_sort(order.begin() + 1, order.end(),
                     [&](std::size_t a, std::size_t b) { return parameters[a] > parameters[b]; });
    order.resize(wanted);
    std::sort(order.begin(), order.end());
    return order;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return parameters[a] > parameters[b]; });
  std::vector<std::size_t> times(blocks, wanted / blocks), which;
  for (std::size_t i = 0; i < wanted % blocks; ++i) ++times[order[i]];
  for (std::size_t i = 0; i < blocks; ++i) which.insert(which.end(), times[i], i);
  return which;
}

std::unique_ptr<Scalable> scalable_of_space(const std::string& network, std::int64_t batch) {
  const std::size_t colon = network.rfind(':');
  if (colon == std::string::npos) throw UserError(fmt::format("'{}': expected <space>:<encoding>", network));
  const std::unique_ptr<space::Space> space = space::make_space(network.substr(0, colon));
  const space::Genome genome = space->decode(network.substr(colon + 1));
  if (const auto* staged = dynamic_cast<const space::StagedSpace*>(space.get())) {
    return std::make_unique<StagedNetwork>(network, *staged, genome, batch);
  }
  if (const auto* isynet = dynamic_cast<const space::IsynetSpace*>(space.get())) {
    const ir::Shape input = space->blocks(genome).front().input;
    return std::make_unique<IsynetNetwork>(network, isynet->stages(genome), ir::Hw{input.at(2), input.at(3)},
                                           batch);
  }
  return nullptr;
}

}  // namespace npusim::scale
