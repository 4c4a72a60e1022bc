// ISyNet (arXiv 2109.01932): the networks' search space, section 4, as a table of stages.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

/// One convolution of a block.
enum class Edge : std::uint8_t {
  conv1,
  conv3,
  conv5,
  conv7,
  pair3,  ///< 3x1 then 1x3, one BatchNorm and ReLU behind both
  pair5,
  pair7,
  identity
};

/// Side of an edge's square kernel, or of the two that a pair stands for. Throws InternalError for the
/// identity.
std::int64_t kernel_of(Edge edge);
bool is_pair(Edge edge);

/// A stage halves the resolution in its first block and repeats it `blocks` times.
struct ISyNetStage {
  std::array<Edge, 4> edges;
  std::int64_t out = 0;  ///< output channels; the last edge that is no identity makes them
  std::int64_t blocks = 1;
  std::int64_t expansion = 1;  ///< the other edges have out * expansion channels
  bool skip = false;  ///< blocks after the first add their input (without a ReLU behind the addition)
  bool last_relu =
      true;  ///< false drops the ReLU of edge 3 (only of edge 3, and only where it is no identity)
};

/// One block of a stage; only the first halves the resolution. `x` may have any channels. Throws UserError
/// when its first edge is the identity.
TensorId isynet_block(Builder& b, const std::string& name, TensorId x, const ISyNetStage& stage, bool first);

/// "i<in>_o<out>_x<expansion>_e<e0,..,e3>[_skip][_linear][_first]": the block's text behind "isyblock:", with
/// edges by their numbers in Edge.
std::string isynet_block_text(std::int64_t in, const ISyNetStage& stage, bool first);

/// The body of an ISyNet: stages without a stem, a 1x1 head to 1280 channels, and a linear layer.
/// Throws UserError for a stage whose first edge is the identity.
TensorId isynet(Builder& b, const std::vector<ISyNetStage>& stages, std::int64_t classes = 1000);

}  // namespace npusim::zoo
