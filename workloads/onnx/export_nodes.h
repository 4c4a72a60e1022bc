// Operators as ONNX nodes.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::onnx {

/// Appends nodes, and the small initializers that nodes of opset 13 take instead of attributes, to a
/// GraphProto.
class NodeWriter {
 public:
  /// `names` are the ONNX names of the graph's tensors, by id.
  NodeWriter(const ir::Graph& graph, const std::vector<std::string>& names, ::onnx::GraphProto& out)
      : graph_(graph), names_(names), out_(out) {}

  /// Appends an operator and its fused steps. Throws UserError naming it when opset 13 has no equal.
  void write(const ir::Op& op);

 private:
  void write_kind(const std::string& result);
  void conv(const char* type, const std::string& result);
  void matmul(const std::string& result);
  void pool(const std::string& result);
  void reduce(const std::string& result);
  void norm(const std::string& result);
  void layer_norm(const std::string& result);
  void reshape(const std::string& result);
  void split(const std::string& result);
  void depth_to_space(const std::string& result);
  void slice(const std::string& result);
  void pad(const std::string& result);
  void resize(const std::string& result);
  /// One element-wise function of `operands`, which composes it where opset 13 lacks it.
  void function(const ir::ElementwiseAttrs& attrs, const std::vector<std::string>& operands,
                const std::string& step, const std::string& result);
  void gelu_tanh(const std::string& x, const std::string& step, const std::string& result);
  void clip(const ir::ElementwiseAttrs& attrs, std::vector<std::string> operands, const std::string& step,
            const std::string& result);

  [[noreturn]] void fail(const std::string& what) const;
  [[nodiscard]] const ir::Shape& in_shape(std::size_t i) const {
    return graph_.tensor(op_->inputs.at(i)).shape;
  }
  [[nodiscard]] const ir::Shape& out_shape() const { return graph_.tensor(op_->outputs.at(0)).shape; }
  [[nodiscard]] ir::DType dtype() const { return graph_.tensor(op_->inputs.at(0)).dtype; }
  /// The input's ONNX name; "" where it is absent.
  [[nodiscard]] std::string input(std::size_t i) const;
  /// Names of the first `count` inputs at most, without trailing absent ones.
  [[nodiscard]] std::vector<std::string> inputs(std::size_t count) const;

  /// Appends a node called `step`, and returns it for its attributes.
  ::onnx::NodeProto& node(const std::string& step, const std::string& type,
                          const std::vector<std::string>& inputs, const std::string& result);
  /// As node(), with a result of its own name, which is returned.
  std::string inner(const std::string& step, const std::string& type, const std::vector<std::string>& inputs);
  /// A scalar of the operator's element type.
  std::string scalar(const std::string& step, double value);
  /// A list of int64.
  std::string integers(const std::string& step, const std::vector<std::int64_t>& values);
  /// A list of fp32.
  std::string floats(const std::string& step, const std::vector<double>& values);

  const ir::Graph& graph_;
  const std::vector<std::string>& names_;
  ::onnx::GraphProto& out_;
  const ir::Op* op_ = nullptr;
};

}  // namespace npusim::onnx
