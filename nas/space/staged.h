// Spaces of chains of mobile blocks: stem, stages whose blocks are chosen, head.
#pragma once

#include <string>
#include <vector>

#include "nas/space/space.h"
#include "workloads/zoo/block.h"

namespace npusim::space {

/// What one place for a block may hold.
struct Choice {
  std::string text = {};  ///< as a user reads it: "k3e6"
  zoo::Block block = {};  ///< its channels, stride, skip and padding follow from its place
};

/// Blocks of one width, of which the first has the stride.
struct StagePlan {
  std::vector<std::int64_t> widths = {};  ///< output channels, ascending
  std::int64_t stride = 1;
  std::vector<std::int64_t> depths =
      {};  ///< ascending; 0, which leaves the whole stage out, only with stride 1
  std::vector<Choice> first = {}, rest = {};  ///< of the first block and of the others
  /// Depths are 1 to some maximum, and instead of a gene for them the choice "skip" leaves a block out
  /// (ProxylessNAS' zero operation). Networks with the same blocks in order are one.
  bool zero = false;
  bool uniform = false;     ///< one gene for all blocks of the stage; `rest` is `first`
  bool first_adds = false;  ///< the first block adds its input where shapes allow it
};

struct StagedPlan {
  std::string name = {};
  std::vector<std::int64_t> sides = {};  ///< of the image, ascending; more than one are a gene
  std::vector<zoo::Block> stem = {};     ///< from 3 channels; `in` is filled in
  std::vector<StagePlan> stages = {};
  std::vector<zoo::Block> head = {};  ///< behind the stages; `in` is filled in
  zoo::Pad::Rule pad = zoo::Pad::Rule::half;
};

/// A convolution with BatchNorm and activation.
zoo::Block conv_block(std::int64_t kernel, std::int64_t stride, std::int64_t out, zoo::Act act);
/// Global average pool.
zoo::Block pool_block();
/// A linear layer.
zoo::Block dense_block(std::int64_t out, zoo::Act act = zoo::Act::none);
/// An inverted residual block, fused or plain, without its channels.
zoo::Block mobile_block(std::int64_t kernel, std::int64_t expansion, zoo::Act act, bool fused = false);

/// The block with its channels and stride as one part of a network, at an input of `side` x `side`: what its
/// place leaves without effect is written in one way, so that equal blocks have equal names.
Block placed_block(zoo::Block block, std::int64_t side, const std::string& place);

/// A space from its plan. Sampling is uniform over networks.
class StagedSpace : public Space {
 public:
  explicit StagedSpace(StagedPlan plan);

  [[nodiscard]] const StagedPlan& plan() const { return plan_; }
  [[nodiscard]] std::vector<bool> active(const Genome& genome) const override;
  [[nodiscard]] Genome canonical(Genome genome) const override;
  [[nodiscard]] double count() const override;
  [[nodiscard]] std::optional<Genome> at(std::uint64_t index) const override;
  [[nodiscard]] Genome sample(Rng& rng) const override;
  [[nodiscard]] Genome largest() const override;
  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override;
  [[nodiscard]] std::vector<Block> all_blocks() const override;

  /// Choices of one stage by index; `blocks` has an element a block that is there.
  struct StageValue {
    std::size_t width = 0;
    std::vector<std::size_t> blocks;
  };
  /// The genome of a network given by choices: `side` indexes plan().sides.
  [[nodiscard]] Genome compose(std::size_t side, const std::vector<StageValue>& stages) const;
  /// The choices that a genome makes for one stage.
  [[nodiscard]] StageValue read(const Genome& genome, std::size_t stage) const;
  /// The image of a genome's network.
  [[nodiscard]] std::int64_t image_side(const Genome& genome) const {
    return plan_.sides[side_index(genome)];
  }

 private:
  /// Where a stage's genes are; npos where it has none.
  struct Layout {
    std::size_t width = 0, depth = 0, blocks = 0, places = 0;
  };
  void add_genes(const StagePlan& stage, std::size_t number);
  void write(Genome& genome, std::size_t stage, const StageValue& value) const;
  [[nodiscard]] std::size_t side_index(const Genome& genome) const;

  StagedPlan plan_;
  std::vector<Layout> layouts_;
};

}  // namespace npusim::space
