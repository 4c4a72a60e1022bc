// ShuffleNet v2 (arXiv 1807.11164).
#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct ShuffleNet {
  const char* name;
  std::array<std::int64_t, 3> channels;
  std::int64_t last;
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kShuffleNets{
    ShuffleNet{"shufflenet_v2_x0_5", {48, 96, 192}, 1024, 1'366'792, 40},
    ShuffleNet{"shufflenet_v2_x1_0", {116, 232, 464}, 1024, 2'278'604, 145},
    ShuffleNet{"shufflenet_v2_x1_5", {176, 352, 704}, 1024, 3'503'624, 296},
    ShuffleNet{"shufflenet_v2_x2_0", {244, 488, 976}, 2048, 7'393'996, 583},
};

/// Interleaves the two halves of the channels.
TensorId channel_shuffle(Builder& b, const std::string& name, TensorId x) {
  const ir::Shape in = b.shape(x);
  x = b.reshape(name + ".group", x, {in[0], 2, in[1] / 2, in[2], in[3]});
  x = b.transpose(name + ".transpose", x, {0, 2, 1, 3, 4});
  return b.reshape(name + ".ungroup", x, in);
}

TensorId shuffle_block(Builder& b, const std::string& name, TensorId x, std::int64_t out,
                       std::int64_t stride) {
  const std::int64_t half = out / 2;
  const auto depthwise = [&](const std::string& conv, TensorId in) {
    return b.conv_bn_act(conv, in,
                         {.out = b.channels(in), .kernel = 3, .stride = stride, .groups = b.channels(in)},
                         Act::none);
  };
  TensorId left = x, right = x;
  if (stride == 1) {
    const auto halves = b.split(name + ".split", x, 2);
    left = halves[0];
    right = halves[1];
  } else {
    left =
        b.conv_bn_act(name + ".branch1.pointwise", depthwise(name + ".branch1.depthwise", x), {.out = half});
  }
  right = b.conv_bn_act(name + ".branch2.pointwise1", right, {.out = half});
  right = depthwise(name + ".branch2.depthwise", right);
  right = b.conv_bn_act(name + ".branch2.pointwise2", right, {.out = half});
  return channel_shuffle(b, name + ".shuffle", b.concat(name + ".concat", {left, right}));
}

TensorId shufflenet(Builder& b, const ShuffleNet& net) {
  constexpr std::array<int, 3> kRepeats{4, 8, 4};
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 24, .kernel = 3, .stride = 2});
  x = b.max_pool("maxpool", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t stage = 0; stage < kRepeats.size(); ++stage) {
    for (int i = 0; i < kRepeats[stage]; ++i) {
      const std::string name = "stage" + std::to_string(stage + 2) + "." + std::to_string(i);
      x = shuffle_block(b, name, x, net.channels[stage], i == 0 ? 2 : 1);
    }
  }
  return b.classifier(b.conv_bn_act("conv5", x, {.out = net.last}), kClasses);
}

}  // namespace

std::vector<Recipe> shuffle_networks() {
  std::vector<Recipe> rows;
  add_torchvision(rows, kShuffleNets, "split, depthwise and channel shuffle, ImageNet", shufflenet);
  return rows;
}

}  // namespace npusim::zoo
