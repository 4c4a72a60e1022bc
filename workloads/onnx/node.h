// One ONNX node under import: typed access to its inputs and attributes, and the operators it becomes.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "workloads/importing/limits.h"
#include "workloads/ir/graph.h"

namespace npusim::onnx {

using importing::check_size;
using importing::kMaxDim;
using importing::kMaxElements;

/// A node that npusim cannot represent. The importer collects these and reports all of them at once.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The graph under construction and the values by their ONNX name.
struct ImportState {
  std::string file;
  ir::Graph graph;
  std::unordered_map<std::string, const ::onnx::TensorProto*> initializers;
  std::unordered_map<std::string, ir::TensorId> values;
  std::unordered_set<std::string> op_names;
  /// Results that follow from weights alone: a compiler computes them before the network runs.
  std::unordered_set<ir::TensorId> derived;

  /// The tensor of an ONNX value, creating an initializer's at first use; kNoTensor for an unknown name.
  ir::TensorId find(const std::string& name);
  /// Whether a tensor exists before the network runs: a weight, a known value, or what follows from these.
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return id == ir::kNoTensor || graph.tensor(id).role == ir::TensorRole::weight ||
           graph.tensor(id).constant.has_value() || derived.contains(id);
  }
  /// A tensor of known shape, after checking its dimensions; `where` begins the error.
  ir::TensorId add(ir::Tensor tensor, const std::string& where);
  /// `base`, or `base` with a number, that no operator has yet.
  std::string unique_name(const std::string& base);
};

/// What is known of a result before it is inferred.
struct Result {
  std::optional<ir::DType> dtype;  ///< default: the first input's
  std::optional<ir::Shape> shape;  ///< needed where it does not follow from the inputs' shapes (reshape, ...)
};

class Node {
 public:
  Node(ImportState& state, const ::onnx::NodeProto& proto, std::size_t index, std::int64_t opset);

  [[nodiscard]] const std::string& type() const { return proto_.op_type(); }
  [[nodiscard]] std::int64_t opset() const { return opset_; }
  /// Throws UserError: "<file>: node '<name>' (<operator>): <what>".
  [[noreturn]] void fail(const std::string& what) const;
  /// Throws Unsupported with the same form, without the file.
  [[noreturn]] void unsupported(const std::string& what) const;

  [[nodiscard]] std::size_t inputs() const { return static_cast<std::size_t>(proto_.input_size()); }
  [[nodiscard]] std::size_t outputs() const { return static_cast<std::size_t>(proto_.output_size()); }
  [[nodiscard]] bool has(std::size_t i) const;
  [[nodiscard]] bool has_output(std::size_t i) const;
  /// Fails unless there are `least` to `most` inputs and the first `least` are given.
  void expect_inputs(std::size_t least, std::size_t most) const;
  /// The tensor of an input that must be given.
  ir::TensorId in(std::size_t i);
  /// in(i), or kNoTensor when it is absent.
  ir::TensorId optional_in(std::size_t i) { return has(i) ? in(i) : ir::kNoTensor; }
  [[nodiscard]] ir::Shape shape(std::size_t i) { return state_.graph.shape(in(i)); }
  [[nodiscard]] ir::DType dtype(std::size_t i) { return state_.graph.tensor(in(i)).dtype; }
  /// Whether the input is a weight or computed from weights alone.
  [[nodiscard]] bool is_weight(std::size_t i) { return state_.is_weight(in(i)); }
  /// The input's values, or nullptr when they are not known.
  const std::vector<double>* constant(std::size_t i);
  /// The values of an input that decides a shape; reports the node as unsupported when they are not known.
  std::vector<double> numbers(std::size_t i, const std::string& what);
  std::vector<std::int64_t> integers(std::size_t i, const std::string& what);

  /// Attributes; each fails when the attribute has another type.
  [[nodiscard]] bool has_attribute(const std::string& name) const { return attribute(name) != nullptr; }
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t otherwise) const;
  [[nodiscard]] double number(const std::string& name, double otherwise) const;
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integer_list(const std::string& name) const;
  [[nodiscard]] std::optional<std::vector<double>> number_list(const std::string& name) const;
  [[nodiscard]] const ::onnx::TensorProto* tensor(const std::string& name) const;
  /// The `axes` of Squeeze, ReduceMean, ...: attribute, or input `i` in later opsets. nullopt when absent.
  std::optional<std::vector<std::int64_t>> axes(std::size_t i);

  /// `axis` counted from the front. Fails outside [-rank, rank).
  [[nodiscard]] std::int64_t axis(std::int64_t axis, std::size_t rank) const;
  /// Fails with `what` unless low <= value <= high.
  void expect_range(std::int64_t value, std::int64_t low, std::int64_t high, const std::string& what) const;

  /// Adds the operator that computes the node's first output.
  void result(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs, const Result& known = {});
  /// Adds the operator that computes all of the node's outputs.
  void results(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs,
               const std::vector<Result>& known);
  /// Adds an operator "<node>/<step>" on the way to the result and returns its output.
  ir::TensorId step(const std::string& step, ir::OpKind kind, ir::Attrs attrs,
                    std::vector<ir::TensorId> inputs, const Result& known = {});
  /// Makes the node's first output a tensor that exists before the network runs. `values` may be empty for
  /// more than ir::kMaxConstant elements.
  void constant_result(ir::DType dtype, ir::Shape shape, std::vector<double> values);
  /// Adds an operator "<node>/<step>" on weights, which the network's compiler computes, and returns its
  /// output, a weight.
  ir::TensorId prepare(const std::string& step, ir::OpKind kind, ir::Attrs attrs,
                       std::vector<ir::TensorId> inputs);
  /// A scalar weight of the given type for a step's operand.
  ir::TensorId scalar(const std::string& step, double value, ir::DType dtype);

 private:
  [[nodiscard]] const ::onnx::AttributeProto* attribute(const std::string& name) const;
  const ::onnx::AttributeProto* attribute(const std::string& name, ::onnx::AttributeProto::AttributeType type,
                                          const char* type_name) const;
  [[nodiscard]] std::string label() const;
  void add_op(std::string name, ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs,
              const std::vector<std::string>& outputs, const std::vector<Result>& known);

  ImportState& state_;
  const ::onnx::NodeProto& proto_;
  std::string name_;
  std::int64_t opset_;
};

}  // namespace npusim::onnx
