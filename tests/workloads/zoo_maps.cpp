// Networks whose answer is a map, and networks with parameters in their names.
#include <cmath>
#include <tuple>

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
  for (const char* name : {"ssd_mobilenet_v1", "ssd_mobilenet_v2"}) {
    CAPTURE(name);
    const ir::Graph graph = build(name);
    std::int64_t scores = 0, offsets = 0;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      (i % 2 == 0 ? scores : offsets) += ir::elements(output(graph, i));
    }
    CHECK(scores == 1917 * 91);
    CHECK(offsets == 1917 * 4);
  }
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
  CHECK(output(yolo, 0) == ir::Shape{1, 255, 13, 13});
  CHECK(output(yolo, 1) == ir::Shape{1, 255, 26, 26});
}

}  // namespace npusim::zoo
