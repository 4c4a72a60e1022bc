// What S3NAS (arXiv 2009.02009, section 4.4) does to a network when it has been found: h-swish for ReLU,
// Squeeze-and-Excitation, and taking it out again where it does little.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::scale {

/// S3NAS' share of a block's input channels that Squeeze-and-Excitation squeezes to.
inline constexpr double kSqueezeRatio = 0.25;

/// A Squeeze-and-Excitation in a network: x times a gate that follows from x's mean over the image.
struct Excitation {
  /// What its operators' names share: "stage1.0" of "stage1.0.se.mul"; the product's name where another one's
  /// share the same. No two are equal.
  std::string block;
  ir::TensorId input = ir::kNoTensor;   ///< x
  ir::TensorId gate = ir::kNoTensor;    ///< [N, C, 1, 1]
  ir::TensorId output = ir::kNoTensor;  ///< their product
  std::vector<std::size_t> ops;         ///< of the graph, ascending: from the mean to the product
};
/// All of them, in the order of the network. Whatever computes a gate from nothing but x's mean counts.
std::vector<Excitation> excitations(const ir::Graph& graph);

/// Every ReLU and ReLU6 becomes h-swish, but for those inside Squeeze-and-Excitation. Gives how many.
std::int64_t use_hard_swish(ir::Graph& graph);

/// Adds mean, 1x1 to max(1, ratio * the block's input channels), ReLU, 1x1, sigmoid and product between the
/// depthwise stage and the projection of every block but the first, as S3NAS' code does; blocks that have it
/// stay as they are. A block is a 1x1 convolution that alone reads a depthwise convolution's result, or
/// several concatenated (behind BatchNorm and activation); its input is that of the 1x1 before it (the
/// expansion), else of the depthwise convolution. Gives the blocks' names.
std::vector<std::string> add_excitations(ir::Graph& graph, double ratio = kSqueezeRatio);

/// Takes out those of the blocks named. Throws UserError for a name that has none, with the nearest.
void remove_excitations(ir::Graph& graph, const std::vector<std::string>& blocks);

}  // namespace npusim::scale
