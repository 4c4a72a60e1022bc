// Inception v2 (arXiv 1502.03167, as tensorflow/models' slim has it), Inception v4 and Inception-ResNet v2
// (1602.07261). No padding where a stride follows ("VALID").
#include <fmt/format.h>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

constexpr Pool kKeeping{.kernel = 3, .stride = 1, .pad = 1, .count_include_pad = false};
constexpr Pool kHalving{.kernel = 3, .stride = 2};
constexpr Pool kHalvingSame{.kernel = 3, .stride = 2, .pad = Pad::kSame};

/// Convolutions one after another: "<name>_1", "<name>_2", ...
TensorId chain(Builder& b, const std::string& name, TensorId x, const std::vector<Conv>& convs) {
  int i = 0;
  for (const Conv& conv : convs) x = b.conv_bn_act(fmt::format("{}_{}", name, ++i), x, conv);
  return x;
}

Conv one(std::int64_t out) { return {.out = out}; }
Conv three(std::int64_t out) { return {.out = out, .kernel = 3}; }
Conv wide(std::int64_t out, std::int64_t k) { return {.out = out, .kernel = {1, k}}; }
Conv tall(std::int64_t out, std::int64_t k) { return {.out = out, .kernel = {k, 1}}; }
/// 3x3 without padding.
Conv valid(std::int64_t out, std::int64_t stride) {
  return {.out = out, .kernel = 3, .stride = stride, .pad = 0};
}

/// Parallel chains joined; an empty chain is left out.
TensorId join(Builder& b, const std::string& name, TensorId x, const std::vector<std::vector<Conv>>& chains,
              std::vector<TensorId> more = {}) {
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    parts.push_back(chain(b, fmt::format("{}.branch{}", name, i), x, chains[i]));
  }
  parts.insert(parts.end(), more.begin(), more.end());
  return b.concat(name + ".concat", parts);
}

TensorId averaged(Builder& b, const std::string& name, TensorId x, std::int64_t out) {
  return b.conv_bn_act(name + ".branch_pool", b.average_pool(name + ".pool", x, kKeeping), {.out = out});
}

struct V2Module {
  const char* name;
  std::int64_t one, reduce3, three, reduce5, five, pool;
};

TensorId v2_module(Builder& b, TensorId x, const V2Module& m, bool max = false) {
  const std::string name = m.name;
  const TensorId pool =
      max ? b.conv_bn_act(name + ".branch_pool", b.max_pool(name + ".pool", x, kKeeping), {.out = m.pool})
          : averaged(b, name, x, m.pool);
  return join(
      b, name, x,
      {{one(m.one)}, {one(m.reduce3), three(m.three)}, {one(m.reduce5), three(m.five), three(m.five)}},
      {pool});
}

TensorId v2_reduction(Builder& b, const std::string& name, TensorId x, const V2Module& m) {
  const auto half = [](std::int64_t out) {
    return Conv{.out = out, .kernel = 3, .stride = 2, .pad = Pad::kSame};
  };
  return join(b, name, x, {{one(m.reduce3), half(m.three)}, {one(m.reduce5), three(m.five), half(m.five)}},
              {b.max_pool(name + ".pool", x, kHalvingSame)});
}

/// The stem is separable: eight depthwise filters a colour, then 1x1, without BatchNorm between.
TensorId inception_v2(Builder& b) {
  TensorId x = b.conv("Conv2d_1a_7x7.depthwise", b.input(),
                      {.out = 24, .kernel = 7, .stride = 2, .groups = 3, .pad = Pad::kSame}, false);
  x = b.conv_bn_act("Conv2d_1a_7x7", x, one(64));
  x = b.max_pool("MaxPool_2a_3x3", x, kHalvingSame);
  x = b.conv_bn_act("Conv2d_2b_1x1", x, one(64));
  x = b.max_pool("MaxPool_3a_3x3", b.conv_bn_act("Conv2d_2c_3x3", x, three(192)), kHalvingSame);
  x = v2_module(b, x, {"Mixed_3b", 64, 64, 64, 64, 96, 32});
  x = v2_module(b, x, {"Mixed_3c", 64, 64, 96, 64, 96, 64});
  x = v2_reduction(b, "Mixed_4a", x, {"", 0, 128, 160, 64, 96, 0});
  for (const V2Module& m : {V2Module{"Mixed_4b", 224, 64, 96, 96, 128, 128},
                            {"Mixed_4c", 192, 96, 128, 96, 128, 128},
                            {"Mixed_4d", 160, 128, 160, 128, 160, 96},
                            {"Mixed_4e", 96, 128, 192, 160, 192, 96}}) {
    x = v2_module(b, x, m);
  }
  x = v2_reduction(b, "Mixed_5a", x, {"", 0, 128, 192, 192, 256, 0});
  x = v2_module(b, x, {"Mixed_5b", 352, 192, 320, 160, 224, 128});
  x = v2_module(b, x, {"Mixed_5c", 352, 192, 320, 192, 224, 128}, true);
  return b.classifier(x, kTensorFlowClasses);
}

TensorId v4_stem(Builder& b) {
  TensorId x = chain(b, "stem", b.input(), {valid(32, 2), valid(32, 1), three(64)});
  x = join(b, "Mixed_3a", x, {{valid(96, 2)}}, {b.max_pool("Mixed_3a.pool", x, kHalving)});
  x = join(b, "Mixed_4a", x, {{one(64), valid(96, 1)}, {one(64), wide(64, 7), tall(64, 7), valid(96, 1)}});
  return join(b, "Mixed_5a", x, {{valid(192, 2)}}, {b.max_pool("Mixed_5a.pool", x, kHalving)});
}

