// ResNet (arXiv 1512.03385, v1.5: the stride is in the 3x3), ResNeXt (1611.05431), Wide ResNet (1605.07146)
// and MLPerf Tiny's ResNet-8 for 32x32 images.
#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct ResNet {
  const char* name;
  std::array<int, 4> depths;
  bool bottleneck;
  std::int64_t groups;
  std::int64_t base_width;  ///< channels of a group's 3x3, per 64 planes
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kResNets{
    ResNet{"resnet18", {2, 2, 2, 2}, false, 1, 64, 11'689'512, 1'814},
    ResNet{"resnet34", {3, 4, 6, 3}, false, 1, 64, 21'797'672, 3'664},
    ResNet{"resnet50", {3, 4, 6, 3}, true, 1, 64, 25'557'032, 4'089},
    ResNet{"resnet101", {3, 4, 23, 3}, true, 1, 64, 44'549'160, 7'801},
    ResNet{"resnet152", {3, 8, 36, 3}, true, 1, 64, 60'192'808, 11'514},
    ResNet{"resnext50_32x4d", {3, 4, 6, 3}, true, 32, 4, 25'028'904, 4'230},
    ResNet{"resnext101_32x8d", {3, 4, 23, 3}, true, 32, 8, 88'791'336, 16'414},
    ResNet{"wide_resnet50_2", {3, 4, 6, 3}, true, 1, 128, 68'883'240, 11'398},
    ResNet{"wide_resnet101_2", {3, 4, 23, 3}, true, 1, 128, 126'886'696, 22'753},
};

TensorId residual_block(Builder& b, const std::string& name, TensorId x, const ResNet& net,
                        std::int64_t planes, std::int64_t stride) {
  const std::int64_t out = net.bottleneck ? planes * 4 : planes;
  TensorId y = x;
  if (net.bottleneck) {
    const std::int64_t width = planes * net.base_width / 64 * net.groups;
    y = b.conv_bn_act(name + ".conv1", y, {.out = width});
    y = b.conv_bn_act(name + ".conv2", y,
                      {.out = width, .kernel = 3, .stride = stride, .groups = net.groups});
    y = b.conv_bn_act(name + ".conv3", y, {.out = out}, Act::none);
  } else {
    y = b.conv_bn_act(name + ".conv1", y, {.out = out, .kernel = 3, .stride = stride});
    y = b.conv_bn_act(name + ".conv2", y, {.out = out, .kernel = 3}, Act::none);
  }
  if (stride != 1 || b.channels(x) != out) {
    x = b.conv_bn_act(name + ".downsample", x, {.out = out, .stride = stride}, Act::none);
  }
  return b.act(name + ".relu", b.add(name + ".add", y, x), Act::relu);
}

TensorId resnet(Builder& b, const ResNet& net) {
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 64, .kernel = 7, .stride = 2});
  x = b.max_pool("maxpool", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t stage = 0; stage < net.depths.size(); ++stage) {
    for (int i = 0; i < net.depths[stage]; ++i) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      x = residual_block(b, name, x, net, std::int64_t{64} << stage, i == 0 && stage > 0 ? 2 : 1);
    }
  }
  return b.classifier(x, kClasses);
}

/// Convolutions keep their bias beside BatchNorm and pad as TensorFlow does; the shortcut has no BatchNorm.
TensorId resnet8(Builder& b) {
  const auto conv_bn = [&b](const std::string& name, TensorId x, std::int64_t out, std::int64_t stride) {
    const Conv conv{.out = out, .kernel = 3, .stride = stride, .pad = Pad::kSame};
    return b.batch_norm(name + ".bn", b.conv(name, x, conv));
  };
  TensorId x = b.act("conv1.relu", conv_bn("conv1", b.input(), 16, 1), Act::relu);
  for (const std::int64_t planes : {16, 32, 64}) {
    const std::string name = "layer" + std::to_string(planes / 16);
    const std::int64_t stride = planes == 16 ? 1 : 2;
    TensorId y = b.act(name + ".conv1.relu", conv_bn(name + ".conv1", x, planes, stride), Act::relu);
    y = conv_bn(name + ".conv2", y, planes, 1);
    if (stride != 1) x = b.conv(name + ".shortcut", x, {.out = planes, .stride = stride, .pad = Pad::kSame});
    x = b.act(name + ".relu", b.add(name + ".add", x, y), Act::relu);
  }
  return b.classifier(x, 10);
}

}  // namespace

std::vector<Recipe> residual_networks() {
  std::vector<Recipe> rows;
  add_torchvision(rows, kResNets, "residual network, ImageNet", resnet);
  // 78,666 with BatchNorm's statistics, which are 480 of them.
  rows.push_back({{"resnet8",
                   "residual network, CIFAR-10",
                   "MLPerf Tiny v0.5 (arXiv 2106.07597)",
                   32,
                   exactly(78'666 - 480),
                   {125, 100'000}},
                  resnet8});
  return rows;
}

}  // namespace npusim::zoo
