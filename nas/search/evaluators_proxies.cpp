#include "nas/search/evaluators_proxies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "workloads/reference/compute.h"
#include "workloads/reference/seeded.h"

namespace npusim::search {
namespace {

using ir::Function;
using ir::OpKind;
using reference::Dense;

constexpr std::int64_t kSide = 32;    ///< of proxies' images, as in NAS-Bench-201's protocol
constexpr std::int64_t kImages = 16;  ///< of NASWOT

[[noreturn]] void refuse(const ir::Op& op, const char* score) {
  throw UserError(fmt::format("{}: {} is not defined for this operator", op.name, score));
}

/// Functions that are on or off, and the identity for large arguments.
bool rectifies(Function function) {
  switch (function) {
    case Function::relu:
    case Function::clip:
    case Function::leaky_relu:
    case Function::prelu:
    case Function::hard_swish:
    case Function::silu:
    case Function::gelu:
    case Function::elu:
      return true;
    default:
      return false;
  }
}
bool gates(Function function) { return function == Function::sigmoid || function == Function::hard_sigmoid; }

/// Operands' values: weights that are given, constants, and what operators have computed.
class Tape {
 public:
  Tape(const ir::Graph& graph, std::uint64_t seed)
      : graph_(graph), given_(reference::seeded_values(graph, seed)), values_(graph.tensors.size()) {
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
      if (graph.tensors[i].constant) values_[i] = Dense{graph.tensors[i].shape, *graph.tensors[i].constant};
    }
  }
  /// A weight's or input's seeded numbers.
  Dense seeded(ir::TensorId id) const {
    const reference::Value* value = reference::find(given_, id);
    ensure(value != nullptr, "a tensor with seeded numbers");
    return {value->shape, value->doubles()};
  }
  [[nodiscard]] bool learned(ir::TensorId id) const {
    const ir::Tensor& tensor = graph_.tensor(id);
    return tensor.role == ir::TensorRole::weight && !tensor.constant;
  }
  Dense& at(ir::TensorId id) { return values_.at(static_cast<std::size_t>(id)); }
  /// Operands of `op`; learned ones must have been set.
  reference::Operands operands(const ir::Op& op) {
    reference::Operands list;
    for (const ir::TensorId id : op.inputs) list.push_back(id == ir::kNoTensor ? nullptr : &at(id));
    return list;
  }
  void compute(const ir::Op& op) { keep(op, reference::compute(graph_, op, operands(op))); }
  void keep(const ir::Op& op, std::vector<Dense> results) {
    for (std::size_t i = 0; i < op.outputs.size(); ++i) at(op.outputs[i]) = std::move(results[i]);
  }
  [[nodiscard]] const ir::Graph& graph() const { return graph_; }

 private:
  const ir::Graph& graph_;
  reference::Values given_;
  std::vector<Dense> values_;
};

/// A batch of two: the first image are numbers, the second their derivatives by a common factor of all
/// weights.
class Flow {
 public:
  Flow(const ir::Graph& graph, std::uint64_t seed) : tape_(graph, seed) {}

  double run() {
    const ir::Graph& graph = tape_.graph();
    for (const ir::TensorId id : graph.inputs) {
      Dense ones{graph.tensor(id).shape, {}};
      const auto half = static_cast<std::size_t>(ir::elements(ones.shape) / 2);
      ones.data.assign(half, 1);
      ones.data.resize(2 * half, 0);
      tape_.at(id) = std::move(ones);
    }
    for (const ir::Op& op : graph.ops) step(op);
    double sum = 0;
    for (const ir::TensorId id : graph.outputs) {
      const std::vector<double>& data = tape_.at(id).data;
      for (std::size_t i = data.size() / 2; i < data.size(); ++i) sum += data[i];
    }
    return sum;
  }

