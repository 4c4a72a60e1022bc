#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

namespace {

/// Walks a graph once, in order, keeping which tensors exist so far.
class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.tensors.size(), false) {}

  void run() {
    check_inputs();
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) check_tensor(i);
    check_prepared();
    for (const Op& op : graph_.ops) check_op(op);
    at("outputs of", graph_.name);
    for (const TensorId id : graph_.outputs) {
      expect(known(id) && defined_[index(id)], "tensor {} is never produced", id);
    }
  }

 private:
  static std::size_t index(TensorId id) { return static_cast<std::size_t>(id); }
  [[nodiscard]] bool known(TensorId id) const { return id >= 0 && index(id) < graph_.tensors.size(); }

  void at(std::string_view what, std::string_view name) {
    what_ = what;
    name_ = name;
  }
  template <class... Args>
  void expect(bool condition, fmt::format_string<Args...> text, Args&&... args) const {
    if (condition) return;
    throw InternalError(fmt::format("graph '{}': {} '{}': {}", graph_.name, what_, name_,
                                    fmt::format(text, std::forward<Args>(args)...)));
  }

  void check_inputs() {
    at("inputs of", graph_.name);
    for (const TensorId id : graph_.inputs) {
      expect(known(id), "{} is not a tensor", id);
      expect(graph_.tensor(id).role == TensorRole::input, "'{}' has another role", graph_.tensor(id).name);
      expect(inputs_.insert(id).second, "'{}' is listed twice", graph_.tensor(id).name);
    }
  }

  void check_tensor(std::size_t i) {
    const Tensor& tensor = graph_.tensors[i];
    at("tensor", tensor.name);
    for (const std::int64_t size : tensor.shape) expect(size >= 0, "has a negative dimension");
    if (tensor.constant) {
      const auto values = static_cast<std::int64_t>(tensor.constant->size());
      expect(values == elements(tensor.shape) && values <= kMaxConstant, "has {} constant values", values);
    }
    if (tensor.storage) check_storage(tensor);
    expect(tensor.role != TensorRole::input || inputs_.contains(static_cast<TensorId>(i)),
           "has the role of an input, but is not listed as one");
    defined_[i] = tensor.role != TensorRole::activation;
  }

  void check_storage(const Tensor& tensor) const {
    const IntegerStorage& storage = *tensor.storage;
    const std::size_t scales = storage.scales.size();
    const auto axis = static_cast<std::size_t>(storage.axis);
    const bool one_each = storage.axis >= 0 && axis < tensor.shape.size() &&
                          static_cast<std::int64_t>(scales) == tensor.shape[axis];
    expect(tensor.dtype == DType::f32 && (scales == 1 || one_each) && storage.zero_points.size() == scales,
           "has {} scales and {} zero points along axis {} of {}", scales, storage.zero_points.size(),
           storage.axis, to_string(tensor.shape));
  }

  /// Prepared operators read weights that exist or that one before them made, and make weights.
  void check_prepared() {
    std::unordered_set<TensorId> made, open;
    for (const Op& op : graph_.prepared) open.insert(op.outputs.begin(), op.outputs.end());
    for (const Op& op : graph_.prepared) {
      at("prepared operator", op.name);
      for (const TensorId id : op.inputs) {
        if (id == kNoTensor) continue;
        check_read(id);
        expect(graph_.tensor(id).role == TensorRole::weight, "reads '{}', which is no weight",
               graph_.tensor(id).name);
        expect(!open.contains(id) || made.contains(id), "reads '{}' before it is made",
               graph_.tensor(id).name);
      }
      check_shapes(op);
      for (const TensorId id : op.outputs) {
        expect(graph_.tensor(id).role == TensorRole::weight && made.insert(id).second,
               "makes '{}', which is no weight or already made", graph_.tensor(id).name);
      }
    }
  }

  void check_op(const Op& op) {
    at("operator", op.name);
    expect(names_.insert(op.name).second, "two operators have this name");
    expect(!op.inputs.empty() && op.inputs[0] != kNoTensor, "has no first input");
    for (const TensorId id : op.inputs) {
      if (id != kNoTensor) check_read(id);
    }
    for (const TensorId id : op.outputs) expect(known(id), "writes tensor {}, which does not exist", id);
    check_shapes(op);
    for (const FusedStep& step : op.fused) {
      if (step.operand == kNoTensor) continue;
      check_read(step.operand);
      check_same_shape(graph_.tensor(op.outputs[0]).shape, graph_.tensor(step.operand).shape,
                       "a fused operand's");
    }
    for (const TensorId id : op.outputs) {
      expect(!defined_[index(id)], "writes '{}', which is already an input, a weight or another output",
             graph_.tensor(id).name);
      defined_[index(id)] = true;
    }
  }

  void check_read(TensorId id) const {
    expect(known(id), "reads tensor {}, which does not exist", id);
    expect(defined_[index(id)], "reads '{}' before it is produced", graph_.tensor(id).name);
  }

  void check_shapes(const Op& op) const {
    const std::vector<Shape> expected = inferred(op);
    expect(expected.size() == op.outputs.size(), "has {} outputs, expected {}", op.outputs.size(),
           expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      check_same_shape(graph_.tensor(op.outputs[i]).shape, expected[i], "from its inputs it is");
    }
  }

  [[nodiscard]] std::vector<Shape> inferred(const Op& op) const {
    try {
      return infer_shapes(graph_, op);
    } catch (const UserError& error) {
      throw InternalError(fmt::format("graph '{}': {}", graph_.name, error.what()));
    }
  }

  void check_same_shape(const Shape& output, const Shape& other, std::string_view whose) const {
    if (output != other) expect(false, "the output is {}, {} {}", to_string(output), whose, to_string(other));
  }

  const Graph& graph_;
  std::vector<bool> defined_;
  std::unordered_set<TensorId> inputs_;
  std::unordered_set<std::string_view> names_;
  std::string_view what_, name_;  ///< where the walk is, for messages
};

}  // namespace

void verify(const Graph& graph) { Verifier(graph).run(); }

}  // namespace npusim::ir
