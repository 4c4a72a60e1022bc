#include "workloads/reference/seeded.h"

#include <cmath>

#include "sim/base/hash.h"
#include "sim/base/rng.h"
#include "workloads/reference/execute.h"

namespace npusim::reference {

namespace {

using ir::OpKind;
using ir::TensorId;

/// Bounds of a uniform distribution.
struct Range {
  double low = -0.1;
  double high = 0.1;
};

constexpr Range kPositive{0.5, 1.5};
/// A branch's share of a residual sum, so that a chain of sums grows slowly.
constexpr double kBranch = 0.5;

class Seeder {
 public:
  Seeder(const ir::Graph& graph, std::uint64_t seed)
      : graph_(graph), seed_(seed), reader_(graph.tensors.size()) {
    // The first reader decides what a tensor is.
    for (std::size_t i = graph.ops.size(); i-- > 0;) {
      const ir::Op& op = graph.ops[i];
      for (std::size_t k = op.inputs.size(); k-- > 0;) {
        if (op.inputs[k] != ir::kNoTensor) reader_[static_cast<std::size_t>(op.inputs[k])] = {&op, k};
      }
    }
  }

  Value value(TensorId id) const {
    const ir::Tensor& tensor = graph_.tensor(id);
    Rng rng(seed_ ^ fnv1a(tensor.name));
    std::vector<double> numbers(static_cast<std::size_t>(ir::elements(tensor.shape)));
    if (is_real(tensor.dtype)) {
      const Range range = tensor.role == ir::TensorRole::input ? Range{-1, 1} : weight_range(id);
      for (double& number : numbers) {
        const double unit = static_cast<double>(rng.next() >> 11U) * 0x1p-53;
        number = range.low + unit * (range.high - range.low);
      }
    } else {
      const auto [low, high] = integer_range(id);
      for (double& number : numbers) number = static_cast<double>(rng.uniform(low, high));
    }
    return make_value(tensor.dtype, tensor.shape, numbers);
  }

 private:
  struct Reader {
    const ir::Op* op = nullptr;
    std::size_t input = 0;
  };

  [[nodiscard]] const Reader& reader(TensorId id) const { return reader_[static_cast<std::size_t>(id)]; }

  /// Products that feed one output element.
  [[nodiscard]] double fan_in(const ir::Op& op) const {
    const ir::Shape w = graph_.shape(op.inputs[1]);
    if (op.kind == OpKind::conv) return static_cast<double>(ir::elements(w)) / static_cast<double>(w[0]);
    if (op.kind == OpKind::matmul) {
      return static_cast<double>(ir::macs(graph_, op).count()) /
             static_cast<double>(ir::elements(graph_.shape(op.outputs[0])));
    }
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    const ir::Window& window = attrs.window;
    return static_cast<double>(ir::elements(w) / attrs.groups / w[1]) /
           static_cast<double>(window.stride.h * window.stride.w);
  }

  /// Whether an operator's result is a branch of a residual sum.
  [[nodiscard]] bool is_branch(const ir::Op& op) const {
    const ir::Op* next = reader(op.outputs[0]).op;
    if (next == nullptr || next->kind != OpKind::elementwise) return false;
    if (std::get<ir::ElementwiseAttrs>(next->attrs).function != ir::Function::add) return false;
    for (const TensorId id : next->inputs) {
      if (graph_.tensor(id).role == ir::TensorRole::weight ||
          graph_.shape(id) != graph_.shape(op.outputs[0])) {
        return false;
      }
    }
    return true;
  }

  /// Whether a rectifier halves what an operator passes on, here or behind its normalisation.
  [[nodiscard]] bool is_rectified(const ir::Op& op) const {
    const ir::Op* next = reader(op.outputs[0]).op;
    if (next != nullptr && next->kind == OpKind::norm) next = reader(next->outputs[0]).op;
    return next != nullptr && next->kind == OpKind::elementwise && next->inputs.size() == 1;
  }

  [[nodiscard]] Range weight_range(TensorId id) const {
    const auto& [op, input] = reader(id);
    if (op == nullptr) return {};
    const double share = is_branch(*op) ? kBranch : 1;
    switch (op->kind) {
      case OpKind::conv:
      case OpKind::conv_transpose:
      case OpKind::matmul: {
        if (input == 2) return {};
        const double variance = (is_rectified(*op) ? 2 : 1) / fan_in(*op);
        const double bound = share * std::sqrt(3 * variance);
        return {-bound, bound};
      }
      case OpKind::norm:
        if (input == 1) return {share * kPositive.low, share * kPositive.high};
        return input == 4 ? kPositive : Range{};
      case OpKind::elementwise:
        return elementwise_range(std::get<ir::ElementwiseAttrs>(op->attrs).function);
      case OpKind::gather:
        return {-1, 1};
      case OpKind::quantize:
      case OpKind::dequantize:
        return {0.02, 0.04};
      default:
        return {};
    }
  }

  static Range elementwise_range(ir::Function function) {
    switch (function) {
      case ir::Function::mul:
      case ir::Function::div:
        return kPositive;
      case ir::Function::prelu:
        return {0.1, 0.3};
      default:
        return {};
    }
  }

  [[nodiscard]] std::pair<std::int64_t, std::int64_t> integer_range(TensorId id) const {
    const auto& [op, input] = reader(id);
    if (op != nullptr && op->kind == OpKind::gather && input == 1) {
      const ir::Shape data = graph_.shape(op->inputs[0]);
      return {0, data.at(static_cast<std::size_t>(std::get<ir::GatherAttrs>(op->attrs).axis)) - 1};
    }
    const bool zero_point =
        op != nullptr && input == 2 && (op->kind == OpKind::quantize || op->kind == OpKind::dequantize);
    if (zero_point) return {0, 0};
    switch (graph_.tensor(id).dtype) {
      case ir::DType::i8:
        return {-8, 7};
      case ir::DType::u8:
        return {0, 15};
      case ir::DType::boolean:
        return {0, 1};
      default:
        return {0, 0};
    }
  }

  const ir::Graph& graph_;
  std::uint64_t seed_;
  std::vector<Reader> reader_;
};

}  // namespace

Values seeded_values(const ir::Graph& graph, std::uint64_t seed) {
  const Seeder seeder(graph, seed);
  Values values(graph.tensors.size());
  for (const TensorId id : free_weights(graph)) set(values, id, seeder.value(id));
  for (const TensorId id : graph.inputs) set(values, id, seeder.value(id));
  return values;
}

}  // namespace npusim::reference
