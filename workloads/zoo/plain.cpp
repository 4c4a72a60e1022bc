// AlexNet (arXiv 1404.5997), VGG (1409.1556) and SqueezeNet (1602.07360), without shortcuts.
#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct Vgg {
  const char* name;
  std::array<int, 5> convs;  ///< 3x3 convolutions before each pool
  bool batch_norm;
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kVggs{
    Vgg{"vgg11", {1, 1, 2, 2, 2}, false, 132'863'336, 7'609},
    Vgg{"vgg13", {2, 2, 2, 2, 2}, false, 133'047'848, 11'308},
    Vgg{"vgg16", {2, 2, 3, 3, 3}, false, 138'357'544, 15'470},
    Vgg{"vgg16_bn", {2, 2, 3, 3, 3}, true, 138'365'992, 15'470},
    Vgg{"vgg19", {2, 2, 4, 4, 4}, false, 143'667'240, 19'632},
    Vgg{"vgg19_bn", {2, 2, 4, 4, 4}, true, 143'678'248, 19'632},
};

/// The three linear layers that AlexNet and VGG end with.
TensorId three_linear(Builder& b, TensorId x) {
  x = b.flatten("flatten", x);
  x = b.act("fc6.relu", b.linear("fc6", x, 4096), Act::relu);
  x = b.act("fc7.relu", b.linear("fc7", x, 4096), Act::relu);
  return b.linear("fc8", x, kClasses);
}

TensorId vgg(Builder& b, const Vgg& net) {
  constexpr std::array<std::int64_t, 5> kChannels{64, 128, 256, 512, 512};
  TensorId x = b.input();
  for (std::size_t stage = 0; stage < kChannels.size(); ++stage) {
    for (int i = 0; i < net.convs[stage]; ++i) {
      const std::string name = "conv" + std::to_string(stage + 1) + "_" + std::to_string(i + 1);
      const Conv conv{.out = kChannels[stage], .kernel = 3};
      x = b.conv(name, x, conv);
      if (net.batch_norm) x = b.batch_norm(name + ".bn", x);
      x = b.act(name + ".relu", x, Act::relu);
    }
    x = b.max_pool("pool" + std::to_string(stage + 1), x, {.kernel = 2, .stride = 2});
  }
  return three_linear(b, x);
}

TensorId alexnet(Builder& b) {
  const Pool pool{.kernel = 3, .stride = 2};
  TensorId x = b.conv_act("conv1", b.input(), {.out = 64, .kernel = 11, .stride = 4, .pad = 2});
  x = b.max_pool("pool1", x, pool);
  x = b.conv_act("conv2", x, {.out = 192, .kernel = 5});
  x = b.max_pool("pool2", x, pool);
  x = b.conv_act("conv3", x, {.out = 384, .kernel = 3});
  x = b.conv_act("conv4", x, {.out = 256, .kernel = 3});
  x = b.conv_act("conv5", x, {.out = 256, .kernel = 3});
  return three_linear(b, b.max_pool("pool5", x, pool));
}

struct SqueezeNet {
  const char* name;
  std::int64_t stem_channels;
  std::int64_t stem_kernel;
  std::array<int, 3> fires;  ///< fire modules before each of the inner pools, and after the last
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kSqueezeNets{
    SqueezeNet{"squeezenet1_0", 96, 7, {3, 4, 1}, 1'248'424, 819},
    SqueezeNet{"squeezenet1_1", 64, 3, {2, 2, 4}, 1'235'496, 349},
};

TensorId fire(Builder& b, const std::string& name, TensorId x, std::int64_t squeeze) {
  x = b.conv_act(name + ".squeeze", x, {.out = squeeze});
  const TensorId one = b.conv_act(name + ".expand1x1", x, {.out = 4 * squeeze});
  const TensorId three = b.conv_act(name + ".expand3x3", x, {.out = 4 * squeeze, .kernel = 3});
  return b.concat(name + ".concat", {one, three});
}

TensorId squeezenet(Builder& b, const SqueezeNet& net) {
  constexpr std::array<std::int64_t, 8> kSqueeze{16, 16, 32, 32, 48, 48, 64, 64};
  TensorId x = b.conv_act("conv1", b.input(),
                          {.out = net.stem_channels, .kernel = net.stem_kernel, .stride = 2, .pad = 0});
  std::size_t module = 0;
  for (const int fires : net.fires) {
    x = b.max_pool("pool" + std::to_string(module + 1), x, {.kernel = 3, .stride = 2, .ceil = true});
    for (int i = 0; i < fires; ++i, ++module) {
      x = fire(b, "fire" + std::to_string(module + 2), x, kSqueeze[module]);
    }
  }
  x = b.conv_act("conv10", x, {.out = kClasses});
  return b.flatten("flatten", b.global_average_pool("avgpool", x));
}

}  // namespace

std::vector<Recipe> plain_networks() {
  std::vector<Recipe> rows;
  rows.push_back({{"alexnet", "convolutions and three linear layers, ImageNet", kTorchvision, 224,
                   exactly(61'100'840), millions(714)},
                  alexnet});
  add_torchvision(rows, kVggs, "3x3 convolutions and three linear layers, ImageNet", vgg);
  add_torchvision(rows, kSqueezeNets, "fire modules, ImageNet", squeezenet);
  return rows;
}

}  // namespace npusim::zoo