 private:
  void step(const ir::Op& op) {
    ensure(op.fused.empty(), "a network before the passes");
    switch (op.kind) {
      case OpKind::conv:
      case OpKind::conv_transpose:
      case OpKind::matmul:
        return weigh(op);
      case OpKind::elementwise:
        return function(op);
      case OpKind::pool:
        if (std::get<ir::PoolAttrs>(op.attrs).kind == ir::PoolKind::max) return max_pool(op);
        return tape_.compute(op);
      case OpKind::reduce:
        if (std::get<ir::ReduceAttrs>(op.attrs).kind == ir::ReduceKind::max) refuse(op, "synflow");
        return tape_.compute(op);
      case OpKind::norm:
      case OpKind::softmax:
        return pass(op);
      case OpKind::quantize:
      case OpKind::dequantize:
      case OpKind::gather:
      case OpKind::shape_of:
        refuse(op, "synflow");
      default:
        return tape_.compute(op);  // moves numbers
    }
  }

  void pass(const ir::Op& op) { tape_.at(op.outputs.at(0)) = tape_.at(op.inputs.at(0)); }

  /// (a w) x: the derivative by a is w x' + w x.
  void weigh(const ir::Op& op) {
    const ir::TensorId weight = op.inputs.at(1);
    if (!tape_.learned(weight) || tape_.learned(op.inputs.at(0))) refuse(op, "synflow");
    Dense sizes = tape_.seeded(weight);
    for (double& w : sizes.data) w = std::abs(w);
    const reference::Operands operands{&tape_.at(op.inputs[0]), &sizes};
    std::vector<Dense> results = reference::compute(tape_.graph(), op, operands);
    std::vector<double>& y = results.at(0).data;
    const std::size_t half = y.size() / 2;
    for (std::size_t i = 0; i < half; ++i) y[half + i] += y[i];
    tape_.keep(op, std::move(results));
  }

  void function(const ir::Op& op) {
    const Function f = std::get<ir::ElementwiseAttrs>(op.attrs).function;
    if (rectifies(f)) return pass(op);
    if (gates(f)) {
      Dense open = tape_.at(op.inputs.at(0));
      const auto half = static_cast<std::ptrdiff_t>(open.data.size() / 2);
      std::fill(open.data.begin(), open.data.begin() + half, 1.0);
      std::fill(open.data.begin() + half, open.data.end(), 0.0);
      tape_.at(op.outputs.at(0)) = std::move(open);
      return;
    }
    if (op.inputs.size() != 2) refuse(op, "synflow");
    const ir::Graph& graph = tape_.graph();
    const auto fixed = [&](std::size_t i) { return graph.tensor(op.inputs[i]).constant.has_value(); };
    if (tape_.learned(op.inputs[0]) || tape_.learned(op.inputs[1])) refuse(op, "synflow");
    if (f == Function::mul && !fixed(0) && !fixed(1)) return product(op);
    const bool scaled = (f == Function::mul || f == Function::div) && fixed(1) != fixed(0) &&
                        !(f == Function::div && fixed(0));
    const bool summed = f == Function::add && !fixed(0) && !fixed(1);
    if (!scaled && !summed) refuse(op, "synflow");
    tape_.compute(op);
  }

  /// Image `index` of two.
  static Dense half_of(const Dense& x, std::size_t index) {
    Dense half{x.shape, {}};
    half.shape.at(0) = 1;
    const auto size = static_cast<std::ptrdiff_t>(x.data.size() / 2);
    const auto begin = x.data.begin() + static_cast<std::ptrdiff_t>(index) * size;
    half.data.assign(begin, begin + size);
    return half;
  }

