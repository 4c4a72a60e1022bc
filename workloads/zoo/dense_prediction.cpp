// Networks whose answer is a map: poses, boxes, segments. What follows them on a host (decoding, non-maximum
// suppression, argmax) is left out. Networks of TensorFlow's that OpenVINO's Open Model Zoo converts have its
// image, channels last.
#include <fmt/format.h>

#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"

namespace npusim::zoo {

namespace {

constexpr auto kLinear = ir::ResizeAttrs::Mode::linear;

/// 17 key points: heat maps, short offsets and the mid offsets of 16 edges in both directions (PersonLab,
/// arXiv 1803.08225). BodyPix adds a segment map and long offsets.
Outputs pose_heads(Builder& b, TensorId x, bool body) {
  const auto head = [&](const char* name, std::int64_t out) { return b.conv(name, x, {.out = out}); };
  Outputs outputs{head("heatmaps", 17), head("short_offsets", 34), head("mid_offsets", 64)};
  if (body) {
    outputs.push_back(head("segments", 1));
    outputs.push_back(head("long_offsets", 34));
  }
  return outputs;
}

/// How SSD's two published MobileNet versions differ.
struct SsdStyle {
  std::int64_t head_kernel = 1;
  bool separable = false;  ///< the 3x3 convolutions that halve a map are depthwise and 1x1
};

/// Class scores and boxes of one feature map; `anchors` at each position, 91 classes of COCO.
void ssd_head(Builder& b, Outputs& outputs, TensorId x, std::int64_t anchors, std::int64_t kernel) {
  constexpr std::int64_t kCoco = 91;
  const std::string name = fmt::format("box{}", outputs.size() / 2);
  outputs.push_back(b.conv(name + ".scores", x, {.out = anchors * kCoco, .kernel = kernel}));
  outputs.push_back(b.conv(name + ".offsets", x, {.out = anchors * 4, .kernel = kernel}));
}

/// The heads of SSD (arXiv 1512.02325) on two maps of a network and four more of half the size each.
Outputs ssd(Builder& b, TensorId middle, TensorId last, const SsdStyle& style) {
  Outputs outputs;
  ssd_head(b, outputs, middle, 3, style.head_kernel);
  ssd_head(b, outputs, last, 6, style.head_kernel);
  TensorId x = last;
  for (const std::int64_t out : {512, 256, 256, 128}) {
    const std::string name = fmt::format("extra{}", outputs.size() / 2);
    x = b.conv_bn_act(name + ".reduce", x, {.out = out / 2}, Act::relu6);
    Conv halve{.out = out, .kernel = 3, .stride = 2, .pad = Pad::kSame};
    if (style.separable) {
      halve.out = halve.groups = out / 2;
      x = b.conv_bn_act(name + ".depthwise", x, halve, Act::relu6);
      halve = {.out = out};
    }
    x = b.conv_bn_act(name + ".halve", x, halve, Act::relu6);
    ssd_head(b, outputs, x, 6, style.head_kernel);
  }
  return outputs;
}

constexpr MobileStyle kV2Style{.act = Act::relu6, .pad = Pad::kSame};

TensorId v2_stem(Builder& b) {
  return b.conv_bn_act("conv1", b.input(), {.out = 32, .kernel = 3, .stride = 2, .pad = Pad::kSame},
                       Act::relu6);
}

/// The first block of a stage of MobileNet v2, whose expanded map is wanted, too.
struct Tapped {
  TensorId expanded, out;
};
Tapped tapped_block(Builder& b, const std::string& name, TensorId x, std::int64_t out) {
  const std::int64_t inner = 6 * b.channels(x);
  const TensorId expanded = b.conv_bn_act(name + ".expand", x, {.out = inner}, Act::relu6);
  x = b.conv_bn_act(name + ".depthwise", expanded, {inner, 3, 2, inner, Pad::kSame}, Act::relu6);
  return {expanded, b.conv_bn_act(name + ".project", x, {.out = out}, Act::none)};
}

/// Stages `from` up to and without `to` of MobileNet v2, the first of them without its first block when it
/// has already been built.
TensorId v2_stages(Builder& b, TensorId x, std::size_t from, std::size_t to, bool first_is_built = false) {
  const auto& all = mobilenet_v2_stages();
  std::vector<MobileStage> stages(all.begin() + static_cast<std::ptrdiff_t>(from),
                                  all.begin() + static_cast<std::ptrdiff_t>(to));
  MobileStyle style = kV2Style;
  style.first_stage = from;
  if (first_is_built) {
    --stages.front().repeats;
    stages.front().stride = 1;
  }
  return mobile_stages(b, x, stages, style);
}

/// An image with its channels last, as [N, C, H, W].
TensorId channels_first(Builder& b) { return b.transpose("channels_first", b.input(), {0, 3, 1, 2}); }
TensorId channels_last(Builder& b, const std::string& name, TensorId x) {
  return b.transpose(name, x, {0, 2, 3, 1});
}

/// Maps of all sizes as one list [N, anchors, values].
TensorId anchors_of(Builder& b, const std::string& name, const Outputs& heads, std::size_t first,
                    std::int64_t values) {
  std::vector<TensorId> lists;
  for (std::size_t i = first; i < heads.size(); i += 2) {
    const std::string head = fmt::format("{}{}", name, i / 2);
    const TensorId last = channels_last(b, head + ".transpose", heads[i]);
    const ir::Shape shape = b.shape(last);
    lists.push_back(
        b.reshape(head + ".reshape", last, {shape[0], ir::elements(shape) / shape[0] / values, values}));
  }
  return b.concat(name + ".concat", lists, 1);
}

/// As ssd_mobilenet_v1_coco in the Open Model Zoo (TensorFlow's frozen graph of 2018): the image is scaled to
/// [-1, 1] first; scores pass a sigmoid and are handed to the detection output class by class. Decoding
/// against anchors, sorting and non-maximum suppression are left out.
Outputs ssd_mobilenet_v1(Builder& b) {
  constexpr std::int64_t kCoco = 91;
  TensorId image = channels_first(b);
  image = b.mul("preprocessor.mul", image, b.scalar("preprocessor.scale", 2.0 / 255));
  image = b.add("preprocessor.sub", image, b.scalar("preprocessor.offset", -1));
  const MobileNetV1Maps maps = mobilenet_v1_maps(b, 1.0, 32, image);
  const Outputs heads = ssd(b, maps.middle, maps.last, {});
  const TensorId scores = b.act("scores.sigmoid", anchors_of(b, "scores", heads, 0, kCoco), Act::sigmoid);
  return {b.transpose("scores.by_class", scores, {0, 2, 1}), anchors_of(b, "offsets", heads, 1, 4)};
}

Outputs ssd_mobilenet_v2(Builder& b) {
  const TensorId x = v2_stages(b, v2_stem(b), 0, 5);
  const Tapped tap = tapped_block(b, "stage5.tap", x, 160);
  const TensorId last = v2_stages(b, tap.out, 5, 7, true);
  return ssd(b, tap.expanded, b.conv_bn_act("head", last, {.out = 1280}, Act::relu6), {3, true});
}

/// DeepLab v3 (arXiv 1706.05587) as Coral has it: output stride 16, pooling only no pyramid of dilations, 21
/// classes of PASCAL VOC, as many scores as pixels.
TensorId deeplab_v3(Builder& b, double width) {
  std::vector<MobileStage> stages = mobilenet_v2_stages();
  stages[5].stride = stages[5].repeats = 1;
  stages[6].dilation = 2;
  stages.insert(stages.begin() + 6, {3, 6, 160, 2, 1, false, true, 2});
  MobileStyle style = kV2Style;
  style.width = width;
  TensorId x = b.conv_bn_act("conv1", b.input(),
                             {.out = round_channels(32 * width), .kernel = 3, .stride = 2, .pad = Pad::kSame},
                             Act::relu6);
  x = mobile_stages(b, x, stages, style);
  const Size map(b.shape(x)[2], b.shape(x)[3]), image(b.shape(b.input())[2], b.shape(b.input())[3]);
  TensorId pooled = b.conv_bn_act("image_pooling", b.global_average_pool("pool", x), {.out = 256});
  pooled = b.resize("image_pooling.resize", pooled, map, kLinear);
  const TensorId direct = b.conv_bn_act("aspp0", x, {.out = 256});
  x = b.conv_bn_act("concat_projection", b.concat("concat", {pooled, direct}), {.out = 256});
  return b.resize("resize", b.conv("logits", x, {.out = 21}), image, kLinear);
}

/// TensorFlow's tutorial: MobileNet v2 up to its last block, and transposed convolutions joined with its
/// expanded maps.
TensorId unet_mobilenet_v2(Builder& b) {
  std::vector<TensorId> skips;
  TensorId x = v2_stages(b, v2_stem(b), 0, 1);
  for (const std::size_t stage : {1, 2, 3, 5}) {
    const std::string name = fmt::format("stage{}.tap", stage);
    const Tapped tap = tapped_block(b, name, x, mobilenet_v2_stages()[stage].out);
    skips.push_back(tap.expanded);
    x = v2_stages(b, tap.out, stage, stage == 3 ? 5 : stage == 5 ? 7 : stage + 1, true);
  }
  for (const std::int64_t out : {512, 256, 128, 64}) {
    const std::string name = fmt::format("up{}", out);
    x = b.batch_norm(name + ".bn", b.conv_transpose(name, x, out, 3, 2, false));
    x = b.concat(name + ".concat", {b.act(name + ".relu", x, Act::relu), skips.back()});
    skips.pop_back();
  }
  return b.conv_transpose("classes", x, 3, 3, 2);
}

TensorId double_conv(Builder& b, const std::string& name, TensorId x, std::int64_t out) {
  for (const char* part : {".1", ".2"}) {
    x = b.batch_norm(name + part + ".bn", b.conv(name + part, x, {.out = out, .kernel = 3}));
    x = b.act(name + part + ".relu", x, Act::relu);
  }
  return x;
}

/// U-Net (arXiv 1505.04597), padded, with BatchNorm, for the 12 classes of CamVid.
TensorId unet_camvid(Builder& b) {
  std::vector<TensorId> skips;
  TensorId x = double_conv(b, "down64", b.input(), 64);
  for (const std::int64_t out : {128, 256, 512, 1024}) {
    skips.push_back(x);
    x = double_conv(b, fmt::format("down{}", out), b.max_pool(fmt::format("pool{}", out), x, {}), out);
  }
  for (const std::int64_t out : {512, 256, 128, 64}) {
    const std::string name = fmt::format("up{}", out);
    x = b.concat(name + ".concat", {b.conv_transpose(name, x, out, 2, 2), skips.back()});
    skips.pop_back();
    x = double_conv(b, name + ".conv", x, out);
  }
  return b.conv("classes", x, {.out = 12});
}

/// YOLO v3 tiny (arXiv 1804.02767; darknet's yolov3-tiny.cfg), COCO: two maps of 3 x 85. Image and maps have
/// their channels last, as yolo-v3-tiny-tf in the Open Model Zoo, which ends here, too.
Outputs yolo_v3_tiny(Builder& b) {
  const auto conv = [&b](const std::string& name, TensorId x, std::int64_t out, std::int64_t kernel) {
    return b.conv_bn_act(name, x, {.out = out, .kernel = kernel}, Act::leaky_relu);
  };
  TensorId x = channels_first(b), route = x;
  for (const std::int64_t out : {16, 32, 64, 128, 256, 512}) {
    x = conv(fmt::format("conv{}", out), x, out, 3);
    if (out == 256) route = x;
    const Pool pool{.kernel = 2, .stride = out == 512 ? 1 : 2, .pad = Pad::kSame};
    x = b.max_pool(fmt::format("pool{}", out), x, pool);
  }
  x = conv("neck", conv("conv1024", x, 1024, 3), 256, 1);
  const TensorId coarse = b.conv("coarse", conv("coarse.conv", x, 512, 3), {.out = 255});
  x = conv("lateral", x, 128, 1);
  const Size fine(b.shape(route)[2], b.shape(route)[3]);
  x = b.concat("concat", {b.resize("upsample", x, fine, ir::ResizeAttrs::Mode::nearest), route});
  const TensorId detailed = b.conv("fine", conv("fine.conv", x, 256, 3), {.out = 255});
  return {channels_last(b, "coarse.transpose", coarse), channels_last(b, "fine.transpose", detailed)};
}

}  // namespace

std::vector<Recipe> dense_prediction_networks() {
  std::vector<Recipe> rows;
  const auto row = [&rows](const char* name, const char* description, const char* source, const Size& size,
                           Figure parameters, Figure macs, std::function<Outputs(Builder&)> body) {
    rows.push_back({{name, description, source, size, parameters, macs}, std::move(body)});
  };
  const char* pose = "google-coral/project-posenet; no figures published";
  const auto posenet = [](Builder& b) { return pose_heads(b, mobilenet_v1_features(b, 0.75, 16), false); };
  row("posenet_353x481", "key points, MobileNet v1 0.75 at output stride 16", pose, {353, 481}, {}, {},
      posenet);
  row("posenet_481x641", "key points, MobileNet v1 0.75 at output stride 16", pose, {481, 641}, {}, {},
      posenet);
  row("posenet_721x1281", "key points, MobileNet v1 0.75 at output stride 16", pose, {721, 1281}, {}, {},
      posenet);
  row("bodypix_mobilenet_v1_0_75", "key points and body segments, output stride 16",
      "google-coral/project-bodypix; no figures published", {480, 640}, {}, {},
      [](Builder& b) { return pose_heads(b, mobilenet_v1_features(b, 0.75, 16), true); });
  // The Open Model Zoo counts BatchNorm as 1 a channel, which is 12,672, 19,360 and 5,888 less than here, and
  // half of its FLOPs, which include biases and activations, are up to 1 % above the MACs.
  const char* zoo = "OpenVINO's Open Model Zoo";
  row("ssd_mobilenet_v1", "boxes, COCO", zoo, 300, thousands(6'807 + 13), {12, 100'000'000},
      ssd_mobilenet_v1);
  rows.back().channels_last = true;
  row("ssd_mobilenet_v2", "boxes, COCO", zoo, 300, thousands(16'818 + 20), {19, 100'000'000},
      ssd_mobilenet_v2);
  const char* deeplab = "tensorflow/models, deeplab";
  row("deeplab_v3_mobilenet_v2", "segments, PASCAL VOC", deeplab, 513, {}, {},
      [](Builder& b) { return deeplab_v3(b, 1.0); });
  row("deeplab_v3_mobilenet_v2_0_5", "segments, PASCAL VOC", deeplab, 513, {}, {},
      [](Builder& b) { return deeplab_v3(b, 0.5); });
  // 6,504,227 with 32,832 statistics of BatchNorm, and without the last block's BatchNorm of 640.
  row("unet_mobilenet_v2", "segments, Oxford pets", "TensorFlow's segmentation tutorial", 128,
      exactly(6'504'227 - 32'832 + 640), {}, unet_mobilenet_v2);
  row("unet_camvid", "segments, CamVid", zoo, {368, 480}, {3'103 + 1, 10'000}, {130, 1'000'000'000},
      unet_camvid);
  // 8,858,734 weights in the file, 6,368 of them statistics; 5.57 GFLOPs.
  row("yolo_v3_tiny", "boxes, COCO", "pjreddie/darknet", 416, exactly(8'858'734 - 6'368), {28, 100'000'000},
      yolo_v3_tiny);
  rows.back().channels_last = true;
  return rows;
}

}  // namespace npusim::zoo
