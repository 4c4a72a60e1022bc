// Networks of timm (huggingface/pytorch-image-models) that OpenVINO benchmarks run.
#include <fmt/format.h>

#include <array>

#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"

namespace npusim::zoo {

namespace {

/// MobileNet v2 with 1.1 times the channels and 1.2 times the blocks, but the usual stem, ends and head.
TensorId mobilenet_v2_110d(Builder& b) {
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 32, .kernel = 3, .stride = 2}, Act::relu6);
  x = mobile_stages(b, x, mobilenet_v2_stages(),
                    {.act = Act::relu6, .width = 1.1, .depth = 1.2, .fixed_ends = true});
  return b.classifier(b.conv_bn_act("head", x, {.out = 1280}, Act::relu6), kClasses, "classifier");
}

/// MnasNet-A1 (arXiv 1807.11626): some stages squeeze and excite.
TensorId mnasnet_a1(Builder& b) {
  struct Row {
    MobileStage stage;
    bool squeeze;
  };
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 32, .kernel = 3, .stride = 2});
  std::size_t index = 0;
  for (const Row& row : {Row{{3, 1, 16, 1, 1, false, false}, false},
                         {{3, 6, 24, 2, 2}, false},
                         {{5, 3, 40, 3, 2}, true},
                         {{3, 6, 80, 4, 2}, false},
                         {{3, 6, 112, 2, 1}, true},
                         {{5, 6, 160, 3, 2}, true},
                         {{3, 6, 320, 1, 1}, false}}) {
    x = mobile_stages(b, x, {row.stage}, {.act = Act::relu, .squeeze = row.squeeze, .first_stage = index++});
  }
  return b.classifier(b.conv_bn_act("head", x, {.out = 1280}), kClasses, "classifier");
}

/// RepVGG (arXiv 2101.03697) as trained: 3x3, 1x1 and, where shapes allow it, the input, each with BatchNorm,
/// added. A deployment may fold the three into one 3x3.
TensorId repvgg_block(Builder& b, const std::string& name, TensorId x, std::int64_t out,
                      std::int64_t stride) {
  TensorId y = b.add(name + ".add",
                     b.conv_bn_act(name + ".3x3", x, {.out = out, .kernel = 3, .stride = stride}, Act::none),
                     b.conv_bn_act(name + ".1x1", x, {.out = out, .stride = stride}, Act::none));
  if (stride == 1 && b.channels(x) == out)
    y = b.add(name + ".add_identity", y, b.batch_norm(name + ".identity", x));
  return b.act(name + ".relu", y, Act::relu);
}

TensorId repvgg_b0(Builder& b) {
  struct Stage {
    std::int64_t out, blocks;
  };
  TensorId x = repvgg_block(b, "stem", b.input(), 64, 2);
  int s = 0;
  for (const Stage& stage : {Stage{64, 4}, {128, 6}, {256, 16}, {1280, 1}}) {
    for (std::int64_t i = 0; i < stage.blocks; ++i) {
      x = repvgg_block(b, fmt::format("stage{}.{}", s, i), x, stage.out, i == 0 ? 2 : 1);
    }
    ++s;
  }
  return b.classifier(x, kClasses);
}

TensorId separable(Builder& b, const std::string& name, TensorId x, std::int64_t out,
                   std::int64_t stride = 1) {
  x = b.conv(name + ".depthwise", x, {b.channels(x), 3, stride, b.channels(x)}, false);
  return b.conv_bn_act(name + ".pointwise", x, {.out = out});
}

/// VoVNet (arXiv 1911.06667) of separable convolutions, each stage one block whose layers are all joined,
/// with effective Squeeze-and-Excitation.
TensorId ese_vovnet19b_dw(Builder& b) {
  TensorId x = b.conv_bn_act("stem.0", b.input(), {.out = 64, .kernel = 3, .stride = 2});
  x = separable(b, "stem.2", separable(b, "stem.1", x, 64), 64, 2);
  struct Stage {
    std::int64_t inner, out;
  };
  int s = 0;
  for (const Stage& stage : {Stage{128, 256}, {160, 512}, {192, 768}, {224, 1024}}) {
    const std::string name = fmt::format("stage{}", s);
    if (s++ > 0) x = b.max_pool(name + ".pool", x, {.kernel = 3, .stride = 2, .ceil = true});
    std::vector<TensorId> parts{x};
    TensorId y = b.conv_bn_act(name + ".reduce", x, {.out = stage.inner});
    for (int i = 0; i < 3; ++i)
      parts.push_back(y = separable(b, fmt::format("{}.conv{}", name, i), y, stage.inner));
    x = b.conv_bn_act(name + ".project", b.concat(name + ".concat", parts), {.out = stage.out});
    TensorId gate =
        b.conv(name + ".ese.fc", b.global_average_pool(name + ".ese.pool", x), {.out = stage.out});
    x = b.mul(name + ".ese.mul", x, b.act(name + ".ese.gate", gate, Act::hard_sigmoid));
  }
  return b.classifier(x, kClasses, "head");
}

/// A row of MixNet (arXiv 1907.09595): kernels of the depthwise stage, and into how many parts the 1x1s
/// split.
struct MixRow {
  std::vector<std::int64_t> kernels;
  std::int64_t expand_parts, project_parts, repeats, stride, expansion, out;
  double squeeze;
  Act act;
};

