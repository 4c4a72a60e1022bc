// A graph under change: who produces and who reads each tensor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::passes {

/// Keeps producers and readers of all tensors while a pass changes a graph. Operators keep their indices
/// until finish(), which takes out the erased ones.
class Editor {
 public:
  static constexpr ir::OpId kNoOp = -1;

  explicit Editor(ir::Graph& graph);

  [[nodiscard]] ir::Graph& graph() { return graph_; }
  [[nodiscard]] ir::OpId ops() const { return static_cast<ir::OpId>(graph_.ops.size()); }
  [[nodiscard]] const ir::Op& op(ir::OpId id) const { return graph_.ops[static_cast<std::size_t>(id)]; }
  /// For changes of attributes and names; inputs and outputs change only through this class.
  [[nodiscard]] ir::Op& op(ir::OpId id) { return graph_.ops[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool erased(ir::OpId id) const { return erased_[static_cast<std::size_t>(id)]; }

  /// The operator that writes a tensor; kNoOp for inputs and weights.
  [[nodiscard]] ir::OpId producer(ir::TensorId id) const;
  /// The operators that read a tensor, as input or fused operand, once for each use.
  [[nodiscard]] const std::vector<ir::OpId>& readers(ir::TensorId id) const;
  [[nodiscard]] bool is_output(ir::TensorId id) const { return output_[static_cast<std::size_t>(id)]; }
  /// Exactly one use, and not a result of the network.
  [[nodiscard]] bool single_use(ir::TensorId id) const { return readers(id).size() == 1 && !is_output(id); }
  /// No use at all.
  [[nodiscard]] bool unused(ir::TensorId id) const { return readers(id).empty() && !is_output(id); }
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return id != ir::kNoTensor && graph_.tensor(id).role == ir::TensorRole::weight;
  }
  /// The value of a constant of one element.
  [[nodiscard]] std::optional<double> scalar(ir::TensorId id) const;
  /// Whether an operator is an element-wise function without fused steps.
  [[nodiscard]] bool is(ir::OpId id, ir::Function function) const;

  ir::TensorId add_tensor(ir::Tensor tensor);
  void set_input(ir::OpId id, std::size_t i, ir::TensorId tensor);
  /// Replaces all inputs.
  void set_inputs(ir::OpId id, std::vector<ir::TensorId> inputs);
  void add_step(ir::OpId id, const ir::FusedStep& step);
  void set_step_operand(ir::OpId id, std::size_t step, ir::TensorId tensor);
  /// Lets `id` write `tensor` instead of its only output. `tensor`'s writer must be erased first.
  void set_output(ir::OpId id, ir::TensorId tensor);
  /// Makes all readers and network results of `from` those of `to`.
  void replace_uses(ir::TensorId from, ir::TensorId to);
  void erase(ir::OpId id);
  /// Moves an operator to the place of an erased one; returns its new index.
  ir::OpId move(ir::OpId id, ir::OpId place);
  /// Takes the erased operators out of the graph; the editor is of no use afterwards. Returns how many there
  /// were.
  std::int64_t finish();

 private:
  void use(ir::OpId id, ir::TensorId tensor);
  void release(ir::OpId id, ir::TensorId tensor);
  void link(ir::OpId id);
  void unlink(ir::OpId id);

  ir::Graph& graph_;
  std::vector<ir::OpId> producer_;
  std::vector<std::vector<ir::OpId>> readers_;
  std::vector<bool> output_;
  std::vector<bool> erased_;
};

/// Takes out an operator that passes its input on as it is; false when it does not, or when the network's
/// results need it (remove_identities.cpp).
bool remove_identity(Editor& editor, ir::OpId id);

/// "Conv+Relu": the source operators of two that become one.
std::string join_sources(const std::string& first, const std::string& second);

}  // namespace npusim::passes
