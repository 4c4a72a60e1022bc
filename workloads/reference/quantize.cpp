#include "workloads/reference/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::reference {

namespace {

constexpr double kLowest = -128;
constexpr double kHighest = 127;

std::int64_t round_and_clamp(double value) {
  if (std::isnan(value)) return 0;
  return static_cast<std::int64_t>(std::clamp(std::nearbyint(value), kLowest, kHighest));
}

/// Whether a stage's result lies among its first operand's numbers, so that it needs no exponent of its own
/// (rule 7).
bool is_view(const ir::Op& op) {
  using ir::OpKind;
  switch (op.kind) {
    case OpKind::reshape:
    case OpKind::transpose:
    case OpKind::slice:
    case OpKind::split:
    case OpKind::pad:
    case OpKind::concat:
    case OpKind::gather:
    case OpKind::expand:
    case OpKind::depth_to_space:
    case OpKind::space_to_depth:
    case OpKind::identity:
      return true;
    case OpKind::pool:
      return std::get<ir::PoolAttrs>(op.attrs).kind == ir::PoolKind::max;
    case OpKind::reduce:
      return std::get<ir::ReduceAttrs>(op.attrs).kind == ir::ReduceKind::max;
    case OpKind::resize:
      return std::get<ir::ResizeAttrs>(op.attrs).mode == ir::ResizeAttrs::Mode::nearest;
    default:
      return false;
  }
}

/// Whether a step keeps every number inside some interval as it is and moves the others to its ends.
bool is_limit(const ir::ElementwiseAttrs& attrs) {
  return attrs.function == ir::Function::relu || attrs.function == ir::Function::clip;
}

/// Tensors that share an exponent.
class Groups {
 public:
  explicit Groups(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(ir::TensorId a, ir::TensorId b) {
    parent_[root(static_cast<std::size_t>(a))] = root(static_cast<std::size_t>(b));
  }

 private:
  std::vector<std::size_t> parent_;
};

void join_views(const ir::Graph& graph, Groups& groups) {
  for (const ir::Op& op : graph.ops) {
    if (!is_view(op) || !op.fused.empty() || !is_real(graph.tensor(op.inputs[0]).dtype)) continue;
    for (const ir::TensorId out : op.outputs) groups.join(op.inputs[0], out);
    if (op.kind != ir::OpKind::concat) continue;
    for (const ir::TensorId in : op.inputs) groups.join(in, op.outputs[0]);
  }
}

}  // namespace

int exponent_for(double peak) {
  ensure(std::isfinite(peak) && peak >= 0, fmt::format("a largest magnitude of {}", peak));
  if (peak == 0) return 0;
  int exponent = 0;
  std::frexp(peak / kHighest, &exponent);  // peak / 127 in [2^(exponent-1), 2^exponent)
  return peak <= std::ldexp(kHighest, exponent - 1) ? exponent - 1 : exponent;
}

Quantization calibrate(const ir::Graph& graph, const Peaks& peaks) {
  ensure(peaks.tensors.size() == graph.tensors.size() && peaks.stages.size() == graph.ops.size(),
         "peaks of the same graph");
  Groups groups(graph.tensors.size());
  join_views(graph, groups);
  std::vector<double> shared(graph.tensors.size(), 0);
  for (std::size_t i = 0; i < shared.size(); ++i) {
    double& peak = shared[groups.root(i)];
    peak = std::max(peak, peaks.tensors[i]);
  }
  Quantization result;
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    result.tensors.push_back(is_real(graph.tensors[i].dtype) ? exponent_for(shared[groups.root(i)]) : 0);
  }
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const ir::Op& op = graph.ops[i];
    std::vector<int> stages(op.fused.size() + 1, result.tensors[static_cast<std::size_t>(op.outputs[0])]);
    for (std::size_t k = op.fused.size(); k-- > 0;) {
      stages[k] = is_limit(op.fused[k].op) ? stages[k + 1] : exponent_for(peaks.stages[i][k]);
    }
    result.stages.push_back(std::move(stages));
  }
  return result;
}

std::int64_t quantize(double value, int exponent) { return round_and_clamp(std::ldexp(value, -exponent)); }

std::int64_t requantize(std::int64_t sum, int shift) {
  return round_and_clamp(std::ldexp(static_cast<double>(sum), -shift));
}

double dequantize(std::int64_t q, int exponent) { return std::ldexp(static_cast<double>(q), exponent); }

Value quantized(const Value& value, int exponent) {
  ensure(is_real(value.dtype), "a tensor of real type");
  Value result{ir::DType::i8, value.shape, {}, std::vector<std::int64_t>(value.reals.size())};
  std::transform(value.reals.begin(), value.reals.end(), result.integers.begin(),
                 [exponent](float number) { return quantize(static_cast<double>(number), exponent); });
  return result;
}

std::vector<std::int64_t> quantized_bias(const Value& bias, int accumulator_exponent) {
  constexpr double kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  std::vector<std::int64_t> result(bias.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double steps = std::nearbyint(std::ldexp(bias.at(i), -accumulator_exponent));
    result[i] = std::isnan(steps) ? 0 : static_cast<std::int64_t>(std::clamp(steps, kLeast, kMost));
  }
  return result;
}

Value dequantized(const Value& value, int exponent) {
  Value result{ir::DType::f32, value.shape, std::vector<float>(value.integers.size()), {}};
  std::transform(value.integers.begin(), value.integers.end(), result.reals.begin(),
                 [exponent](std::int64_t q) { return static_cast<float>(dequantize(q, exponent)); });
  return result;
}

}  // namespace npusim::reference