/// Equal parts of the channels, the first taking what is left over, each by its own convolution, joined.
TensorId split_convs(Builder& b, const std::string& name, TensorId x, const std::vector<Conv>& convs) {
  if (convs.size() == 1) return b.conv(name, x, convs.front(), false);
  const auto parts = static_cast<std::int64_t>(convs.size());
  const std::int64_t equal = b.channels(x) / parts, first = b.channels(x) - equal * (parts - 1);
  std::vector<TensorId> outputs;
  std::int64_t start = 0;
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t size = i == 0 ? first : equal;
    const std::string part = fmt::format("{}.{}", name, i);
    const TensorId slice = b.slice(part + ".slice", x, 1, start, size);
    outputs.push_back(b.conv(part, slice, convs[static_cast<std::size_t>(i)], false));
    start += size;
  }
  return b.concat(name + ".concat", outputs);
}

TensorId split_pointwise(Builder& b, const std::string& name, TensorId x, std::int64_t out,
                         std::int64_t parts) {
  const std::vector<Conv> convs(static_cast<std::size_t>(parts), {.out = out / parts});
  return b.batch_norm(name + ".bn", split_convs(b, name, x, convs));
}

TensorId mix_block(Builder& b, const std::string& name, TensorId x, const MixRow& row, std::int64_t stride) {
  const TensorId input = x;
  const std::int64_t in = b.channels(x), inner = in * row.expansion;
  if (row.expansion > 1) {
    x = b.act(name + ".expand.act", split_pointwise(b, name + ".expand", x, inner, row.expand_parts),
              row.act);
  }
  const auto parts = static_cast<std::int64_t>(row.kernels.size());
  std::vector<Conv> depthwise;
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t size = i == 0 ? inner - inner / parts * (parts - 1) : inner / parts;
    depthwise.push_back({size, row.kernels[static_cast<std::size_t>(i)], stride, size});
  }
  x = b.batch_norm(name + ".depthwise.bn", split_convs(b, name + ".depthwise", x, depthwise));
  x = b.act(name + ".depthwise.act", x, row.act);
  if (row.squeeze > 0) {
    const auto squeezed = static_cast<std::int64_t>(static_cast<double>(in) * row.squeeze);
    x = b.squeeze_excite(name + ".se", x, squeezed, row.act, Act::sigmoid);
  }
  x = split_pointwise(b, name + ".project", x, row.out, row.project_parts);
  return stride == 1 && in == row.out ? b.add(name + ".add", x, input) : x;
}

TensorId mixnet_s(Builder& b) {
  constexpr Act kRelu = Act::relu, kSwish = Act::silu;
  const std::vector<MixRow> rows{{{3}, 1, 1, 1, 1, 1, 16, 0, kRelu},
                                 {{3}, 2, 2, 1, 2, 6, 24, 0, kRelu},
                                 {{3}, 2, 2, 1, 1, 3, 24, 0, kRelu},
                                 {{3, 5, 7}, 1, 1, 1, 2, 6, 40, 0.5, kSwish},
                                 {{3, 5}, 2, 2, 3, 1, 6, 40, 0.5, kSwish},
                                 {{3, 5, 7}, 1, 2, 1, 2, 6, 80, 0.25, kSwish},
                                 {{3, 5}, 1, 2, 2, 1, 6, 80, 0.25, kSwish},
                                 {{3, 5, 7}, 2, 2, 1, 1, 6, 120, 0.5, kSwish},
                                 {{3, 5, 7, 9}, 2, 2, 2, 1, 3, 120, 0.5, kSwish},
                                 {{3, 5, 7, 9, 11}, 1, 1, 1, 2, 6, 200, 0.5, kSwish},
                                 {{3, 5, 7, 9}, 1, 2, 2, 1, 6, 200, 0.5, kSwish}};
  TensorId x = b.conv_bn_act("stem", b.input(), {.out = 16, .kernel = 3, .stride = 2});
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::int64_t i = 0; i < rows[r].repeats; ++i) {
      x = mix_block(b, fmt::format("row{}.{}", r, i), x, rows[r], i == 0 ? rows[r].stride : 1);
    }
  }
  return b.classifier(b.conv_bn_act("head", x, {.out = 1536}), kClasses, "classifier");
}

}  // namespace

std::vector<Recipe> timm_networks() {
  std::vector<Recipe> rows;
  // timm prints 1 to 5 % more MACs than the layers have: it counts BatchNorm, too. The tests hold them to
  // that.
  const auto row = [&rows](const char* name, const char* description, std::int64_t parameters,
                           TensorId (*body)(Builder&)) {
    rows.push_back({{name, description, "timm", 224, {parameters, 10'000}, {}}, body});
  };
  row("mobilenet_v2_110d", "inverted residuals, wider and deeper, ImageNet", 452, mobilenet_v2_110d);
  row("mnasnet_a1", "inverted residuals, some with Squeeze-and-Excitation, ImageNet", 389, mnasnet_a1);
  row("mixnet_s", "depthwise convolutions of mixed kernels, ImageNet", 413, mixnet_s);
  row("repvgg_b0", "3x3 convolutions with parallel 1x1s, as trained, ImageNet", 1'582, repvgg_b0);
  row("ese_vovnet19b_dw", "one-shot aggregation of separable convolutions, ImageNet", 654, ese_vovnet19b_dw);
  return rows;
}

}  // namespace npusim::zoo
