// GoogLeNet (arXiv 1409.4842, with BatchNorm and a 3x3 in place of the 5x5, as torchvision has it) and
// Inception v3 (1512.00567). The auxiliary classifiers, which only train, are left out.
#include <array>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

constexpr Pool kHalving{.kernel = 3, .stride = 2};
constexpr Pool kHalvingUp{.kernel = 3, .stride = 2, .ceil = true};
constexpr Pool kKeeping{.kernel = 3, .stride = 1, .pad = 1};

/// Convolutions one after another: "<name>_1", "<name>_2", ...
TensorId chain(Builder& b, const std::string& name, TensorId x, const std::vector<Conv>& convs) {
  int i = 0;
  for (const Conv& conv : convs) x = b.conv_bn_act(name + "_" + std::to_string(++i), x, conv);
  return x;
}

struct GoogLeNetModule {
  const char* name;
  std::int64_t one, reduce3, three, reduce5, five, pool;
};

TensorId module(Builder& b, TensorId x, const GoogLeNetModule& m) {
  const std::string name = std::string("inception") + m.name;
  const TensorId one = chain(b, name + ".branch1", x, {{.out = m.one}});
  const TensorId three = chain(b, name + ".branch2", x, {{.out = m.reduce3}, {.out = m.three, .kernel = 3}});
  const TensorId five = chain(b, name + ".branch3", x, {{.out = m.reduce5}, {.out = m.five, .kernel = 3}});
  const TensorId pool =
      chain(b, name + ".branch4", b.max_pool(name + ".pool", x, kKeeping), {{.out = m.pool}});
  return b.concat(name + ".concat", {one, three, five, pool});
}

/// `halving` is the 3x3 pool of stride 2, `pad` the stem's.
TensorId googlenet(Builder& b, const Pool& halving, const Pad& pad, std::int64_t classes) {
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 64, .kernel = 7, .stride = 2, .pad = pad});
  x = b.max_pool("maxpool1", x, halving);
  x = b.conv_bn_act("conv2", x, {.out = 64});
  x = b.conv_bn_act("conv3", x, {.out = 192, .kernel = 3});
  x = b.max_pool("maxpool2", x, halving);
  for (const auto& m : {GoogLeNetModule{"3a", 64, 96, 128, 16, 32, 32}, {"3b", 128, 128, 192, 32, 96, 64}}) {
    x = module(b, x, m);
  }
  x = b.max_pool("maxpool3", x, halving);
  for (const auto& m : {GoogLeNetModule{"4a", 192, 96, 208, 16, 48, 64},
                        {"4b", 160, 112, 224, 24, 64, 64},
                        {"4c", 128, 128, 256, 24, 64, 64},
                        {"4d", 112, 144, 288, 32, 64, 64},
                        {"4e", 256, 160, 320, 32, 128, 128}}) {
    x = module(b, x, m);
  }
  x = b.max_pool("maxpool4", x, {.kernel = 2, .stride = 2, .ceil = true});
  for (const auto& m :
       {GoogLeNetModule{"5a", 256, 160, 320, 32, 128, 128}, {"5b", 384, 192, 384, 48, 128, 128}}) {
    x = module(b, x, m);
  }
  return b.classifier(x, classes);
}

/// The branch of modules A, C and E that averages and projects.
TensorId pooled(Builder& b, const std::string& name, TensorId x, std::int64_t out) {
  return b.conv_bn_act(name + ".branch_pool", b.average_pool(name + ".pool", x, kKeeping), {.out = out});
}

TensorId module_a(Builder& b, const std::string& name, TensorId x, std::int64_t pool_features) {
  const TensorId one = chain(b, name + ".branch1x1", x, {{.out = 64}});
  const TensorId five = chain(b, name + ".branch5x5", x, {{.out = 48}, {.out = 64, .kernel = 5}});
  const TensorId three =
      chain(b, name + ".branch3x3dbl", x, {{.out = 64}, {.out = 96, .kernel = 3}, {.out = 96, .kernel = 3}});
  return b.concat(name + ".concat", {one, five, three, pooled(b, name, x, pool_features)});
}

TensorId module_b(Builder& b, const std::string& name, TensorId x) {
  const TensorId three = chain(b, name + ".branch3x3", x, {{.out = 384, .kernel = 3, .stride = 2, .pad = 0}});
  const TensorId twice =
      chain(b, name + ".branch3x3dbl", x,
            {{.out = 64}, {.out = 96, .kernel = 3}, {.out = 96, .kernel = 3, .stride = 2, .pad = 0}});
  return b.concat(name + ".concat", {three, twice, b.max_pool(name + ".pool", x, kHalving)});
}

