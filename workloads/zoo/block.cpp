#include "workloads/zoo/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

std::vector<Branch> merged(std::vector<Branch> branches) {
  std::map<std::int64_t, std::int64_t> expansions;
  for (const Branch& branch : branches) expansions[branch.kernel] += branch.expansion;
  branches.clear();
  for (const auto& entry : expansions) {
    if (entry.second > 0) branches.push_back({entry.first, entry.second});
  }
  return branches;
}

bool is_identity(const Block& block) { return !block.branches.empty() && merged(block.branches).empty(); }

std::string class_of(const Block& block) {
  switch (block.kind) {
    case BlockKind::mbconv:
      return "MBConvBlock";
    case BlockKind::fused:
      return "ConvBlock_kxk1x1";
    case BlockKind::mixconv:
      return "MixConvBlock";
    case BlockKind::conv:
      return "Conv2D";
    case BlockKind::dense:
      return "Dense";
    case BlockKind::global_average_pool:
      return "GlobalAvgPool";
  }
  throw InternalError("unknown kind of block");
}

namespace {

TensorId mixed(Builder& b, const std::string& name, TensorId x, const Block& block,
               const MobileBlock& shape) {
  const TensorId input = x;
  const std::int64_t in = b.channels(x);
  std::vector<TensorId> parts;
  for (const Branch& branch : merged(block.branches)) {
    const std::string part = fmt::format("{}.{}x{}", name, branch.kernel, branch.kernel);
    const std::int64_t inner = in * branch.expansion;
    TensorId y = b.conv_bn_act(part + ".expand", x, {.out = inner}, block.act);
    const Conv depthwise{
        .out = inner, .kernel = branch.kernel, .stride = shape.stride, .groups = inner, .pad = shape.pad};
    parts.push_back(b.conv_bn_act(part + ".depthwise", y, depthwise, block.act));
  }
  x = parts.size() == 1 ? parts.front() : b.concat(name + ".concat", parts);
  if (shape.squeeze > 0) x = b.squeeze_excite(name + ".se", x, shape.squeeze, shape.squeeze_act, shape.gate);
  x = b.conv_bn_act(name + ".project", x, {.out = shape.out}, Act::none);
  return shape.skip && shape.stride == 1 && shape.out == in ? b.add(name + ".add", x, input) : x;
}

/// Channels inside Squeeze-and-Excitation; 0: none.
std::int64_t squeezed(const Block& block, std::int64_t in) {
  if (block.squeeze == 0) return 0;
  if (!block.squeeze_expanded) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(in) * block.squeeze));
  }
  std::int64_t expansion = 0;
  for (const Branch& branch : block.branches) expansion += branch.expansion;
  return round_channels(static_cast<double>(in * expansion) * block.squeeze);
}

TensorId append_once(Builder& b, const std::string& name, TensorId x, const Block& block,
                     std::int64_t stride) {
  const Pad pad = block.pad;
  switch (block.kind) {
    case BlockKind::conv:
      return b.conv_bn_act(
          name, x, {.out = block.out, .kernel = block.branches.front().kernel, .stride = stride, .pad = pad},
          block.act);
    case BlockKind::dense:
      return b.act(name + ".act", b.linear(name, x, block.out), block.act);
    case BlockKind::global_average_pool:
      return b.flatten(name + ".flatten", b.global_average_pool(name, x));
    case BlockKind::mbconv:
    case BlockKind::fused:
    case BlockKind::mixconv:
      break;
  }
  if (is_identity(block)) return b.identity(name, x);
  const std::int64_t in = b.channels(x);
  const Branch& first = block.branches.front();
  if (block.kind == BlockKind::fused && first.expansion == 1 && stride > 1) {
    throw UserError(fmt::format("block '{}': a fused block of expansion 1 is a bare 1x1 without a stride",
                                to_string(block)));
  }
  const MobileBlock shape{.kernel = first.kernel,
                          .expanded = in * first.expansion,
                          .out = block.out,
                          .stride = stride,
                          .act = block.act,
                          .squeeze = squeezed(block, in),
                          .gate = block.squeeze_expanded ? Act::hard_sigmoid : Act::sigmoid,
                          .fused = block.kind == BlockKind::fused,
                          .skip = block.skip,
                          .pad = pad};
  return block.kind == BlockKind::mixconv ? mixed(b, name, x, block, shape) : mobile_block(b, name, x, shape);
}

ir::Graph build_block(const std::string& name, std::int64_t batch) {
  std::string text = name.substr(name.find(':') + 1);
  const Size image = split_image(name, text);
  const Block block = parse_block(text);
  if (block.kind == BlockKind::dense) {
    if (image.h > 1) throw UserError(fmt::format("'{}': a dense block takes no image", name));
    Builder b(name, {batch, block.in});
    return b.finish(append_block(b, "block", b.input(), block));
  }
  if (image.h == 0)
    throw UserError(fmt::format("'{}': expected an image size behind the block, such as @14", name));
  Builder b(name, {batch, block.in, image.h, image.w});
  return b.finish(append_block(b, "block", b.input(), block));
}

}  // namespace

Block with_plain_padding(Block block, std::int64_t side) {
  const auto padding = [&](Pad::Rule rule, std::int64_t kernel) {
    return padding_of(rule, side, kernel, block.stride);
  };
  const bool plain = std::all_of(block.branches.begin(), block.branches.end(), [&](const Branch& branch) {
    return padding(block.pad, branch.kernel) == padding(Pad::Rule::leading, branch.kernel);
  });
  if (plain) block.pad = Pad::Rule::leading;
  return block;
}

TensorId append_block(Builder& b, const std::string& name, TensorId x, const Block& block) {
  const std::int64_t in = b.shape(x).at(1);
  if (in != block.in) {
    throw UserError(fmt::format("block '{}' takes {} channels, not {}", to_string(block), block.in, in));
  }
  if (block.repeat == 1) return append_once(b, name, x, block, block.stride);
  for (std::int64_t i = 0; i < block.repeat; ++i) {
    x = append_once(b, fmt::format("{}.{}", name, i), x, block, i == 0 ? block.stride : 1);
  }
  return x;
}

ParametricRecipe block_networks() {
  return {
      {"block",
       "block:[CLASS/]r<repeat>_k<k,..>_s<hh>_e<e,..>_i<in>_o<out>_c<type>[_se<ratio>|_sx<ratio>][_noskip]"
       "[_<act>][_<pad>]@SIZE",
       "block:r1_k3_s11_e2_i128_o128_c15@14",
       "one block alone, padded as MidapSim does (S3NAS, arXiv 2009.02009) unless half or same is given; "
       "types 0 MBConv, 15 fused, 100 "
       "MixConv, "
       "12, 16 and 102 their searchable forms; Conv2D as k_s_i_o, Dense as i_o, GlobalAvgPool as i"},
      build_block};
}

}  // namespace npusim::zoo
