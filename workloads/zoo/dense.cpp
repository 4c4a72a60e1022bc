// DenseNet (arXiv 1608.06993). A layer's input is the concatenation of all layers before it in its block.
#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct DenseNet {
  const char* name;
  std::array<int, 4> layers;
  std::int64_t growth;
  std::int64_t stem;
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kDenseNets{
    DenseNet{"densenet121", {6, 12, 24, 16}, 32, 64, 7'978'856, 2'834},
    DenseNet{"densenet169", {6, 12, 32, 32}, 32, 64, 14'149'480, 3'360},
};

TensorId bn_relu_conv(Builder& b, const std::string& name, TensorId x, const Conv& conv) {
  x = b.act(name + ".relu", b.batch_norm(name + ".norm", x), Act::relu);
  return b.conv(name + ".conv", x, conv, false);
}

TensorId dense_block(Builder& b, const std::string& name, TensorId x, int layers, std::int64_t growth) {
  std::vector<TensorId> features{x};
  for (int i = 1; i <= layers; ++i) {
    const std::string layer = name + ".layer" + std::to_string(i);
    TensorId y = features.size() == 1 ? x : b.concat(layer + ".concat", features);
    y = bn_relu_conv(b, layer + ".1", y, {.out = 4 * growth});
    features.push_back(bn_relu_conv(b, layer + ".2", y, {.out = growth, .kernel = 3}));
  }
  return b.concat(name + ".concat", features);
}

TensorId densenet(Builder& b, const DenseNet& net) {
  TensorId x = b.conv_bn_act("conv0", b.input(), {.out = net.stem, .kernel = 7, .stride = 2});
  x = b.max_pool("pool0", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    x = dense_block(b, "denseblock" + number, x, net.layers[i], net.growth);
    if (i + 1 == net.layers.size()) break;
    x = bn_relu_conv(b, "transition" + number, x, {.out = b.channels(x) / 2});
    x = b.average_pool("transition" + number + ".pool", x, {.kernel = 2, .stride = 2});
  }
  return b.classifier(b.act("relu5", b.batch_norm("norm5", x), Act::relu), kClasses, "classifier");
}

}  // namespace

std::vector<Recipe> dense_networks() {
  std::vector<Recipe> rows;
  add_torchvision(rows, kDenseNets, "densely connected blocks, ImageNet", densenet);
  return rows;
}

}  // namespace npusim::zoo
