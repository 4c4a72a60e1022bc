// The passes do not change what a network computes: random graphs are evaluated before and after.
#include <cmath>

#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/workloads/passes_fixture.h"
#include "workloads/passes/evaluate.h"

namespace npusim::ir {

namespace {

using Values = std::vector<double>;

/// Computes a graph on numbers, operator by operator, weights and inputs being tensors with constants.
class Interpreter {
 public:
  explicit Interpreter(Graph graph) : graph_(std::move(graph)) {}

  std::vector<Values> run() {
    for (const Op& op : graph_.ops) {
      compute(op);
      for (const FusedStep& step : op.fused) apply(op, step);
    }
    std::vector<Values> results;
    for (const TensorId id : graph_.outputs) results.push_back(values(id));
    return results;
  }

 private:
  [[nodiscard]] const Values& values(TensorId id) const {
    REQUIRE(graph_.tensor(id).constant.has_value());
    return *graph_.tensor(id).constant;
  }

  void compute(const Op& op) {
    if (op.kind == OpKind::matmul) return set(op, matmul(op));
    if (op.kind == OpKind::norm) return set(op, layer_norm(op));
    const auto results = passes::evaluate(graph_, op);
    INFO(op.name);
    REQUIRE(results.has_value());
    for (std::size_t i = 0; i < results->size(); ++i) graph_.tensor(op.outputs[i]).constant = (*results)[i];
  }

  void set(const Op& op, Values result) { graph_.tensor(op.outputs[0]).constant = std::move(result); }

  void apply(const Op& op, const FusedStep& step) {
    Values& result = *graph_.tensor(op.outputs[0]).constant;
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::vector<double> operands{result[i]};
      if (step.operand != kNoTensor) operands.push_back(values(step.operand)[i]);
      result[i] = passes::evaluate(step.op, operands, DType::f32);
    }
  }

  /// [..., K] times [K, N] plus an optional bias [N].
  [[nodiscard]] Values matmul(const Op& op) const {
    const Shape w = graph_.shape(op.inputs[1]);
    const auto k = static_cast<std::size_t>(w[0]), n = static_cast<std::size_t>(w[1]);
    const Values &x = values(op.inputs[0]), &weights = values(op.inputs[1]);
    Values result(x.size() / k * n, 0);
    for (std::size_t i = 0; i < result.size(); ++i) {
      for (std::size_t j = 0; j < k; ++j) result[i] += x[i / n * k + j] * weights[j * n + i % n];
      if (op.inputs.size() > 2) result[i] += values(op.inputs[2])[i % n];
    }
    return result;
  }

  [[nodiscard]] Values layer_norm(const Op& op) const {
    const auto& attrs = std::get<NormAttrs>(op.attrs);
    const Shape shape = graph_.shape(op.inputs[0]);
    const auto size = static_cast<std::size_t>(elements(Shape(shape.begin() + attrs.axis, shape.end())));
    const auto weight = [&](std::size_t i, std::size_t at, double otherwise) {
      return op.inputs.size() > i ? values(op.inputs[i])[at % values(op.inputs[i]).size()] : otherwise;
    };
    Values result = values(op.inputs[0]);
    for (std::size_t row = 0; row < result.size(); row += size) {
      double mean = 0, variance = 0;
      for (std::size_t i = row; i < row + size; ++i) mean += result[i] / static_cast<double>(size);
      for (std::size_t i = row; i < row + size; ++i) {
        variance += (result[i] - mean) * (result[i] - mean) / static_cast<double>(size);
      }
      for (std::size_t i = row; i < row + size; ++i) {
        result[i] = (result[i] - mean) / std::sqrt(variance + attrs.epsilon) * weight(1, i - row, 1) +
                    weight(2, i - row, 0);
      }
    }
    return result;
  }

