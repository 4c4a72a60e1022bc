// Resize, Upsample, DepthToSpace, SpaceToDepth.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <utility>

#include "workloads/onnx/ops.h"
#include "workloads/passes/evaluate.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;
using ir::Shape;

using ir::ResizeAttrs;

template <class Choice>
Choice choose(const Node& node, const char* attribute, const char* otherwise,
              std::initializer_list<std::pair<const char*, Choice>> choices) {
  const std::string text = node.text(attribute, otherwise);
  std::vector<std::string> names;
  for (const auto& [name, choice] : choices) {
    if (text == name) return choice;
    names.emplace_back(name);
  }
  node.fail(fmt::format("{} is '{}', expected {}", attribute, text, fmt::join(names, ", ")));
}

/// Before opset 11 there were no attributes for coordinates.
ResizeAttrs attributes(const Node& node) {
  using Coordinates = ResizeAttrs::Coordinates;
  using Rounding = ResizeAttrs::Rounding;
  using Mode = ResizeAttrs::Mode;
  const bool old = node.opset() < 11 || node.type() == "Upsample";
  ResizeAttrs attrs;
  attrs.mode = choose<Mode>(node, "mode", "nearest",
                            {{"nearest", Mode::nearest},
                             {"linear", Mode::linear},
                             {"bilinear", Mode::linear},
                             {"cubic", Mode::cubic}});
  attrs.coordinates =
      choose<Coordinates>(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel",
                          {{"half_pixel", Coordinates::half_pixel},
                           {"half_pixel_symmetric", Coordinates::half_pixel_symmetric},
                           {"pytorch_half_pixel", Coordinates::pytorch_half_pixel},
                           {"align_corners", Coordinates::align_corners},
                           {"asymmetric", Coordinates::asymmetric}});
  attrs.rounding = choose<Rounding>(node, "nearest_mode", old ? "floor" : "round_prefer_floor",
                                    {{"round_prefer_floor", Rounding::prefer_floor},
                                     {"round_prefer_ceil", Rounding::prefer_ceil},
                                     {"floor", Rounding::floor},
                                     {"ceil", Rounding::ceil}});
  attrs.cubic_coefficient = node.number("cubic_coeff_a", -0.75);
  attrs.exclude_outside = node.integer("exclude_outside", 0) != 0;
  attrs.antialias = node.integer("antialias", 0) != 0;
  return attrs;
}

/// `scales`: those of all axes, where they are not output size / input size.
void to_size(Node& node, Shape out, std::vector<double> scales = {}) {
  ResizeAttrs attrs = attributes(node);
  attrs.scales = std::move(scales);
  node.result(OpKind::resize, std::move(attrs), {node.in(0)}, {{}, std::move(out)});
}

/// floor(size * scale) in single precision, as exporters and ONNX itself compute it.
std::int64_t scaled(const Node& node, std::int64_t size, double scale) {
  if (!(scale > 0) || scale > 1e6) node.fail(fmt::format("a scale is {}, expected more than 0", scale));
  return passes::to_integer(std::floor(static_cast<float>(size) * static_cast<float>(scale)));
}

/// The axes that scales or sizes are for (opset 18), by default all.
std::vector<std::size_t> resized_axes(const Node& node, std::size_t rank, std::size_t values) {
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  axes = node.integer_list("axes").value_or(axes);
  if (axes.size() != values) node.fail(fmt::format("{} scales or sizes for {} axes", values, axes.size()));
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) result.push_back(static_cast<std::size_t>(node.axis(axis, rank)));
  return result;
}

void by_scales(Node& node, const std::vector<double>& scales) {
  Shape out = node.shape(0);
  const auto axes = resized_axes(node, out.size(), scales.size());
  std::vector<double> all(out.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    out[axes[i]] = scaled(node, out[axes[i]], scales[i]);
    all[axes[i]] = scales[i];
  }
  to_size(node, std::move(out), std::move(all));
}

void by_sizes(Node& node, const std::vector<std::int64_t>& sizes) {
  const Shape x = node.shape(0);
  Shape out = x;
  const auto axes = resized_axes(node, x.size(), sizes.size());
  const std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  std::vector<double> ratios;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    node.expect_range(sizes[i], 1, kMaxDim - 1, "a size");
    out[axes[i]] = sizes[i];
    ratios.push_back(static_cast<double>(sizes[i]) /
                     static_cast<double>(std::max<std::int64_t>(x[axes[i]], 1)));
  }
  std::vector<double> scales;
  if (policy != "stretch" && !ratios.empty()) {
    if (policy != "not_larger" && policy != "not_smaller") {
      node.fail(fmt::format("keep_aspect_ratio_policy is '{}', expected stretch, not_larger or not_smaller",
                            policy));
    }
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    const double ratio = policy == "not_larger" ? *low : *high;
    scales.assign(x.size(), 1);
    for (const std::size_t axis : axes) {
      out[axis] = passes::to_integer(std::round(static_cast<double>(x[axis]) * ratio));
      scales[axis] = ratio;
    }
  }
  to_size(node, std::move(out), std::move(scales));
}

/// Whether an optional list is given: older exporters pass an empty one for "no".
bool given(Node& node, std::size_t i) { return node.has(i) && ir::elements(node.shape(i)) > 0; }

void resize(Node& node) {
  node.expect_inputs(1, 4);
  if (node.text("coordinate_transformation_mode", "") == "tf_crop_and_resize") {
    node.unsupported("coordinate_transformation_mode 'tf_crop_and_resize'");
  }
  if (node.opset() < 11) return by_scales(node, node.numbers(1, "the scales"));
  if (given(node, 3)) return by_sizes(node, node.integers(3, "the sizes"));
  if (given(node, 2)) return by_scales(node, node.numbers(2, "the scales"));
  node.fail("has neither scales nor sizes");
}

void upsample(Node& node) {
  node.expect_inputs(1, 2);
  if (node.has(1)) return by_scales(node, node.numbers(1, "the scales"));
  const auto scales = node.number_list("scales");
  if (!scales) node.fail("the scales are missing");
  by_scales(node, *scales);
}

std::int64_t block(const Node& node) {
  const std::int64_t size = node.integer("blocksize", 0);
  node.expect_range(size, 1, 1 << 15, "attribute 'blocksize'");
  return size;
}

void depth_to_space(Node& node) {
  node.expect_inputs(1, 1);
  const std::string order = node.text("mode", "DCR");
  if (order != "DCR" && order != "CRD") node.fail(fmt::format("mode is '{}', expected DCR or CRD", order));
  node.result(OpKind::depth_to_space, ir::BlockAttrs{block(node), order == "CRD"}, {node.in(0)});
}

void space_to_depth(Node& node) {
  node.expect_inputs(1, 1);
  node.result(OpKind::space_to_depth, ir::BlockAttrs{block(node), false}, {node.in(0)});
}

}  // namespace

std::span<const Handler> resize_handlers() {
  static constexpr Handler kHandlers[] = {{"Resize", resize},
                                          {"Upsample", upsample},
                                          {"DepthToSpace", depth_to_space},
                                          {"SpaceToDepth", space_to_depth}};
  return kHandlers;
}

}  // namespace npusim::onnx
