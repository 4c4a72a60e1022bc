// ONNX export, judged by libonnx: its checker, its type rules and its own shape inference.
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"
#include "workloads/onnx/export.h"
#include "workloads/onnx/export_values.h"
#include "workloads/zoo/zoo.h"

namespace npusim::onnx {

namespace {

using ir::add_input;
using ir::add_weight;
using ir::append;
using ir::Function;
using ir::Graph;
using ir::OpKind;
using ir::TensorId;

/// A folder that goes away with the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("npusim_export_{}", ::getpid())) {
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

::onnx::ModelProto exported(const Graph& graph, const ExportOptions& options = {}) {
  const Folder folder;
  const std::string path = folder.file("net.onnx");
  export_onnx(graph, path, options);
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(read(path)));
  return model;
}

/// Shapes by name, from ONNX's strict inference with type checks.
std::map<std::string, ir::Shape> inferred_shapes(::onnx::ModelProto model) {
  ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(), {true, 1, true});
  std::map<std::string, ir::Shape> shapes;
  const auto note = [&shapes](const auto& values) {
    for (const ::onnx::ValueInfoProto& value : values) {
      ir::Shape& shape = shapes[value.name()];
      for (const auto& dim : value.type().tensor_type().shape().dim()) shape.push_back(dim.dim_value());
    }
  };
  note(model.graph().value_info());
  note(model.graph().output());
  return shapes;
}

std::size_t nodes(const ::onnx::ModelProto& model, const std::string& type) {
  std::size_t count = 0;
  for (const auto& node : model.graph().node()) count += node.op_type() == type ? 1 : 0;
  return count;
}

void add_elementwise(Graph& g, TensorId x) {
  const auto apply = [&g](Function function, const std::vector<TensorId>& inputs, double alpha = 0,
                          double beta = 0) {
    return append(g, OpKind::elementwise, ir::ElementwiseAttrs{function, alpha, beta}, inputs)[0];
  };
  const TensorId slope = add_weight(g, {8, 1, 1});
  for (const auto function : {Function::add, Function::sub, Function::mul, Function::div, Function::pow,
                              Function::min, Function::max, Function::prelu}) {
    apply(function, {x, slope});
  }
  for (const auto function :
       {Function::relu, Function::sigmoid, Function::hard_swish, Function::silu, Function::gelu,
        Function::tanh, Function::erf, Function::sqrt, Function::exp, Function::log, Function::reciprocal,
        Function::abs, Function::neg, Function::floor, Function::round, Function::softplus}) {
    apply(function, {x});
  }
  apply(Function::leaky_relu, {x}, 0.1);
  apply(Function::elu, {x}, 1);
  apply(Function::hard_sigmoid, {x}, 0.2, 0.5);
  apply(Function::clip, {x}, 0, 6);
  apply(Function::clip, {x}, 0, INFINITY);
  apply(Function::clip, {x, add_weight(g, {}), add_weight(g, {})});
  const TensorId less = apply(Function::less, {x, slope}), greater = apply(Function::greater, {x, slope});
  const TensorId both = apply(Function::logical_and, {less, greater});
  const TensorId any = apply(Function::logical_or, {both, apply(Function::logical_not, {less})});
  apply(Function::where, {any, x, slope});
  apply(Function::equal, {x, slope});
}

