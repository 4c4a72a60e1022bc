// Operators against their definitions, written a second time as plain loops over every index.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "workloads/reference/execute.h"

namespace npusim::reference {

namespace {

using ir::OpKind;
using ir::Shape;
using Numbers = std::vector<double>;

Numbers random(Rng& rng, const Shape& shape) {
  Numbers numbers;
  for (std::int64_t i = 0; i < ir::elements(shape); ++i) {
    numbers.push_back(static_cast<double>(rng.uniform(-1000, 1000)) / 256);
  }
  return numbers;
}

/// A graph of one operator on random inputs, and its result.
class OneOp {
 public:
  explicit OneOp(std::uint64_t seed) : rng_(seed) { op_.name = "op"; }

  Numbers input(const Shape& shape) {
    const ir::TensorId id = graph_.add_tensor({"i", ir::DType::f32, shape, ir::TensorRole::input, {}});
    graph_.inputs.push_back(id);
    op_.inputs.push_back(id);
    Numbers numbers = random(rng_, shape);
    set(given_, id, make_value(ir::DType::f32, shape, numbers));
    return numbers;
  }
  Value run(OpKind kind, ir::Attrs attrs, const Shape& out = {}) {
    op_.kind = kind;
    op_.attrs = std::move(attrs);
    op_.outputs = {graph_.add_tensor({"o", ir::DType::f32, out, ir::TensorRole::activation, {}})};
    graph_.tensor(op_.outputs[0]).shape = ir::infer_shapes(graph_, op_).at(0);
    graph_.ops = {op_};
    graph_.outputs = op_.outputs;
    ir::verify(graph_);
    return *find(execute(graph_, given_).values, op_.outputs[0]);
  }

