#include "workloads/onnx/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/units.h"

namespace npusim::onnx {

namespace {

constexpr std::int64_t kMost = 1 << 20;  ///< of any window attribute

std::vector<std::int64_t> list(const Node& node, const std::string& name, std::size_t length,
                               std::int64_t low, const std::vector<std::int64_t>& otherwise) {
  auto values = node.integer_list(name).value_or(otherwise);
  if (values.size() != length) {
    node.fail(fmt::format("attribute '{}' has {} values, expected {}", name, values.size(), length));
  }
  for (const std::int64_t value : values) {
    node.expect_range(value, low, kMost, fmt::format("a value of attribute '{}'", name));
  }
  return values;
}

/// What SAME padding adds to both ends of an axis together.
std::int64_t same_padding(const WindowAxis& axis, std::int64_t size) {
  return std::max<std::int64_t>(0, (ceil_div(size, axis.stride) - 1) * axis.stride + axis.reach() - size);
}

}  // namespace

std::vector<std::int64_t> spatial_sizes(const Node& node, const ir::Shape& x) {
  if (x.size() != 3 && x.size() != 4) {
    node.unsupported(fmt::format("an input of {}; expected [N,C,L] or [N,C,H,W]", ir::to_string(x)));
  }
  return {x.begin() + 2, x.end()};
}

std::vector<WindowAxis> read_window(const Node& node, const std::vector<std::int64_t>& sizes,
                                    const std::vector<std::int64_t>& kernel) {
  const std::size_t rank = sizes.size();
  const std::vector<std::int64_t> ones(rank, 1);
  const auto kernels = list(node, "kernel_shape", rank, 1, kernel);
  const auto strides = list(node, "strides", rank, 1, ones);
  const auto dilations = list(node, "dilations", rank, 1, ones);
  const auto pads = list(node, "pads", 2 * rank, -kMost, std::vector<std::int64_t>(2 * rank, 0));
  const std::string mode = node.text("auto_pad", "NOTSET");
  const bool upper = mode == "SAME_UPPER", lower = mode == "SAME_LOWER", valid = mode == "VALID";
  if (!upper && !lower && !valid && mode != "NOTSET" && !mode.empty()) {
    node.fail(fmt::format("auto_pad is '{}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode));
  }
  std::vector<WindowAxis> axes(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    axes[i] = {kernels[i], strides[i], dilations[i], pads[i], pads[rank + i]};
    if (valid) axes[i].before = axes[i].after = 0;
    if (upper || lower) {
      const std::int64_t total = same_padding(axes[i], sizes[i]);
      axes[i].before = upper ? total / 2 : total - total / 2;
      axes[i].after = total - axes[i].before;
    }
  }
  return axes;
}

ir::Window to_window(const std::vector<WindowAxis>& axes) {
  const WindowAxis& x = axes.back();
  const WindowAxis y = axes.size() > 1 ? axes.front() : WindowAxis{};
  return {{y.kernel, x.kernel},
          {y.stride, x.stride},
          {y.dilation, x.dilation},
          {y.before, x.before, y.after, x.after}};
}

}  // namespace npusim::onnx
