// Builds a graph operator by operator, as its paper's figure reads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/zoo/size.h"

namespace npusim::zoo {

using ir::TensorId;

/// How a window is padded.
struct Pad {
  enum class Rule : std::uint8_t {
    half,     ///< kernel / 2 on every side (PyTorch's habit)
    same,     ///< TensorFlow's SAME: the output is ceil(input / stride), the odd cell goes to the bottom and
              ///< right
    leading,  ///< (kernel - 1) / 2 before, and behind what ceil(input / stride) outputs need: MidapSim's
              ///< symmetric padding, whose end is trimmed
    exact
  };
  constexpr Pad(Rule rule) : rule(rule) {}                       // NOLINT(google-explicit-constructor)
  constexpr Pad(Size exact) : rule(Rule::exact), size(exact) {}  // NOLINT(google-explicit-constructor)
  constexpr Pad(std::int64_t side) : Pad(Size(side)) {}          // NOLINT(google-explicit-constructor)
  static constexpr Rule kHalf = Rule::half;
  static constexpr Rule kSame = Rule::same;
  static constexpr Rule kLeading = Rule::leading;

  Rule rule;
  Size size = 0;
};

/// Cells before and after one axis of `size` cells. Not for Rule::exact.
std::pair<std::int64_t, std::int64_t> padding_of(Pad::Rule rule, std::int64_t size, std::int64_t kernel,
                                                 std::int64_t stride);

enum class Act : std::uint8_t {
  none,
  relu,
  relu6,
  leaky_relu,  ///< slope 0.1
  silu,
  hard_swish,
  sigmoid,
  hard_sigmoid,
  gelu
};

/// A 2-D convolution by its hyperparameters; input channels follow from the input.
struct Conv {
  std::int64_t out = 0;
  Size kernel = 1;
  Size stride = 1;
  std::int64_t groups = 1;
  Pad pad = Pad::kHalf;
  Size dilation = 1;
};

struct Pool {
  Size kernel = 2;
  Size stride = 2;
  Pad pad = 0;
  bool ceil = false;              ///< round the output size up, as PyTorch's ceil_mode
  bool count_include_pad = true;  ///< of an average
};

/// Each call appends operators named after its first argument and returns the result's tensor. Weights are
/// called
/// "<operator>.weight", and so on, as PyTorch calls them. Errors are ir::infer_shapes' UserErrors.
class Builder {
 public:
  /// A network with one input `input` of this shape.
  Builder(std::string name, const ir::Shape& input, ir::DType type = ir::DType::f32);

  [[nodiscard]] TensorId input() const { return graph_.inputs.front(); }
  [[nodiscard]] const ir::Shape& shape(TensorId x) const { return graph_.tensor(x).shape; }
  [[nodiscard]] std::int64_t channels(TensorId x) const { return shape(x).at(1); }

  TensorId conv(const std::string& name, TensorId x, const Conv& c, bool bias = true);
  TensorId batch_norm(const std::string& name, TensorId x, double epsilon = 1e-5);
  TensorId act(const std::string& name, TensorId x, Act act);
  /// Convolution with bias and activation `<name>.<act>`.
  TensorId conv_act(const std::string& name, TensorId x, const Conv& c, Act act = Act::relu);
  /// Convolution without bias, BatchNorm `<name>.bn` and activation `<name>.<act>`.
  TensorId conv_bn_act(const std::string& name, TensorId x, const Conv& c, Act act = Act::relu);

  /// A transposed convolution whose output is `stride` times its input (kernel >= stride).
  TensorId conv_transpose(const std::string& name, TensorId x, std::int64_t out, std::int64_t kernel,
                          std::int64_t stride, bool bias = true);

