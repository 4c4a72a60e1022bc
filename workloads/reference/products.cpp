// Convolutions and matrix products.
#include <Eigen/Core>
#include <algorithm>

#include "workloads/reference/kernels.h"

namespace npusim::reference {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<Matrix>;
using ConstMap = Eigen::Map<const Matrix>;
using ir::Shape;

constexpr std::int64_t kMostColumns = std::int64_t{1} << 22;  ///< elements of an im2col block: 32 MiB

/// [N,C,H,W] of a tensor [N,C,H,W] or [N,C,L].
struct Image {
  explicit Image(const Shape& shape)
      : batch(shape.at(0)), channels(shape.at(1)), h(shape.size() > 3 ? shape[2] : 1), w(shape.back()) {}
  std::int64_t batch, channels, h, w;
  [[nodiscard]] std::int64_t plane() const { return h * w; }
};

/// The input row (or column) under tap `tap` of window `index`.
std::int64_t under(std::int64_t index, std::int64_t tap, std::int64_t stride, std::int64_t dilation,
                   std::int64_t before) {
  return index * stride + tap * dilation - before;
}

/// Columns [first, first + cols.cols()) of the matrix [channels*kh*kw, Ho*Wo] whose product with the weights
/// is the convolution; `x` is the group's first channel.
void image_to_columns(const double* x, const Image& in, const Image& out, const ir::Window& w,
                      std::int64_t first, Matrix& cols) {
  const std::int64_t taps = w.kernel.h * w.kernel.w;
  for (std::int64_t row = 0; row < cols.rows(); ++row) {
    const double* plane = x + row / taps * in.plane();
    const std::int64_t ky = row % taps / w.kernel.w, kx = row % w.kernel.w;
    for (std::int64_t col = 0; col < cols.cols(); ++col) {
      const std::int64_t oy = (first + col) / out.w, ox = (first + col) % out.w;
      const std::int64_t y = under(oy, ky, w.stride.h, w.dilation.h, w.pad.top);
      const std::int64_t z = under(ox, kx, w.stride.w, w.dilation.w, w.pad.left);
      const bool inside = y >= 0 && y < in.h && z >= 0 && z < in.w;
      cols(row, col) = inside ? plane[y * in.w + z] : 0;
    }
  }
}

/// The transpose of image_to_columns: adds each column's elements to the cells they came from.
void columns_to_image(const Matrix& cols, const Image& windows, const Image& image, const ir::Window& w,
                      double* x) {
  const std::int64_t taps = w.kernel.h * w.kernel.w;
  for (std::int64_t row = 0; row < cols.rows(); ++row) {
    double* plane = x + row / taps * image.plane();
    const std::int64_t ky = row % taps / w.kernel.w, kx = row % w.kernel.w;
    for (std::int64_t col = 0; col < cols.cols(); ++col) {
      const std::int64_t y = under(col / windows.w, ky, w.stride.h, w.dilation.h, w.pad.top);
      const std::int64_t z = under(col % windows.w, kx, w.stride.w, w.dilation.w, w.pad.left);
      if (y >= 0 && y < image.h && z >= 0 && z < image.w) plane[y * image.w + z] += cols(row, col);
    }
  }
}

/// Every channel of `y` starts as its bias.
void start_with_bias(const Operands& in, const Image& image, Dense& y) {
  if (in.size() < 3 || in[2] == nullptr) return;
  for (std::int64_t i = 0; i < image.batch * image.channels; ++i) {
    std::fill_n(y.data.begin() + i * image.plane(), image.plane(),
                in[2]->data[static_cast<std::size_t>(i % image.channels)]);
  }
}

Dense zeros(const Shape& shape) {
  return {shape, std::vector<double>(static_cast<std::size_t>(ir::elements(shape)), 0)};
}

/// The two last dimensions of a matrix product's operand, a vector being a row or a column.
struct Operand {
  Operand(const Dense& dense, bool transpose, bool first) : shape(dense.shape), data(dense.data.data()) {
    const bool vector = shape.size() == 1;
    if (vector) shape.insert(first ? shape.begin() : shape.end(), 1);
    transposed = transpose && !vector;
    rows = shape[shape.size() - 2];
    columns = shape.back();
    batch = Shape(shape.begin(), shape.end() - 2);
  }
  [[nodiscard]] ConstMap matrix(std::int64_t index) const {
    return {data + index * rows * columns, rows, columns};
  }
  Shape shape, batch;
  const double* data = nullptr;
  std::int64_t rows = 0, columns = 0;
  bool transposed = false;
};

void multiply(const Operand& a, std::int64_t ia, const Operand& b, std::int64_t ib, Map y) {
  const ConstMap left = a.matrix(ia), right = b.matrix(ib);
  if (a.transposed && b.transposed) {
    y.noalias() = left.transpose() * right.transpose();
  } else if (a.transposed) {
    y.noalias() = left.transpose() * right;
  } else if (b.transposed) {
    y.noalias() = left * right.transpose();
  } else {
    y.noalias() = left * right;
  }
}

}  // namespace

