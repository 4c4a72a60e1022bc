// YOLOv8 nano (ultralytics/ultralytics), up to its six maps: distances to a box's sides as 4 x 16 bins, and
// 80 class scores, at strides 8, 16 and 32.
#include <fmt/format.h>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

TensorId conv(Builder& b, const std::string& name, TensorId x, std::int64_t out, std::int64_t kernel = 1,
              std::int64_t stride = 1) {
  return b.conv_bn_act(name, x, {.out = out, .kernel = kernel, .stride = stride}, Act::silu);
}

/// Half of the channels pass by, half go through `depth` pairs of 3x3; all in-between results are joined.
TensorId c2f(Builder& b, const std::string& name, TensorId x, std::int64_t out, int depth, bool skip) {
  std::vector<TensorId> parts = b.split(name + ".split", conv(b, name + ".cv1", x, out), 2);
  for (int i = 0; i < depth; ++i) {
    const std::string block = fmt::format("{}.m{}", name, i);
    const TensorId in = parts.back();
    const TensorId y = conv(b, block + ".cv2", conv(b, block + ".cv1", in, out / 2, 3), out / 2, 3);
    parts.push_back(skip ? b.add(block + ".add", in, y) : y);
  }
  return conv(b, name + ".cv2", b.concat(name + ".concat", parts), out);
}

TensorId pyramid_pool(Builder& b, TensorId x) {
  const std::int64_t out = b.channels(x);
  std::vector<TensorId> parts{conv(b, "sppf.cv1", x, out / 2)};
  for (int i = 0; i < 3; ++i) {
    parts.push_back(
        b.max_pool(fmt::format("sppf.pool{}", i), parts.back(), {.kernel = 5, .stride = 1, .pad = 2}));
  }
  return conv(b, "sppf.cv2", b.concat("sppf.concat", parts), out);
}

TensorId joined(Builder& b, const std::string& name, TensorId coarse, TensorId fine) {
  const Size size(b.shape(fine)[2], b.shape(fine)[3]);
  return b.concat(name + ".concat",
                  {b.resize(name + ".upsample", coarse, size, ir::ResizeAttrs::Mode::nearest), fine});
}

Outputs yolo_v8n(Builder& b) {
  TensorId x = conv(b, "conv1", conv(b, "conv0", b.input(), 16, 3, 2), 32, 3, 2);
  x = conv(b, "conv3", c2f(b, "c2f2", x, 32, 1, true), 64, 3, 2);
  const TensorId p3 = c2f(b, "c2f4", x, 64, 2, true);
  const TensorId p4 = c2f(b, "c2f6", conv(b, "conv5", p3, 128, 3, 2), 128, 2, true);
  const TensorId p5 = pyramid_pool(b, c2f(b, "c2f8", conv(b, "conv7", p4, 256, 3, 2), 256, 1, true));
  const TensorId n4 = c2f(b, "c2f12", joined(b, "up11", p5, p4), 128, 1, false);
  const TensorId n3 = c2f(b, "c2f15", joined(b, "up14", n4, p3), 64, 1, false);
  x = b.concat("concat17", {conv(b, "conv16", n3, 64, 3, 2), n4});
  const TensorId m4 = c2f(b, "c2f18", x, 128, 1, false);
  x = b.concat("concat20", {conv(b, "conv19", m4, 128, 3, 2), p5});
  const TensorId m5 = c2f(b, "c2f21", x, 256, 1, false);
  Outputs outputs;
  for (const TensorId map : {n3, m4, m5}) {
    const std::string name = fmt::format("detect{}", outputs.size() / 2);
    const TensorId box = conv(b, name + ".box1", conv(b, name + ".box0", map, 64, 3), 64, 3);
    outputs.push_back(b.conv(name + ".box2", box, {.out = 64}));
    const TensorId cls = conv(b, name + ".class1", conv(b, name + ".class0", map, 80, 3), 80, 3);
    outputs.push_back(b.conv(name + ".class2", cls, {.out = 80}));
  }
  return outputs;
}

}  // namespace

std::vector<Recipe> yolo_networks() {
  // 3,157,200 with the 16 constants that decode the bins.
  return {{{"yolo_v8n", "boxes, COCO", "ultralytics", 640, exactly(3'157'200 - 16), {44, 100'000'000}},
           yolo_v8n}};
}

}  // namespace npusim::zoo
