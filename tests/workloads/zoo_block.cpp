// Blocks by their strings.
#include <algorithm>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/zoo/block.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

namespace {

/// What is wrong with a name, or "" when it builds.
std::string complaint(const std::string& name) {
  try {
    build(name);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

std::string refusal(const std::string& text) {
  try {
    parse_block(text);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// Kernel x kernel, input and output channels, groups of each convolution, in order.
std::vector<std::vector<std::int64_t>> convs(const ir::Graph& graph) {
  std::vector<std::vector<std::int64_t>> list;
  for (const ir::Op& op : graph.ops) {
    if (op.kind != ir::OpKind::conv) continue;
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    list.push_back(
        {attrs.window.kernel.h, graph.shape(op.inputs[0])[1], graph.shape(op.outputs[0])[1], attrs.groups});
  }
  return list;
}

bool has_add(const ir::Graph& graph) {
  return std::any_of(graph.ops.begin(), graph.ops.end(),
                     [](const ir::Op& op) { return op.source_op == "Add"; });
}

}  // namespace

TEST_CASE("a fused block is a 3x3 to twice the channels and a linear 1x1, with its input added") {
  const ir::Graph graph = build("block:r1_k3_s11_e2_i128_o128_c15@14");
  CHECK(graph.shape(graph.inputs[0]) == ir::Shape{1, 128, 14, 14});
  CHECK(graph.shape(graph.outputs[0]) == ir::Shape{1, 128, 14, 14});
  CHECK(convs(graph) == std::vector<std::vector<std::int64_t>>{{3, 128, 256, 1}, {1, 256, 128, 1}});
  CHECK(has_add(graph));
  CHECK(ir::macs(graph).count() == 14 * 14 * (9 * 128 * 256 + 256 * 128));
}

TEST_CASE("an MBConv block of stride 2 halves 56 to 28 and adds nothing") {
  const ir::Graph graph = build("block:MBConvBlock/r1_k5_s22_e6_i32_o64_c0_imgsize56");
  CHECK(convs(graph) ==
        std::vector<std::vector<std::int64_t>>{{1, 32, 192, 1}, {5, 192, 192, 192}, {1, 192, 64, 1}});
  CHECK(graph.shape(graph.outputs[0]) == ir::Shape{1, 64, 28, 28});
  CHECK_FALSE(has_add(graph));
}

TEST_CASE("a MixConv block expands once a branch, and merges branches of equal kernels") {
  const ir::Graph graph = build("block:r1_k5,3,5_s11_e2,2,2_i64_o64_c100@28");
  CHECK(convs(graph) ==
        std::vector<std::vector<std::int64_t>>{
            {1, 64, 128, 1}, {3, 128, 128, 128}, {1, 64, 256, 1}, {5, 256, 256, 256}, {1, 384, 64, 1}});
  CHECK(has_add(graph));
  CHECK_FALSE(has_add(build("block:r1_k3,5_s11_e2,2_i64_o64_c100_noskip@28")));
  CHECK(convs(build("block:r1_k3,5,7_s11_e2,0,2_i64_o64_c100@28")).size() == 5);
}

TEST_CASE("a searchable block is its largest choice: r7 of k5,5,7 e2,2,2 has seven MixConv blocks") {
  const ir::Graph graph = build("block:r7_k5,5,7_s22_e2,2,2_i64_o128_c102@28");
  CHECK(convs(graph).size() == 7 * 5);
  CHECK(graph.shape(graph.outputs[0]) == ir::Shape{1, 128, 14, 14});
  CHECK(ir::macs(build("block:r1_k5_s11_e6_i160_o160_c12@14")) ==
        ir::macs(build("block:r1_k5_s11_e6_i160_o160_c0@14")));
  CHECK(ir::macs(build("block:r1_k5_s11_e6_i160_o160_c16@14")) ==
        ir::macs(build("block:r1_k5_s11_e6_i160_o160_c15@14")));
}

TEST_CASE("Squeeze-and-Excitation squeezes a quarter of the input's channels, behind the depthwise stage") {
  const ir::Graph graph = build("block:r1_k3,5_s11_e2,2_i64_o64_c100_se0.25_hswish@28");
  const auto list = convs(graph);
  CHECK(list.at(4) == std::vector<std::int64_t>{1, 256, 16, 1});
  CHECK(list.at(5) == std::vector<std::int64_t>{1, 16, 256, 1});
}

TEST_CASE("convolutions, linear layers and pools are blocks, too") {
  const ir::Graph conv = build("block:Conv2D/k7_s22_i3_o32@224", 2);
  CHECK(conv.shape(conv.outputs[0]) == ir::Shape{2, 32, 112, 112});
  CHECK(std::get<ir::ConvAttrs>(conv.ops[0].attrs).window.pad == ir::Padding{3, 3, 2, 2});
  const ir::Graph dense = build("block:Dense/i1280_o1000");
  CHECK(dense.shape(dense.outputs[0]) == ir::Shape{1, 1000});
  const ir::Graph pool = build("block:GlobalAvgPool/i1280@7");
  CHECK(pool.shape(pool.outputs[0]) == ir::Shape{1, 1280});
  CHECK(build("block:k1_s11_i320_o1568_imgsize11").ops.size() == 3);
  CHECK(build("block:k1_s11_i8_o8@360x640").inputs.size() == 1);
}

TEST_CASE("a block whose expansions are all 0 is its skip connection") {
  const ir::Graph graph = build("block:r1_k3,5_s11_e0,0_i64_o64_c100@28");
  REQUIRE(graph.ops.size() == 1);
  CHECK(graph.ops[0].kind == ir::OpKind::identity);
  CHECK(is_identity(parse_block("r1_k3_s11_e0_i64_o64_c0")));
  CHECK_FALSE(is_identity(parse_block("r1_k3_s11_e2_i64_o64_c0")));
}

TEST_CASE("a wrong block string is the user's error and names the position") {
  CHECK(refusal("r1_k3_s11_x2_i8_o8_c0") ==
        "block 'r1_k3_s11_x2_i8_o8_c0', character 11: expected a field r, k, s, e, i, o, c, se, noskip or an "
        "activation, got 'x2'");
  struct Case {
    const char* text;
    const char* part;
  };
  for (const Case& c :
       {Case{"r1_k3_s12_e2_i8_o8_c0", "character 8: expected a stride of two equal digits"},
        {"r1_k3,_s11_e2_i8_o8_c0", "character 7: expected a number"},
        {"r1_k3_s11_e2_i8_o8_c7", "character 21: expected a type"},
        {"r1_k3,5_s11_e2_i8_o8_c100", "character 14: expected as many expansions as kernels, 2"},
        {"r1_k3,5_s11_e2,2_i8_o8_c0", "character 5: expected one kernel"},
        {"r1_k3_s11_e2_i8_o8_c0_k5", "character 23: 'k' is given twice"},
        {"r1_k3_s11_e2_i8_c0", "character 19: expected a field _o<number>"},
        {"r1_k3_s22_e0_i8_o8_c0", "character 12: expansion 0"},
        {"r1_k3_s11_e2_i8_o8_c0_se2", "character 25: expected a ratio"},
        {"r1_k3_s11_e2_i0_o8_c0", "character 15: expected a number"},
        {"r1_k3x_s11_e2_i8_o8_c0", "character 6: expected the end of 'k'"},
        {"Conv3D/k3_s11_i8_o8", "character 1: expected a class"},
        {"Conv2D/i8_o8", "character 1: the fields describe a Dense"},
        {"r2_k3_s11_i8_o8", "character 2: a Conv2D has no 'r'"},
        {"", "character 1: expected a field"}}) {
    CAPTURE(c.text);
    CAPTURE(refusal(c.text));
    CHECK(refusal(c.text).find(c.part) != std::string::npos);
  }
  CHECK(complaint("block:r1_k3_s11_e2_i8_o8_c0@x").find("character 29: expected an image size") !=
        std::string::npos);
  CHECK(complaint("block:r1_k3_s11_e2_i8_o8_c0").find("expected an image size behind") != std::string::npos);
  CHECK(complaint("block:Dense/i8_o8@7").find("takes no image") != std::string::npos);
}

TEST_CASE("a block's string comes back from what it was parsed to") {
  for (const char* text : {"r1_k3_s11_e2_i128_o128_c15", "r7_k5,5,7_s22_e2,2,2_i64_o128_c102",
                           "r1_k3_s22_e6_i32_o64_c0_se0.25_noskip", "r1_k5_s11_e6_i96_o96_c0_hswish",
                           "k7_s22_i3_o32", "i1280_o1000", "i1280"}) {
    CHECK(to_string(parse_block(text)) == text);
  }
  CHECK(to_string(parse_block("c0_o64_i32_e6_s22_k3")) == "r1_k3_s22_e6_i32_o64_c0");
}

TEST_CASE("every parametric family's example builds, and its prefix is a network's name") {
  for (const ParametricNet& net : parametric_networks()) {
    CAPTURE(net.example);
    CHECK(build(net.example).name == net.example);
    CHECK(is_network(net.prefix + ":"));
    CHECK(net.example.rfind(net.prefix + ":", 0) == 0);
  }
  CHECK(is_network("resnet50"));
  CHECK_FALSE(is_network("resnet5O"));
  CHECK_FALSE(is_network("blocks:r1"));
}

}  // namespace npusim::zoo
