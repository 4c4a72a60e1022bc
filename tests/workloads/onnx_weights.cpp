// Weights are never read: big files load fast, absent ones do not matter.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/workloads/onnx_fixture.h"
#include "workloads/onnx/wire_strip.h"

namespace npusim::onnx::testing {

namespace {

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
  out.push_back(static_cast<char>(value));
  return out;
}

/// Field 7 (graph) of a model, or any other nested message, around `inner` and `hole` more bytes.
std::string open_message(int field, std::uint64_t size) {
  return varint(static_cast<std::uint64_t>(field) << 3U | 2U) + varint(size);
}

std::int64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib;
  }
  return 0;
}

}  // namespace

TEST_CASE("a file of 500 MB of weights is imported without reading them") {
  // model { graph { ...; initializer { dims, type, name, raw_data: 500 MB hole } } opset_import }
  constexpr std::uint64_t kHole = 500'000'000;
  Model model(13);
  model.input("x", {1, 125000}).output("y").node("MatMul", {"x", "w"}, {"y"});
  Type weight;
  weight.add_dims(125000);
  weight.add_dims(1000);
  weight.set_data_type(Type::FLOAT);
  weight.set_name("w");
  const std::string head = weight.SerializeAsString() + open_message(9, kHole);
  const std::string graph =
      model.proto.graph().SerializeAsString() + open_message(5, head.size() + kHole) + head;
  model.proto.clear_graph();
  const std::string start = model.bytes() + open_message(7, graph.size() + kHole) + graph;
  const TemporaryFile file(start);
  REQUIRE(::truncate(file.path().c_str(), static_cast<::off_t>(start.size() + kHole)) == 0);
  const std::int64_t before = resident_kib();
  const ir::Graph imported = import_onnx(file.path());
  CHECK(ir::macs(imported).count() == 125'000'000);
  CHECK(ir::parameters(imported) == 125'000'000);
  // Reading the weights, even through the mapping, would add 500,000 KiB.
  CHECK(resident_kib() - before < 50'000);
}

TEST_CASE("a network whose external weights are absent imports with their shapes") {
  Model model(13);
  model.input("x", {1, 4096}).weight("w", {4096, 4096}).output("y").node("MatMul", {"x", "w"}, {"y"});
  const ir::Graph graph = model.import();
  CHECK(ir::parameters(graph) == 4096 * 4096);
  CHECK_FALSE(graph.tensor(graph.ops[0].inputs[1]).constant.has_value());
}

TEST_CASE("constants keep their values up to 1024 elements") {
  for (const std::size_t count : {1U, 1024U, 1025U}) {
    Model model(13);
    model.input("x", {1}).floats("c", Floats(count, 2.0F)).output("y").node("Mul", {"x", "c"}, {"y"});
    const ir::Graph graph = model.import();
    const auto& constant = graph.tensor(graph.ops[0].inputs[1]).constant;
    CHECK(constant.has_value() == (count <= 1024));
    if (constant) CHECK(*constant == std::vector<double>(count, 2.0));
  }
}

TEST_CASE("stripping keeps everything but payloads, documentation and stored shapes") {
  Model model(13);
  model.input("x", {1, 64}).output("y").floats("big", Floats(4096, 1.0F)).ints("small", {1, 64});
  model.node("Reshape", {"x", "small"}, {"r"}).node("Mul", {"r", "big"}, {"y"});
  model.proto.mutable_graph()->mutable_node(0)->set_doc_string("documentation");
  model.proto.mutable_graph()->add_value_info()->set_name("r");
  const std::string bytes = model.bytes();
  const std::string stripped =
      strip_weights({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "test");
  ::onnx::ModelProto expected = model.proto, actual;
  REQUIRE(actual.ParseFromString(stripped));
  expected.mutable_graph()->mutable_node(0)->clear_doc_string();
  expected.mutable_graph()->clear_value_info();
  expected.mutable_graph()->mutable_initializer(0)->clear_float_data();
  CHECK(actual.SerializeAsString() == expected.SerializeAsString());
}

TEST_CASE("a constant with too few values is an error that names it") {
  Model model(13);
  model.input("x", {1, 4}).constant("target", tensor_of(Ints{1, 2}, {3})).output("y");
  model.node("Reshape", {"x", "target"}, {"y"});
  CHECK(contains(model.error(), {"tensor 'target' holds 2 values, expected 3"}));
}

}  // namespace npusim::onnx::testing
