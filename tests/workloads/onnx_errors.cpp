// What is wrong with a file is a UserError that names the file and the node; nothing crashes.
#include <filesystem>
#include <fstream>
#include <optional>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"
#include "workloads/passes/passes.h"

namespace npusim::onnx::testing {

namespace {

std::string error_of(const std::string& path) {
  try {
    import_onnx(path);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::string error_of_bytes(const std::string& bytes) { return error_of(TemporaryFile(bytes).path()); }

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Imports and optimises; true on success, false on a UserError. Anything else escapes and fails the test.
bool survives(const std::string& bytes, std::optional<std::int64_t> batch = std::nullopt) {
  const TemporaryFile file(bytes);
  try {
    ImportOptions options;
    options.batch = batch;
    ir::Graph graph = import_onnx(file.path(), options);
    passes::run(graph);
    return true;
  } catch (const UserError& error) {
    CHECK(contains(error.what(), {file.path()}));
    return false;
  }
}

/// Conv, Relu, Reshape with a constant target, MatMul: a bit of everything.
Model small() {
  Model model(13);
  model.input("x", {1, 3, 8, 8}).weight("w", {4, 3, 3, 3}).weight("b", {4}).weight("m", {144, 10});
  model.node("Conv", {"x", "w", "b"}, {"c"}, {{"strides", Ints{1, 1}}, {"group", 1}});
  model.node("Relu", {"c"}, {"r"}).ints("target", {0, -1}).node("Reshape", {"r", "target"}, {"f"});
  model.node("MatMul", {"f", "m"}, {"y"}).output("y");
  return model;
}

}  // namespace

TEST_CASE("a missing file is named, with the nearest one beside it") {
  const std::string path = network("resnet5O");
  CHECK(contains(error_of(path), {path, "No such file", "did you mean 'resnet50.onnx'?"}));
  CHECK(contains(error_of("/nonexistent/folder/net.onnx"), {"/nonexistent/folder/net.onnx", "No such file"}));
}

TEST_CASE("folders, empty files, text and other formats are not ONNX models") {
  CHECK(contains(error_of(std::filesystem::temp_directory_path().string()), {"not a regular file"}));
  CHECK(contains(error_of_bytes(""), {"the file is empty"}));
  CHECK(contains(error_of_bytes("name: resnet\nlayers: 50\n"), {"not an ONNX model"}));
  CHECK(contains(error_of_bytes("\x89PNG\r\n\x1a\n"), {"not an ONNX model"}));
  CHECK(contains(error_of_bytes(std::string(64, '\0')), {"not an ONNX model", "field number 0"}));
  CHECK(contains(error_of_bytes("\x08\x07"), {"it has no graph"}));
}

TEST_CASE("a network that is cut anywhere is refused, never misread") {
  const std::string whole = read(network("resnet18"));
  REQUIRE(survives(whole));
  for (std::size_t size = 1; size < whole.size(); size += 97) {
    INFO("cut after " << size << " bytes");
    CHECK_FALSE(survives(whole.substr(0, size)));
  }
  const std::string bytes = small().bytes();
  for (std::size_t size = 1; size < bytes.size(); ++size) CHECK_FALSE(survives(bytes.substr(0, size)));
}

TEST_CASE("the error of a truncated file says where and how much is missing") {
  const std::string whole = read(network("resnet18"));
  const std::string error = error_of_bytes(whole.substr(0, 5000));
  CHECK(contains(error, {"truncated?", "at byte", "of 5000"}));
}

TEST_CASE("4000 files with random bytes changed import or are refused, none crashes") {
  const std::string bytes = small().bytes();
  Rng rng(20240611);
  int imported = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string damaged = bytes;
    for (std::int64_t n = rng.uniform(1, 4); n > 0; --n) {
      damaged[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(bytes.size()) - 1))] =
          static_cast<char>(rng.uniform(0, 255));
    }
    INFO("case " << i);
    imported += survives(damaged) ? 1 : 0;
    survives(damaged, 3);
  }
  // Changed names and weights' shapes often make another valid network.
  CHECK(imported > 100);
  CHECK(imported < 3900);
}

