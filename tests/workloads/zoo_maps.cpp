// Networks whose answer is a map, and networks with parameters in their names.
#include <cmath>
#include <tuple>
#include <vector>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

namespace {

std::int64_t macs(const std::string& name) { return ir::macs(build(name)).count(); }

ir::Shape output(const ir::Graph& graph, std::size_t index) { return graph.shape(graph.outputs.at(index)); }

double ratio(std::int64_t a, double b) { return static_cast<double>(a) / b; }

}  // namespace

TEST_CASE("PoseNet's maps are a sixteenth of the image and one more: 23x31, 31x41 and 46x81") {
  for (const auto& row : {std::tuple<const char*, std::int64_t, std::int64_t>{"posenet_353x481", 23, 31},
                          {"posenet_481x641", 31, 41},
                          {"posenet_721x1281", 46, 81}}) {
    const std::int64_t height = std::get<1>(row), width = std::get<2>(row);
    CAPTURE(height, width);
    const ir::Graph graph = build(std::get<0>(row));
    REQUIRE(graph.outputs.size() == 3);
    CHECK(output(graph, 0) == ir::Shape{1, 17, height, width});
    CHECK(output(graph, 1) == ir::Shape{1, 34, height, width});
    CHECK(output(graph, 2) == ir::Shape{1, 64, height, width});
  }
}

TEST_CASE("PoseNet dilates the depthwise convolution behind the stride it gives up, and only that") {
  const ir::Graph graph = build("posenet_353x481");
  int dilated = 0;
  for (const ir::Op& op : graph.ops) {
    if (op.kind != ir::OpKind::conv) continue;
    const ir::Window& window = std::get<ir::ConvAttrs>(op.attrs).window;
    if (window.dilation == ir::Hw{1, 1}) continue;
    ++dilated;
    CHECK(op.name == "block13.depthwise");
    CHECK(window.dilation == ir::Hw{2, 2});
  }
  CHECK(dilated == 1);
}

TEST_CASE("SSD at 300x300 has 1917 anchors, each with 91 scores and 4 offsets") {
  const ir::Graph v2 = build("ssd_mobilenet_v2");
  std::int64_t scores = 0, offsets = 0;
  for (std::size_t i = 0; i < v2.outputs.size(); ++i) {
    (i % 2 == 0 ? scores : offsets) += ir::elements(output(v2, i));
  }
  CHECK(scores == 1917 * 91);
  CHECK(offsets == 1917 * 4);
}

TEST_CASE(
    "SSD with MobileNet v1 is the Open Model Zoo's: channels last, scores of 1917 anchors class by class") {
  const ir::Graph graph = build("ssd_mobilenet_v1", 2);
  CHECK(graph.shape(graph.inputs[0]) == ir::Shape{2, 300, 300, 3});
  REQUIRE(graph.outputs.size() == 2);
  CHECK(output(graph, 0) == ir::Shape{2, 91, 1917});
  CHECK(output(graph, 1) == ir::Shape{2, 1917, 4});
  // 2.494 GFLOPs, of which half are MACs, within 2 % for what is counted besides them.
  CHECK(std::abs(ratio(macs("ssd_mobilenet_v1"), 2.494e9 / 2) - 1) < 0.02);
}

TEST_CASE(
    "DeepLab v3 has the model zoo's 2.75 and 0.88 billion MACs, within 0.5 and 3.5 %, and a score a pixel") {
  CHECK(std::abs(ratio(macs("deeplab_v3_mobilenet_v2"), 2.75e9) - 1) < 0.005);
  CHECK(std::abs(ratio(macs("deeplab_v3_mobilenet_v2_0_5"), 0.88e9) - 1) < 0.035);
  CHECK(output(build("deeplab_v3_mobilenet_v2"), 0) == ir::Shape{1, 21, 513, 513});
}

