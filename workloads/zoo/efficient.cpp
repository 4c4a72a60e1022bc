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

TensorId efficientnet(Builder& b, const Scaled& net, Act act = Act::silu, const Pad& pad = Pad::kHalf) {
  const MobileStyle style{.act = act, .squeeze = true, .pad = pad, .width = net.width, .depth = net.depth};
  const std::int64_t head = 4 * round_channels(320 * net.width);
  return efficient(b, efficientnet_stages(), style, round_channels(32 * net.width), head, kClasses);
}

/// No Squeeze-and-Excitation, ReLU6, and a stem and head that do not scale.
TensorId efficientnet_lite(Builder& b, const Scaled& net, const Pad& pad = Pad::kSame) {
  const MobileStyle style{
      .act = Act::relu6, .pad = pad, .width = net.width, .depth = net.depth, .fixed_ends = true};
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

/// The head does not scale; the stem and all stages do.
TensorId mobilenet_edgetpu(Builder& b, double width) {
  const std::vector<MobileStage> stages{
      {3, 1, 16, 1, 1, true}, {3, 8, 32, 1, 2, true}, {3, 4, 32, 3, 1, true}, {3, 8, 48, 1, 2, true},
      {3, 4, 48, 3, 1, true}, {3, 8, 96, 1, 2},       {3, 4, 96, 3, 1},       {3, 8, 96, 1, 1, false, false},
      {3, 4, 96, 3, 1},       {5, 8, 160, 1, 2},      {5, 4, 160, 3, 1},      {3, 8, 192, 1, 1}};
  return efficient(b, stages, {.act = Act::relu, .pad = Pad::kSame, .width = width},
                   round_channels(32 * width), 1280, kTensorFlowClasses);
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
         [](Builder& b, const Scaled& net) { return efficientnet(b, net); });
  family(kLites, "EfficientNet for integer accelerators, ImageNet",
         "tensorflow/tpu, efficientnet/lite; MidapSim",
         [](Builder& b, const Scaled& net) { return efficientnet_lite(b, net); });
  family(kEdgeTpus, "EfficientNet with fused inverted residuals, ImageNet (1001 classes)",
         "tensorflow/tpu, efficientnet/edgetpu", efficientnet_edgetpu);
  const auto mobile = [&rows](const char* name, double width, std::int64_t parameters, std::int64_t macs) {
    rows.push_back({{name, "MobileNet v3 with fused inverted residuals, ImageNet (1001 classes)",
                     "tensorflow/models, V3_EDGETPU", 224, exactly(parameters), exactly(macs)},
                    [width](Builder& b) { return mobilenet_edgetpu(b, width); }});
  };
  mobile("mobilenet_edgetpu", 1.0, 4'092'713, 990'670'464);
  mobile("mobilenet_edgetpu_0_75", 0.75, 2'989'441, 624'487'584);
  return rows;
}

std::vector<Recipe> midapsim_efficient_networks() {
  std::vector<Recipe> rows;
  const auto row = [&rows](const Scaled& net, const char* description, Figure macs,
                           std::function<Outputs(Builder&)> body) {
    rows.push_back({{net.name + std::string("_midapsim"), description, "cap-lab/MidapSim", net.resolution,
                     net.parameters, macs},
                    std::move(body)});
  };
  for (const Scaled& net : kEfficientNets) {
    if (net.depth > 1.8) continue;  // B0 to B4
    row(net, "EfficientNet with ReLU for SiLU and trimmed padding, ImageNet", net.macs,
        [&net](Builder& b) { return efficientnet(b, net, Act::relu, Pad::kLeading); });
  }
  for (const Scaled& net : kLites) {
    row(net, "EfficientNet-Lite with trimmed padding, ImageNet", net.macs,
        [&net](Builder& b) { return efficientnet_lite(b, net, Pad::kLeading); });
  }
  return rows;
}

}  // namespace npusim::zoo
