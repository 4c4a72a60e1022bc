// The generated networks against what is published about them.
#include <algorithm>
#include <set>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

namespace {

const ir::Op& op_named(const ir::Graph& graph, const std::string& name) {
  const auto found =
      std::find_if(graph.ops.begin(), graph.ops.end(), [&](const ir::Op& op) { return op.name == name; });
  REQUIRE(found != graph.ops.end());
  return *found;
}

ir::Shape output_shape(const ir::Graph& graph, const std::string& name) {
  return graph.shape(op_named(graph, name).outputs.at(0));
}

std::size_t count(const ir::Graph& graph, ir::OpKind kind) {
  return static_cast<std::size_t>(
      std::count_if(graph.ops.begin(), graph.ops.end(), [&](const ir::Op& op) { return op.kind == kind; }));
}

NetInfo info(const std::string& name) {
  for (const NetInfo& net : networks()) {
    if (net.name == name) return net;
  }
  throw std::runtime_error("no network " + name);
}

/// Exact parameters and MACs, counted once more outside the generators' own table.
struct Counts {
  std::int64_t parameters;
  std::int64_t macs;
};

Counts counts(const std::string& name) {
  const ir::Graph graph = build(name);
  return {ir::parameters(graph), ir::macs(graph).count()};
}

}  // namespace

TEST_CASE("a figure matches what rounds to it") {
  CHECK(Figure{1'814, 1'000'000}.matches(1'814'073'344));
  CHECK(Figure{1'814, 1'000'000}.matches(1'813'500'000));
  CHECK_FALSE(Figure{1'814, 1'000'000}.matches(1'813'499'999));
  CHECK_FALSE(Figure{1'814, 1'000'000}.matches(1'814'500'001));
  CHECK(Figure{25'557'032, 1}.matches(25'557'032));
  CHECK_FALSE(Figure{25'557'032, 1}.matches(25'557'033));
  CHECK(Figure{}.matches(7));
}

TEST_CASE("every network has its published parameters and MACs") {
  for (const NetInfo& net : networks()) {
    CAPTURE(net.name);
    const auto [parameters, macs] = counts(net.name);
    CAPTURE(parameters, macs);
    CHECK(net.parameters.matches(parameters));
    CHECK(net.macs.matches(macs));
  }
}

TEST_CASE("only these networks have no published figure at all; other tests hold their layers") {
  std::set<std::string> unpublished;
  for (const NetInfo& net : networks()) {
    if (net.parameters.value == 0 && net.macs.value == 0) unpublished.insert(net.name);
  }
  CHECK(unpublished == std::set<std::string>{"posenet_353x481", "posenet_481x641", "posenet_721x1281",
                                             "bodypix_mobilenet_v1_0_75", "deeplab_v3_mobilenet_v2",
                                             "deeplab_v3_mobilenet_v2_0_5", "edsr3", "edsr3_nearest",
                                             "s3nas_ours_m_plus", "s3nas_ours_l_plus", "s3nas_ours_xl",
                                             "s3nas_ours_xl_plus"});
}

