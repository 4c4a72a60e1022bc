// Keras' ResNet v1 and v2 (arXiv 1512.03385 and 1603.05027) and Xception (1610.02357). Parameters are Keras'
// trainable ones.
#include <fmt/format.h>

#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

constexpr Pool kStemPool{.kernel = 3, .stride = 2, .pad = 1};

/// Convolutions keep their bias beside BatchNorm; the stride is in the first 1x1.
TensorId v1_block(Builder& b, const std::string& name, TensorId x, std::int64_t planes, std::int64_t stride,
                  bool project) {
  const auto conv_bn = [&](const std::string& part, TensorId y, const Conv& conv, Act act) {
    return b.act(part + ".relu", b.batch_norm(part + ".bn", b.conv(part, y, conv)), act);
  };
  TensorId y = conv_bn(name + ".conv1", x, {.out = planes, .stride = stride}, Act::relu);
  y = conv_bn(name + ".conv2", y, {.out = planes, .kernel = 3}, Act::relu);
  y = conv_bn(name + ".conv3", y, {.out = 4 * planes}, Act::none);
  if (project) x = conv_bn(name + ".shortcut", x, {.out = 4 * planes, .stride = stride}, Act::none);
  return b.act(name + ".relu", b.add(name + ".add", x, y), Act::relu);
}

TensorId resnet50_v1(Builder& b) {
  TensorId x = b.batch_norm("conv1.bn", b.conv("conv1", b.input(), {.out = 64, .kernel = 7, .stride = 2}));
  x = b.max_pool("pool1", b.act("conv1.relu", x, Act::relu), kStemPool);
  constexpr std::array<int, 4> kDepths{3, 4, 6, 3};
  for (std::size_t stage = 0; stage < kDepths.size(); ++stage) {
    for (int i = 0; i < kDepths[stage]; ++i) {
      x = v1_block(b, fmt::format("conv{}_block{}", stage + 2, i + 1), x, std::int64_t{64} << stage,
                   i == 0 && stage > 0 ? 2 : 1, i == 0);
    }
  }
  return b.classifier(x, kClasses, "predictions");
}

/// Activation first; the last block of a stage has the stride, its shortcut is a 1x1 pool.
TensorId v2_block(Builder& b, const std::string& name, TensorId x, std::int64_t planes, std::int64_t stride,
                  bool project) {
  const TensorId active = b.act(name + ".preact.relu", b.batch_norm(name + ".preact.bn", x), Act::relu);
  TensorId y = b.conv_bn_act(name + ".conv1", active, {.out = planes});
  y = b.conv_bn_act(name + ".conv2", y, {.out = planes, .kernel = 3, .stride = stride});
  y = b.conv(name + ".conv3", y, {.out = 4 * planes});
  if (project) {
    x = b.conv(name + ".shortcut", active, {.out = 4 * planes, .stride = stride});
  } else if (stride > 1) {
    x = b.max_pool(name + ".shortcut", x, {.kernel = 1, .stride = stride});
  }
  return b.add(name + ".add", x, y);
}

TensorId resnet_v2(Builder& b, const std::array<int, 4>& depths, std::int64_t classes) {
  TensorId x = b.conv("conv1", b.input(), {.out = 64, .kernel = 7, .stride = 2});
  x = b.max_pool("pool1", x, kStemPool);
  for (std::size_t stage = 0; stage < depths.size(); ++stage) {
    for (int i = 0; i < depths[stage]; ++i) {
      const bool last = i + 1 == depths[stage] && stage + 1 < depths.size();
      x = v2_block(b, fmt::format("conv{}_block{}", stage + 2, i + 1), x, std::int64_t{64} << stage,
                   last ? 2 : 1, i == 0);
    }
  }
  x = b.act("post.relu", b.batch_norm("post.bn", x), Act::relu);
  return b.classifier(x, classes, "predictions");
}