 private:
  Rng rng_;
  ir::Graph graph_;
  ir::Op op_;
  Values given_;
};

void require_equal(const Numbers& expected, const Value& actual) {
  REQUIRE(expected.size() == actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("element " << coordinates_text(static_cast<std::int64_t>(i), actual.shape));
    REQUIRE(actual.at(i) == Approx(expected[i]).epsilon(1e-6).margin(1e-6));
  }
}

/// The error of an execution that must fail; "" when it does not.
std::string error_of(const ir::Graph& graph, const Values& given) {
  try {
    execute(graph, given);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// An image's geometry under a window, at random.
struct Case {
  std::int64_t n, groups, in, out, h, w;  ///< in, out: channels of a group
  ir::Window window;
};

Case random_case(Rng& rng) {
  Case c{};
  c.n = rng.uniform(1, 2);
  c.groups = rng.uniform(1, 3);
  c.in = rng.uniform(1, 3);
  c.out = rng.uniform(1, 3);
  ir::Window& w = c.window;
  w.kernel = {rng.uniform(1, 4), rng.uniform(1, 4)};
  w.stride = {rng.uniform(1, 3), rng.uniform(1, 3)};
  w.dilation = {rng.uniform(1, 3), rng.uniform(1, 3)};
  w.pad = {rng.uniform(0, 3), rng.uniform(0, 3), rng.uniform(0, 3), rng.uniform(0, 3)};
  c.h = rng.uniform(1, 5) + (w.kernel.h - 1) * w.dilation.h;
  c.w = rng.uniform(1, 5) + (w.kernel.w - 1) * w.dilation.w;
  return c;
}

double at(const Numbers& x, std::initializer_list<std::int64_t> sizes,
          std::initializer_list<std::int64_t> index) {
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) offset = offset * sizes.begin()[i] + index.begin()[i];
  return x[static_cast<std::size_t>(offset)];
}

/// The sum of the definition: Y[n,m,y,x] = B[m] + sum over c, ky, kx of X[n,c,y*s+ky*d-p,...] * W[m,c,ky,kx].
double conv_at(const Case& c, const Numbers& x, const Numbers& w, std::int64_t n, std::int64_t m,
               std::int64_t oy, std::int64_t ox) {
  const ir::Window& k = c.window;
  double sum = 0;
  for (std::int64_t i = 0; i < c.in; ++i) {
    for (std::int64_t ky = 0; ky < k.kernel.h; ++ky) {
      for (std::int64_t kx = 0; kx < k.kernel.w; ++kx) {
        const std::int64_t y = oy * k.stride.h + ky * k.dilation.h - k.pad.top;
        const std::int64_t z = ox * k.stride.w + kx * k.dilation.w - k.pad.left;
        if (y < 0 || y >= c.h || z < 0 || z >= c.w) continue;
        sum += at(x, {c.n, c.groups * c.in, c.h, c.w}, {n, m / c.out * c.in + i, y, z}) *
               at(w, {c.groups * c.out, c.in, k.kernel.h, k.kernel.w}, {m, i, ky, kx});
      }
    }
  }
  return sum;
}

}  // namespace

TEST_CASE(
    "400 random convolutions with groups, dilation, strides and uneven padding equal the sum that defines "
    "them") {
  Rng rng(11);
  for (int trial = 0; trial < 400; ++trial) {
    INFO("trial " << trial);
    const Case c = random_case(rng);
    OneOp op(rng.next());
    const Numbers x = op.input({c.n, c.groups * c.in, c.h, c.w});
    const Numbers w = op.input({c.groups * c.out, c.in, c.window.kernel.h, c.window.kernel.w});
    const Numbers b = op.input({c.groups * c.out});
    const Value y = op.run(OpKind::conv, ir::ConvAttrs{c.window, c.groups, {0, 0}});
    Numbers expected;
    for (std::int64_t n = 0; n < c.n; ++n) {
      for (std::int64_t m = 0; m < c.groups * c.out; ++m) {
        for (std::int64_t cell = 0; cell < y.shape[2] * y.shape[3]; ++cell) {
          expected.push_back(b[static_cast<std::size_t>(m)] +
                             conv_at(c, x, w, n, m, cell / y.shape[3], cell % y.shape[3]));
        }
      }
    }
    require_equal(expected, y);
  }
}

TEST_CASE(
    "a transposed convolution is the adjoint of the convolution: <conv(x), y> = <x, transposed(y)> in 200 "
    "cases") {
  Rng rng(12);
  for (int trial = 0; trial < 200; ++trial) {
    INFO("trial " << trial);
    const Case c = random_case(rng);
    const ir::Window& k = c.window;
    const std::uint64_t seed = rng.next();
    OneOp forward(seed);
    const Numbers x = forward.input({c.n, c.groups * c.in, c.h, c.w});
    const Numbers w = forward.input({c.groups * c.out, c.in, k.kernel.h, k.kernel.w});
    const Value conv = forward.run(OpKind::conv, ir::ConvAttrs{k, c.groups, {0, 0}});
    // What striding leaves over at the far end is output padding.
    const auto rest = [](std::int64_t size, std::int64_t pads, std::int64_t reach, std::int64_t stride) {
      return (size + pads - reach) % stride;
    };
    const ir::Hw extra{rest(c.h, k.pad.top + k.pad.bottom, (k.kernel.h - 1) * k.dilation.h + 1, k.stride.h),
                       rest(c.w, k.pad.left + k.pad.right, (k.kernel.w - 1) * k.dilation.w + 1, k.stride.w)};
    ir::Graph graph;
    Values given;
    const auto input = [&](const Shape& shape, const Numbers& numbers) {
      const ir::TensorId id = graph.add_tensor({"i", ir::DType::f32, shape, ir::TensorRole::input, {}});
      graph.inputs.push_back(id);
      set(given, id, make_value(ir::DType::f32, shape, numbers));
      return id;
    };
    const Numbers y = random(rng, conv.shape);
    ir::Op op{"t", OpKind::conv_transpose, ir::ConvAttrs{k, c.groups, extra}, {}, {}, {}, ""};
    op.inputs = {input(conv.shape, y), input({c.groups * c.out, c.in, k.kernel.h, k.kernel.w}, w)};
    op.outputs = {graph.add_tensor({"o", ir::DType::f32, {}, ir::TensorRole::activation, {}})};
    graph.tensor(op.outputs[0]).shape = ir::infer_shapes(graph, op).at(0);
    graph.ops = {op};
    REQUIRE(graph.shape(op.outputs[0]) == Shape{c.n, c.groups * c.in, c.h, c.w});
    const Value back = *find(execute(graph, given).values, op.outputs[0]);
    double left = 0, right = 0, scale = 1;
    for (std::size_t i = 0; i < y.size(); ++i)
      left += conv.at(i) * y[i], scale += std::abs(conv.at(i) * y[i]);
    for (std::size_t i = 0; i < x.size(); ++i) right += x[i] * back.at(i);
    REQUIRE(std::abs(left - right) <= 1e-5 * scale);
  }
}

TEST_CASE("200 random pools equal a loop over their windows; padding is never a maximum") {
  Rng rng(13);
  for (int trial = 0; trial < 200; ++trial) {
    INFO("trial " << trial);
    const Case c = random_case(rng);
    const ir::Window& k = c.window;
    for (const bool max : {true, false}) {
      for (const bool include : {true, false}) {
        OneOp op(rng.next());
        const Numbers x = op.input({c.n, c.in, c.h, c.w});
        const Value y = op.run(
            OpKind::pool, ir::PoolAttrs{max ? ir::PoolKind::max : ir::PoolKind::average, k, include, {0, 0}});
        Numbers expected;
        for (std::int64_t i = 0; i < ir::elements(y.shape); ++i) {
          const std::int64_t oy = i / y.shape[3] % y.shape[2], ox = i % y.shape[3];
          Numbers taken;
          for (std::int64_t tap = 0; tap < k.kernel.h * k.kernel.w; ++tap) {
            const std::int64_t row = oy * k.stride.h + tap / k.kernel.w * k.dilation.h - k.pad.top;
            const std::int64_t column = ox * k.stride.w + tap % k.kernel.w * k.dilation.w - k.pad.left;
            const bool inside = row >= 0 && row < c.h && column >= 0 && column < c.w;
            const std::int64_t plane = i / (y.shape[2] * y.shape[3]);
            if (inside) taken.push_back(at(x, {c.n * c.in, c.h, c.w}, {plane, row, column}));
            if (!inside && include && !max) taken.push_back(0);
          }
          double sum = 0, most = -std::numeric_limits<double>::infinity();
          for (const double value : taken) sum += value, most = std::max(most, value);
          expected.push_back(max ? most : taken.empty() ? 0 : sum / static_cast<double>(taken.size()));
        }
        require_equal(expected, y);
      }
    }
  }
}

TEST_CASE("an average counts padding when it is told to, but never the cells that ceil_mode adds") {
  OneOp op(1);
  const Numbers x = op.input({1, 1, 1, 4});
  // Padding 1 on both sides; the last window of 3 reaches one cell further.
  const ir::Window window{{1, 3}, {1, 2}, {1, 1}, {0, 1, 0, 2}};
  const Value y = op.run(OpKind::pool, ir::PoolAttrs{ir::PoolKind::average, window, true, {0, 1}});
  require_equal({(x[0] + x[1]) / 3, (x[1] + x[2] + x[3]) / 3, x[3] / 2}, y);
}

TEST_CASE(
    "100 random matrix products with transposes, broadcasting and a bias equal the sum that defines them") {
  Rng rng(14);
  for (int trial = 0; trial < 100; ++trial) {
    INFO("trial " << trial);
    const std::int64_t b = rng.uniform(1, 3), m = rng.uniform(1, 5), k = rng.uniform(1, 6),
                       n = rng.uniform(1, 5);
    const bool ta = rng.uniform(0, 1) == 1, tb = rng.uniform(0, 1) == 1, repeat = rng.uniform(0, 1) == 1;
    OneOp op(rng.next());
    const Numbers left = op.input(ta ? Shape{b, k, m} : Shape{b, m, k});
    const std::int64_t batches = repeat ? 1 : b;
    const Numbers right = op.input(tb ? Shape{batches, n, k} : Shape{batches, k, n});
    const Numbers bias = op.input({m, 1});
    const Value y = op.run(OpKind::matmul, ir::MatMulAttrs{ta, tb});
    Numbers expected;
    for (std::int64_t i = 0; i < b * m * n; ++i) {
      const std::int64_t batch = i / (m * n), row = i / n % m, column = i % n;
      double sum = bias[static_cast<std::size_t>(row)];
      for (std::int64_t j = 0; j < k; ++j) {
        const double l = ta ? at(left, {b, k, m}, {batch, j, row}) : at(left, {b, m, k}, {batch, row, j});
        const std::int64_t other = repeat ? 0 : batch;
        sum += l * (tb ? at(right, {b, n, k}, {other, column, j}) : at(right, {b, k, n}, {other, j, column}));
      }
      expected.push_back(sum);
    }
    require_equal(expected, y);
  }
}

TEST_CASE("normalisations have mean 0 and variance 1 before scale and bias, where they compute them") {
  Rng rng(15);
  for (const ir::NormKind kind : {ir::NormKind::layer, ir::NormKind::instance}) {
    OneOp op(rng.next());
    const bool layer = kind == ir::NormKind::layer;
    op.input({2, 3, 4, 5});
    const Shape parameters = layer ? Shape{4, 5} : Shape{3};
    const Numbers scale = op.input(parameters), bias = op.input(parameters);
    const Value y = op.run(OpKind::norm, ir::NormAttrs{kind, layer ? 2 : 1, 0});
    for (std::size_t row = 0; row < 6; ++row) {  // both normalise planes of 4x5 here
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < 20; ++i) {
        const std::size_t which = layer ? i : row % 3;
        const double z = (y.at(row * 20 + i) - bias[which]) / scale[which];
        sum += z, squares += z * z;
      }
      CHECK(sum / 20 == Approx(0).margin(1e-4));
      CHECK(squares / 20 == Approx(1).epsilon(1e-4));
    }
  }
}

TEST_CASE("softmax sums to 1 along its axis, and to e between neighbours that differ by 1") {
  OneOp op(16);
  const Numbers x = op.input({2, 3, 4});
  const Value y = op.run(OpKind::softmax, ir::SoftmaxAttrs{1});
  for (std::size_t i : {0U, 3U, 12U, 15U}) {
    CHECK(y.at(i) + y.at(i + 4) + y.at(i + 8) == Approx(1));
    CHECK(y.at(i) / y.at(i + 4) == Approx(std::exp(x[i] - x[i + 4])));
  }
}

TEST_CASE("space to depth puts a block of pixels into channels, rows first") {
  OneOp there(17);
  const Numbers x = there.input({2, 3, 4, 6});
  const Value deep = there.run(OpKind::space_to_depth, ir::BlockAttrs{2, false});
  // Channel (by * 2 + bx) * 3 + c of a cell is channel c at offset (by, bx) of its block.
  for (std::int64_t by = 0; by < 2; ++by) {
    for (std::int64_t bx = 0; bx < 2; ++bx) {
      CHECK(deep.at(static_cast<std::size_t>((((by * 2 + bx) * 3 + 1) * 2 + 1) * 3 + 2)) ==
            at(x, {2, 3, 4, 6}, {0, 1, 2 + by, 4 + bx}));
    }
  }
}

TEST_CASE(
    "an index outside its axis, a missing weight and a wrong shape are errors that name operator and "
    "tensor") {
  ir::Graph graph;
  graph.name = "net";
  const ir::TensorId x = graph.add_tensor({"x", ir::DType::f32, {3}, ir::TensorRole::input, {}});
  const ir::TensorId i =
      graph.add_tensor({"i", ir::DType::i64, {1}, ir::TensorRole::weight, std::vector{5.0}});
  const ir::TensorId y = graph.add_tensor({"y", ir::DType::f32, {1}, ir::TensorRole::activation, {}});
  graph.inputs = {x};
  graph.outputs = {y};
  graph.ops.push_back({"pick", OpKind::gather, ir::GatherAttrs{0}, {x, i}, {y}, {}, "Gather"});
  Values given;
  CHECK(error_of(graph, given).find("'pick' reads 'x'") != std::string::npos);
  set(given, x, make_value(ir::DType::f32, {4}, {1, 2, 3, 4}));
  CHECK(error_of(graph, given).find("tensor 'x' is given as 4, expected 3") != std::string::npos);
  set(given, x, make_value(ir::DType::f32, {3}, {1, 2, 3}));
  CHECK(error_of(graph, given).find("'pick': index 5 is outside axis 0 of 3") != std::string::npos);
  graph.tensor(i).constant = std::vector{-1.0};
  CHECK(find(execute(graph, given).values, y)->at(0) == 3);
}

}  // namespace npusim::reference