  TensorId max_pool(const std::string& name, TensorId x, const Pool& p);
  TensorId average_pool(const std::string& name, TensorId x, const Pool& p);
  /// Mean over height and width, which become 1.
  TensorId global_average_pool(const std::string& name, TensorId x);
  TensorId flatten(const std::string& name, TensorId x);
  /// [..., in] to [..., out], with bias. The weight is [out, in] for a matrix and [in, out] otherwise, as
  /// PyTorch exports it.
  TensorId linear(const std::string& name, TensorId x, std::int64_t out);
  /// Global average pool, flatten and a linear layer `fc`.
  TensorId classifier(TensorId x, std::int64_t classes, const std::string& fc = "fc");

  TensorId add(const std::string& name, TensorId a, TensorId b) {
    return binary(name, ir::Function::add, a, b);
  }
  TensorId mul(const std::string& name, TensorId a, TensorId b) {
    return binary(name, ir::Function::mul, a, b);
  }
  TensorId div(const std::string& name, TensorId a, TensorId b) {
    return binary(name, ir::Function::div, a, b);
  }
  TensorId concat(const std::string& name, const std::vector<TensorId>& parts, std::int64_t axis = 1);
  /// Equal parts along `axis`.
  std::vector<TensorId> split(const std::string& name, TensorId x, std::int64_t parts, std::int64_t axis = 1);
  TensorId reshape(const std::string& name, TensorId x, ir::Shape shape);
  TensorId transpose(const std::string& name, TensorId x, std::vector<std::int64_t> permutation);
  /// Elements [start, start + size) of one axis.
  TensorId slice(const std::string& name, TensorId x, std::int64_t axis, std::int64_t start,
                 std::int64_t size);
  /// Element `index` of one axis, which disappears.
  TensorId pick(const std::string& name, TensorId x, std::int64_t axis, std::int64_t index);
  TensorId expand(const std::string& name, TensorId x, ir::Shape shape);
  /// To height and width `to`.
  TensorId resize(const std::string& name, TensorId x, Size to, ir::ResizeAttrs::Mode mode);
  /// [N, C b b, H, W] to [N, C, H b, W b] (PyTorch's pixel shuffle).
  TensorId depth_to_space(const std::string& name, TensorId x, std::int64_t block);
  /// Rows of a learned [rows, columns] table, chosen by the integers of `x`.
  TensorId embedding(const std::string& name, TensorId x, std::int64_t rows, std::int64_t columns);
  TensorId identity(const std::string& name, TensorId x);
  TensorId softmax(const std::string& name, TensorId x, std::int64_t axis);
  TensorId layer_norm(const std::string& name, TensorId x, double epsilon = 1e-6);
  TensorId matmul(const std::string& name, TensorId a, TensorId b);
  /// Scales channels by sigmoid(conv(act(conv(mean(x))))): Squeeze-and-Excitation (arXiv 1709.01507).
  TensorId squeeze_excite(const std::string& name, TensorId x, std::int64_t squeeze, Act act, Act gate);

  /// A learned tensor without values.
  TensorId weight(const std::string& name, ir::Shape shape);
  /// A scalar constant.
  TensorId scalar(const std::string& name, double value);

  /// The finished, verified graph with output `x`, or outputs "output" and "output1", "output2", ...
  ir::Graph finish(TensorId x) { return finish(std::vector<TensorId>{x}); }
  ir::Graph finish(const std::vector<TensorId>& outputs);

 private:
  TensorId binary(const std::string& name, ir::Function function, TensorId a, TensorId b);
  TensorId pool(const std::string& name, TensorId x, const Pool& p, ir::PoolKind kind);
  /// Appends an operator whose output shape follows from its inputs.
  TensorId emit(const std::string& name, const char* source, ir::OpKind kind, ir::Attrs attrs,
                std::vector<TensorId> inputs);
  /// Appends an operator with one output of the given shape.
  TensorId emit_as(const std::string& name, const char* source, ir::OpKind kind, ir::Attrs attrs,
                   std::vector<TensorId> inputs, ir::Shape shape);

  ir::Graph graph_;
};

}  // namespace npusim::zoo
