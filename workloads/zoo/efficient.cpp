// EfficientNet (arXiv 1905.11946), EfficientNet-Lite, EfficientNet-EdgeTPU and MobileNet-EdgeTPU
// (2003.02838).
#include <array>

#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"

namespace npusim::zoo {

namespace {

/// A member of a family that scales one base network.
struct Scaled {
  const char* name = "";
  double width = 1, depth = 1;
  std::int64_t resolution = 224;
  Figure parameters;
  Figure macs;
};

constexpr std::array kEfficientNets{
    Scaled{"efficientnet_b0", 1.0, 1.0, 224, exactly(5'288'548), millions(386)},
    Scaled{"efficientnet_b1", 1.0, 1.1, 240, exactly(7'794'184), millions(687)},
    Scaled{"efficientnet_b2", 1.1, 1.2, 288, exactly(9'109'994), millions(1'088)},
    Scaled{"efficientnet_b3", 1.2, 1.4, 300, exactly(12'233'232), millions(1'827)},
    Scaled{"efficientnet_b4", 1.4, 1.8, 380, exactly(19'341'616), millions(4'394)},
    Scaled{"efficientnet_b5", 1.6, 2.2, 456, exactly(30'389'784), millions(10'266)},
};

/// Parameters: tensorflow/tpu. MACs: counted by MidapSim (lite0, lite2). The 407 M to 2.64 G that
/// tensorflow/tpu prints are 3 to 6 % more than its layers have.
constexpr std::array kLites{
    Scaled{"efficientnet_lite0", 1.0, 1.0, 224, {47, 100'000}, exactly(385'187'552)},
    Scaled{"efficientnet_lite1", 1.0, 1.1, 240, {54, 100'000}, {}},
    Scaled{"efficientnet_lite2", 1.1, 1.2, 260, {61, 100'000}, exactly(859'736'272)},
    Scaled{"efficientnet_lite3", 1.2, 1.4, 280, {82, 100'000}, {}},
    Scaled{"efficientnet_lite4", 1.4, 1.8, 300, {130, 100'000}, {}},
};

/// Counted from efficientnet_edgetpu_builder.py of tensorflow/tpu, layer by layer.
constexpr std::array kEdgeTpus{
    Scaled{"efficientnet_edgetpu_s", 1.0, 1.0, 224, exactly(5'439'673), exactly(1'788'732'288)},
    Scaled{"efficientnet_edgetpu_m", 1.0, 1.1, 240, exactly(6'900'777), exactly(3'013'322'368)},
    Scaled{"efficientnet_edgetpu_l", 1.2, 1.4, 300, exactly(10'591'249), exactly(7'936'084'384)},
};

/// TensorFlow's ImageNet models have a class for the background.
constexpr std::int64_t kTensorFlowClasses = 1001;

const std::vector<MobileStage>& efficientnet_stages() {
  static const std::vector<MobileStage> stages{{3, 1, 16, 1, 1}, {3, 6, 24, 2, 2},  {5, 6, 40, 2, 2},
                                               {3, 6, 80, 3, 2}, {5, 6, 112, 3, 1}, {5, 6, 192, 4, 2},
                                               {3, 6, 320, 1, 1}};
  return stages;
}

/// Stem, stages, head and classifier of all networks here.
TensorId efficient(Builder& b, const std::vector<MobileStage>& stages, const MobileStyle& style,
                   std::int64_t stem, std::int64_t head, std::int64_t classes) {
  TensorId x =
      b.conv_bn_act("stem", b.input(), {.out = stem, .kernel = 3, .stride = 2, .pad = style.pad}, style.act);
  x = b.conv_bn_act("head", mobile_stages(b, x, stages, style), {.out = head}, style.act);
  return b.classifier(x, classes, "classifier");
}

TensorId efficientnet(Builder& b, const Scaled& net) {
  const MobileStyle style{.act = Act::silu, .squeeze = true, .width = net.width, .depth = net.depth};
  const std::int64_t head = 4 * round_channels(320 * net.width);
  return efficient(b, efficientnet_stages(), style, round_channels(32 * net.width), head, kClasses);
}

/// No Squeeze-and-Excitation, ReLU6, and a stem and head that do not scale.
TensorId efficientnet_lite(Builder& b, const Scaled& net) {
  const MobileStyle style{
      .act = Act::relu6, .pad = Pad::kSame, .width = net.width, .depth = net.depth, .fixed_ends = true};
  return efficient(b, efficientnet_stages(), style, 32, 1280, kClasses);
}

TensorId efficientnet_edgetpu(Builder& b, const Scaled& net) {
  const MobileStyle style{.act = Act::relu,
                          .pad = Pad::kSame,
                          .width = net.width,
                          .depth = net.depth,
                          .first_in = round_channels(24 * net.width)};
  const std::vector<MobileStage> stages{{3, 4, 24, 1, 1, true, false},
                                        {3, 8, 32, 2, 2, true},
                                        {3, 8, 48, 4, 2, true},
                                        {5, 8, 96, 5, 2},
                                        {5, 8, 144, 4, 1},
                                        {5, 8, 192, 2, 2}};
  return efficient(b, stages, style, round_channels(32 * net.width), round_channels(1280 * net.width),
                   kTensorFlowClasses);
}

TensorId mobilenet_edgetpu(Builder& b) {
  const std::vector<MobileStage> stages{
      {3, 1, 16, 1, 1, true}, {3, 8, 32, 1, 2, true}, {3, 4, 32, 3, 1, true}, {3, 8, 48, 1, 2, true},
      {3, 4, 48, 3, 1, true}, {3, 8, 96, 1, 2},       {3, 4, 96, 3, 1},       {3, 8, 96, 1, 1, false, false},
      {3, 4, 96, 3, 1},       {5, 8, 160, 1, 2},      {5, 4, 160, 3, 1},      {3, 8, 192, 1, 1}};
  return efficient(b, stages, {.act = Act::relu, .pad = Pad::kSame}, 32, 1280, kTensorFlowClasses);
}

}  // namespace

std::vector<Recipe> efficient_networks() {
  std::vector<Recipe> rows;
  const auto family = [&rows](const auto& nets, const char* description, const char* source, auto body) {
    for (const Scaled& net : nets) {
      rows.push_back({{net.name, description, source, net.resolution, net.parameters, net.macs},
                      [&net, body](Builder& b) { return body(b, net); }});
    }
  };
  family(kEfficientNets, "inverted residuals with Squeeze-and-Excitation and SiLU, ImageNet", kTorchvision,
         efficientnet);
  family(kLites, "EfficientNet for integer accelerators, ImageNet",
         "tensorflow/tpu, efficientnet/lite; MidapSim", efficientnet_lite);
  family(kEdgeTpus, "EfficientNet with fused inverted residuals, ImageNet (1001 classes)",
         "tensorflow/tpu, efficientnet/edgetpu", efficientnet_edgetpu);
  rows.push_back({{"mobilenet_edgetpu", "MobileNet v3 with fused inverted residuals, ImageNet (1001 classes)",
                   "tensorflow/models, V3_EDGETPU", 224, exactly(4'092'713), exactly(990'670'464)},
                  mobilenet_edgetpu});
  return rows;
}

}  // namespace npusim::zoo