TEST_CASE("U-Nets answer with a class a pixel, YOLO v3 tiny with 13x13 and 26x26 cells") {
  CHECK(output(build("unet_mobilenet_v2"), 0) == ir::Shape{1, 3, 128, 128});
  CHECK(output(build("unet_camvid"), 0) == ir::Shape{1, 12, 368, 480});
  const ir::Graph yolo = build("yolo_v3_tiny");
  CHECK(yolo.shape(yolo.inputs[0]) == ir::Shape{1, 416, 416, 3});
  CHECK(output(yolo, 0) == ir::Shape{1, 13, 13, 255});
  CHECK(output(yolo, 1) == ir::Shape{1, 26, 26, 255});
  CHECK(std::abs(ratio(macs("yolo_v3_tiny"), 5.582e9 / 2) - 1) < 0.01);
}

TEST_CASE("timm's networks have up to 5 % less MACs than timm prints, which counts BatchNorm") {
  struct Row {
    const char* name;
    double printed;
  };
  for (const Row& row : {Row{"mobilenet_v2_110d", 0.45e9},
                         {"mnasnet_a1", 0.32e9},
                         {"mixnet_s", 0.25e9},
                         {"repvgg_b0", 3.41e9},
                         {"ese_vovnet19b_dw", 1.34e9}}) {
    CAPTURE(row.name);
    CHECK(ratio(macs(row.name), row.printed) > 0.95);
    CHECK(ratio(macs(row.name), row.printed) < 1.0);
  }
}

TEST_CASE("BERT takes 128 and 384 tokens and answers with 768 features and two scores a token") {
  const ir::Graph base = build("bert_base_cased", 2), large = build("bert_large_uncased_squad");
  CHECK(base.shape(base.inputs[0]) == ir::Shape{2, 128});
  CHECK(base.tensor(base.inputs[0]).dtype == ir::DType::i64);
  CHECK(output(base, 0) == ir::Shape{2, 768});
  CHECK(output(large, 0) == ir::Shape{1, 384, 2});
  CHECK(macs("bert_base_cased") == std::int64_t{12} * 128 * (12 * 768 * 768 + 2 * 128 * 768) + 768 * 768);
}

TEST_CASE("YOLOv8 nano answers for 80x80, 40x40 and 20x20 cells") {
  const ir::Graph graph = build("yolo_v8n");
  REQUIRE(graph.outputs.size() == 6);
  CHECK(output(graph, 0) == ir::Shape{1, 64, 80, 80});
  CHECK(output(graph, 3) == ir::Shape{1, 80, 40, 40});
  CHECK(output(graph, 5) == ir::Shape{1, 80, 20, 20});
}

TEST_CASE("S3NAS' scaled networks have the published depths, widths and image sizes") {
  struct Net {
    const char* name;
    std::vector<std::size_t> depths;
    std::vector<std::int64_t> widths, maps;
    std::int64_t head;
  };
  for (const Net& net :
       {Net{"s3nas_ours_m_plus", {3, 4, 7, 4, 11}, {32, 64, 128, 160, 256}, {56, 28, 14, 14, 7}, 1280},
        {"s3nas_ours_l_plus", {3, 4, 8, 4, 12}, {32, 64, 144, 176, 288}, {67, 34, 17, 17, 9}, 1408},
        {"s3nas_ours_xl_plus", {4, 5, 9, 5, 13}, {48, 80, 160, 192, 320}, {83, 42, 21, 21, 11}, 1568}}) {
    CAPTURE(net.name);
    const ir::Graph graph = build(net.name);
    std::vector<std::size_t> depths(5, 0);
    std::size_t squeezes = 0;
    for (const ir::Op& op : graph.ops) {
      const ir::Shape out = graph.shape(op.outputs[0]);
      squeezes += op.name.find(".se.mul") != std::string::npos ? 1 : 0;
      if (op.name == "head") CHECK(out[1] == net.head);
      if (op.name.size() < 8 || op.name.substr(op.name.size() - 8) != ".project") continue;
      const auto stage = static_cast<std::size_t>(op.name[5] - '0');
      ++depths.at(stage);
      CHECK(out == ir::Shape{1, net.widths[stage], net.maps[stage], net.maps[stage]});
    }
    CHECK(depths == net.depths);
    CHECK(squeezes + 1 == depths[0] + depths[1] + depths[2] + depths[3] + depths[4]);
  }
}

