#include "tests/reference/onnx_node.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "sim/base/error.h"
#include "workloads/onnx/import.h"
#include "workloads/onnx/tensor_values.h"
#include "workloads/onnx/weights.h"
#include "workloads/reference/execute.h"

namespace npusim::reference::testing {

namespace {

namespace fs = std::filesystem;

constexpr const char* kExpected = "expected:";

/// The serialised models of tests.bin by name.
const std::map<std::string, std::string>& packed() {
  static const std::map<std::string, std::string> kTests = [] {
    std::map<std::string, std::string> tests;
    std::ifstream in(fs::path(NPUSIM_SOURCE_DIR) / "tests/data/onnx_node/tests.bin", std::ios::binary);
    std::string name;
    for (std::size_t bytes = 0; in >> name >> bytes;) {
      in.ignore(1);  // the end of the line
      std::string& model = tests[name];
      model.resize(bytes);
      in.read(model.data(), static_cast<std::streamsize>(bytes));
      ensure(in.good(), "a complete file of packed tests");
    }
    return tests;
  }();
  return kTests;
}

/// A packed test, taken apart.
struct NodeTest {
  ::onnx::ModelProto model;  ///< without the tests' tensors
  std::map<std::string, ::onnx::TensorProto> given, expected;
};

NodeTest read(const std::string& name) {
  NodeTest test;
  ensure(test.model.ParseFromString(packed().at(name)), "a packed test is a model");
  auto& graph = *test.model.mutable_graph();
  std::vector<::onnx::TensorProto> kept;
  const auto is_input = [&](const std::string& tensor) {
    return std::any_of(graph.input().begin(), graph.input().end(),
                       [&](const auto& input) { return input.name() == tensor; });
  };
  for (const auto& tensor : graph.initializer()) {
    if (tensor.name().rfind(kExpected, 0) == 0) {
      test.expected[tensor.name().substr(std::string(kExpected).size())] = tensor;
    } else if (is_input(tensor.name())) {
      test.given[tensor.name()] = tensor;
    } else {
      kept.push_back(tensor);
    }
  }
  graph.clear_initializer();
  for (const auto& tensor : kept) *graph.add_initializer() = tensor;
  return test;
}

Value value_of(const ::onnx::TensorProto& tensor) {
  const ir::Shape shape(tensor.dims().begin(), tensor.dims().end());
  const auto dtype = onnx::dtype_of(tensor.data_type());
  if (!dtype) throw UserError("element type " + onnx::type_name(tensor.data_type()));
  return make_value(*dtype, shape, onnx::all_values(tensor, ir::elements(shape)));
}

std::vector<Checked> run(const NodeTest& test, const std::string& path) {
  const ir::Graph graph = onnx::import_onnx(path);
  Values given = onnx::load_weights(path, graph);
  for (const ir::TensorId id : graph.inputs) set(given, id, value_of(test.given.at(graph.tensor(id).name)));
  const Execution execution = execute(graph, given);
  std::vector<Checked> results;
  for (int i = 0; i < test.model.graph().output_size(); ++i) {
    const std::string& name = test.model.graph().output(i).name();
    const ir::TensorId id = graph.outputs.at(static_cast<std::size_t>(i));
    results.push_back(
        {name, value_of(test.expected.at(name)), *execution.values.at(static_cast<std::size_t>(id))});
  }
  return results;
}

/// Whether import may need the value of an input: integers, and the scalars of Clip, Pad and Resize.
bool may_decide_a_shape(const ::onnx::TensorProto& tensor, std::size_t position) {
  return position > 0 || tensor.data_type() == ::onnx::TensorProto::INT64;
}

}  // namespace

std::vector<std::string> node_tests() {
  std::vector<std::string> names;
  for (const auto& [name, model] : packed()) names.push_back(name);
  return names;
}

std::vector<Checked> run_node_test(const std::string& name) {
  NodeTest test = read(name);
  const fs::path path = fs::temp_directory_path() / fmt::format("npusim_{}_{}.onnx", ::getpid(), name);
  const auto attempt = [&] {
    {
      std::ofstream out(path, std::ios::binary);
      ensure(test.model.SerializeToOstream(&out), "the model can be written");
    }
    try {
      auto results = run(test, path.string());
      fs::remove(path);
      return results;
    } catch (...) {
      fs::remove(path);
      throw;
    }
  };
  try {
    return attempt();
  } catch (const UserError&) {
    // As most networks have them: everything but the data is constant.
    auto& graph = *test.model.mutable_graph();
    for (int i = 0; i < graph.input_size(); ++i) {
      const auto& tensor = test.given.at(graph.input(i).name());
      if (may_decide_a_shape(tensor, static_cast<std::size_t>(i))) *graph.add_initializer() = tensor;
    }
    return attempt();
  }
}

}  // namespace npusim::reference::testing