TEST_CASE("real networks with random bytes changed, removed or doubled never crash") {
  for (const char* name : {"vit_b_16", "mobilenet_v2"}) {
    const std::string bytes = read(network(name));
    Rng rng(7);
    for (int i = 0; i < 150; ++i) {
      std::string damaged = bytes;
      const auto at = static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(bytes.size()) - 1));
      if (i % 3 == 0) damaged[at] = static_cast<char>(rng.uniform(0, 255));
      if (i % 3 == 1) damaged.erase(at, 1);
      if (i % 3 == 2) damaged.insert(at, 1, damaged[at]);
      INFO(name << ", case " << i);
      CHECK_NOTHROW(survives(damaged));
      CHECK_NOTHROW(survives(damaged, 2));
    }
  }
}

TEST_CASE("numbers at the edges of 64 bits are refused or harmless wherever they stand") {
  const std::vector<std::int64_t> extremes{INT64_MIN, INT64_MIN + 1,         -1,       0,
                                           INT32_MAX, std::int64_t{1} << 40, INT64_MAX};
  for (const std::int64_t v : extremes) {
    INFO("value " << v);
    const auto check = [](const Model& model) {
      CHECK_NOTHROW(survives(model.bytes()));
      CHECK_NOTHROW(survives(model.bytes(), 3));
    };
    const Arg x = in({1, 4, 8, 8}), w = weight({4, 4, 3, 3});
    for (const char* name : {"strides", "dilations", "kernel_shape"})
      check(one_node(13, "Conv", {x, w}, {{name, Ints{v, v}}}));
    check(one_node(13, "Conv", {x, w}, {{"pads", Ints{v, v, v, v}}}));
    check(one_node(13, "Conv", {x, w}, {{"group", v}}));
    check(one_node(13, "ConvTranspose", {x, w}, {{"output_shape", Ints{v, v}}}));
    check(one_node(13, "ConvTranspose", {x, w}, {{"output_padding", Ints{v, v}}, {"strides", Ints{v, v}}}));
    check(one_node(13, "MaxPool", {x}, {{"kernel_shape", Ints{v, v}}, {"ceil_mode", v}}));
    check(one_node(13, "Reshape", {x, values(Ints{v, v})}));
    check(one_node(13, "Expand", {x, values(Ints{v, 1, 1, 1})}));
    check(one_node(13, "Tile", {x, values(Ints{v, v, v, v})}));
    check(one_node(13, "Slice",
                   {x, values(Ints{v}), values(Ints{INT64_MAX}), values(Ints{1}), values(Ints{v})}));
    check(one_node(13, "Slice", {x, values(Ints{0}), values(Ints{v}), values(Ints{1}), values(Ints{-1})}));
    check(one_node(13, "Pad", {x, values(Ints{v, v, v, v, v, v, v, v})}));
    check(one_node(13, "Split", {x, values(Ints{v, v})}, {{"axis", 1}}, 2));
    check(one_node(13, "Split", {x}, {{"axis", v}}, 2));
    check(one_node(13, "Concat", {x, x}, {{"axis", v}}));
    check(one_node(13, "Flatten", {x}, {{"axis", v}}));
    check(one_node(13, "Transpose", {x}, {{"perm", Ints{v, 0, 1, 2}}}));
    check(one_node(13, "Gather", {x, values(Ints{v})}, {{"axis", v}}));
    check(one_node(13, "Gather", {values(Ints{1, 2}), values(Ints{v})}));
    check(one_node(13, "ConstantOfShape", {values(Ints{v, v})}));
    check(one_node(13, "Range", {values(Ints{v}), values(Ints{0}), values(Ints{v})}));
    check(one_node(13, "Resize", {x, absent(), absent(), values(Ints{v, v, v, v})}));
    check(one_node(13, "DepthToSpace", {x}, {{"blocksize", v}}));
    check(one_node(13, "ReduceMean", {x}, {{"axes", Ints{v}}}));
    check(one_node(13, "Softmax", {x}, {{"axis", v}}));
    check(one_node(15, "Shape", {x}, {{"start", v}, {"end", v}}));
    check(one_node(13, "Cast", {x}, {{"to", v}}));
    check(one_node(13, "Unsqueeze", {x, values(Ints{v, v})}));
    check(one_node(13, "Div", {values(Ints{v}), values(Ints{0})}));
    check(one_node(13, "Mul", {values(Ints{v}), values(Ints{v})}));
    check(one_node(13, "Conv", {in({1, v, v, v}), weight({v, v, v, v})}));
    check(one_node(13, "MatMul", {in({v, v}), weight({v, v})}));
  }
}