TEST_CASE("EDSR3 doubles 360x640, with MACs from its kernels: 64 features, 3x3, at each upsampling") {
  constexpr std::int64_t kPixels = 360 * 640, kBody = 9 * 64 * 64;
  const std::int64_t body = kPixels * (9 * 3 * 64 + 7 * kBody), tail = 4 * kPixels * 9 * 64 * 3;
  CHECK(macs("edsr3") == body + kPixels * 4 * kBody + tail);
  CHECK(macs("edsr:nearest") == body + 4 * kPixels * kBody + tail);
  CHECK(macs("edsr:bilinear_leaky_relu") == macs("edsr3_nearest"));
  CHECK(output(build("edsr3", 2), 0) == ir::Shape{2, 3, 720, 1280});
  CHECK(output(build("edsr:nearest@90x160"), 0) == ir::Shape{1, 3, 180, 320});
  CHECK(macs("edsr:b1_f8_k3,1,1,1,1,3@10") == 100 * (9 * 3 * 8 + 3 * 64 + 4 * 64) + 400 * 9 * 8 * 3);
}

TEST_CASE("the six patterns have the MACs of their convolutions, at 56x56, 64 channels and depth 10") {
  constexpr std::int64_t kPixels = 56 * 56, kWidth = 64;
  const std::int64_t stem = kPixels * 9 * 3 * kWidth;
  const auto each = [&](const std::string& name) {
    return (macs("pattern:" + name) - stem) / (10 * kPixels);
  };
  CHECK(each("standard") == 9 * 64 * 64);
  CHECK(each("factorised") == 6 * 64 * 64);
  CHECK(each("bottleneck") == 2 * 64 * 16 + 9 * 16 * 16);
  CHECK(each("depthwise_separable") == 9 * 64 + 64 * 64);
  CHECK(each("depthwise_bottleneck") == 2 * 64 * 384 + 9 * 384);
  CHECK(each("grouped") == 2 * 64 * 32 + 9 * 32);
  CHECK(each("grouped_g8_b1") == 2 * 64 * 64 + 9 * 64 * 8);
  CHECK(each("standard_k5") == 25 * 64 * 64);
}

TEST_CASE("a pattern's depth, width and image scale as stated, and skip adds inputs") {
  CHECK(macs("pattern:standard_d20_w64") - macs("pattern:standard_d10_w64") == 10 * 56 * 56 * 9 * 64 * 64);
  CHECK(output(build("pattern:grouped_w256_skip@28", 4), 0) == ir::Shape{4, 256, 28, 28});
  CHECK(build("pattern:standard_d10_skip").ops.size() == build("pattern:standard_d10").ops.size() + 10);
  CHECK(macs("pattern:standard_d50_w32@7x14") == 7 * 14 * (27 * 32 + 50 * 9 * 32 * 32));
}

TEST_CASE("wrong parameters are the user's error and name the position") {
  struct Case {
    const char* name;
    const char* part;
  };
  for (const Case& c : {Case{"pattern:standrd_d5", "character 9: expected one of standard"},
                        {"pattern:d5", "character 9: expected one of standard"},
                        {"pattern:standard_d0", "character 19: expected a number from 1 to 1000"},
                        {"pattern:standard_x9", "character 18: nothing is called 'x9' here"},
                        {"pattern:standard_d5_d6", "character 21: 'd' is given twice"},
                        {"pattern:standard_k4", "character 19: expected an odd kernel"},
                        {"pattern:standard_d5,6", "character 19: expected one number"},
                        {"pattern:standard@0", "character 18: expected an image size"},
                        {"pattern:standard@7x", "character 20: expected an image size"},
                        {"pattern:grouped_w48", "24 inner channels"},
                        {"pattern:bottleneck_w30", "width 30 does not divide by ratio 4"},
                        {"edsr:k3,1", "expected 1 or 10 kernels, got 2"},
                        {"edsr:b3_gelu", "character 9: nothing is called 'gelu' here"},
                        {"edsr:k3;1", "character 8: expected the end of 'k'"}}) {
    CAPTURE(c.name);
    std::string message;
    try {
      build(c.name);
    } catch (const UserError& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(c.part) != std::string::npos);
  }
}

}  // namespace npusim::zoo
