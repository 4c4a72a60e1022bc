// Pools, reductions, normalisations, softmax.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "workloads/reference/kernels.h"

namespace npusim::reference {

namespace {

using ir::Shape;

constexpr double kNothing = -std::numeric_limits<double>::infinity();

Dense like(const Shape& shape, double value) {
  return {shape, std::vector<double>(static_cast<std::size_t>(ir::elements(shape)), value)};
}

/// A pool's window over one plane.
class PlanePool {
 public:
  PlanePool(const ir::PoolAttrs& attrs, std::int64_t h, std::int64_t w) : a_(attrs), h_(h), w_(w) {}

  [[nodiscard]] double value(const double* plane, std::int64_t oy, std::int64_t ox) const {
    const ir::Window& w = a_.window;
    double sum = 0, largest = kNothing;
    std::int64_t count = 0;
    for (std::int64_t ky = 0; ky < w.kernel.h; ++ky) {
      const std::int64_t y = oy * w.stride.h + ky * w.dilation.h - w.pad.top;
      for (std::int64_t kx = 0; kx < w.kernel.w; ++kx) {
        const std::int64_t x = ox * w.stride.w + kx * w.dilation.w - w.pad.left;
        const bool inside = y >= 0 && y < h_ && x >= 0 && x < w_;
        if (inside) {
          sum += plane[y * w_ + x];
          largest = std::max(largest, plane[y * w_ + x]);
        }
        if (inside || counts(y, x)) ++count;
      }
    }
    if (a_.kind == ir::PoolKind::max) return largest;
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }

 private:
  /// Whether an average counts a cell of the padding as a zero.
  [[nodiscard]] bool counts(std::int64_t y, std::int64_t x) const {
    return a_.count_include_pad && y < h_ + a_.window.pad.bottom - a_.rounding.h &&
           x < w_ + a_.window.pad.right - a_.rounding.w;
  }

  const ir::PoolAttrs& a_;
  std::int64_t h_, w_;
};

/// Normalises `count` numbers at `x` to mean 0 and variance 1, apart from epsilon.
void normalise(double* x, std::int64_t count, double epsilon) {
  const auto n = static_cast<double>(count);
  const double mean = std::accumulate(x, x + count, 0.0) / n;
  double squares = 0;
  for (std::int64_t i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double root = std::sqrt(squares / n + epsilon);
  for (std::int64_t i = 0; i < count; ++i) x[i] = (x[i] - mean) / root;
}

/// Combines every element of `x` with that of `weight` which broadcasts to it; a weight of batch and instance
/// norm has one element a channel, axis 1.
template <class Function>
void combine(Dense& x, const Dense& weight, bool per_channel, Function function) {
  Shape shape = weight.shape;
  if (per_channel) shape.resize(x.shape.size() - 1, 1);
  Walk walk(x.shape, {broadcast_strides(shape, x.shape)});
  for (double& value : x.data) {
    value = function(value, weight.data[static_cast<std::size_t>(walk.offset(0))]);
    walk.next();
  }
}

}  // namespace

Dense pool(const ir::PoolAttrs& attrs, const Dense& x, const Shape& out) {
  const bool flat = out.size() == 3;
  const std::int64_t h = flat ? 1 : x.shape[2], w = x.shape.back();
  const std::int64_t rows = flat ? 1 : out[2], columns = out.back();
  const PlanePool plane_pool(attrs, h, w);
  Dense y{out, {}};
  y.data.reserve(static_cast<std::size_t>(ir::elements(out)));
  for (std::int64_t i = 0; i < out[0] * out[1]; ++i) {
    const double* plane = x.data.data() + i * h * w;
    for (std::int64_t cell = 0; cell < rows * columns; ++cell) {
      y.data.push_back(plane_pool.value(plane, cell / columns, cell % columns));
    }
  }
  return y;
}

Dense reduce(const ir::ReduceAttrs& attrs, const Dense& x, const Shape& out) {
  Shape kept = x.shape;
  for (const std::int64_t axis : attrs.axes) kept[static_cast<std::size_t>(axis)] = 1;
  const bool largest = attrs.kind == ir::ReduceKind::max;
  Dense y = like(out, largest ? kNothing : 0);
  Walk walk(x.shape, {broadcast_strides(kept, x.shape)});
  for (const double value : x.data) {
    double& result = y.data[static_cast<std::size_t>(walk.offset(0))];
    result = largest ? std::max(result, value) : result + value;
    walk.next();
  }
  if (attrs.kind == ir::ReduceKind::mean && !y.data.empty()) {
    const auto terms = static_cast<double>(x.data.size()) / static_cast<double>(y.data.size());
    for (double& value : y.data) value /= terms;
  }
  return y;
}

Dense norm(const ir::NormAttrs& attrs, const Operands& in) {
  Dense y = *in[0];
  const auto times = [](double a, double b) { return a * b; };
  const auto plus = [](double a, double b) { return a + b; };
  const bool per_channel = attrs.kind != ir::NormKind::layer;
  if (attrs.kind == ir::NormKind::batch) {
    const auto root = [&](double a, double b) { return a / std::sqrt(b + attrs.epsilon); };
    combine(y, *in[3], true, [](double a, double b) { return a - b; });
    combine(y, *in[4], true, root);
  } else {
    const std::int64_t first = per_channel ? 2 : attrs.axis;
    const std::int64_t count = ir::elements(Shape(y.shape.begin() + first, y.shape.end()));
    const auto total = static_cast<std::int64_t>(y.data.size());
    for (std::int64_t row = 0; count > 0 && row < total; row += count) {
      normalise(y.data.data() + row, count, attrs.epsilon);
    }
  }
  combine(y, *in[1], per_channel, times);
  if (in.size() > 2 && in[2] != nullptr) combine(y, *in[2], per_channel, plus);
  return y;
}

Dense softmax(const ir::SoftmaxAttrs& attrs, const Dense& x) {
  Dense y = x;
  const auto axis = static_cast<std::size_t>(attrs.axis);
  const std::int64_t size = x.shape[axis];
  const std::int64_t stride = row_major(x.shape)[axis];
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(y.data.size()); ++i) {
    if (i / stride % size != 0) continue;  // not the first of its line
    double* line = y.data.data() + i;
    double largest = kNothing, sum = 0;
    for (std::int64_t k = 0; k < size; ++k) largest = std::max(largest, line[k * stride]);
    for (std::int64_t k = 0; k < size; ++k) sum += line[k * stride] = std::exp(line[k * stride] - largest);
    for (std::int64_t k = 0; k < size; ++k) line[k * stride] /= sum;
  }
  return y;
}

}  // namespace npusim::reference