TensorId module_c(Builder& b, const std::string& name, TensorId x, std::int64_t c7) {
  const Conv wide{.out = c7, .kernel = {1, 7}};
  const Conv tall{.out = c7, .kernel = {7, 1}};
  const TensorId one = chain(b, name + ".branch1x1", x, {{.out = 192}});
  const TensorId seven =
      chain(b, name + ".branch7x7", x, {{.out = c7}, wide, {.out = 192, .kernel = {7, 1}}});
  const TensorId twice =
      chain(b, name + ".branch7x7dbl", x, {{.out = c7}, tall, wide, tall, {.out = 192, .kernel = {1, 7}}});
  return b.concat(name + ".concat", {one, seven, twice, pooled(b, name, x, 192)});
}

TensorId module_d(Builder& b, const std::string& name, TensorId x) {
  const TensorId three =
      chain(b, name + ".branch3x3", x, {{.out = 192}, {.out = 320, .kernel = 3, .stride = 2, .pad = 0}});
  const TensorId seven = chain(b, name + ".branch7x7x3", x,
                               {{.out = 192},
                                {.out = 192, .kernel = {1, 7}},
                                {.out = 192, .kernel = {7, 1}},
                                {.out = 192, .kernel = 3, .stride = 2, .pad = 0}});
  return b.concat(name + ".concat", {three, seven, b.max_pool(name + ".pool", x, kHalving)});
}

/// torchvision joins each fork on its own first; PyTorch's exporter makes one concatenation of all.
TensorId module_e(Builder& b, const std::string& name, TensorId x) {
  std::vector<TensorId> parts{chain(b, name + ".branch1x1", x, {{.out = 320}})};
  const auto fork = [&](const std::string& branch, TensorId stem) {
    parts.push_back(b.conv_bn_act(branch + "a", stem, {.out = 384, .kernel = {1, 3}}));
    parts.push_back(b.conv_bn_act(branch + "b", stem, {.out = 384, .kernel = {3, 1}}));
  };
  fork(name + ".branch3x3_2", chain(b, name + ".branch3x3", x, {{.out = 384}}));
  fork(name + ".branch3x3dbl_3",
       chain(b, name + ".branch3x3dbl", x, {{.out = 448}, {.out = 384, .kernel = 3}}));
  parts.push_back(pooled(b, name, x, 192));
  return b.concat(name + ".concat", parts);
}

TensorId inception_v3(Builder& b) {
  TensorId x = b.conv_bn_act("Conv2d_1a_3x3", b.input(), {.out = 32, .kernel = 3, .stride = 2, .pad = 0});
  x = b.conv_bn_act("Conv2d_2a_3x3", x, {.out = 32, .kernel = 3, .pad = 0});
  x = b.conv_bn_act("Conv2d_2b_3x3", x, {.out = 64, .kernel = 3});
  x = b.max_pool("maxpool1", x, kHalving);
  x = b.conv_bn_act("Conv2d_3b_1x1", x, {.out = 80});
  x = b.conv_bn_act("Conv2d_4a_3x3", x, {.out = 192, .kernel = 3, .pad = 0});
  x = b.max_pool("maxpool2", x, kHalving);
  x = module_a(b, "Mixed_5b", x, 32);
  x = module_a(b, "Mixed_5c", x, 64);
  x = module_a(b, "Mixed_5d", x, 64);
  x = module_b(b, "Mixed_6a", x);
  x = module_c(b, "Mixed_6b", x, 128);
  x = module_c(b, "Mixed_6c", x, 160);
  x = module_c(b, "Mixed_6d", x, 160);
  x = module_c(b, "Mixed_6e", x, 192);
  x = module_d(b, "Mixed_7a", x);
  x = module_e(b, "Mixed_7b", x);
  x = module_e(b, "Mixed_7c", x);
  return b.classifier(x, kClasses);
}

/// Parameters of torchvision's auxiliary classifier, which its figure for Inception v3 includes: a 1x1
/// convolution of 768 to 128, a 5x5 of 128 to 768, their BatchNorms, and a linear layer of 768 to 1000.
constexpr std::int64_t kAuxiliary = 768 * 128 + 2 * 128 + 25 * 128 * 768 + 2 * 768 + 768 * 1000 + 1000;

}  // namespace

std::vector<Recipe> inception_networks() {
  std::vector<Recipe> rows{{{"googlenet", "inception modules with BatchNorm, ImageNet", kTorchvision, 224,
                             exactly(6'624'904), millions(1'498)},
                            [](Builder& b) { return googlenet(b, kHalvingUp, Pad::kHalf, kClasses); }},
                           {{"inception_v3", "factorised inception modules, ImageNet", kTorchvision, 299,
                             exactly(27'161'264 - kAuxiliary), millions(5'713)},
                            inception_v3}};
  rows.push_back({{"inception_v1", "inception modules as TensorFlow has them, ImageNet (1001 classes)",
                   "tensorflow/models, slim; GoogLeNet's figures with a class more", 224,
                   exactly(6'624'904 + 1'025), millions(1'498)},
                  [](Builder& b) {
                    return googlenet(b, {.kernel = 3, .stride = 2, .pad = Pad::kSame}, Pad::kSame,
                                     kTensorFlowClasses);
                  }});
  return rows;
}

}  // namespace npusim::zoo