void add_windows_and_products(Graph& g, TensorId x) {
  ir::ConvAttrs conv{ir::window(3, 2, 1), 2};
  conv.window.pad = {0, 1, 1, 2};
  append(g, OpKind::conv, conv, {x, add_weight(g, {4, 4, 3, 3}), add_weight(g, {4})});
  const ir::Window flat{{1, 3}, {1, 2}, {1, 2}, {0, 2, 0, 1}};
  const TensorId line = add_input(g, {1, 8, 20});
  append(g, OpKind::conv, ir::ConvAttrs{flat}, {line, add_weight(g, {4, 8, 3})});
  append(g, OpKind::conv_transpose, ir::ConvAttrs{ir::window(3, 2, 1), 4, {1, 0}},
         {x, add_weight(g, {8, 2, 3, 3})});
  append(g, OpKind::pool, ir::PoolAttrs{ir::PoolKind::max, ir::window(2, 2, 0, 2)}, {x});
  append(g, OpKind::pool, ir::PoolAttrs{ir::PoolKind::average, ir::window(3, 1, 1), true}, {x});
  append(g, OpKind::pool, ir::PoolAttrs{ir::PoolKind::max, {{1, 2}, {1, 2}, {1, 1}, {}}}, {line});
  const TensorId matrix = add_input(g, {4, 6}), batch = add_input(g, {2, 3, 4, 6}),
                 vector = add_input(g, {6});
  append(g, OpKind::matmul, ir::MatMulAttrs{}, {matrix, add_weight(g, {6, 5})});
  append(g, OpKind::matmul, ir::MatMulAttrs{true, true}, {matrix, add_weight(g, {5, 4}), add_weight(g, {5})});
  append(g, OpKind::matmul, ir::MatMulAttrs{false, true}, {batch, add_weight(g, {5, 6}), add_weight(g, {5})});
  append(g, OpKind::matmul, ir::MatMulAttrs{true, false}, {batch, batch});
  append(g, OpKind::matmul, ir::MatMulAttrs{true, true}, {vector, matrix});
  append(g, OpKind::norm, ir::NormAttrs{ir::NormKind::layer, 2},
         {batch, add_weight(g, {4, 6}), add_weight(g, {4, 6})});
  append(g, OpKind::norm, ir::NormAttrs{ir::NormKind::layer, 3}, {batch, add_weight(g, {6})});
}

void add_shuffles(Graph& g, TensorId x) {
  using PadMode = ir::PadAttrs::Mode;
  using ResizeMode = ir::ResizeAttrs::Mode;
  for (const auto kind : {ir::ReduceKind::mean, ir::ReduceKind::sum, ir::ReduceKind::max}) {
    append(g, OpKind::reduce, ir::ReduceAttrs{kind, {2, 3}, true}, {x});
    append(g, OpKind::reduce, ir::ReduceAttrs{kind, {1}, false}, {x});
  }
  append(g, OpKind::softmax, ir::SoftmaxAttrs{1}, {x});
  append(g, OpKind::concat, ir::ConcatAttrs{1}, {x, x, x});
  append(g, OpKind::split, ir::SplitAttrs{1, {3, 5}}, {x});
  append(g, OpKind::slice, ir::SliceAttrs{{0, 1, 5, 5}, {1, 2, -1, -2}}, {x}, {{1, 4, 6, 3}});
  append(g, OpKind::reshape, ir::ReshapeAttrs{}, {x}, {{1, 288}});
  append(g, OpKind::reshape, ir::ReshapeAttrs{}, {x}, {{2, 4, 36}});
  append(g, OpKind::transpose, ir::TransposeAttrs{{0, 2, 3, 1}}, {x});
  for (const auto mode : {PadMode::constant, PadMode::reflect, PadMode::edge}) {
    append(g, OpKind::pad, ir::PadAttrs{{0, 0, 1, 2}, {0, 0, 3, 0}, mode}, {x});
  }
  for (const auto mode : {ResizeMode::nearest, ResizeMode::linear, ResizeMode::cubic}) {
    append(g, OpKind::resize, ir::ResizeAttrs{mode}, {x}, {{1, 8, 12, 9}});
  }
  append(g, OpKind::depth_to_space, ir::BlockAttrs{2, true}, {x});
  append(g, OpKind::space_to_depth, ir::BlockAttrs{3}, {x});
  append(g, OpKind::gather, ir::GatherAttrs{1}, {x, add_weight(g, {2, 3}, ir::DType::i64)});
  append(g, OpKind::expand, ir::ExpandAttrs{}, {add_weight(g, {1, 6})}, {{4, 6}});
  const TensorId cast = append(g, OpKind::cast, ir::CastAttrs{}, {x})[0];
  g.tensor(cast).dtype = ir::DType::f16;
  const TensorId scale = add_weight(g, {8}), zero = add_weight(g, {8}, ir::DType::i8);
  const TensorId quantized = append(g, OpKind::quantize, ir::QuantizeAttrs{1}, {x, scale, zero})[0];
  append(g, OpKind::dequantize, ir::QuantizeAttrs{1}, {quantized, scale, zero});
  append(g, OpKind::shape_of, ir::ShapeOfAttrs{}, {x}, {{4}});
  const TensorId c = add_weight(g, {8});
  append(g, OpKind::norm, ir::NormAttrs{ir::NormKind::batch}, {x, c, c, c, c});
  append(g, OpKind::norm, ir::NormAttrs{ir::NormKind::instance}, {x, c, c});
  append(g, OpKind::identity, ir::IdentityAttrs{}, {x});
}