  void product(const ir::Op& op) {
    const Dense a0 = half_of(tape_.at(op.inputs[0]), 0), a1 = half_of(tape_.at(op.inputs[0]), 1);
    const Dense b0 = half_of(tape_.at(op.inputs[1]), 0), b1 = half_of(tape_.at(op.inputs[1]), 1);
    ir::Shape out = tape_.graph().tensor(op.outputs.at(0)).shape;
    Dense result{out, {}};
    out.at(0) = 1;
    const auto times = [&](const Dense& a, const Dense& b) {
      return reference::elementwise({Function::mul}, {&a, &b}, out, ir::DType::f32);
    };
    result.data = times(a0, b0).data;
    const Dense left = times(a0, b1), right = times(a1, b0);
    for (std::size_t i = 0; i < left.data.size(); ++i) result.data.push_back(left.data[i] + right.data[i]);
    tape_.at(op.outputs[0]) = std::move(result);
  }

  /// The derivative of the largest number (of the first of equal ones) of each window.
  void max_pool(const ir::Op& op) {
    const ir::Window& w = std::get<ir::PoolAttrs>(op.attrs).window;
    const Dense& x = tape_.at(op.inputs.at(0));
    Dense y{tape_.graph().tensor(op.outputs.at(0)).shape, {}};
    if (x.shape.size() != 4) refuse(op, "synflow");
    y.data.assign(static_cast<std::size_t>(ir::elements(y.shape)), 0);
    const std::int64_t h = x.shape[2], wide = x.shape[3], oh = y.shape[2], ow = y.shape[3];
    const std::size_t half_x = x.data.size() / 2, half_y = y.data.size() / 2;
    for (std::size_t cell = 0; cell < half_y; ++cell) {
      const auto at = static_cast<std::int64_t>(cell);
      const std::int64_t plane = at / (oh * ow), oy = at / ow % oh, ox = at % ow;
      std::int64_t best = -1;
      for (std::int64_t k = 0; k < w.kernel.h * w.kernel.w; ++k) {
        const std::int64_t iy = oy * w.stride.h + k / w.kernel.w * w.dilation.h - w.pad.top;
        const std::int64_t ix = ox * w.stride.w + k % w.kernel.w * w.dilation.w - w.pad.left;
        if (iy < 0 || iy >= h || ix < 0 || ix >= wide) continue;
        const std::int64_t from = (plane * h + iy) * wide + ix;
        if (best < 0 || x.data[static_cast<std::size_t>(from)] > x.data[static_cast<std::size_t>(best)]) {
          best = from;
        }
      }
      if (best < 0) continue;
      y.data[cell] = x.data[static_cast<std::size_t>(best)];
      y.data[half_y + cell] = x.data[half_x + static_cast<std::size_t>(best)];
    }
    tape_.at(op.outputs[0]) = std::move(y);
  }

  Tape tape_;
};

/// Agreement of images' rectifiers.
class Codes {
 public:
  explicit Codes(std::size_t images) : images_(images), kernel_(images * images, 0) {}

  void add(const Dense& x) {
    const std::size_t units = x.data.size() / images_;
    for (std::size_t i = 0; i < images_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        std::size_t same = 0;
        const double* const a = x.data.data() + i * units;
        const double* const b = x.data.data() + j * units;
        for (std::size_t u = 0; u < units; ++u) same += static_cast<std::size_t>((a[u] > 0) == (b[u] > 0));
        kernel_[i * images_ + j] += static_cast<double>(same);
      }
    }
  }

  /// By Gaussian elimination of the symmetric matrix, with partial pivots; -infinity when it is singular.
  [[nodiscard]] double log_determinant() const {
    std::vector<double> m = kernel_;
    const auto at = [&](std::size_t i, std::size_t j) -> double& { return m[i * images_ + j]; };
    for (std::size_t i = 0; i < images_; ++i) {
      for (std::size_t j = i + 1; j < images_; ++j) at(i, j) = at(j, i);
    }
    double sum = 0;
    for (std::size_t k = 0; k < images_; ++k) {
      std::size_t pivot = k;
      for (std::size_t i = k + 1; i < images_; ++i) {
        if (std::abs(at(i, k)) > std::abs(at(pivot, k))) pivot = i;
      }
      for (std::size_t j = 0; j < images_; ++j) std::swap(at(k, j), at(pivot, j));
      sum += std::log(std::abs(at(k, k)));
      if (at(k, k) == 0) return sum;
      for (std::size_t i = k + 1; i < images_; ++i) {
        const double factor = at(i, k) / at(k, k);
        for (std::size_t j = k; j < images_; ++j) at(i, j) -= factor * at(k, j);
      }
    }
    return sum;
  }