TEST_CASE("ISyNet and ResNet count to the printed digits of the ISyNet paper's complexity table") {
  struct Row {
    const char* name;
    std::int64_t parameters_k, macs_m;
  };
  for (const Row& row :
       {Row{"isynet_n0", 9'593, 893}, Row{"isynet_n1", 7'425, 2'271}, Row{"isynet_n1_s1", 7'821, 2'290},
        Row{"isynet_n1_s2", 8'858, 2'666}, Row{"isynet_n1_s3", 10'813, 3'279},
        Row{"isynet_n2", 19'426, 3'891}, Row{"isynet_n3", 20'468, 5'825}, Row{"resnet18", 11'690, 1'814},
        Row{"resnet34", 21'798, 3'664}, Row{"resnet50", 25'557, 4'089}}) {
    CAPTURE(row.name);
    const auto [parameters, macs] = counts(row.name);
    CHECK((parameters + 500) / 1'000 == row.parameters_k);
    CHECK((macs + 500'000) / 1'000'000 == row.macs_m);
  }
}

TEST_CASE("networks have unique names, a family and a source, and a 1000-class answer or say otherwise") {
  std::set<std::string> names;
  for (const NetInfo& net : networks()) {
    CAPTURE(net.name);
    CHECK(names.insert(net.name).second);
    CHECK_FALSE(net.source.empty());
    CHECK_FALSE(net.description.empty());
    CHECK_FALSE(std::string(net.family).empty());
    const ir::Graph graph = build(net.name);
    CHECK(graph.name == net.name);
    const ir::Shape input = graph.shape(graph.inputs.at(0));
    const ir::Shape first{1, 3, net.resolution.h, net.resolution.w};
    const ir::Shape last{1, net.resolution.h, net.resolution.w, 3};
    if (input.size() == 4) {
      CHECK((input == first || input == last));
    } else {
      CHECK(input.back() == net.resolution.w);
    }
    const auto says = [&](const char* word) { return net.description.find(word) != std::string::npos; };
    if (!says("ImageNet")) continue;
    CHECK(graph.shape(graph.outputs.at(0)) == ir::Shape{1, says("1001") ? 1001 : 1000});
  }
  CHECK(names.size() >= 129);
}

TEST_CASE("a batch of 4 multiplies MACs and leaves parameters") {
  for (const char* name :
       {"resnet18", "squeezenet1_1", "shufflenet_v2_x1_0", "vit_b_16", "mobilenet_v3_small"}) {
    CAPTURE(name);
    const ir::Graph one = build(name), four = build(name, 4);
    CHECK(ir::macs(four).count() == 4 * ir::macs(one).count());
    CHECK(ir::parameters(four) == ir::parameters(one));
    CHECK(four.shape(four.outputs.at(0)) == ir::Shape{4, 1000});
  }
}

TEST_CASE("an unknown network is the user's error, with the nearest name") {
  try {
    build("resnet5O");
    FAIL("no error");
  } catch (const UserError& error) {
    CHECK(std::string(error.what()) == "no built-in network is called 'resnet5O'; did you mean 'resnet50'?");
  }
  CHECK_THROWS_AS(build("resnet50", 0), UserError);
}

TEST_CASE("the same name builds the same graph, and no two networks are alike") {
  std::set<std::string> hashes;
  for (const NetInfo& net : networks()) {
    const std::string hash = ir::content_hash(build(net.name));
    CHECK(hash == ir::content_hash(build(net.name)));
    CHECK(hashes.insert(hash).second);
  }
}

TEST_CASE("ResNet-50 is version 1.5: the stride is in the 3x3") {
  const ir::Graph graph = build("resnet50");
  CHECK(output_shape(graph, "layer2.0.conv1") == ir::Shape{1, 128, 56, 56});
  CHECK(output_shape(graph, "layer2.0.conv2") == ir::Shape{1, 128, 28, 28});
  CHECK(output_shape(graph, "layer2.0.downsample") == ir::Shape{1, 512, 28, 28});
  CHECK(count(graph, ir::OpKind::conv) == 53);
  CHECK(count(graph, ir::OpKind::norm) == 53);
  CHECK(count(graph, ir::OpKind::matmul) == 1);
}

TEST_CASE("GoogLeNet's pools round up: 112, 56, 28, 14, 7") {
  const ir::Graph graph = build("googlenet");
  CHECK(output_shape(graph, "maxpool1")[2] == 56);
  CHECK(output_shape(graph, "maxpool2")[2] == 28);
  CHECK(output_shape(graph, "maxpool3")[2] == 14);
  CHECK(output_shape(graph, "maxpool4")[2] == 7);
}

TEST_CASE("Inception v3 shrinks 299 to 35, 17 and 8") {
  const ir::Graph graph = build("inception_v3");
  CHECK(output_shape(graph, "Mixed_5b.concat") == ir::Shape{1, 256, 35, 35});
  CHECK(output_shape(graph, "Mixed_6a.concat") == ir::Shape{1, 768, 17, 17});
  CHECK(output_shape(graph, "Mixed_7c.concat") == ir::Shape{1, 2048, 8, 8});
}

TEST_CASE("TensorFlow's networks put the odd padding cell at the bottom and right") {
  for (const char* name : {"mobilenet_v1", "efficientnet_lite0", "mobilenet_edgetpu"}) {
    CAPTURE(name);
    const ir::Graph graph = build(name);
    CHECK(std::get<ir::ConvAttrs>(graph.ops.at(0).attrs).window.pad == ir::Padding{0, 0, 1, 1});
    CHECK(graph.shape(graph.ops[0].outputs[0])[2] == 112);
  }
}

TEST_CASE("ISyNet's stage 0 takes the image, blocks after the first add their input") {
  const ir::Graph graph = build("isynet_n0");
  CHECK(graph.ops[0].name == "stage0.0.edge0");
  CHECK(output_shape(graph, "stage0.0.edge0") == ir::Shape{1, 16, 112, 112});
  const std::size_t adds = 1 + 3 + 1 + 5;
  const std::size_t relus = 1 + 2 * 2 + 4 * 4 + 2 * 1 + 6 * 3 + 1;
  CHECK(count(graph, ir::OpKind::elementwise) == adds + relus);
}

TEST_CASE("ISyNet drops the last ReLU only behind the fourth edge") {
  const auto has = [](const ir::Graph& graph, const std::string& name) {
    return std::any_of(graph.ops.begin(), graph.ops.end(), [&](const ir::Op& op) { return op.name == name; });
  };
  const ir::Graph n0 = build("isynet_n0");
  CHECK_FALSE(has(n0, "stage3.0.edge3.relu"));
  CHECK(has(n0, "stage2.0.edge3.relu"));
  const ir::Graph n2 = build("isynet_n2");  // its stage 3 asks for it, but edge 3 is the identity
  CHECK(has(n2, "stage3.0.edge2.relu"));
  CHECK_FALSE(has(n2, "stage1.0.edge3.relu"));
}

TEST_CASE("an expanded ISyNet stage narrows at its last edge that is no identity") {
  const ir::Graph graph = build("isynet_n1");
  CHECK(output_shape(graph, "stage3.0.edge0") == ir::Shape{1, 256, 14, 14});
  CHECK(output_shape(graph, "stage3.0.edge1") == ir::Shape{1, 256, 14, 14});
  CHECK(output_shape(graph, "stage3.0.edge2") == ir::Shape{1, 128, 14, 14});
}

TEST_CASE("a pair of ISyNet halves the height first and has one BatchNorm") {
  const ir::Graph graph = build("isynet_n1");
  CHECK(output_shape(graph, "stage1.0.edge0.column") == ir::Shape{1, 32, 56, 112});
  CHECK(output_shape(graph, "stage1.0.edge0.row") == ir::Shape{1, 32, 56, 56});
  CHECK(op_named(graph, "stage1.0.edge0.row").inputs[0] ==
        op_named(graph, "stage1.0.edge0.column").outputs[0]);
}

TEST_CASE("MobileNet v3 squeezes to a quarter of its expanded channels, EfficientNet of its input's") {
  CHECK(output_shape(build("mobilenet_v3_large"), "block3.se.fc1") == ir::Shape{1, 24, 1, 1});
  CHECK(output_shape(build("efficientnet_b0"), "stage1.0.se.fc1") == ir::Shape{1, 4, 1, 1});
}

TEST_CASE("ViT's attention multiplies 12 heads of 197 tokens") {
  const ir::Graph graph = build("vit_b_16");
  CHECK(output_shape(graph, "encoder.0.attention.scores") == ir::Shape{12, 197, 197});
  CHECK(output_shape(graph, "encoder.11.attention.mix") == ir::Shape{12, 197, 64});
}

TEST_CASE("published figures of torchvision are exact integers for parameters") {
  CHECK(info("resnet50").parameters.unit == 1);
  CHECK(info("resnet50").source == "torchvision");
  CHECK(counts("mobilenet_v1").parameters == 4'231'976);
  CHECK(counts("vit_b_16").parameters == 86'567'656);
}

}  // namespace npusim::zoo
