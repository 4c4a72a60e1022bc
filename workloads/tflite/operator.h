// One TFLite operator under import: typed access to its inputs and options, and the operators it becomes.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "workloads/importing/limits.h"
#include "workloads/ir/graph.h"
#include "workloads/tflite/state.h"

namespace npusim::tflite {

using Ints = std::vector<std::int64_t>;

/// An operator that npusim cannot represent. The importer collects these and reports all of them at once.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How an operator's first output is to be made.
struct Result {
  Layout layout = Layout::file;
  std::optional<ir::Shape> shape = {};  ///< where it does not follow from the inputs' shapes
  format::ActivationFunctionType activation = format::ActivationFunctionType::NONE;  ///< applied to it
};

class Operator {
 public:
  Operator(State& state, const format::Operator& op, std::size_t index);

  [[nodiscard]] format::BuiltinOperator code() const { return state_.file.code(op_); }
  /// Throws UserError: "<file>: operator <index> (<name>): <what>".
  [[noreturn]] void fail(const std::string& what) const;
  /// Throws Unsupported with the same form, without the file.
  [[noreturn]] void unsupported(const std::string& what) const;

  /// The operator's options; nullptr when it has none, or those of another kind.
  template <class T>
  [[nodiscard]] const T* find_options() const {
    return op_.builtin_options_as<T>();
  }
  /// The operator's options; fails when it has none.
  template <class T>
  [[nodiscard]] const T& options() const {
    const T* found = find_options<T>();
    if (found == nullptr) fail("its options are missing");
    return *found;
  }
  /// The activation in options that may be missing.
  template <class T>
  [[nodiscard]] format::ActivationFunctionType activation() const {
    const T* found = find_options<T>();
    return found == nullptr ? format::ActivationFunctionType::NONE : found->fused_activation_function();
  }

  [[nodiscard]] std::size_t inputs() const { return op_.inputs() == nullptr ? 0 : op_.inputs()->size(); }
  [[nodiscard]] std::size_t outputs() const { return op_.outputs() == nullptr ? 0 : op_.outputs()->size(); }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs() && index_of(i) >= 0; }
  /// Fails unless there are `least` to `most` inputs and the first `least` are given.
  void expect_inputs(std::size_t least, std::size_t most) const;
  /// The file's index of an input that must be given, and of an output.
  [[nodiscard]] std::int32_t input(std::size_t i) const;
  [[nodiscard]] std::int32_t output(std::size_t i) const;
  [[nodiscard]] const TensorInfo& output_info(std::size_t i) const { return state_.info(output(i)); }

  /// The shape of an input in the file's order of axes.
  [[nodiscard]] ir::Shape shape(std::size_t i);
  [[nodiscard]] std::size_t rank(std::size_t i) { return shape(i).size(); }
  [[nodiscard]] bool is_constant(std::size_t i) const { return state_.constant_of(input(i)) >= 0; }
  /// Integer storage of an input in the file, whatever its order.
  [[nodiscard]] const std::optional<ir::IntegerStorage>& storage(std::size_t i) const {
    return state_.info(input(i)).storage;
  }

  /// An input in the file's order, or [N,C,H,W] from [N,H,W,C]; with a transposition where it is needed.
  ir::TensorId plain(std::size_t i) { return value(i, Layout::file); }
  ir::TensorId image(std::size_t i);
  ir::TensorId in(std::size_t i, Layout layout) { return layout == Layout::file ? plain(i) : image(i); }
  /// An input whose elements are in the file's order, whatever its shape: to be reshaped.
  ir::TensorId flat(std::size_t i);
  /// An input that is broadcast to `rank` axes, the image's if so laid out.
  ir::TensorId broadcast_in(std::size_t i, Layout layout, std::size_t rank);
  /// A constant with its axes permuted; an activation likewise, by an operator.
  ir::TensorId weight(std::size_t i, const Ints& permutation);
  /// The order in which this operator, which takes any, best computes.
  Layout follow();

  /// The values of an input that decides a shape; reports the operator as unsupported when they are not
  /// known.
  Ints integers(std::size_t i, const std::string& what);
  std::vector<double> numbers(std::size_t i, const std::string& what);

  /// `axis` counted from the front. Fails outside [-rank, rank).
  [[nodiscard]] std::int64_t axis(std::int64_t axis, std::size_t rank) const;
  /// An axis of the file's order in another one.
  [[nodiscard]] static std::int64_t axis_in(Layout layout, std::int64_t axis);
  /// A list with an entry for each axis of the file's order, in another one.
  [[nodiscard]] static Ints axes_in(Layout layout, const Ints& list) {
    return layout == Layout::file ? list : permuted(list, kChannelsFirst);
  }
  /// Fails with `what` unless low <= value <= high.
  void expect_range(std::int64_t value, std::int64_t low, std::int64_t high, const std::string& what) const;

  /// Adds the operator that computes the first output, and the one of its activation.
  void result(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs, const Result& how = {});
  /// Adds the operator that computes all outputs.
  void results(ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs, Layout layout);
  /// Adds an operator "<operator>/<step>" on the way to the result and returns its output. By default its
  /// type is that of the first input.
  ir::TensorId step(const std::string& step, ir::OpKind kind, ir::Attrs attrs,
                    std::vector<ir::TensorId> inputs, const std::optional<ir::Shape>& shape = {},
                    std::optional<ir::DType> dtype = {});
  ir::TensorId reshape(const std::string& step, ir::TensorId id, ir::Shape shape);
  /// Adds a reshape that computes output `i`.
  void reshape_to_output(std::size_t i, ir::TensorId id, ir::Shape shape);
  /// A scalar weight for a step's operand, of the type of tensor `like`.
  ir::TensorId scalar(const std::string& step, double value, ir::TensorId like);
  /// Lets the first output be what DEQUANTIZE makes of the constant input 0.
  void alias_constant();
  [[nodiscard]] const ir::Graph& graph() const { return state_.graph; }

 private:
  [[nodiscard]] std::int32_t index_of(std::size_t i) const;
  [[nodiscard]] std::string label() const;
  void expect_known_type(std::int32_t tensor) const;
  ir::TensorId value(std::size_t i, Layout layout);
  ir::Tensor output_tensor(std::size_t i, const std::optional<ir::Shape>& shape) const;
  void add(const std::string& name, ir::OpKind kind, ir::Attrs attrs, std::vector<ir::TensorId> inputs,
           std::vector<ir::Tensor> outputs);
  void publish(std::size_t i, ir::TensorId id, Layout layout);

  State& state_;
  const format::Operator& op_;
  std::string type_;
  std::size_t index_;
};

}  // namespace npusim::tflite
