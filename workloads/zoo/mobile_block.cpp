#include "workloads/zoo/mobile_block.h"

#include <algorithm>
#include <cmath>

namespace npusim::zoo {

std::int64_t round_channels(double value) {
  const std::int64_t rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(value + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * value ? rounded + 8 : rounded;
}

TensorId mobile_block(Builder& b, const std::string& name, TensorId x, const MobileBlock& block) {
  const TensorId input = x;
  const std::int64_t in = b.channels(x);
  const bool expands = block.expanded != in;
  Conv filter{.out = block.expanded,
              .kernel = block.kernel,
              .stride = block.stride,
              .pad = block.pad,
              .dilation = block.dilation};
  if (!block.fused) filter.groups = block.expanded;
  if (expands && !block.fused) x = b.conv_bn_act(name + ".expand", x, {.out = block.expanded}, block.act);
  if (expands || !block.fused) {
    x = b.conv_bn_act(name + (block.fused ? ".expand" : ".depthwise"), x, filter, block.act);
  }
  if (block.squeeze > 0) x = b.squeeze_excite(name + ".se", x, block.squeeze, block.squeeze_act, block.gate);
  x = b.conv_bn_act(name + ".project", x, {.out = block.out}, Act::none);
  const bool same_shape = block.stride == 1 && block.out == in;
  return block.skip && same_shape ? b.add(name + ".add", x, input) : x;
}

TensorId mobile_stages(Builder& b, TensorId x, const std::vector<MobileStage>& stages,
                       const MobileStyle& style) {
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const MobileStage& stage = stages[s];
    const bool fixed = style.fixed_ends && (s == 0 || s + 1 == stages.size());
    const auto repeats =
        fixed ? stage.repeats
              : static_cast<std::int64_t>(std::ceil(static_cast<double>(stage.repeats) * style.depth));
    for (std::int64_t i = 0; i < repeats; ++i) {
      const bool first = s == 0 && i == 0;
      const std::int64_t in = first && style.first_in > 0 ? style.first_in : b.channels(x);
      const MobileBlock block{.kernel = stage.kernel,
                              .expanded = in * stage.expansion,
                              .out = round_channels(static_cast<double>(stage.out) * style.width),
                              .stride = i == 0 ? stage.stride : 1,
                              .act = style.act,
                              .squeeze = style.squeeze ? std::max<std::int64_t>(1, in / 4) : 0,
                              .squeeze_act = style.act,
                              .gate = Act::sigmoid,
                              .fused = stage.fused,
                              .skip = stage.skip,
                              .pad = style.pad,
                              .dilation = stage.dilation};
      x = mobile_block(b, "stage" + std::to_string(style.first_stage + s) + "." + std::to_string(i), x,
                       block);
    }
  }
  return x;
}

}  // namespace npusim::zoo
