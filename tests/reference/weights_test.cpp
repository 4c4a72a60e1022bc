// Weights read from ONNX files, in every form that files have them.
#include "workloads/onnx/weights.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/onnx/export.h"
#include "workloads/onnx/import.h"
#include "workloads/reference/execute.h"
#include "workloads/zoo/zoo.h"

namespace npusim::onnx {

namespace {

namespace fs = std::filesystem;
using Type = ::onnx::TensorProto;

constexpr int kCount = 2000;  // more than a constant may have

/// A folder of its own, removed with the object.
struct Folder {
  Folder() : path(fs::temp_directory_path() / fmt::format("npusim_weights_{}", ::getpid())) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string model() const { return (path / "net.onnx").string(); }
  fs::path path;
};

/// y = gather(w, i): the weight `w` of kCount elements, whatever its type.
::onnx::ModelProto model(Type weight) {
  ::onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(13);
  auto& graph = *model.mutable_graph();
  graph.set_name("g");
  auto& node = *graph.add_node();
  node.set_op_type("Gather");
  node.add_input("w");
  node.add_input("i");
  node.add_output("y");
  auto& input = *graph.add_input();
  input.set_name("i");
  input.mutable_type()->mutable_tensor_type()->set_elem_type(Type::INT64);
  input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(2);
  graph.add_output()->set_name("y");
  weight.set_name("w");
  weight.add_dims(kCount);
  *graph.add_initializer() = weight;
  return model;
}

/// The weight's values from a file; element i is expected to be i % 100 - 50.
reference::Value loaded(const Folder& folder, const ::onnx::ModelProto& model) {
  {
    std::ofstream out(folder.model(), std::ios::binary);
    REQUIRE(model.SerializeToOstream(&out));
  }
  const ir::Graph graph = import_onnx(folder.model());
  const reference::Values values = load_weights(folder.model(), graph);
  const auto weights = reference::free_weights(graph);
  REQUIRE(weights.size() == 1);
  return *reference::find(values, weights[0]);
}

int element(int i) { return i % 100 - 50; }

template <class T>
std::string raw() {
  std::string bytes;
  for (int i = 0; i < kCount; ++i) {
    const T value = static_cast<T>(element(i));
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  return bytes;
}

void check(const reference::Value& value, ir::DType dtype) {
  CHECK(value.dtype == dtype);
  REQUIRE(value.size() == kCount);
  for (int i = 0; i < kCount; ++i) REQUIRE(value.at(static_cast<std::size_t>(i)) == element(i));
}

std::string error(const Folder& folder, const ::onnx::ModelProto& model) {
  try {
    loaded(folder, model);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Type external(const std::string& offset, const std::string& length) {
  Type weight;
  weight.set_data_type(Type::FLOAT);
  weight.set_data_location(Type::EXTERNAL);
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>{"location", "w.bin"}, {"offset", offset}, {"length", length}}) {
    auto& entry = *weight.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  return weight;
}

}  // namespace

TEST_CASE("2000 values are read from raw bytes and from typed lists, in fp32, fp16, int8 and int64") {
  const Folder folder;
  Type weight;
  weight.set_data_type(Type::FLOAT);
  weight.set_raw_data(raw<float>());
  check(loaded(folder, model(weight)), ir::DType::f32);
  weight.clear_raw_data();
  for (int i = 0; i < kCount; ++i) weight.add_float_data(static_cast<float>(element(i)));
  check(loaded(folder, model(weight)), ir::DType::f32);
  Type bytes;
  bytes.set_data_type(Type::INT8);
  bytes.set_raw_data(raw<std::int8_t>());
  check(loaded(folder, model(bytes)), ir::DType::i8);
  Type longs;
  longs.set_data_type(Type::INT64);
  for (int i = 0; i < kCount; ++i) longs.add_int64_data(element(i));
  check(loaded(folder, model(longs)), ir::DType::i64);
  Type half;
  half.set_data_type(Type::FLOAT16);
  for (int i = 0; i < kCount; ++i) half.add_int32_data(0x3E00);  // 1.5
  const reference::Value value = loaded(folder, model(half));
  CHECK(value.dtype == ir::DType::f16);
  CHECK(value.at(kCount - 1) == 1.5);
}

TEST_CASE("external data is read at its offset; absent, short or shapeless data names file and tensor") {
  const Folder folder;
  const ::onnx::ModelProto good = model(external("8", std::to_string(kCount * 4)));
  CHECK(contains(error(folder, good), "net.onnx: tensor 'w': its values are in"));
  CHECK(contains(error(folder, good), "w.bin"));
  std::ofstream(folder.path / "w.bin", std::ios::binary) << "12345678" << raw<float>();
  check(loaded(folder, good), ir::DType::f32);
  CHECK(contains(error(folder, model(external("12", std::to_string(kCount * 4)))), "bytes 12 to 8012"));
  CHECK(contains(error(folder, model(external("8", "400"))), "holds 100 values, expected 2000"));
  CHECK(contains(error(folder, model(external("eight", "400"))), "must be numbers"));
}

TEST_CASE("weights that nodes make are read, too: Constant and ConstantOfShape") {
  const Folder folder;
  ::onnx::ModelProto made = model(Type());
  made.mutable_graph()->clear_initializer();
  auto& node = *made.mutable_graph()->add_node();
  node.set_op_type("Constant");
  node.add_output("w");
  auto& attribute = *node.add_attribute();
  attribute.set_name("value");
  attribute.set_type(::onnx::AttributeProto::TENSOR);
  attribute.mutable_t()->set_data_type(Type::FLOAT);
  attribute.mutable_t()->add_dims(kCount);
  attribute.mutable_t()->set_raw_data(raw<float>());
  check(loaded(folder, made), ir::DType::f32);
}

TEST_CASE("an exported network gives back the seven weights that are too large to be constants") {
  const Folder folder;
  export_onnx(zoo::build("resnet8"), folder.model(), {true, 3});
  const ir::Graph graph = import_onnx(folder.model());
  const reference::Values weights = load_weights(folder.model(), graph);
  CHECK(reference::free_weights(graph).size() == 7);
  for (const ir::TensorId id : reference::free_weights(graph)) {
    CHECK(reference::find(weights, id)->shape == graph.shape(id));
  }
}

}  // namespace npusim::onnx