 private:
  std::size_t images_;
  std::vector<double> kernel_;  ///< lower triangle, row-major
};

/// Each channel to mean 0 and variance 1 over the batch.
Dense normalised(const Dense& x, double epsilon) {
  Dense y = x;
  const auto images = static_cast<std::size_t>(x.shape.at(0)),
             channels = static_cast<std::size_t>(x.shape.at(1));
  const std::size_t plane = x.data.size() / (images * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    const auto visit = [&](const auto& use) {
      for (std::size_t n = 0; n < images; ++n) {
        double* const begin = y.data.data() + (n * channels + c) * plane;
        for (std::size_t i = 0; i < plane; ++i) use(begin[i]);
      }
    };
    visit([&](double& v) { sum += v; });
    const double count = static_cast<double>(images * plane), mean = sum / count;
    visit([&](double& v) { squares += (v - mean) * (v - mean); });
    const double scale = 1 / std::sqrt(squares / count + epsilon);
    visit([&](double& v) { v = (v - mean) * scale; });
  }
  return y;
}

}  // namespace

const std::vector<std::string>& proxy_names() {
  static const std::vector<std::string> names{"synflow", "naswot", "params", "macs"};
  return names;
}

double synflow(const ir::Graph& graph, std::uint64_t seed) {
  const ir::Graph small = resized(graph, 2, kSide);
  const double flow = std::log(Flow(small, seed).run());
  if (!std::isfinite(flow))
    throw UserError(fmt::format("{}: its synflow is not a finite number", graph.name));
  return flow;
}

double naswot(const ir::Graph& graph, std::uint64_t seed) {
  const ir::Graph small = resized(graph, kImages, kSide);
  Tape tape(small, seed);
  Codes codes(kImages);
  for (const ir::TensorId id : small.inputs) tape.at(id) = tape.seeded(id);
  for (const ir::Op& op : small.ops) {
    ensure(op.fused.empty(), "a network before the passes");
    if (op.kind == OpKind::elementwise && rectifies(std::get<ir::ElementwiseAttrs>(op.attrs).function)) {
      codes.add(tape.at(op.inputs.at(0)));
    }
    if (op.kind == OpKind::norm && std::get<ir::NormAttrs>(op.attrs).kind == ir::NormKind::batch) {
      tape.at(op.outputs.at(0)) =
          normalised(tape.at(op.inputs.at(0)), std::get<ir::NormAttrs>(op.attrs).epsilon);
      continue;
    }
    for (const ir::TensorId id : op.inputs) {
      if (id != ir::kNoTensor && tape.learned(id)) tape.at(id) = tape.seeded(id);
    }
    tape.compute(op);
  }
  const double score = codes.log_determinant();
  if (!std::isfinite(score)) {
    throw UserError(fmt::format("{}: images are all alike to its rectifiers, no NASWOT score", graph.name));
  }
  return score;
}

double proxy_score(const std::string& name, const ir::Graph& graph, std::uint64_t seed) {
  if (name == "synflow") return synflow(graph, seed);
  if (name == "naswot") return naswot(graph, seed);
  if (name == "params") return static_cast<double>(ir::parameters(graph));
  if (name == "macs") return static_cast<double>(ir::macs(graph).count());
  throw UserError(fmt::format("no proxy is called '{}': expected one of {}{}", name,
                              fmt::join(proxy_names(), ", "), suggestion(name, proxy_names())));
}

}  // namespace npusim::search