/// Every operator kind and function once.
Graph every_kind() {
  Graph g;
  g.name = "every_kind";
  const TensorId x = add_input(g, {1, 8, 6, 6});
  add_elementwise(g, x);
  add_windows_and_products(g, x);
  add_shuffles(g, x);
  ir::verify(g);
  return g;
}

void check_shapes(const Graph& graph, const ::onnx::ModelProto& model) {
  const auto shapes = inferred_shapes(model);
  for (const ir::Op& op : graph.ops) {
    for (const TensorId id : op.outputs) {
      const ir::Tensor& tensor = graph.tensor(id);
      CAPTURE(graph.name, tensor.name);
      REQUIRE(shapes.count(tensor.name) == 1);
      CHECK(shapes.at(tensor.name) == tensor.shape);
    }
  }
}

}  // namespace

TEST_CASE("every operator kind exports to a model that libonnx accepts") {
  const ::onnx::ModelProto model = exported(every_kind(), {.with_weights = true});
  CHECK_NOTHROW(::onnx::checker::check_model(model));
  CHECK(model.opset_import(0).version() == 13);
}

TEST_CASE("ONNX's own shape inference agrees with npusim's on every operator kind") {
  const Graph graph = every_kind();
  check_shapes(graph, exported(graph, {.with_weights = true}));
}

TEST_CASE("ONNX's own shape inference agrees with npusim's on every tensor of every network") {
  for (const zoo::NetInfo& net : zoo::networks()) {
    const Graph graph = zoo::build(net.name, 2);
    check_shapes(graph, exported(graph));
  }
}

TEST_CASE("fused steps become nodes behind their operator") {
  Graph g;
  g.name = "fused";
  const TensorId x = add_input(g, {1, 8, 6, 6}), other = add_input(g, {1, 8, 6, 6});
  append(g, OpKind::conv, ir::ConvAttrs{ir::window(1)}, {x, add_weight(g, {8, 8, 1, 1})});
  g.ops[0].fused = {{{Function::add}, other}, {{Function::clip, 0, 6}}};
  const ::onnx::ModelProto model = exported(g, {.with_weights = true});
  CHECK_NOTHROW(::onnx::checker::check_model(model));
  REQUIRE(model.graph().node_size() == 3);
  CHECK(model.graph().node(1).op_type() == "Add");
  CHECK(model.graph().node(1).input(1) == "x1");
  CHECK(model.graph().node(2).op_type() == "Clip");
  CHECK(model.graph().node(2).output(0) == g.tensor(g.outputs[0]).name);
  check_shapes(g, model);
}

TEST_CASE("functions that opset 13 lacks are written as PyTorch writes them") {
  const ::onnx::ModelProto v3 = exported(zoo::build("mobilenet_v3_small"));
  CHECK(nodes(v3, "HardSwish") == 0);
  CHECK(nodes(v3, "HardSigmoid") == 19 + 9);  // hard swishes, and gates of Squeeze-and-Excitation
  const ::onnx::ModelProto vit = exported(zoo::build("vit_b_32"));
  CHECK(nodes(vit, "Erf") == 12);
  CHECK(nodes(vit, "ReduceMean") == 2 * 25);
  CHECK(nodes(vit, "LayerNormalization") == 0);
}