TEST_CASE("all unsupported nodes are listed at once, with name, operator and domain") {
  Model model(13);
  model.input("x", {1, 3, 8, 8}).output("y");
  model.node("LSTM", {"x"}, {"a"})
      .node("Relu", {"a"}, {"b"})
      .node("FusedConv", {"b"}, {"c"}, {}, "com.microsoft");
  model.node("MaxPool", {"x"}, {"d", "indices"}, {{"kernel_shape", Ints{2, 2}}});
  model.node("NonZero", {"x"}, {"e"}).node("Reshape", {"x", "e"}, {"y"});
  const std::string error = model.error();
  CHECK(contains(error, {"4 unsupported nodes:", "node 'n0' (LSTM)", "node 'n2' (FusedConv)",
                         "domain 'com.microsoft'", "node 'n3' (MaxPool)", "Indices", "node 'n4' (NonZero)"}));
  CHECK_FALSE(contains(error, {"(Relu)"}));
  CHECK_FALSE(contains(error, {"(Reshape)"}));
}

TEST_CASE("an input that nothing produces is named, with the nearest value") {
  Model model(13);
  model.input("data", {1, 3}).output("y").node("Relu", {"dada"}, {"y"});
  CHECK(contains(model.error(),
                 {"node 'n0' (Relu)", "input 'dada' is produced by no node", "did you mean 'data'?"}));
}

TEST_CASE("a cycle is named; nodes out of order are not an error") {
  Model cycle(13);
  cycle.input("x", {1, 3}).output("y");
  cycle.node("Relu", {"x"}, {"y"}).node("Add", {"x", "b"}, {"a"}).node("Relu", {"a"}, {"b"});
  const std::string error = cycle.error();
  CHECK(contains(error, {"cycle", "node 'n1' (Add)", "node 'n2' (Relu)"}));
  CHECK_FALSE(contains(error, {"'n0'"}));
  Model unsorted(13);
  unsorted.input("x", {1, 3}).output("y").node("Sigmoid", {"a"}, {"y"}).node("Relu", {"x"}, {"a"});
  const ir::Graph graph = unsorted.import();
  REQUIRE(graph.ops.size() == 2);
  CHECK(graph.ops[0].source_op == "Relu");
}

TEST_CASE("two nodes with the same output, or an output named like an input, are refused") {
  Model twice(13);
  twice.input("x", {1, 3}).output("y").node("Relu", {"x"}, {"y"}).node("Sigmoid", {"x"}, {"y"});
  CHECK(contains(twice.error(), {"'y' is the output of both node 'n0' (Relu) and node 'n1' (Sigmoid)"}));
  Model input(13);
  input.input("x", {1, 3}).output("x").node("Relu", {"x"}, {"x"});
  CHECK(contains(input.error(), {"node 'n0' (Relu)", "has the name of an input"}));
}

TEST_CASE("nodes with the same name or none get names of their own") {
  Model model(13);
  model.input("x", {1, 3})
      .output("c")
      .node("Relu", {"x"}, {"a"})
      .node("Relu", {"a"}, {"b"})
      .node("Relu", {"b"}, {"c"});
  model.proto.mutable_graph()->mutable_node(0)->set_name("same");
  model.proto.mutable_graph()->mutable_node(1)->set_name("same");
  model.proto.mutable_graph()->mutable_node(2)->set_name("");
  const ir::Graph graph = model.import();
  CHECK(graph.ops[0].name == "same");
  CHECK(graph.ops[1].name == "same_2");
  CHECK(graph.ops[2].name == "Relu_2");
}

