// Real networks as PyTorch exports them. Expected MACs: from onnx 1.23's shape inference in Python and the
// formulas of the operators, outside of npusim. Expected operators: counted in the files by kind.
#include <fstream>

#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"
#include "workloads/passes/passes.h"

namespace npusim::onnx::testing {

namespace {

struct Network {
  std::string name;
  std::int64_t macs;
  std::size_t imported;  ///< nodes of the file without Constant and ConstantOfShape
  std::size_t left;      ///< after the pipeline
  std::int64_t folded;
  std::int64_t fused;
  std::int64_t parameters;
};

// efficientnet_b1: 115 convolutions, 23 gates (of 69 + 23 products, 69 are SiLU), 24 means, flatten,
// classifier. inception_v3: 94 convolutions, 13 pools (9 take up a Pad), 11 concatenations, mean, flatten,
// classifier. mobilenet_v3_large: 62 convolutions, 8 gates, 9 means, flatten, 2 matrix products. vgg16: 13
// convolutions, 5 pools (the sixth is 1x1), flatten, 3 matrix products. Parameters: torchvision's, with batch
// norm folded (a bias a channel instead of scale and bias).
const std::vector<Network> kNetworks{
    {"efficientnet_b1", 686'802'832, 433, 164, 92, 177, 7'763'160},
    {"inception_v3", 5'713'216'096, 307, 121, 92, 94, 23'817'352},
    {"mobilenet_v2", 300'774'272, 139, 55, 39, 45, 3'487'816},
    {"mobilenet_v3_large", 216'589'760, 206, 82, 45, 79, 5'470'832},
    {"resnet18", 1'814'073'344, 65, 24, 16, 25, 11'684'712},
    {"resnet50", 4'089'184'256, 169, 57, 47, 65, 25'530'472},
    {"vgg16", 15'470'264'320, 48, 22, 11, 15, 138'357'544},
    {"vit_b_16", 17'563'828'224, 776, 296, 172, 308, 86'567'656},
};

std::int64_t count(const ir::Graph& graph, ir::Function function) {
  std::int64_t total = 0;
  for (const ir::Op& op : graph.ops) {
    if (op.kind == ir::OpKind::elementwise && attrs<ir::ElementwiseAttrs>(op).function == function) ++total;
    for (const ir::FusedStep& step : op.fused) total += step.op.function == function ? 1 : 0;
  }
  return total;
}

std::int64_t count(const ir::Graph& graph, ir::OpKind kind) {
  std::int64_t total = 0;
  for (const ir::Op& op : graph.ops) total += op.kind == kind ? 1 : 0;
  return total;
}

ir::Graph optimised(const std::string& name) { return passes::run_pipeline(import_onnx(network(name))); }

}  // namespace

TEST_CASE("eight networks of torchvision import with their published MACs") {
  for (const Network& expected : kNetworks) {
    INFO(expected.name);
    const ir::Graph graph = import_onnx(network(expected.name));
    ir::verify(graph);
    CHECK(graph.name == expected.name);
    CHECK(graph.ops.size() == expected.imported);
    CHECK(ir::macs(graph).count() == expected.macs);
  }
}

TEST_CASE("the passes leave the expected operators, MACs and parameters of eight networks") {
  for (const Network& expected : kNetworks) {
    INFO(expected.name);
    passes::PassStats stats;
    const ir::Graph graph = passes::run_pipeline(import_onnx(network(expected.name)), &stats);
    CHECK(graph.ops.size() == expected.left);
    CHECK(stats.imported == static_cast<std::int64_t>(expected.imported));
    CHECK(stats.folded == expected.folded);
    CHECK(stats.fused == expected.fused);
    CHECK(stats.imported == stats.folded + stats.fused + static_cast<std::int64_t>(graph.ops.size()));
    CHECK(ir::macs(graph).count() == expected.macs);
    CHECK(ir::parameters(graph) == expected.parameters);
  }
}

TEST_CASE("a batch of 16 needs 16 times the MACs of one image in eight networks") {
  for (const Network& expected : kNetworks) {
    INFO(expected.name);
    ImportOptions options;
    options.batch = 16;
    ir::Graph graph = import_onnx(network(expected.name), options);
    ir::verify(graph);
    CHECK(graph.shape(graph.inputs[0])[0] == 16);
    CHECK(graph.shape(graph.outputs[0]) == ir::Shape{16, 1000});
    CHECK(ir::macs(graph).count() == 16 * expected.macs);
    passes::run(graph);
    CHECK(ir::macs(graph).count() == 16 * expected.macs);
  }
}

TEST_CASE("every shape of eight networks equals libonnx's own inference") {
  for (const Network& expected : kNetworks) {
    INFO(expected.name);
    ::onnx::ModelProto model;
    std::ifstream file(network(expected.name), std::ios::binary);
    REQUIRE(model.ParseFromIstream(&file));
    const int compared = check_against_libonnx(model, import_onnx(network(expected.name)));
    CHECK(compared >= static_cast<int>(expected.imported));
  }
}

TEST_CASE("MobileNetV3's 21 hard swishes are recognised, its 8 gates keep their hard sigmoid") {
  const ir::Graph graph = optimised("mobilenet_v3_large");
  CHECK(count(graph, ir::Function::hard_swish) == 21);
  CHECK(count(graph, ir::Function::hard_sigmoid) == 8);
  CHECK(count(graph, ir::Function::mul) == 8);
  CHECK(count(graph, ir::Function::relu) == 19);
}

TEST_CASE("EfficientNet-B1's 69 SiLUs are recognised, its 23 gates keep their sigmoid") {
  const ir::Graph graph = optimised("efficientnet_b1");
  CHECK(count(graph, ir::Function::silu) == 69);
  CHECK(count(graph, ir::Function::sigmoid) == 23);
  CHECK(count(graph, ir::Function::mul) == 23);
}

TEST_CASE("ViT-B/16's 25 layer norms and 12 GELUs are recognised") {
  const ir::Graph graph = optimised("vit_b_16");
  CHECK(count(graph, ir::Function::gelu) == 12);
  CHECK(count(graph, ir::Function::erf) == 0);
  CHECK(count(graph, ir::OpKind::norm) == 25);
  CHECK(count(graph, ir::OpKind::softmax) == 12);
  CHECK(count(graph, ir::OpKind::shape_of) == 0);
  CHECK(count(graph, ir::OpKind::reduce) == 0);
  // Class token and position: one concatenation, one selection at the end.
  CHECK(count(graph, ir::OpKind::concat) == 1);
  CHECK(count(graph, ir::OpKind::gather) == 1);
}

TEST_CASE("ResNet-50's 16 residual additions and 49 ReLUs become steps of its 53 convolutions") {
  const ir::Graph graph = optimised("resnet50");
  CHECK(count(graph, ir::OpKind::conv) == 53);
  CHECK(count(graph, ir::OpKind::elementwise) == 0);
  std::int64_t residuals = 0, activations = 0;
  for (const ir::Op& op : graph.ops) {
    for (const ir::FusedStep& step : op.fused) ++(step.operand == ir::kNoTensor ? activations : residuals);
  }
  CHECK(residuals == 16);
  CHECK(activations == 49);
}

TEST_CASE("Inception's 9 zero paddings become the padding of the average pools behind them") {
  const ir::Graph graph = optimised("inception_v3");
  CHECK(count(graph, ir::OpKind::pad) == 0);
  std::int64_t padded = 0;
  for (const ir::Op& op : graph.ops) {
    if (op.kind != ir::OpKind::pool) continue;
    const auto& pool = attrs<ir::PoolAttrs>(op);
    if (pool.kind == ir::PoolKind::average) padded += pool.window.pad == ir::Padding{1, 1, 1, 1} ? 1 : 0;
  }
  CHECK(padded == 9);
}

TEST_CASE("MobileNetV3-Small as exported with its 34 batch norms becomes the network without them") {
  ir::Graph graph = import_onnx(network("mobilenet_v3_small_bn"));
  CHECK(count(graph, ir::OpKind::norm) == 34);
  // MACs and parameters (less a scale a batch norm channel): counted by torch's own modules.
  CHECK(ir::macs(graph).count() == 56'510'400);
  const passes::PassStats stats = passes::run(graph);
  CHECK(count(graph, ir::OpKind::norm) == 0);
  CHECK(ir::macs(graph).count() == 56'510'400);
  CHECK(ir::parameters(graph) == 2'536'800);
  // 52 convolutions, 9 gates, 10 means, flatten, 2 matrix products. Folded: 127 identities and the batch
  // norms.
  CHECK(graph.ops.size() == 74);
  CHECK(stats.folded == 127 + 34);
  CHECK(stats.fused == 302 - 74 - 127 - 34);
  CHECK(count(graph, ir::Function::hard_swish) == 19);
}

TEST_CASE("ShuffleNetV2 with an open batch: 449 operators of shape arithmetic vanish at any batch") {
  for (const std::int64_t size : {1, 16}) {
    ImportOptions options;
    options.batch = size;
    ir::Graph graph = import_onnx(network("shufflenet_v2_dynamic"), options);
    CHECK(graph.ops.size() == 635);
    CHECK(ir::macs(graph).count() == size * 144'907'992);
    const passes::PassStats stats = passes::run(graph);
    CHECK(stats.folded == 449);
    CHECK(count(graph, ir::OpKind::transpose) == 16);
    CHECK(count(graph, ir::OpKind::shape_of) + count(graph, ir::OpKind::gather) == 0);
    CHECK(graph.ops.size() == 149);
    CHECK(graph.shape(graph.outputs[0]) == ir::Shape{size, 1000});
  }
}

TEST_CASE("the batch of a network does not change its parameters") {
  ImportOptions options;
  options.batch = 8;
  const ir::Graph graph = passes::run_pipeline(import_onnx(network("resnet50"), options));
  CHECK(ir::parameters(graph) == 25'530'472);
}

}  // namespace npusim::onnx::testing
