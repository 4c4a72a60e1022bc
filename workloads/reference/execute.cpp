#include "workloads/reference/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "sim/base/error.h"
#include "workloads/reference/compute.h"
#include "workloads/reference/storage.h"

namespace npusim::reference {

namespace {

using ir::TensorId;

bool multiplies(ir::OpKind kind) {
  return kind == ir::OpKind::conv || kind == ir::OpKind::conv_transpose || kind == ir::OpKind::matmul;
}

double peak_of(const std::vector<double>& numbers) {
  double peak = 0;
  for (const double number : numbers) {
    if (std::isfinite(number)) peak = std::max(peak, std::abs(number));
  }
  return peak;
}

/// One execution: operators in order, each through float64 and one rounding.
class Runner {
 public:
  Runner(const ir::Graph& graph, const Options& options) : graph_(graph), options_(options) {
    ensure((options.arithmetic == Arithmetic::int8) == (options.quantization != nullptr),
           "exponents are given for int8, and only for int8");
    result_.values.resize(graph.tensors.size());
    result_.peaks.tensors.resize(graph.tensors.size(), 0);
  }

  Execution run(const Values& given) {
    const Options requested = std::exchange(options_, Options{});
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) take(given, static_cast<TensorId>(i));
    for (const ir::Op& op : graph_.prepared) run_op(op, {});
    options_ = requested;
    store_sources();
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
      static const std::vector<int> kNone;
      const bool quantised = options_.quantization != nullptr;
      result_.peaks.stages.push_back(
          run_op(graph_.ops[i], quantised ? options_.quantization->stages.at(i) : kNone));
    }
    return std::move(result_);
  }

  /// One operator on `values` and, for what they lack, `sources`.
  std::vector<double> run_one(const ir::Op& op, Values& values, const Values& sources) {
    sources_ = &sources;
    values.resize(graph_.tensors.size());
    result_.values.swap(values);
    const auto index = static_cast<std::size_t>(&op - graph_.ops.data());
    auto peaks = run_op(op, int8() ? options_.quantization->stages.at(index) : std::vector<int>{});
    result_.values.swap(values);
    return peaks;
  }

 private:
  /// Whether a tensor's numbers are those that its integers in a quantised network stand for.
  [[nodiscard]] bool snaps(const ir::Tensor& tensor) const {
    return options_.arithmetic == Arithmetic::fp32 && tensor.storage.has_value();
  }
  [[nodiscard]] bool int8() const { return options_.arithmetic == Arithmetic::int8; }
  [[nodiscard]] int exponent(TensorId id) const {
    return options_.quantization->tensors.at(static_cast<std::size_t>(id));
  }

  /// The given value or the constant of an input or weight, if any, in the tensor's own type.
  void take(const Values& given, TensorId id) {
    const ir::Tensor& tensor = graph_.tensor(id);
    if (tensor.role == ir::TensorRole::activation) return;
    auto& slot = result_.values[static_cast<std::size_t>(id)];
    if (const Value* value = find(given, id)) {
      if (value->shape != tensor.shape) {
        throw UserError(fmt::format("graph '{}': tensor '{}' is given as {}, expected {}", graph_.name,
                                    tensor.name, ir::to_string(value->shape), ir::to_string(tensor.shape)));
      }
      slot = converted(*value, tensor.dtype);
    } else if (tensor.constant) {
      slot = make_value(tensor.dtype, tensor.shape, *tensor.constant);
    }
  }

