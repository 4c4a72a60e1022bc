// Kernel, stride, dilation and padding attributes of convolutions and pools.
#pragma once

#include <optional>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/onnx/node.h"

namespace npusim::onnx {

/// One spatial axis of a window, ONNX's auto_pad and ceil_mode resolved.
struct WindowAxis {
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t before = 0;
  std::int64_t after = 0;
  /// Input elements under one window.
  [[nodiscard]] std::int64_t reach() const { return (kernel - 1) * dilation + 1; }
};

/// Reads kernel_shape (default: `kernel`), strides, dilations, pads and auto_pad for an input whose spatial
/// sizes are `sizes`; one entry a spatial axis. SAME pads as for a convolution. Fails on wrong lengths and
/// ranges.
std::vector<WindowAxis> read_window(const Node& node, const std::vector<std::int64_t>& sizes,
                                    const std::vector<std::int64_t>& kernel);

/// One or two axes as the IR's window; a 1-D window has height 1.
ir::Window to_window(const std::vector<WindowAxis>& axes);

/// The spatial sizes of [N,C,L] or [N,C,H,W]; reports other ranks as unsupported.
std::vector<std::int64_t> spatial_sizes(const Node& node, const ir::Shape& x);

/// Adds the convolution of inputs 0 and `weight` with a node's window attributes as its result
/// (ops_conv.cpp).
void add_conv(Node& node, std::size_t weight, ir::TensorId bias, std::optional<ir::DType> dtype);

}  // namespace npusim::onnx
