// MobileNet v1 (arXiv 1704.04861), v2 (1801.04381) and v3 (1905.02244), and MNASNet (1807.11626, B1).
#include <algorithm>
#include <array>

#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"

namespace npusim::zoo {

namespace {

struct V1Stage {
  std::int64_t out, repeats, stride;
};

}  // namespace

MobileNetV1Maps mobilenet_v1_maps(Builder& b, double width, std::int64_t output_stride, TensorId image) {
  const auto scaled = [width](std::int64_t channels) {
    return round_channels(static_cast<double>(channels) * width);
  };
  TensorId x = b.conv_bn_act("conv1", image == ir::kNoTensor ? b.input() : image,
                             {.out = scaled(32), .kernel = 3, .stride = 2, .pad = Pad::kSame}, Act::relu6);
  TensorId middle = x;
  int index = 1;
  std::int64_t reached = 2, dilation = 1;
  for (const V1Stage& stage : {V1Stage{64, 1, 1},
                               {128, 1, 2},
                               {128, 1, 1},
                               {256, 1, 2},
                               {256, 1, 1},
                               {512, 1, 2},
                               {512, 5, 1},
                               {1024, 1, 2},
                               {1024, 1, 1}}) {
    for (std::int64_t i = 0; i < stage.repeats; ++i, ++index) {
      const std::string name = "block" + std::to_string(index);
      const bool dilates = reached * stage.stride > output_stride;
      const std::int64_t stride = dilates ? 1 : stage.stride;
      const Conv depthwise{b.channels(x), 3, stride, b.channels(x), Pad::kSame, dilation};
      x = b.conv_bn_act(name + ".depthwise", x, depthwise, Act::relu6);
      x = b.conv_bn_act(name + ".pointwise", x, {.out = scaled(stage.out)}, Act::relu6);
      if (index == 11) middle = x;
      reached *= stride;
      if (dilates) dilation *= stage.stride;
    }
  }
  return {middle, x};
}

const std::vector<MobileStage>& mobilenet_v2_stages() {
  static const std::vector<MobileStage> stages{{3, 1, 16, 1, 1}, {3, 6, 24, 2, 2}, {3, 6, 32, 3, 2},
                                               {3, 6, 64, 4, 2}, {3, 6, 96, 3, 1}, {3, 6, 160, 3, 2},
                                               {3, 6, 320, 1, 1}};
  return stages;
}

TensorId mobilenet_v2(Builder& b, double width, const Pad& pad, std::int64_t classes) {
  TensorId x =
      b.conv_bn_act("conv1", b.input(),
                    {.out = round_channels(32 * width), .kernel = 3, .stride = 2, .pad = pad}, Act::relu6);
  x = mobile_stages(b, x, mobilenet_v2_stages(), {.act = Act::relu6, .pad = pad, .width = width});
  const std::int64_t head = round_channels(1280 * std::max(1.0, width));
  return b.classifier(b.conv_bn_act("head", x, {.out = head}, Act::relu6), classes, "classifier");
}

namespace {

TensorId mnasnet(Builder& b, double width) {
  TensorId x =
      b.conv_bn_act("conv1", b.input(), {.out = round_channels(32 * width), .kernel = 3, .stride = 2});
  x = mobile_stages(b, x,
                    {{3, 1, 16, 1, 1, false, false},
                     {3, 3, 24, 3, 2},
                     {5, 3, 40, 3, 2},
                     {5, 6, 80, 3, 2},
                     {3, 6, 96, 2, 1},
                     {5, 6, 192, 4, 2},
                     {3, 6, 320, 1, 1}},
                    {.act = Act::relu, .width = width});
  return b.classifier(b.conv_bn_act("head", x, {.out = 1280}), kClasses, "classifier");
}

/// A row of MobileNet v3's tables 1 and 2.
struct V3Row {
  std::int64_t kernel, expanded, out;
  bool squeeze;
  Act act;
  std::int64_t stride;
};
constexpr bool kSe = true, kNo = false;
constexpr Act kRe = Act::relu, kHs = Act::hard_swish;

const std::vector<V3Row>& v3_rows(bool large) {
  static const std::vector<V3Row> kLarge{
      {3, 16, 16, kNo, kRe, 1},   {3, 64, 24, kNo, kRe, 2},   {3, 72, 24, kNo, kRe, 1},
      {5, 72, 40, kSe, kRe, 2},   {5, 120, 40, kSe, kRe, 1},  {5, 120, 40, kSe, kRe, 1},
      {3, 240, 80, kNo, kHs, 2},  {3, 200, 80, kNo, kHs, 1},  {3, 184, 80, kNo, kHs, 1},
      {3, 184, 80, kNo, kHs, 1},  {3, 480, 112, kSe, kHs, 1}, {3, 672, 112, kSe, kHs, 1},
      {5, 672, 160, kSe, kHs, 2}, {5, 960, 160, kSe, kHs, 1}, {5, 960, 160, kSe, kHs, 1}};
  static const std::vector<V3Row> kSmall{
      {3, 16, 16, kSe, kRe, 2},  {3, 72, 24, kNo, kRe, 2},  {3, 88, 24, kNo, kRe, 1},
      {5, 96, 40, kSe, kHs, 2},  {5, 240, 40, kSe, kHs, 1}, {5, 240, 40, kSe, kHs, 1},
      {5, 120, 48, kSe, kHs, 1}, {5, 144, 48, kSe, kHs, 1}, {5, 288, 96, kSe, kHs, 2},
      {5, 576, 96, kSe, kHs, 1}, {5, 576, 96, kSe, kHs, 1}};
  return large ? kLarge : kSmall;
}

TensorId mobilenet_v3(Builder& b, bool large) {
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 16, .kernel = 3, .stride = 2}, kHs);
  int index = 0;
  for (const V3Row& row : v3_rows(large)) {
    const std::int64_t squeeze = row.squeeze ? round_channels(static_cast<double>(row.expanded) / 4) : 0;
    x = mobile_block(b, "block" + std::to_string(index++), x,
                     {.kernel = row.kernel,
                      .expanded = row.expanded,
                      .out = row.out,
                      .stride = row.stride,
                      .act = row.act,
                      .squeeze = squeeze,
                      .gate = Act::hard_sigmoid});
  }
  x = b.conv_bn_act("head", x, {.out = 6 * b.channels(x)}, kHs);
  x = b.classifier(x, large ? 1280 : 1024, "classifier.0");
  return b.linear("classifier.3", b.act("classifier.1", x, kHs), kClasses);
}

