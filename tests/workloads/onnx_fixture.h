// Small ONNX models, built in memory, written to a temporary file and imported.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/onnx/import.h"

namespace npusim::onnx::testing {

using Type = ::onnx::TensorProto;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

/// A node's attribute.
struct Attr {
  Attr(std::string n, int v) : name(std::move(n)), value(std::int64_t{v}) {}
  Attr(std::string n, std::int64_t v) : name(std::move(n)), value(v) {}
  Attr(std::string n, double v) : name(std::move(n)), value(static_cast<float>(v)) {}
  Attr(std::string n, const char* v) : name(std::move(n)), value(std::string(v)) {}
  Attr(std::string n, Ints v) : name(std::move(n)), value(std::move(v)) {}
  Attr(std::string n, Floats v) : name(std::move(n)), value(std::move(v)) {}
  Attr(std::string n, Type v) : name(std::move(n)), value(std::move(v)) {}
  std::string name;
  std::variant<std::int64_t, float, std::string, Ints, Floats, Type> value;
};

/// A tensor with values, as initializer or attribute.
Type tensor_of(const Ints& values, const Ints& dims, std::int32_t type = Type::INT64);
Type tensor_of(const Floats& values, const Ints& dims);

/// A file that is removed with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& contents);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A model under construction. Methods return the model, so that calls chain.
class Model {
 public:
  explicit Model(std::int64_t opset = 13);
  Model& input(const std::string& name, const Ints& shape, std::int32_t type = Type::FLOAT);
  /// An input whose dimensions are numbers, names, or "" (open and without a name).
  Model& symbolic_input(const std::string& name, const std::vector<std::string>& dims);
  /// An initializer without values, as if in an absent file.
  Model& weight(const std::string& name, const Ints& shape, std::int32_t type = Type::FLOAT);
  Model& ints(const std::string& name, const Ints& values);
  Model& floats(const std::string& name, const Floats& values);
  Model& constant(const std::string& name, const Type& value);
  Model& node(const std::string& op, const std::vector<std::string>& inputs,
              const std::vector<std::string>& outputs, const std::vector<Attr>& attrs = {},
              const std::string& domain = "");
  Model& output(const std::string& name);

  [[nodiscard]] std::string bytes() const { return proto.SerializeAsString(); }
  /// Writes, imports and verifies; checks every shape against libonnx's inference where it knows the opset.
  [[nodiscard]] ir::Graph import(const ImportOptions& options = {}) const;
  /// The error of an import that must fail; "" when it does not.
  [[nodiscard]] std::string error(const ImportOptions& options = {}) const;

  ::onnx::ModelProto proto;
};

/// One argument of the single node of a model.
struct Arg {
  enum class Kind { input, weight, values, absent } kind = Kind::absent;
  Ints shape;
  std::int32_t type = Type::FLOAT;
  Type tensor;
};
Arg in(const Ints& shape, std::int32_t type = Type::FLOAT);
Arg weight(const Ints& shape, std::int32_t type = Type::FLOAT);
Arg values(const Ints& values);
Arg values(const Floats& values);
Arg scalar(float value);
Arg absent();

/// A model of one node "n" with inputs "i0", "i1", ... and outputs "o0", "o1", ...
Model one_node(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
               const std::vector<Attr>& attrs = {}, std::size_t outputs = 1);
/// The graph of that model.
ir::Graph one(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
              const std::vector<Attr>& attrs = {}, std::size_t outputs = 1);
/// The shape of its first output.
ir::Shape shape_of(std::int64_t opset, const std::string& op, const std::vector<Arg>& args,
                   const std::vector<Attr>& attrs = {});

/// Compares the shapes that libonnx infers with those of the graph's tensors of the same name. Returns how
/// many were compared; a difference fails the test.
int check_against_libonnx(const ::onnx::ModelProto& model, const ir::Graph& graph);

/// The operator of a graph that has exactly one.
const ir::Op& only(const ir::Graph& graph);
template <class T>
const T& attrs(const ir::Op& op) {
  return std::get<T>(op.attrs);
}

/// A file in tests/data/onnx.
std::string network(const std::string& name);

/// Whether `text` contains all of `parts`.
bool contains(const std::string& text, std::initializer_list<std::string> parts);

}  // namespace npusim::onnx::testing
