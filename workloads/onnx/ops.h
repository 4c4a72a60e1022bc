// The supported operators: one small function a family, found by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/onnx/node.h"

namespace npusim::onnx {

/// Adds to the graph what a node computes.
struct Handler {
  std::string_view op;
  void (*run)(Node& node);
};

std::span<const Handler> conv_handlers();         ///< Conv, ConvTranspose
std::span<const Handler> matmul_handlers();       ///< Gemm, MatMul
std::span<const Handler> einsum_handlers();       ///< Einsum
std::span<const Handler> pool_handlers();         ///< pools, reductions
std::span<const Handler> elementwise_handlers();  ///< arithmetic, activations, comparisons
std::span<const Handler> norm_handlers();         ///< normalisations, Softmax
std::span<const Handler> shape_handlers();        ///< Reshape, Transpose, Shape, Expand, ...
std::span<const Handler> join_handlers();         ///< Concat, Split, Slice, Gather, Pad, Tile
std::span<const Handler> resize_handlers();       ///< Resize, Upsample, DepthToSpace, SpaceToDepth
std::span<const Handler> constant_handlers();     ///< Constant, Range, Mod and others on constants
std::span<const Handler> quantize_handlers();     ///< QuantizeLinear, QLinearConv, ...

/// The handler of a node's operator; nullptr for one that is not supported.
const Handler* find_handler(const ::onnx::NodeProto& node);

/// Whether a node's domain is ONNX's own.
bool is_onnx_domain(const std::string& domain);

}  // namespace npusim::onnx