TensorId separable(Builder& b, const std::string& name, TensorId x, std::int64_t out) {
  x = b.conv(name + ".depthwise", x, {.out = b.channels(x), .kernel = 3, .groups = b.channels(x)}, false);
  return b.batch_norm(name + ".bn", b.conv(name + ".pointwise", x, {.out = out}, false));
}

TensorId xception_halving(Builder& b, const std::string& name, TensorId x, std::int64_t first,
                          std::int64_t out, bool starts_active) {
  const TensorId shortcut =
      b.conv_bn_act(name + ".shortcut", x, {.out = out, .stride = 2, .pad = Pad::kSame}, Act::none);
  if (starts_active) x = b.act(name + ".relu1", x, Act::relu);
  x = b.act(name + ".relu2", separable(b, name + ".sepconv1", x, first), Act::relu);
  x = separable(b, name + ".sepconv2", x, out);
  x = b.max_pool(name + ".pool", x, {.kernel = 3, .stride = 2, .pad = Pad::kSame});
  return b.add(name + ".add", x, shortcut);
}

TensorId xception(Builder& b) {
  TensorId x = b.conv_bn_act("block1.conv1", b.input(), {.out = 32, .kernel = 3, .stride = 2, .pad = 0});
  x = b.conv_bn_act("block1.conv2", x, {.out = 64, .kernel = 3, .pad = 0});
  x = xception_halving(b, "block2", x, 128, 128, false);
  x = xception_halving(b, "block3", x, 256, 256, true);
  x = xception_halving(b, "block4", x, 728, 728, true);
  for (int i = 5; i < 13; ++i) {
    TensorId y = x;
    for (int j = 1; j < 4; ++j) {
      const std::string name = fmt::format("block{}.sepconv{}", i, j);
      y = separable(b, name, b.act(name + ".relu", y, Act::relu), 728);
    }
    x = b.add(fmt::format("block{}.add", i), y, x);
  }
  x = xception_halving(b, "block13", x, 728, 1024, true);
  x = b.act("block14.relu1", separable(b, "block14.sepconv1", x, 1536), Act::relu);
  x = b.act("block14.relu2", separable(b, "block14.sepconv2", x, 2048), Act::relu);
  return b.classifier(x, kClasses, "predictions");
}

struct ResNetV2 {
  const char* name;
  std::array<int, 4> depths;
  std::int64_t parameters;
};
constexpr std::array kResNetV2s{ResNetV2{"resnet50_v2", {3, 4, 6, 3}, 25'568'360},
                                ResNetV2{"resnet101_v2", {3, 4, 23, 3}, 44'577'896},
                                ResNetV2{"resnet152_v2", {3, 8, 36, 3}, 60'236'904}};

}  // namespace

std::vector<Recipe> keras_networks() {
  std::vector<Recipe> rows;
  rows.push_back({{"resnet50_v1",
                   "ResNet with the stride in the first 1x1, ImageNet",
                   "Keras",
                   224,
                   exactly(25'583'592),
                   {386, 10'000'000}},
                  resnet50_v1});
  for (const ResNetV2& net : kResNetV2s) {
    rows.push_back(
        {{net.name, "ResNet with activations first, ImageNet", "Keras", 224, exactly(net.parameters), {}},
         [&net](Builder& b) { return resnet_v2(b, net.depths, kClasses); }});
  }
  for (const ResNetV2& net : kResNetV2s) {
    NetInfo info{net.name + std::string("_299"),
                 "ResNet with activations first, ImageNet (1001 classes)",
                 "tensorflow/models, slim; Keras' parameters with a class more",
                 299,
                 exactly(net.parameters + 2'049),
                 {}};
    rows.push_back(
        {std::move(info), [&net](Builder& b) { return resnet_v2(b, net.depths, kTensorFlowClasses); }});
  }
  rows.push_back({{"xception",
                   "separable convolutions with shortcuts, ImageNet",
                   "Keras; MACs: timm",
                   299,
                   exactly(22'855'952),
                   {84, 100'000'000}},
                  xception});
  return rows;
}

}  // namespace npusim::zoo