  /// Inputs and weights in the type that the arithmetic stores them in (int8: weights stay real).
  void store_sources() {
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
      auto& value = result_.values[i];
      const ir::Tensor& tensor = graph_.tensors[i];
      if (!value || !is_real(value->dtype)) continue;
      result_.peaks.tensors[i] = peak_of(value->doubles());
      if (options_.arithmetic == Arithmetic::fp16) value = converted(*value, ir::DType::f16);
      const bool weight = tensor.role == ir::TensorRole::weight;
      if (snaps(tensor) && !weight) {
        std::vector<double> numbers = value->doubles();
        snap(*tensor.storage, tensor.shape, numbers);
        value = make_value(tensor.dtype, tensor.shape, numbers);
      }
      if (!int8()) continue;
      value =
          weight ? converted(*value, ir::DType::f32) : quantized(*value, exponent(static_cast<TensorId>(i)));
    }
  }

  const Value& value(const ir::Op& op, TensorId id) const {
    if (const Value* known = find(result_.values, id)) return *known;
    if (const Value* known = sources_ == nullptr ? nullptr : find(*sources_, id)) return *known;
    throw UserError(fmt::format("graph '{}': operator '{}' reads '{}', which has no value; give one",
                                graph_.name, op.name, graph_.tensor(id).name));
  }

  /// Whether an input of an int8 operator stays real: the parameters of a norm.
  static bool stays_real(const ir::Op& op, std::size_t input) {
    return op.kind == ir::OpKind::norm && input > 0;
  }

  /// An operand as doubles: of an int8 execution, the real numbers that its integers stand for.
  Dense operand(const ir::Op& op, TensorId id, bool as_is) const {
    const Value& known = value(op, id);
    if (!int8() || as_is || !is_real(graph_.tensor(id).dtype)) return {known.shape, known.doubles()};
    const int e = exponent(id);
    return {known.shape, dequantized(is_real(known.dtype) ? quantized(known, e) : known, e).doubles()};
  }

  /// The integers of a multiplying operator's operand; its bias' in steps of the accumulator.
  Dense integer_operand(const ir::Op& op, std::size_t input) const {
    const Value& known = value(op, op.inputs[input]);
    if (input == 2) {
      const Value real = is_real(known.dtype) ? known : dequantized(known, exponent(op.inputs[input]));
      const auto bias = quantized_bias(real, exponent(op.inputs[0]) + exponent(op.inputs[1]));
      return {known.shape, {bias.begin(), bias.end()}};
    }
    const Value q = is_real(known.dtype) ? quantized(known, exponent(op.inputs[input])) : known;
    return {known.shape, q.doubles()};
  }

  /// Whether the operator is one of rule 4 in quantize.h.
  [[nodiscard]] bool accumulates(const ir::Op& op) const {
    return int8() && multiplies(op.kind) && is_real(graph_.tensor(op.inputs[0]).dtype);
  }

  std::vector<Dense> outputs(const ir::Op& op) const {
    std::vector<Dense> dense;
    dense.reserve(op.inputs.size());
    Operands operands;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const bool absent = op.inputs[i] == ir::kNoTensor;
      if (!absent) {
        dense.push_back(accumulates(op) ? integer_operand(op, i)
                                        : operand(op, op.inputs[i], stays_real(op, i)));
      }
      operands.push_back(absent ? nullptr : &dense.back());
    }
    try {
      return compute(graph_, op, operands);
    } catch (const UserError& error) {
      throw UserError(fmt::format("graph '{}': operator '{}': {}", graph_.name, op.name, error.what()));
    }
  }

  /// Computes and stores an operator's outputs; returns each stage's peak. `stages`: exponents, for int8.
  std::vector<double> run_op(const ir::Op& op, const std::vector<int>& stages) {
    refuse_unknown_scales(op);
    std::vector<Dense> results = outputs(op);
    std::vector<double> peaks;
    for (std::size_t i = results.size(); i-- > 0;) {
      const ir::Tensor& tensor = graph_.tensor(op.outputs[i]);
      Dense& result = results[i];
      const bool first = i == 0;
      if (accumulates(op)) {
        requantize_sums(op, result, stages.at(0));
      } else {
        round(result, tensor.dtype, int8() ? (first ? stages.at(0) : exponent(op.outputs[i])) : 0);
      }
      if (first) {
        peaks.push_back(peak_of(result.data));
        for (std::size_t k = 0; k < op.fused.size(); ++k) {
          apply(op, op.fused[k], result);
          round(result, tensor.dtype, int8() ? stages.at(k + 1) : 0);
          peaks.push_back(peak_of(result.data));
        }
      }
      store(op.outputs[i], result);
    }
    return peaks;
  }

  void apply(const ir::Op& op, const ir::FusedStep& step, Dense& result) const {
    Operands operands{&result};
    Dense second;
    if (step.operand != ir::kNoTensor) {
      second = operand(op, step.operand, false);
      operands.push_back(&second);
    }
    result = elementwise(step.op, operands, result.shape, graph_.tensor(op.outputs[0]).dtype);
  }

  /// Rounds a stage's exact results to what is stored, as doubles still.
  void round(Dense& result, ir::DType type, int exponent) const {
    if (int8() && is_real(type)) {
      for (double& number : result.data) number = dequantize(quantize(number, exponent), exponent);
      return;
    }
    const bool half = options_.arithmetic == Arithmetic::fp16 && is_real(type);
    result.data = make_value(half ? ir::DType::f16 : type, result.shape, result.data).doubles();
  }

  void requantize_sums(const ir::Op& op, Dense& sums, int to) const {
    constexpr double kLimit = 2147483648.0;  // 2^31
    const int shift = to - exponent(op.inputs[0]) - exponent(op.inputs[1]);
    for (double& sum : sums.data) {
      if (sum < -kLimit || sum >= kLimit) {
        throw UserError(fmt::format("graph '{}': operator '{}': an int8 sum of {} does not fit 32 bits",
                                    graph_.name, op.name, sum));
      }
      sum = dequantize(requantize(static_cast<std::int64_t>(sum), shift), to);
    }
  }

  void store(TensorId id, Dense& result) {
    const ir::Tensor& tensor = graph_.tensor(id);
    const ir::DType type = tensor.dtype;
    if (snaps(tensor)) snap(*tensor.storage, result.shape, result.data);
    Value stored;
    if (int8() && is_real(type)) {
      // Exact: the numbers are multiples of 2^exponent already.
      stored = quantized(make_value(ir::DType::f32, result.shape, result.data), exponent(id));
    } else {
      const bool half = options_.arithmetic == Arithmetic::fp16 && is_real(type);
      stored = make_value(half ? ir::DType::f16 : type, result.shape, result.data);
    }
    result_.values[static_cast<std::size_t>(id)] = std::move(stored);
    result_.peaks.tensors[static_cast<std::size_t>(id)] = peak_of(result.data);
  }

  /// Operators whose 8-bit operands had scales in the file that the IR does not keep.
  void refuse_unknown_scales(const ir::Op& op) const {
    const auto byte = [&](TensorId id) {
      return id != ir::kNoTensor && ir::size_of(graph_.tensor(id).dtype) == 1 &&
             graph_.tensor(id).dtype != ir::DType::boolean;
    };
    // absorb_quantization has taken in a QuantizeLinear.
    const bool absorbed = op.source_op.find("QuantizeLinear") != std::string::npos &&
                          op.kind != ir::OpKind::quantize && op.kind != ir::OpKind::dequantize;
    if (byte(op.inputs[0]) && (multiplies(op.kind) || absorbed)) {
      throw UserError(
          fmt::format("graph '{}': operator '{}' ({}) computes on quantised tensors whose scales the graph "
                      "does not hold; "
                      "execute the graph as imported, with its QuantizeLinear and DequantizeLinear",
                      graph_.name, op.name, op.source_op));
    }
  }

  const ir::Graph& graph_;
  Options options_;
  Execution result_;
  const Values* sources_ = nullptr;  ///< of run_one()
};

}  // namespace