TEST_CASE("without weights a file is small, and its markers do not overlap") {
  const Folder folder;
  const std::string path = folder.file("vgg16.onnx");
  export_onnx(zoo::build("vgg16"), path);
  CHECK(std::filesystem::file_size(path) < 20'000);
  CHECK_FALSE(std::filesystem::exists(folder.file("vgg16.weights")));
  ::onnx::ModelProto model;
  REQUIRE(model.ParseFromString(read(path)));
  std::int64_t end = 0;
  for (const auto& tensor : model.graph().initializer()) {
    std::map<std::string, std::string> data;
    for (const auto& entry : tensor.external_data()) data[entry.key()] = entry.value();
    CHECK(data.at("location") == "vgg16.weights");
    CHECK(std::stoll(data.at("offset")) >= end);
    CHECK(std::stoll(data.at("offset")) % 64 == 0);
    end = std::stoll(data.at("offset")) + std::stoll(data.at("length"));
  }
  CHECK(end >= 4 * 138'357'544LL);
}

TEST_CASE("weights depend on the seed alone") {
  const Folder folder;
  const Graph graph = zoo::build("resnet8");
  const auto bytes = [&](std::uint64_t seed) {
    export_onnx(graph, folder.file("net.onnx"), {true, seed});
    return read(folder.file("net.onnx"));
  };
  const std::string first = bytes(1);
  CHECK(first.size() > 4 * 78'186);
  CHECK(bytes(1) == first);
  CHECK(bytes(2) != first);
}

TEST_CASE("equal or empty tensor names become different names in the file") {
  Graph g;
  g.name = "names";
  const TensorId x = add_input(g, {2, 2});
  const TensorId y = append(g, OpKind::elementwise, ir::ElementwiseAttrs{Function::relu}, {x})[0];
  append(g, OpKind::elementwise, ir::ElementwiseAttrs{Function::tanh}, {y});
  for (ir::Tensor& tensor : g.tensors) tensor.name = "t";
  g.tensors[1].name.clear();
  CHECK_NOTHROW(::onnx::checker::check_model(exported(g)));
}

TEST_CASE("a file that cannot be written is the user's error, which names it") {
  const Graph graph = zoo::build("resnet8");
  CHECK(ir::contains(
      ir::user_error([&] { export_onnx(graph, "/nowhere/at/all/net.onnx"); }),
      "/nowhere/at/all/net.onnx: cannot be written, because the folder '/nowhere/at/all' does not"));
  const Folder folder;
  std::filesystem::create_directory(folder.file("net.onnx"));
  CHECK(ir::contains(ir::user_error([&] { export_onnx(graph, folder.file("net.onnx")); }),
                     "cannot be written"));
  CHECK(ir::contains(ir::user_error([&] { export_onnx(graph, "/dev/full"); }), "/dev/full"));
}

TEST_CASE("weights beyond two gigabytes and operators without an equal are refused") {
  Graph g;
  g.name = "big";
  append(g, OpKind::matmul, ir::MatMulAttrs{}, {add_input(g, {1, 30'000}), add_weight(g, {30'000, 30'000})});
  CHECK(ir::contains(ir::user_error([&] { exported(g, {.with_weights = true}); }), "graph 'big'"));
  CHECK_NOTHROW(exported(g));
  Graph dilated;
  append(dilated, OpKind::pool, ir::PoolAttrs{ir::PoolKind::average, ir::window(2, 1, 0, 2)},
         {add_input(dilated, {1, 1, 6, 6})});
  CHECK(ir::contains(ir::user_error([&] { exported(dilated); }), "operator 'pool_0'"));
}

TEST_CASE("constants are embedded in their type, rounded to the nearest even value") {
  const auto bits = [](ir::DType dtype, double value) {
    ::onnx::TensorProto tensor;
    embed(tensor, dtype, {value});
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < tensor.raw_data().size(); ++i) {
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(tensor.raw_data()[i])) << (8 * i);
    }
    return word;
  };
  CHECK(bits(ir::DType::f16, 0) == 0);
  CHECK(bits(ir::DType::f16, 1) == 0x3C00);
  CHECK(bits(ir::DType::f16, -2) == 0xC000);
  CHECK(bits(ir::DType::f16, 1.0 / 3) == 0x3555);
  CHECK(bits(ir::DType::f16, 65504) == 0x7BFF);
  CHECK(bits(ir::DType::f16, 65520) == 0x7C00);
  CHECK(bits(ir::DType::f16, 0x1p-24) == 1);
  CHECK(bits(ir::DType::f16, 0x1p-14) == 0x0400);
  CHECK(bits(ir::DType::f16, 0x1.FF8p-15) == 0x03FF);
  CHECK(bits(ir::DType::f16, 1 + 0x1p-11) == 0x3C00);
  CHECK(bits(ir::DType::f16, 1 + 3 * 0x1p-11) == 0x3C02);
  CHECK(bits(ir::DType::bf16, 1) == 0x3F80);
  CHECK(bits(ir::DType::bf16, 1 + 0x1p-8) == 0x3F80);
  CHECK(bits(ir::DType::bf16, 1 + 3 * 0x1p-8) == 0x3F82);
  CHECK(bits(ir::DType::f32, -1.5) == 0xBFC00000);
  CHECK(bits(ir::DType::i8, -1) == 0xFF);
  CHECK(bits(ir::DType::i64, -1) == ~std::uint64_t{0});
  CHECK(bits(ir::DType::boolean, 3) == 1);
}

}  // namespace npusim::onnx