  Graph graph_;
};

/// Grows a graph of views, element-wise operators, products and normalisations over small tensors.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : rng_(seed) {
    for (int i = 0; i < 2; ++i)
      pool_.push_back(with_values(add_input(graph_, {1, rng_.uniform(2, 4), 1, 12})));
  }

  Graph run() {
    for (int i = 0; i < 14; ++i) pool_.push_back(grow());
    graph_.outputs = {pool_.back()};
    for (int i = 0; i < 2; ++i) {
      const TensorId id = pick();
      if (id != graph_.outputs[0] && graph_.tensor(id).role == TensorRole::activation)
        graph_.outputs = {graph_.outputs[0], id};
    }
    return std::move(graph_);
  }

 private:
  TensorId with_values(TensorId id) {
    Values values;
    for (std::int64_t i = 0; i < elements(graph_.shape(id)); ++i) {
      values.push_back(static_cast<double>(rng_.uniform(-300, 300)) / 200);
    }
    graph_.tensor(id).constant = values;
    return id;
  }
  TensorId weight(const Shape& shape) { return with_values(add_weight(graph_, shape)); }
  /// Mostly recent values, so that chains grow.
  TensorId pick() {
    const auto size = static_cast<std::int64_t>(pool_.size());
    const std::int64_t low = rng_.uniform(0, 2) == 0 ? 0 : std::max<std::int64_t>(0, size - 3);
    return pool_[static_cast<std::size_t>(rng_.uniform(low, size - 1))];
  }
  TensorId with(Function function, TensorId x, double value) {
    return apply(graph_, function, {x, add_scalar(graph_, value)});
  }

  TensorId view(TensorId x) {
    const Shape shape = graph_.shape(x);
    if (rng_.uniform(0, 1) == 0) {
      const std::vector<Shape> targets{{elements(shape)}, {1, elements(shape)}, {2, elements(shape) / 2}};
      const Shape& target = targets[static_cast<std::size_t>(rng_.uniform(0, 2))];
      return elements(target) == elements(shape) ? reshape(graph_, x, target) : x;
    }
    std::vector<std::int64_t> permutation;
    for (std::size_t i = 0; i < shape.size(); ++i) permutation.push_back(static_cast<std::int64_t>(i));
    for (std::size_t i = shape.size(); i > 1; --i) {
      std::swap(permutation[i - 1],
                permutation[static_cast<std::size_t>(rng_.uniform(0, static_cast<std::int64_t>(i) - 1))]);
    }
    return transpose(graph_, x, permutation);
  }

  TensorId activation(TensorId x) {
    switch (rng_.uniform(0, 4)) {
      case 0:
        return apply(graph_, Function::relu, {x});
      case 1:
        return apply(graph_, Function::mul, {x, apply(graph_, Function::sigmoid, {x})});
      case 2: {
        const TensorId gate = apply(graph_, Function::clip, {with(Function::add, x, 3)}, 0, 6);
        return with(Function::div, apply(graph_, Function::mul, {x, gate}), 6);
      }
      case 3: {
        const TensorId gate =
            with(Function::add, apply(graph_, Function::erf, {with(Function::mul, x, M_SQRT1_2)}), 1);
        return apply(graph_, Function::mul, {with(Function::mul, x, 0.5), gate});
      }
      default:
        return apply(graph_, Function::tanh, {x});
    }
  }

  TensorId normalise(TensorId x) {
    const auto last = static_cast<std::int64_t>(graph_.shape(x).size()) - 1;
    const auto mean = [&](TensorId id) {
      return append(graph_, OpKind::reduce, ReduceAttrs{ReduceKind::mean, {last}, true}, {id}).at(0);
    };
    const TensorId d = apply(graph_, Function::sub, {x, mean(x)});
    const TensorId root =
        apply(graph_, Function::sqrt, {with(Function::add, mean(with(Function::pow, d, 2)), 1e-2)});
    const TensorId scaled = apply(
        graph_, Function::mul, {apply(graph_, Function::div, {d, root}), weight({graph_.shape(x).back()})});
    return apply(graph_, Function::add, {scaled, weight({graph_.shape(x).back()})});
  }

  TensorId grow() {
    const TensorId x = pick(), y = pick();
    const std::int64_t columns = graph_.shape(x).back();
    switch (rng_.uniform(0, 7)) {
      case 0:
      case 1:
        return view(x);
      case 2:
        return activation(x);
      case 3:
        return graph_.shape(x) == graph_.shape(y) ? apply(graph_, Function::add, {x, y}) : activation(x);
      case 4:
        return append(graph_, OpKind::identity, IdentityAttrs{}, {x}).at(0);
      case 5:
        return normalise(x);
      default: {
        if (graph_.shape(x).size() < 2 || columns > 24) return view(x);
        TensorId z = append(graph_, OpKind::matmul, MatMulAttrs{}, {x, weight({columns, columns})}).at(0);
        z = with(Function::mul, z, 0.25);
        return rng_.uniform(0, 1) == 0 ? apply(graph_, Function::add, {z, weight({columns})}) : z;
      }
    }
  }

  Rng rng_;
  Graph graph_;
  std::vector<TensorId> pool_;
};

/// Sums go into biases with their values, scales into weights without: those are put back for the comparison.
void check_equal(const std::vector<Values>& before, const std::vector<Values>& after) {
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    REQUIRE(before[i].size() == after[i].size());
    for (std::size_t j = 0; j < before[i].size(); ++j) {
      INFO("result " << i << ", element " << j);
      // Recognised functions may differ by 1e-3 each.
      REQUIRE(std::abs(before[i][j] - after[i][j]) <= 0.02 * (1 + std::abs(before[i][j])));
    }
  }
}

}  // namespace

TEST_CASE("400 random graphs compute the same after every pass that keeps weights") {
  std::int64_t folded = 0, fused = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    INFO("seed " << seed);
    Graph graph = Generator(seed).run();
    const std::vector<Values> expected = Interpreter(graph).run();
    for (const passes::Pass& pass : passes::pipeline()) {
      // Folding an affine operator changes weights: tests/reference/fold_test.cpp computes them.
      if (pass.name == "fold_affine") continue;
      INFO("pass " << pass.name);
      const passes::Removed removed = run(graph, pass.run);
      folded += removed.folded;
      fused += removed.fused;
      check_equal(expected, Interpreter(graph).run());
    }
  }
  CHECK(folded > 1000);
  CHECK(fused > 1000);
}

TEST_CASE("a second run of the pipeline finds nothing, and MACs stay") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    Graph graph = Generator(seed).run();
    passes::run(graph);
    const std::int64_t work = macs(graph).count();
    const passes::PassStats again = passes::run(graph);
    CHECK(again.folded == 0);
    CHECK(again.fused == 0);
    CHECK(again.imported == static_cast<std::int64_t>(graph.ops.size()));
    CHECK(macs(graph).count() == work);
  }
}

}  // namespace npusim::ir
