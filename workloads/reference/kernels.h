// What operators compute, in float64: one plain function a kind, without types, rounding or quantisation.
#pragma once

#include <utility>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::reference {

/// A tensor of doubles, row-major.
struct Dense {
  ir::Shape shape;
  std::vector<double> data;
};

/// One operator's operands, by input; nullptr for an absent one.
using Operands = std::vector<const Dense*>;

/// Row-major strides in elements.
std::vector<std::int64_t> row_major(const ir::Shape& shape);
/// Strides with which `shape` is read as `out`, to which it broadcasts: 0 along repeated axes.
std::vector<std::int64_t> broadcast_strides(const ir::Shape& shape, const ir::Shape& out);

/// Walks all coordinates of a shape in row-major order, keeping an element's offset in several tensors.
class Walk {
 public:
  Walk(const ir::Shape& shape, std::vector<std::vector<std::int64_t>> strides)
      : shape_(shape), strides_(std::move(strides)), at_(shape.size(), 0), offsets_(strides_.size(), 0) {}
  [[nodiscard]] std::int64_t offset(std::size_t tensor) const { return offsets_[tensor]; }
  void next();

 private:
  ir::Shape shape_;
  std::vector<std::vector<std::int64_t>> strides_;
  ir::Shape at_;
  std::vector<std::int64_t> offsets_;
};

/// X [N,C,H,W] or [N,C,L], W [M,C/g,kh,kw], optional B [M]: im2col and a matrix product a group.
Dense conv(const ir::ConvAttrs& attrs, const Operands& in, const ir::Shape& out);
/// X [N,C,H,W], W [C,M/g,kh,kw], optional B [M]: a matrix product a group and col2im.
Dense conv_transpose(const ir::ConvAttrs& attrs, const Operands& in, const ir::Shape& out);
/// Batched product with broadcasting, plus an optional bias that broadcasts to the result.
Dense matmul(const ir::MatMulAttrs& attrs, const Operands& in, const ir::Shape& out);

/// Windows of [N,C,H,W] or [N,C,L]. A maximum ignores the padding, and is -infinity over padding alone; an
/// average over no cell is 0.
Dense pool(const ir::PoolAttrs& attrs, const Dense& x, const ir::Shape& out);
Dense reduce(const ir::ReduceAttrs& attrs, const Dense& x, const ir::Shape& out);
Dense norm(const ir::NormAttrs& attrs, const Operands& in);
Dense softmax(const ir::SoftmaxAttrs& attrs, const Dense& x);

/// `type`: the first operand's, which decides how a division rounds (exact_value()).
Dense elementwise(const ir::ElementwiseAttrs& attrs, const Operands& in, const ir::Shape& out,
                  ir::DType type);

Dense concat(const ir::ConcatAttrs& attrs, const Operands& in, const ir::Shape& out);
std::vector<Dense> split(const ir::SplitAttrs& attrs, const Dense& x);
Dense slice(const ir::SliceAttrs& attrs, const Dense& x, const ir::Shape& out);
Dense transpose(const ir::TransposeAttrs& attrs, const Dense& x, const ir::Shape& out);
Dense pad(const ir::PadAttrs& attrs, const Operands& in, const ir::Shape& out);
Dense depth_to_space(const ir::BlockAttrs& attrs, const Dense& x, const ir::Shape& out);
Dense space_to_depth(const ir::BlockAttrs& attrs, const Dense& x, const ir::Shape& out);
/// Negative indices count from the end; throws UserError for one outside the axis.
Dense gather(const ir::GatherAttrs& attrs, const Operands& in, const ir::Shape& out);
Dense expand(const Dense& x, const ir::Shape& out);
Dense resize(const ir::ResizeAttrs& attrs, const Dense& x, const ir::Shape& out);
/// What cell `index` of an axis takes when `in` cells become `out`: input cells and their weights, in the
/// order in which resize() adds them up. resize() works on one axis after the other, the first axis first.
std::vector<std::pair<std::int64_t, double>> resize_taps(const ir::ResizeAttrs& attrs, std::int64_t in,
                                                         std::int64_t out, double scale, std::int64_t index);

/// round(x / scale) + zero point, to the nearest even, not yet saturated; scale and zero point for all
/// elements or one an index of the axis. The quotient is one of fp32, as ONNX defines it.
Dense quantize_linear(const ir::QuantizeAttrs& attrs, const Operands& in);
/// (x - zero point) * scale.
Dense dequantize_linear(const ir::QuantizeAttrs& attrs, const Operands& in);

}  // namespace npusim::reference