Dense conv(const ir::ConvAttrs& attrs, const Operands& in, const Shape& out_shape) {
  const Image x(in[0]->shape), out(out_shape);
  Dense y = zeros(out_shape);
  start_with_bias(in, out, y);
  const std::int64_t depth = ir::elements(in[1]->shape) / in[1]->shape[0];  // taps of one output
  const std::int64_t rows = out.channels / attrs.groups, channels = x.channels / attrs.groups;
  const std::int64_t block = std::clamp<std::int64_t>(kMostColumns / std::max<std::int64_t>(depth, 1), 1,
                                                      std::max<std::int64_t>(out.plane(), 1));
  Matrix cols;
  for (std::int64_t i = 0; i < x.batch * attrs.groups; ++i) {
    const std::int64_t image = i / attrs.groups, group = i % attrs.groups;
    const double* source = in[0]->data.data() + (image * x.channels + group * channels) * x.plane();
    const ConstMap weights(in[1]->data.data() + group * rows * depth, rows, depth);
    Map result(y.data.data() + (image * out.channels + group * rows) * out.plane(), rows, out.plane());
    for (std::int64_t first = 0; first < out.plane(); first += block) {
      cols.resize(depth, std::min(block, out.plane() - first));
      image_to_columns(source, x, out, attrs.window, first, cols);
      result.middleCols(first, cols.cols()).noalias() += weights * cols;
    }
  }
  return y;
}

Dense conv_transpose(const ir::ConvAttrs& attrs, const Operands& in, const Shape& out_shape) {
  const Image x(in[0]->shape), out(out_shape);
  Dense y = zeros(out_shape);
  start_with_bias(in, out, y);
  const std::int64_t depth = ir::elements(in[1]->shape) / in[1]->shape[0];  // outputs of one input
  const std::int64_t rows = out.channels / attrs.groups, channels = x.channels / attrs.groups;
  for (std::int64_t i = 0; i < x.batch * attrs.groups; ++i) {
    const std::int64_t image = i / attrs.groups, group = i % attrs.groups;
    const ConstMap source(in[0]->data.data() + (image * x.channels + group * channels) * x.plane(), channels,
                          x.plane());
    const ConstMap weights(in[1]->data.data() + group * channels * depth, channels, depth);
    const Matrix cols = weights.transpose() * source;
    columns_to_image(cols, x, out, attrs.window,
                     y.data.data() + (image * out.channels + group * rows) * out.plane());
  }
  return y;
}

Dense matmul(const ir::MatMulAttrs& attrs, const Operands& in, const Shape& out_shape) {
  const Operand a(*in[0], attrs.transpose_a, true), b(*in[1], attrs.transpose_b, false);
  const std::int64_t rows = a.transposed ? a.columns : a.rows, columns = b.transposed ? b.rows : b.columns;
  const Shape batch = ir::broadcast(a.batch, b.batch);
  Dense y = zeros(out_shape);
  Walk walk(batch, {broadcast_strides(a.batch, batch), broadcast_strides(b.batch, batch)});
  for (std::int64_t i = 0; i < ir::elements(batch); ++i, walk.next()) {
    multiply(a, walk.offset(0), b, walk.offset(1), Map(y.data.data() + i * rows * columns, rows, columns));
  }
  if (in.size() < 3 || in[2] == nullptr) return y;
  Walk bias(out_shape, {broadcast_strides(in[2]->shape, out_shape)});
  for (double& value : y.data) {
    value += in[2]->data[static_cast<std::size_t>(bias.offset(0))];
    bias.next();
  }
  return y;
}

}  // namespace npusim::reference
