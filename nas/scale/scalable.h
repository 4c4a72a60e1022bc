// Networks whose depth, width and image can be changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// How large a variant of a network is.
struct Extent {
  std::vector<std::int64_t> depths;  ///< blocks by stage, each at least 1
  double width = 1;                  ///< what channels are multiplied by before they are rounded
  ir::Hw image;                      ///< of the input
  bool operator==(const Extent&) const = default;
};
/// "d3-4-7-4-11 w1.1 268x268".
std::string to_string(const Extent& extent);

/// `channels * width` as a multiple of `divisor`, at least one of them and never below 90 % of the product
/// (S3NAS' scale_model_args.py, MobileNet's rule for any divisor); `channels` themselves at width 1.
std::int64_t scaled_channels(std::int64_t channels, double width, std::int64_t divisor);

/// A network that can be built at other extents. Const members may be called from several threads.
class Scalable {
 public:
  virtual ~Scalable() = default;
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The network as it is: width 1.
  [[nodiscard]] const Extent& base() const { return base_; }
  /// By stage, what it is called.
  [[nodiscard]] const std::vector<std::string>& stages() const { return stages_; }

  /// Why a dimension cannot be changed; "" when it can.
  struct Fixed {
    std::string depth, width, image;
  };
  [[nodiscard]] const Fixed& fixed() const { return fixed_; }

  /// The variant, channels as multiples of `divisor`. Throws UserError when the network cannot follow, naming
  /// the operator.
  [[nodiscard]] virtual ir::Graph build(const Extent& extent, std::int64_t divisor) const = 0;

 protected:
  explicit Scalable(std::string name) : name_(std::move(name)) {}
  std::string name_;
  Extent base_;
  std::vector<std::string> stages_;
  Fixed fixed_;
};

/// A network of a space with stages, "<space>:<encoding>". Blocks that depth adds are copies, each behind its
/// original, of the blocks with most parameters first (S3NAS; a stage's first block counts and is copied as
/// one of stride 1 and equal channels; of equal ones the earlier), all blocks once before one is copied
/// twice. Blocks that depth takes away are those with fewest parameters, never a stage's first; of equal
/// ones the later. ISyNet's stages repeat their block; a stage of a single block adds its input in the
/// copies. nullptr for a network of a space without stages. Throws UserError for what names no network.
std::unique_ptr<Scalable> scalable_of_space(const std::string& network, std::int64_t batch = 1);

/// Any other network. Depth: its residual blocks (residual.h), of equal shape one behind another, are stages;
/// they are copied and taken away like those above. Width and image: see resize.h. What it cannot change is
/// fixed with the reason: no residual blocks, an operator that cannot follow, an input that is no image,
/// quantised channels. Throws UserError when nothing at all can be changed, unless
/// the network is wanted `as_it_is`.
std::unique_ptr<Scalable> scalable_of_graph(std::string name, ir::Graph graph, bool as_it_is = false);

/// Of which of `parameters` (by block) a stage of `depth` blocks is made: indices, ascending.
std::vector<std::size_t> blocks_at_depth(const std::vector<std::int64_t>& parameters, std::int64_t depth);

}  // namespace npusim::scale
