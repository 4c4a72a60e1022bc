#include "tests/workloads/onnx_fixture.h"

#include <fmt/format.h>
#include <onnx/shape_inference/implementation.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "sim/base/error.h"
#include "tests/catch.h"

namespace npusim::onnx::testing {

namespace {

constexpr std::int64_t kLibonnxOpset = 17;  ///< the newest that Debian 12's libonnx 1.12 knows

void set(::onnx::AttributeProto& to, const Attr& attr) {
  using Kind = ::onnx::AttributeProto;
  to.set_name(attr.name);
  if (const auto* i = std::get_if<std::int64_t>(&attr.value)) to.set_type(Kind::INT), to.set_i(*i);
  if (const auto* f = std::get_if<float>(&attr.value)) to.set_type(Kind::FLOAT), to.set_f(*f);
  if (const auto* s = std::get_if<std::string>(&attr.value)) to.set_type(Kind::STRING), to.set_s(*s);
  if (const auto* list = std::get_if<Ints>(&attr.value)) {
    to.set_type(Kind::INTS);
    for (const std::int64_t v : *list) to.add_ints(v);
  }
  if (const auto* list = std::get_if<Floats>(&attr.value)) {
    to.set_type(Kind::FLOATS);
    for (const float v : *list) to.add_floats(v);
  }
  if (const auto* tensor = std::get_if<Type>(&attr.value)) {
    to.set_type(Kind::TENSOR);
    *to.mutable_t() = *tensor;
  }
}

}  // namespace

Type tensor_of(const Ints& values, const Ints& dims, std::int32_t type) {
  Type tensor;
  tensor.set_data_type(type);
  for (const std::int64_t size : dims) tensor.add_dims(size);
  for (const std::int64_t value : values) {
    if (type == Type::INT64) {
      tensor.add_int64_data(value);
    } else {
      tensor.add_int32_data(static_cast<std::int32_t>(value));
    }
  }
  return tensor;
}

Type tensor_of(const Floats& values, const Ints& dims) {
  Type tensor;
  tensor.set_data_type(Type::FLOAT);
  for (const std::int64_t size : dims) tensor.add_dims(size);
  for (const float value : values) tensor.add_float_data(value);
  return tensor;
}

TemporaryFile::TemporaryFile(const std::string& contents) {
  static int count = 0;
  path_ = std::filesystem::temp_directory_path() / fmt::format("npusim_{}_{}.onnx", ::getpid(), count++);
  std::ofstream(path_, std::ios::binary) << contents;
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

Model::Model(std::int64_t opset) {
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(opset);
  proto.mutable_graph()->set_name("test");
}

Model& Model::input(const std::string& name, const Ints& shape, std::int32_t type) {
  auto* value = proto.mutable_graph()->add_input();
  value->set_name(name);
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (const std::int64_t size : shape) tensor->mutable_shape()->add_dim()->set_dim_value(size);
  return *this;
}

Model& Model::symbolic_input(const std::string& name, const std::vector<std::string>& dims) {
  input(name, {});
  auto* shape = proto.mutable_graph()->mutable_input()->rbegin()->mutable_type()->mutable_tensor_type();
  for (const std::string& text : dims) {
    auto* dim = shape->mutable_shape()->add_dim();
    if (text.empty()) continue;
    if (text.find_first_not_of("0123456789") == std::string::npos) {
      dim->set_dim_value(std::stoll(text));
    } else {
      dim->set_dim_param(text);
    }
  }
  return *this;
}

Model& Model::constant(const std::string& name, const Type& value) {
  auto* tensor = proto.mutable_graph()->add_initializer();
  *tensor = value;
  tensor->set_name(name);
  return *this;
}

Model& Model::weight(const std::string& name, const Ints& shape, std::int32_t type) {
  Type tensor;
  tensor.set_data_type(type);
  for (const std::int64_t size : shape) tensor.add_dims(size);
  tensor.set_data_location(Type::EXTERNAL);
  auto* location = tensor.add_external_data();
  location->set_key("location");
  location->set_value("absent.bin");
  return constant(name, tensor);
}

Model& Model::ints(const std::string& name, const Ints& values) {
  return constant(name, tensor_of(values, {static_cast<std::int64_t>(values.size())}));
}

Model& Model::floats(const std::string& name, const Floats& values) {
  return constant(name, tensor_of(values, {static_cast<std::int64_t>(values.size())}));
}

Model& Model::node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, const std::vector<Attr>& attrs,
                   const std::string& domain) {
  auto* node = proto.mutable_graph()->add_node();
  node->set_op_type(op);
  node->set_name(fmt::format("n{}", proto.graph().node_size() - 1));
  node->set_domain(domain);
  for (const auto& name : inputs) node->add_input(name);
  for (const auto& name : outputs) node->add_output(name);
  for (const Attr& attr : attrs) set(*node->add_attribute(), attr);
  return *this;
}

Model& Model::output(const std::string& name) {
  proto.mutable_graph()->add_output()->set_name(name);
  return *this;
}

ir::Graph Model::import(const ImportOptions& options) const {
  const TemporaryFile file(bytes());
  ir::Graph graph = import_onnx(file.path(), options);
  ir::verify(graph);
  if (!options.batch && options.dims.empty() && proto.opset_import(0).version() <= kLibonnxOpset) {
    check_against_libonnx(proto, graph);
  }
  return graph;
}

std::string Model::error(const ImportOptions& options) const {
  const TemporaryFile file(bytes());
  try {
    import_onnx(file.path(), options);
  } catch (const UserError& error) {
    std::string text = error.what();
    CHECK(contains(text, {file.path()}));
    return text;
  }
  return "";
}

Arg in(const Ints& shape, std::int32_t type) { return {Arg::Kind::input, shape, type, {}}; }
Arg weight(const Ints& shape, std::int32_t type) { return {Arg::Kind::weight, shape, type, {}}; }
Arg values(const Ints& values) {
  return {Arg::Kind::values, {}, 0, tensor_of(values, {static_cast<std::int64_t>(values.size())})};
}
Arg values(const Floats& values) {
  return {Arg::Kind::values, {}, 0, tensor_of(values, {static_cast<std::int64_t>(values.size())})};
}
Arg scalar(float value) { return {Arg::Kind::values, {}, 0, tensor_of(Floats{value}, {})}; }
Arg absent() { return {}; }

Model one_node(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
               const std::vector<Attr>& attrs, std::size_t outputs) {
  Model model(opset);
  std::vector<std::string> names, results;
  for (const Arg& arg : args) {
    names.push_back(arg.kind == Arg::Kind::absent ? "" : fmt::format("i{}", names.size()));
    if (arg.kind == Arg::Kind::input) model.input(names.back(), arg.shape, arg.type);
    if (arg.kind == Arg::Kind::weight) model.weight(names.back(), arg.shape, arg.type);
    if (arg.kind == Arg::Kind::values) model.constant(names.back(), arg.tensor);
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    results.push_back(fmt::format("o{}", i));
    model.output(results.back());
  }
  model.node(op, names, results, attrs);
  return model;
}

ir::Graph one(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
              const std::vector<Attr>& attrs, std::size_t outputs) {
  return one_node(opset, op, args, attrs, outputs).import();
}

ir::Shape shape_of(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
                   const std::vector<Attr>& attrs) {
  const ir::Graph graph = one(opset, op, args, attrs);
  return graph.shape(graph.outputs.at(0));
}

int check_against_libonnx(const ::onnx::ModelProto& model, const ir::Graph& graph) {
  ::onnx::ModelProto inferred = model;
  const ::onnx::ShapeInferenceOptions options{false, 0, true};
  ::onnx::shape_inference::InferShapes(inferred, ::onnx::OpSchemaRegistry::Instance(), options);
  std::map<std::string, ir::Shape> shapes;
  for (const ir::Tensor& tensor : graph.tensors) shapes[tensor.name] = tensor.shape;
  int compared = 0;
  const auto compare = [&](const ::onnx::ValueInfoProto& value) {
    const auto& type = value.type().tensor_type();
    const auto found = shapes.find(value.name());
    if (!type.has_shape() || found == shapes.end()) return;
    ir::Shape shape;
    for (const auto& dim : type.shape().dim()) shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    if (std::find(shape.begin(), shape.end(), -1) != shape.end()) return;
    INFO("value " << value.name() << ": libonnx infers " << ir::to_string(shape) << ", npusim "
                  << ir::to_string(found->second));
    CHECK(shape == found->second);
    ++compared;
  };
  for (const auto& value : inferred.graph().value_info()) compare(value);
  for (const auto& value : inferred.graph().output()) compare(value);
  return compared;
}

const ir::Op& only(const ir::Graph& graph) {
  REQUIRE(graph.ops.size() == 1);
  return graph.ops.front();
}

std::string network(const std::string& name) {
  return fmt::format("{}/tests/data/onnx/{}.onnx", NPUSIM_SOURCE_DIR, name);
}

bool contains(const std::string& text, std::initializer_list<std::string> parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

}  // namespace npusim::onnx::testing
