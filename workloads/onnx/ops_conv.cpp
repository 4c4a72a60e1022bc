// Conv, ConvTranspose.
#include <fmt/format.h>

#include <algorithm>

#include "workloads/onnx/ops.h"
#include "workloads/onnx/window.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;

std::vector<std::int64_t> kernel_of(const Node& node, const ir::Shape& x, const ir::Shape& w) {
  if (w.size() != x.size()) {
    node.fail(fmt::format("weight {} must have the rank of input {}", ir::to_string(w), ir::to_string(x)));
  }
  return {w.begin() + 2, w.end()};
}

std::int64_t groups(const Node& node) {
  const std::int64_t count = node.integer("group", 1);
  node.expect_range(count, 1, kMaxDim - 1, "attribute 'group'");
  return count;
}

std::vector<ir::TensorId> operands(Node& node) {
  std::vector<ir::TensorId> inputs{node.in(0), node.in(1)};
  if (node.has(2)) inputs.push_back(node.in(2));
  return inputs;
}

void conv(Node& node) {
  node.expect_inputs(2, 3);
  add_conv(node, 1, node.optional_in(2), std::nullopt);
}

/// Resolves SAME padding and `output_shape`: what exceeds the wanted size is cut, what is short is added.
void fit_output(WindowAxis& axis, std::int64_t& extra, std::int64_t size, std::int64_t wanted, bool upper) {
  const std::int64_t excess = axis.stride * (size - 1) + extra + axis.reach() - wanted;
  if (excess < 0) extra -= excess;
  const std::int64_t total = std::max<std::int64_t>(excess, 0);
  // ONNX: SAME_UPPER puts the odd one at the end, every other mode at the beginning.
  axis.before = upper ? total / 2 : total - total / 2;
  axis.after = total - axis.before;
}

void conv_transpose(Node& node) {
  node.expect_inputs(2, 3);
  const ir::Shape x = node.shape(0);
  const auto sizes = spatial_sizes(node, x);
  auto axes = read_window(node, sizes, kernel_of(node, x, node.shape(1)));
  const std::size_t rank = axes.size();
  auto extra = node.integer_list("output_padding").value_or(std::vector<std::int64_t>(rank, 0));
  const auto wanted = node.integer_list("output_shape").value_or(std::vector<std::int64_t>{});
  if (extra.size() != rank || (!wanted.empty() && wanted.size() != rank)) {
    node.fail(fmt::format("output_padding and output_shape must have {} values", rank));
  }
  const std::string mode = node.text("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  for (std::size_t i = 0; i < rank; ++i) {
    node.expect_range(extra[i], 0, 1 << 20, "a value of attribute 'output_padding'");
    if (!wanted.empty()) {
      node.expect_range(wanted[i], 1, kMaxDim - 1, "a value of attribute 'output_shape'");
      fit_output(axes[i], extra[i], sizes[i], wanted[i], mode == "SAME_UPPER");
    } else if (same) {
      fit_output(axes[i], extra[i], sizes[i], sizes[i] * axes[i].stride, mode == "SAME_UPPER");
    }
  }
  const ir::Hw output_padding{rank > 1 ? extra.front() : 0, extra.back()};
  node.result(OpKind::conv_transpose, ir::ConvAttrs{to_window(axes), groups(node), output_padding},
              operands(node));
}

}  // namespace

void add_conv(Node& node, std::size_t weight, ir::TensorId bias, std::optional<ir::DType> dtype) {
  const ir::Shape x = node.shape(0);
  const auto sizes = spatial_sizes(node, x);
  const auto axes = read_window(node, sizes, kernel_of(node, x, node.shape(weight)));
  std::vector<ir::TensorId> inputs{node.in(0), node.in(weight)};
  if (bias != ir::kNoTensor) inputs.push_back(bias);
  node.result(OpKind::conv, ir::ConvAttrs{to_window(axes), groups(node), {0, 0}}, std::move(inputs),
              {dtype, {}});
}

std::span<const Handler> conv_handlers() {
  static constexpr Handler kHandlers[] = {{"Conv", conv}, {"ConvTranspose", conv_transpose}};
  return kHandlers;
}

}  // namespace npusim::onnx