Execution execute(const ir::Graph& graph, const Values& given, const Options& options) {
  return Runner(graph, options).run(given);
}

std::vector<double> execute_operator(const ir::Graph& graph, const ir::Op& op, Values& values,
                                     const Values& sources, const Options& options) {
  return Runner(graph, options).run_one(op, values, sources);
}

std::vector<TensorId> free_weights(const ir::Graph& graph) {
  std::vector<bool> read(graph.tensors.size(), false), prepared(graph.tensors.size(), false);
  const auto mark = [&](TensorId id) {
    if (id != ir::kNoTensor) read[static_cast<std::size_t>(id)] = true;
  };
  const auto mark_op = [&](const ir::Op& op) {
    for (const TensorId id : op.inputs) mark(id);
    for (const ir::FusedStep& step : op.fused) mark(step.operand);
  };
  for (const ir::Op& op : graph.prepared) {
    mark_op(op);
    for (const TensorId id : op.outputs) prepared[static_cast<std::size_t>(id)] = true;
  }
  for (const ir::Op& op : graph.ops) mark_op(op);
  for (const TensorId id : graph.outputs) mark(id);
  std::vector<TensorId> result;
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    const ir::Tensor& tensor = graph.tensors[i];
    const bool weight = tensor.role == ir::TensorRole::weight && !tensor.constant;
    if (weight && read[i] && !prepared[i]) result.push_back(static_cast<TensorId>(i));
  }
  return result;
}

Values carry(const ir::Graph& from, const Values& values, const ir::Graph& to) {
  std::unordered_map<std::string_view, TensorId> by_name;
  std::vector<TensorId> sources = free_weights(from);
  sources.insert(sources.end(), from.inputs.begin(), from.inputs.end());
  for (const TensorId id : sources) {
    ensure(by_name.emplace(from.tensor(id).name, id).second,
           fmt::format("graph '{}': two weights or inputs are called '{}'", from.name, from.tensor(id).name));
  }
  Values result(to.tensors.size());
  std::vector<TensorId> wanted = free_weights(to);
  wanted.insert(wanted.end(), to.inputs.begin(), to.inputs.end());
  for (const TensorId id : wanted) {
    const auto found = by_name.find(to.tensor(id).name);
    ensure(found != by_name.end(),
           fmt::format("graph '{}': '{}' is no weight or input of the graph that it was made of", to.name,
                       to.tensor(id).name));
    if (const Value* value = find(values, found->second)) set(result, id, *value);
  }
  return result;
}

}  // namespace npusim::reference