TensorId v4_c(Builder& b, const std::string& name, TensorId x) {
  const auto fork = [&](const std::string& branch, TensorId y) {
    return std::vector<TensorId>{b.conv_bn_act(branch + "a", y, wide(256, 3)),
                                 b.conv_bn_act(branch + "b", y, tall(256, 3))};
  };
  std::vector<TensorId> parts = fork(name + ".fork1", chain(b, name + ".stem1", x, {one(384)}));
  const auto second =
      fork(name + ".fork2", chain(b, name + ".stem2", x, {one(384), tall(448, 3), wide(512, 3)}));
  parts.insert(parts.end(), second.begin(), second.end());
  parts.push_back(averaged(b, name, x, 256));
  return join(b, name, x, {{one(256)}}, parts);
}

TensorId inception_v4(Builder& b) {
  TensorId x = v4_stem(b);
  for (int i = 0; i < 4; ++i) {
    const std::string name = fmt::format("inception_a{}", i);
    x = join(b, name, x, {{one(96)}, {one(64), three(96)}, {one(64), three(96), three(96)}},
             {averaged(b, name, x, 96)});
  }
  x = join(b, "reduction_a", x, {{valid(384, 2)}, {one(192), three(224), valid(256, 2)}},
           {b.max_pool("reduction_a.pool", x, kHalving)});
  for (int i = 0; i < 7; ++i) {
    const std::string name = fmt::format("inception_b{}", i);
    x = join(b, name, x,
             {{one(384)},
              {one(192), wide(224, 7), tall(256, 7)},
              {one(192), tall(192, 7), wide(224, 7), tall(224, 7), wide(256, 7)}},
             {averaged(b, name, x, 128)});
  }
  x = join(b, "reduction_b", x,
           {{one(192), valid(192, 2)}, {one(256), wide(256, 7), tall(320, 7), valid(320, 2)}},
           {b.max_pool("reduction_b.pool", x, kHalving)});
  for (int i = 0; i < 3; ++i) x = v4_c(b, fmt::format("inception_c{}", i), x);
  return b.classifier(x, kClasses);
}

/// Branches, a linear 1x1 with bias, scaled and added to the input.
TensorId residual(Builder& b, const std::string& name, TensorId x,
                  const std::vector<std::vector<Conv>>& chains, double scale, bool relu = true) {
  TensorId y = b.conv(name + ".conv2d", join(b, name, x, chains), {.out = b.channels(x)});
  if (scale != 1) y = b.mul(name + ".mul", y, b.scalar(name + ".scale", scale));
  y = b.add(name + ".add", x, y);
  return relu ? b.act(name + ".relu", y, Act::relu) : y;
}

TensorId inception_resnet_v2(Builder& b) {
  TensorId x = chain(b, "stem", b.input(), {valid(32, 2), valid(32, 1), three(64)});
  x = chain(b, "stem2", b.max_pool("maxpool_3a", x, kHalving), {one(80), valid(192, 1)});
  x = b.max_pool("maxpool_5a", x, kHalving);
  x = join(b, "mixed_5b", x,
           {{one(96)}, {one(48), {.out = 64, .kernel = 5}}, {one(64), three(96), three(96)}},
           {averaged(b, "mixed_5b", x, 64)});
  for (int i = 0; i < 10; ++i) {
    x = residual(b, fmt::format("block35_{}", i), x,
                 {{one(32)}, {one(32), three(32)}, {one(32), three(48), three(64)}}, 0.17);
  }
  x = join(b, "mixed_6a", x, {{valid(384, 2)}, {one(256), three(256), valid(384, 2)}},
           {b.max_pool("mixed_6a.pool", x, kHalving)});
  for (int i = 0; i < 20; ++i) {
    x = residual(b, fmt::format("block17_{}", i), x, {{one(192)}, {one(128), wide(160, 7), tall(192, 7)}},
                 0.1);
  }
  x = join(b, "mixed_7a", x,
           {{one(256), valid(384, 2)}, {one(256), valid(288, 2)}, {one(256), three(288), valid(320, 2)}},
           {b.max_pool("mixed_7a.pool", x, kHalving)});
  for (int i = 0; i < 10; ++i) {
    const bool last = i == 9;
    x = residual(b, fmt::format("block8_{}", i), x, {{one(192)}, {one(192), wide(224, 3), tall(256, 3)}},
                 last ? 1.0 : 0.2, !last);
  }
  return b.classifier(b.conv_bn_act("conv_7b", x, one(1536)), kClasses);
}

}  // namespace

std::vector<Recipe> later_inception_networks() {
  return {{{"inception_v2",
            "inception modules of 3x3 pairs, ImageNet (1001 classes)",
            "tensorflow/models, slim",
            224,
            {112, 100'000},
            {}},
           inception_v2},
          {{"inception_v4",
            "inception modules of three kinds, ImageNet",
            "arXiv 1602.07261, timm",
            299,
            exactly(42'679'816),
            {123, 100'000'000}},
           inception_v4},
          {{"inception_resnet_v2",
            "residual inception modules, ImageNet",
            "arXiv 1602.07261, timm",
            299,
            exactly(55'843'464),
            {132, 100'000'000}},
           inception_resnet_v2}};
}

}  // namespace npusim::zoo