/// MACs: the paper's tables 6 and 7, else tensorflow/models' slim/nets/mobilenet_v1.md. The latter prints 2.6
/// % less than its layers have for width 0.75, and 34 million for width 0.25 at 192, which has (192 / 224)^2
/// of the 41 at 224: not taken over.
struct V1Row {
  double width;
  std::int64_t parameters;
  std::array<std::int64_t, 4> macs_millions;
};
constexpr std::array<std::int64_t, 4> kV1Sides{224, 192, 160, 128};
constexpr std::array kV1Rows{
    V1Row{1.0, 4'231'976, {569, 418, 291, 186}}, V1Row{0.75, 2'585'560, {325, 0, 0, 0}},
    V1Row{0.5, 1'331'592, {149, 110, 77, 49}}, V1Row{0.25, 470'072, {41, 0, 21, 14}}};

/// "mobilenet_v1", "mobilenet_v1_192", "mobilenet_v1_0_75", "mobilenet_v1_0_75_192".
std::string v1_name(double width, std::int64_t side) {
  const std::string widths = width == 1 ? "" : width == 0.5 ? "_0_5" : width == 0.25 ? "_0_25" : "_0_75";
  return "mobilenet_v1" + widths + (side == 224 ? "" : "_" + std::to_string(side));
}

/// Padded as TensorFlow does. Parameters as timm prints them, MACs as the paper and tensorflow/models do.
struct V2Row {
  const char* name;
  double width;
  Figure parameters;
  std::int64_t macs_millions;
};
constexpr std::array kV2Rows{
    V2Row{"mobilenet_v2_0_35", 0.35, {168, 10'000}, 59}, V2Row{"mobilenet_v2_0_5", 0.5, {197, 10'000}, 97},
    V2Row{"mobilenet_v2_0_75", 0.75, {264, 10'000}, 209}, V2Row{"mobilenet_v2_1_4", 1.4, {611, 10'000}, 582}};

/// As tensorflow/models releases them quantised, and Coral compiled: padded as TensorFlow does, with a class
/// for the background, whose weights and bias come on top of the parameters with 1000 classes.
void add_released(std::vector<Recipe>& rows) {
  const char* source = "tensorflow/models research/slim, MACs as printed there";
  const auto row = [&](const char* name, std::int64_t side, std::int64_t parameters, std::int64_t macs,
                       std::function<TensorId(Builder&)> body) {
    rows.push_back({{name, "as released quantised and measured by Coral, ImageNet (1001 classes)", source,
                     side, exactly(parameters), millions(macs)},
                    std::move(body)});
  };
  const auto v1 = [](double width) {
    return [width](Builder& b) { return b.classifier(mobilenet_v1_features(b, width), kTensorFlowClasses); };
  };
  row("mobilenet_v1_tf", 224, 4'231'976 + 1025, 569, v1(1.0));
  row("mobilenet_v1_0_25_128_tf", 128, 470'072 + 257, 14, v1(0.25));
  row("mobilenet_v2_tf", 224, 3'504'872 + 1281, 301,
      [](Builder& b) { return mobilenet_v2(b, 1.0, Pad::kSame, kTensorFlowClasses); });
}

}  // namespace

std::vector<Recipe> mobile_networks() {
  const char* depthwise = "depthwise separable convolutions, ImageNet";
  const char* inverted = "inverted residuals, ImageNet";
  std::vector<Recipe> rows;
  for (const V1Row& net : kV1Rows) {
    for (std::size_t i = 0; i < net.macs_millions.size(); ++i) {
      NetInfo info{v1_name(net.width, kV1Sides[i]),
                   depthwise,
                   "arXiv 1704.04861, tensorflow/models (MACs) and Keras' trainable parameters",
                   kV1Sides[i],
                   exactly(net.parameters),
                   millions(net.macs_millions[i])};
      rows.push_back({std::move(info), [width = net.width](Builder& b) {
                        return b.classifier(mobilenet_v1_features(b, width), kClasses);
                      }});
    }
  }
  add_released(rows);
  const auto row = [&](const char* name, std::int64_t parameters, std::int64_t macs,
                       std::function<TensorId(Builder&)> body) {
    rows.push_back(
        {{name, inverted, kTorchvision, 224, exactly(parameters), millions(macs)}, std::move(body)});
  };
  row("mobilenet_v2", 3'504'872, 301, [](Builder& b) { return mobilenet_v2(b, 1.0, Pad::kHalf, kClasses); });
  for (const V2Row& net : kV2Rows) {
    NetInfo info{net.name, inverted,       "arXiv 1801.04381, timm, tensorflow/models",
                 224,      net.parameters, millions(net.macs_millions)};
    rows.push_back({std::move(info), [width = net.width](Builder& b) {
                      return mobilenet_v2(b, width, Pad::kSame, kClasses);
                    }});
  }
  row("mobilenet_v3_large", 5'483'032, 217, [](Builder& b) { return mobilenet_v3(b, true); });
  row("mobilenet_v3_small", 2'542'856, 57, [](Builder& b) { return mobilenet_v3(b, false); });
  row("mnasnet0_5", 2'218'512, 104, [](Builder& b) { return mnasnet(b, 0.5); });
  row("mnasnet0_75", 3'170'208, 215, [](Builder& b) { return mnasnet(b, 0.75); });
  row("mnasnet1_0", 4'383'312, 314, [](Builder& b) { return mnasnet(b, 1.0); });
  row("mnasnet1_3", 6'282'256, 526, [](Builder& b) { return mnasnet(b, 1.3); });
  return rows;
}

}  // namespace npusim::zoo
