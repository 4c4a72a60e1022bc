// Every way in which passes change weights, on random layers: the graph before and after computes the same.
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/seeded.h"

namespace npusim::reference {

namespace {

using ir::Function;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

/// Grows a graph of layers with weights and of what passes fold into them.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : rng_(seed) { graph_.name = "random"; }

  ir::Graph images() {
    TensorId x = input({rng_.uniform(1, 2), 6, 7, 5});
    for (int i = 0; i < 4; ++i) x = affine(affine(rng_.uniform(0, 1) == 0 ? conv(x) : transposed(x)));
    graph_.outputs = {x};
    return std::move(graph_);
  }

  ir::Graph matrices() {
    TensorId x = input(rng_.uniform(0, 1) == 0 ? Shape{3, 8} : Shape{2, 3, 8});
    for (int i = 0; i < 4; ++i) x = affine(affine(matmul(x)));
    graph_.outputs = {x};
    return std::move(graph_);
  }

  /// A product with a vector, whose result has rows but no columns, times a factor a row.
  ir::Graph vector() {
    const TensorId y = add(OpKind::matmul, ir::MatMulAttrs{}, {input({3, 3}), weight({3})});
    graph_.outputs = {add(OpKind::elementwise, ir::ElementwiseAttrs{Function::mul, 0, 0}, {y, weight({3})})};
    return std::move(graph_);
  }

 private:
  TensorId input(const Shape& shape) {
    const TensorId id = graph_.add_tensor({"x", ir::DType::f32, shape, ir::TensorRole::input, {}});
    graph_.inputs = {id};
    return id;
  }
  std::string name(const char* what) const { return what + std::to_string(graph_.tensors.size()); }
  TensorId weight(const Shape& shape) {
    return graph_.add_tensor({name("w"), ir::DType::f32, shape, ir::TensorRole::weight, {}});
  }
  TensorId add(OpKind kind, ir::Attrs attrs, std::vector<TensorId> inputs) {
    ir::Op op{name("op"), kind, std::move(attrs), std::move(inputs), {}, {}, "Op"};
    op.outputs = {graph_.add_tensor({name("t"), ir::DType::f32, {}, ir::TensorRole::activation, {}})};
    graph_.tensor(op.outputs[0]).shape = ir::infer_shapes(graph_, op).at(0);
    graph_.ops.push_back(op);
    return op.outputs[0];
  }
  bool coin() { return rng_.uniform(0, 1) == 0; }

  TensorId conv(TensorId x) {
    const std::int64_t groups = rng_.uniform(1, 3);
    const ir::Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    std::vector<TensorId> inputs{x, weight({6, 6 / groups, 3, 3})};
    if (coin()) inputs.push_back(weight({6}));
    return add(OpKind::conv, ir::ConvAttrs{window, groups, {0, 0}}, inputs);
  }
  TensorId transposed(TensorId x) {
    const std::int64_t groups = rng_.uniform(1, 3);
    const ir::Window window{{2, 3}, {1, 1}, {1, 1}, {0, 1, 1, 1}};
    std::vector<TensorId> inputs{x, weight({6, 6 / groups, 2, 3})};
    if (coin()) inputs.push_back(weight({6}));
    return add(OpKind::conv_transpose, ir::ConvAttrs{window, groups, {0, 0}}, inputs);
  }
  TensorId matmul(TensorId x) {
    const bool transpose = coin();
    std::vector<TensorId> inputs{x, weight({8, 8})};
    if (coin()) inputs.push_back(weight(coin() ? Shape{8} : Shape{1, 8}));
    return add(OpKind::matmul, ir::MatMulAttrs{false, transpose}, inputs);
  }

  /// A weight with one element a channel, as it broadcasts to `x`, or one for all.
  TensorId per_channel(TensorId x) {
    const Shape& shape = graph_.tensor(x).shape;
    if (rng_.uniform(0, 3) == 0) return weight(coin() ? Shape{} : Shape{1});
    if (shape.size() < 4) return weight(coin() ? Shape{8} : Shape{1, 8});
    return weight(coin() ? Shape{6, 1, 1} : Shape{1, 6, 1, 1});
  }

  TensorId affine(TensorId x) {
    const std::size_t rank = graph_.shape(x).size();
    const std::int64_t choice = rng_.uniform(0, 5);
    if (choice == 0 && rank != 3) {
      const std::int64_t c = graph_.shape(x)[1];
      return add(OpKind::norm, ir::NormAttrs{ir::NormKind::batch, 1, 1e-3},
                 {x, weight({c}), weight({c}), weight({c}), weight({c})});
    }
    if (choice == 1) return add(OpKind::elementwise, ir::ElementwiseAttrs{Function::relu, 0, 0}, {x});
    constexpr Function kFunctions[] = {Function::add, Function::sub, Function::mul, Function::div};
    const Function function = kFunctions[rng_.uniform(0, 3)];
    const bool swap = coin() && function != Function::div;
    std::vector<TensorId> operands{x, per_channel(x)};
    if (swap) std::swap(operands[0], operands[1]);
    return add(OpKind::elementwise, ir::ElementwiseAttrs{function, 0, 0}, operands);
  }

  Rng rng_;
  ir::Graph graph_;
};

/// Runs the passes one by one; the result stays after each.
std::int64_t check(const ir::Graph& graph, std::uint64_t seed) {
  const Values given = seeded_values(graph, seed);
  const Value expected = *find(execute(graph, given).values, graph.outputs[0]);
  ir::Graph passed = graph;
  for (const passes::Pass& pass : passes::pipeline()) {
    INFO("pass " << pass.name);
    pass.run(passed);
    ir::verify(passed);
    const Execution after = execute(passed, carry(graph, given, passed));
    const Difference difference = compare(expected, *find(after.values, passed.outputs[0]));
    INFO("difference " << difference.max_abs << ", peak " << difference.peak);
    REQUIRE(difference.max_abs <= 1e-5 * (1 + difference.peak));
  }
  return static_cast<std::int64_t>(passed.prepared.size());
}

}  // namespace

TEST_CASE(
    "200 random chains of convolutions, batch norms, sums and products keep their result after every pass") {
  std::int64_t prepared = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    prepared += check(Generator(seed).images(), seed);
  }
  CHECK(prepared > 1000);
}

TEST_CASE("200 random chains of matrix products with sums and products keep their result after every pass") {
  std::int64_t prepared = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    prepared += check(Generator(seed).matrices(), seed);
  }
  CHECK(prepared > 500);
}

TEST_CASE("a factor a row behind a product with a vector is not taken for a factor a column") {
  check(Generator(1).vector(), 1);
}

TEST_CASE("a graph of quantised operators, whose scales absorb_quantization drops, is refused by name") {
  ir::Graph graph;
  const TensorId x = graph.add_tensor({"x", ir::DType::u8, {1, 2}, ir::TensorRole::input, {}});
  const TensorId w = graph.add_tensor({"w", ir::DType::i8, {2, 2}, ir::TensorRole::weight, {}});
  const TensorId y = graph.add_tensor({"y", ir::DType::u8, {1, 2}, ir::TensorRole::activation, {}});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.ops.push_back({"fc", OpKind::matmul, ir::MatMulAttrs{}, {x, w}, {y}, {}, "MatMul+QuantizeLinear"});
  std::string error;
  try {
    execute(graph, seeded_values(graph, 1));
  } catch (const UserError& refused) {
    error = refused.what();
  }
  CHECK(error.find("'fc' (MatMul+QuantizeLinear)") != std::string::npos);
  CHECK(error.find("scales") != std::string::npos);
}

}  // namespace npusim::reference