TEST_CASE("wrong attributes are named with the node") {
  const Arg x = in({1, 4, 8, 8}), w = weight({4, 4, 3, 3});
  const auto error = [&](const std::string& op, const std::vector<Arg>& args,
                         const std::vector<Attr>& attrs) { return one_node(13, op, args, attrs).error(); };
  CHECK(contains(error("Conv", {x, w}, {{"strides", 2}}),
                 {"node 'n0' (Conv)", "'strides' must be a list of integers"}));
  CHECK(contains(error("Conv", {x, w}, {{"strides", Ints{2}}}), {"'strides' has 1 values, expected 2"}));
  CHECK(contains(error("Conv", {x, w}, {{"strides", Ints{0, 1}}}), {"'strides' is 0, expected 1"}));
  CHECK(contains(error("Conv", {x, w}, {{"group", 3}}), {"operator 'n0' (Conv)", "4 channels"}));
  CHECK(contains(error("Conv", {x, w}, {{"auto_pad", "SOME"}}), {"auto_pad is 'SOME', expected NOTSET"}));
  CHECK(contains(error("Conv", {x, w}, {{"kernel_shape", Ints{5, 5}}}), {"operator 'n0' (Conv)", "kernel"}));
  CHECK(contains(error("Conv", {x}, {}), {"has 1 inputs, expected 2 to 3"}));
  CHECK(contains(error("MaxPool", {x}, {}), {"attribute 'kernel_shape' is missing"}));
  CHECK(contains(error("Concat", {x, x}, {}), {"attribute 'axis' is missing"}));
  CHECK(contains(error("Softmax", {x}, {{"axis", 4}}), {"axis 4 is out of range; expected -4 to 3"}));
  CHECK(contains(error("Reshape", {x, values(Ints{5, -1})}, {}),
                 {"cannot reshape 1x4x8x8 (256 elements) to [5, -1]"}));
  CHECK(contains(error("Add", {x, in({3})}, {}), {"operator 'n0' (Add)", "1x4x8x8", "3"}));
  CHECK(contains(error("MatMul", {in({2, 3}), in({4, 5})}, {}),
                 {"operator 'n0' (MatMul)", "inner dimensions differ"}));
  CHECK(contains(error("Cast", {x}, {{"to", 8}}), {"unsupported", "string (8)"}));
  CHECK(contains(error("Pad", {x, values(Ints{1, 1})}, {}),
                 {"node 'n0' (Pad)", "2 values of padding for 4 axes"}));
}

TEST_CASE("operators that only exist in forms npusim lacks say so") {
  const auto error = [](std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
                        const std::vector<Attr>& attrs) { return one_node(opset, op, args, attrs).error(); };
  CHECK(contains(error(13, "Conv", {in({1, 3, 8, 8, 8}), weight({4, 3, 3, 3, 3})}, {}),
                 {"1 unsupported node:", "1x3x8x8x8", "[N,C,H,W]"}));
  CHECK(contains(error(13, "Reshape", {in({1, 4}), in({2}, Type::INT64)}, {}),
                 {"the target shape ('i1')", "static"}));
  const std::vector<Arg> batch{in({2, 8}), weight({8}), weight({8}), weight({8}), weight({8})};
  CHECK(contains(error(14, "BatchNormalization", batch, {{"training_mode", 1}}), {"training mode"}));
  CHECK(contains(error(5, "Relu", {in({2})}, {}), {"opset 5; expected 7 or newer"}));
}

TEST_CASE("a graph without outputs, or with one that nothing computes, is refused") {
  Model none(13);
  none.input("x", {1, 3}).node("Relu", {"x"}, {"y"});
  CHECK(contains(none.error(), {"the graph has no outputs"}));
  Model missing(13);
  missing.input("x", {1, 3}).node("Relu", {"x"}, {"y"}).output("z");
  CHECK(contains(missing.error(), {"output 'z' is produced by no node"}));
}

}  // namespace npusim::onnx::testing
