// The network: operators with static shapes and types. No time, no chip, no weights' values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/units.h"

namespace npusim::ir {

enum class DType : std::uint8_t { f32, f16, bf16, i8, u8, i16, i32, i64, boolean };

/// "fp32", "fp16", "int8", ...
std::string_view to_string(DType type);
/// Bytes of one element.
std::int64_t size_of(DType type);

using Shape = std::vector<std::int64_t>;

/// Product of the dimensions; 1 for a scalar.
std::int64_t elements(const Shape& shape);
/// "1x64x56x56"; "scalar" for rank 0.
std::string to_string(const Shape& shape);

using TensorId = std::int32_t;
using OpId = std::int32_t;
inline constexpr TensorId kNoTensor = -1;

/// What a tensor is to the network.
enum class TensorRole : std::uint8_t { input, weight, activation };

/// How a quantised network stores real numbers: integer q stands for (q - zero point) * scale. MLIR's
/// quantised types are the model: operators are on real numbers, this says which of them a tensor can hold.
struct IntegerStorage {
  DType dtype = DType::i8;
  std::vector<double> scales;             ///< one, or one for each index of `axis`; positive
  std::vector<std::int64_t> zero_points;  ///< as many
  std::int64_t axis = 0;
  bool operator==(const IntegerStorage&) const = default;
};

/// A value that flows between operators, or a weight. Layout is ONNX's (NCHW, row-major).
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  TensorRole role = TensorRole::activation;
  /// Values of a small constant (at most kMaxConstant elements), as doubles: shape arithmetic, scales, axes.
  /// Absent for real weights, which are never read.
  std::optional<std::vector<double>> constant;
  /// Of a tensor of type fp32 in a quantised network whose operators are on real numbers (TFLite). ONNX's
  /// QuantizeLinear and DequantizeLinear make tensors of integer type instead.
  std::optional<IntegerStorage> storage = std::nullopt;
};
inline constexpr std::int64_t kMaxConstant = 1024;

/// Height and width; a 1-D operator has height 1.
struct Hw {
  std::int64_t h = 1;
  std::int64_t w = 1;
  bool operator==(const Hw&) const = default;
};

struct Padding {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
  bool operator==(const Padding&) const = default;
};

/// Window geometry shared by convolutions and pools; ONNX auto_pad is already resolved to numbers.
struct Window {
  Hw kernel, stride, dilation;
  Padding pad;
  bool operator==(const Window&) const = default;
};

/// Conv: inputs X [N,C,H,W], W [M,C/g,kh,kw], optional B [M]; 1-D has X [N,C,L].
/// ConvTranspose: W [C,M/g,kh,kw].
struct ConvAttrs {
  Window window;
  std::int64_t groups = 1;
  Hw output_padding{0, 0};  ///< ConvTranspose only
};

/// MatMul: inputs A [...,M,K], B [...,K,N] (or transposed as flagged), optional bias broadcast to the output.
/// Gemm and MatMul are both this.
struct MatMulAttrs {
  bool transpose_a = false;
  bool transpose_b = false;
};

enum class PoolKind : std::uint8_t { max, average };
/// Pools round down: a pool of ONNX's ceil_mode 1 is stored with bottom and right padding enlarged until
/// rounding down gives the same output. The added cells are never counted by an average (count_include_pad
/// says nothing about them).
struct PoolAttrs {
  PoolKind kind = PoolKind::max;
  Window window;
  bool count_include_pad = false;
  Hw rounding{0, 0};  ///< of the bottom and right padding: the cells that ceil_mode added
};

enum class ReduceKind : std::uint8_t { mean, sum, max };
/// Reduction over `axes` (non-negative, ascending). Global pools are Reduce over the spatial axes, keepdims.
struct ReduceAttrs {
  ReduceKind kind = ReduceKind::mean;
  std::vector<std::int64_t> axes;
  bool keepdims = true;
};

/// Element-wise functions, unary, binary or ternary, with numpy broadcasting.
enum class Function : std::uint8_t {
  add,
  sub,
  mul,
  div,
  pow,
  min,
  max,
  where,
  prelu,  // two or three inputs
  relu,
  leaky_relu,
  clip,
  sigmoid,
  hard_sigmoid,
  hard_swish,  // one input
  silu,
  gelu,
  tanh,
  erf,
  sqrt,
  exp,
  log,
  reciprocal,
  abs,
  neg,
  floor,
  round,
  logical_not,
  equal,
  less,
  greater,
  logical_and,
  logical_or,
  elu,
  softplus
};
/// "add", "hard_swish", ...
std::string_view to_string(Function function);

/// alpha and beta: clip's low and high; leaky_relu's and elu's slope; hard_sigmoid's alpha and beta; gelu's
/// alpha is 1 for its approximation by tanh.
struct ElementwiseAttrs {
  Function function = Function::relu;
  double alpha = 0;
  double beta = 0;
};

enum class NormKind : std::uint8_t { batch, layer, instance };
/// batch: inputs X, scale, bias, mean, variance. layer/instance: X, scale, optional bias.
/// layer normalises over axes [axis, rank).
struct NormAttrs {
  NormKind kind = NormKind::batch;
  std::int64_t axis = 1;
  double epsilon = 1e-5;
};

struct SoftmaxAttrs {
  std::int64_t axis = -1;
};  ///< non-negative after import
struct ConcatAttrs {
  std::int64_t axis = 0;
};
struct SplitAttrs {
  std::int64_t axis = 0;
  std::vector<std::int64_t> sizes;
};
/// Per input axis: first index and step (negative steps allowed); the extent is the output's shape.
struct SliceAttrs {
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> steps;
};
struct ReshapeAttrs {};  ///< Reshape, Flatten, Squeeze, Unsqueeze: the output's shape says all
struct TransposeAttrs {
  std::vector<std::int64_t> permutation;
};
struct PadAttrs {
  std::vector<std::int64_t> before;  ///< per axis; negative crops
  std::vector<std::int64_t> after;
  enum class Mode : std::uint8_t { constant, reflect, edge } mode = Mode::constant;
};
/// ONNX Resize. Modes and coordinates are its own; before opset 11 coordinates are asymmetric, rounded down.
struct ResizeAttrs {
  enum class Mode : std::uint8_t { nearest, linear, cubic } mode = Mode::nearest;
  /// Where an output cell's centre lies in the input.
  enum class Coordinates : std::uint8_t {
    half_pixel,
    half_pixel_symmetric,
    pytorch_half_pixel,
    align_corners,
    asymmetric
  } coordinates = Coordinates::half_pixel;
  /// Which neighbour mode nearest takes.
  enum class Rounding : std::uint8_t {
    prefer_floor,
    prefer_ceil,
    floor,
    ceil
  } rounding = Rounding::prefer_floor;
  double cubic_coefficient = -0.75;
  bool exclude_outside = false;  ///< taps outside the input have weight 0, the others are scaled up
  bool antialias = false;        ///< linear and cubic filters widen when the output is smaller
  /// Per axis, as the file gives them; empty: output size / input size.
  std::vector<double> scales = {};
};
/// DepthToSpace and SpaceToDepth.
struct BlockAttrs {
  std::int64_t block = 2;
  bool column_row_depth = false;  ///< ONNX mode CRD (DepthToSpace only)
};
struct GatherAttrs {
  std::int64_t axis = 0;
};
struct ExpandAttrs {};
struct CastAttrs {};  ///< the output's dtype and storage say to what
struct QuantizeAttrs {
  std::int64_t axis = 1;
};                        ///< Quantize and Dequantize: inputs X, scale, zero point
struct ShapeOfAttrs {};   ///< ONNX Shape; vanishes in shape folding
struct IdentityAttrs {};  ///< Identity and inference-time Dropout; vanishes in a pass

enum class OpKind : std::uint8_t {
  conv,
  conv_transpose,
  matmul,
  pool,
  reduce,
  elementwise,
  norm,
  softmax,
  concat,
  split,
  slice,
  reshape,
  transpose,
  pad,
  resize,
  depth_to_space,
  space_to_depth,
  gather,
  expand,
  cast,
  quantize,
  dequantize,
  shape_of,
  identity
};
/// "conv", "matmul", ...
std::string_view to_string(OpKind kind);

using Attrs =
    std::variant<ReshapeAttrs, ConvAttrs, MatMulAttrs, PoolAttrs, ReduceAttrs, ElementwiseAttrs, NormAttrs,
                 SoftmaxAttrs, ConcatAttrs, SplitAttrs, SliceAttrs, TransposeAttrs, PadAttrs, ResizeAttrs,
                 BlockAttrs, GatherAttrs, ExpandAttrs, CastAttrs, QuantizeAttrs, ShapeOfAttrs, IdentityAttrs>;

/// An element-wise step fused behind an operator: applied to its result, in order, before it is written.
struct FusedStep {
  ElementwiseAttrs op;
  /// Second operand of a fused binary step (a residual add), same shape as the result; else kNoTensor.
  TensorId operand = kNoTensor;
};

struct Op {
  std::string name;  ///< the ONNX node's name, or "<operator>_<index>" where it has none; unique in the graph
  OpKind kind = OpKind::identity;
  Attrs attrs;
  std::vector<TensorId> inputs;  ///< kNoTensor for an absent optional input
  std::vector<TensorId> outputs;
  std::vector<FusedStep> fused;
  std::string source_op;  ///< the ONNX operator it came from, for messages: "Conv", "BatchNormalization+Relu"
};

/// A network. Operators are in topological order. Ids index `tensors` and `ops`.
struct Graph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<Op> ops;
  /// Operators on weights alone, in topological order, that a compiler computes before the network runs: the
  /// recipe of every weight that passes have changed or made. Their results have the role of weights; chips
  /// and reports do not see them. Passes move operators here, workloads/reference executes them.
  std::vector<Op> prepared;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;

  [[nodiscard]] const Tensor& tensor(TensorId id) const { return tensors.at(static_cast<std::size_t>(id)); }
  [[nodiscard]] Tensor& tensor(TensorId id) { return tensors.at(static_cast<std::size_t>(id)); }
  /// Adds a tensor and returns its id.
  TensorId add_tensor(Tensor tensor);
  [[nodiscard]] Shape shape(TensorId id) const { return tensor(id).shape; }
};

/// Multiply-accumulates of one operator, unpadded, counting taps in the padding as real ones (the convention
/// of the publications): conv N*M*Ho*Wo*C/g*kh*kw, conv_transpose N*C*Hi*Wi*M/g*kh*kw, matmul batch*M*N*K;
/// everything else 0.
Macs macs(const Graph& graph, const Op& op);
/// Sum over operators.
Macs macs(const Graph& graph);
/// Elements of all distinct weight tensors that operators use: the published "parameters" (torchvision's
/// num_params). Not counted: scalars, integer index tensors (int64, bool), and the running mean and variance
/// of batch normalisation, which are statistics. So BatchNorm counts 2 a channel while it is an operator, and
/// 1 (the convolution's bias) after a pass has folded it.
std::int64_t parameters(const Graph& graph);

/// Whether the network says by itself that it is an int8 network: activations of a convolution or matrix
/// product are stored as 8-bit integers (Tensor::storage), or come from integers of 8 bits (QuantizeLinear).
bool is_quantized(const Graph& graph);

/// Checks ids, arity, topological order, unique producers and that every operator's output shape follows from
/// its inputs and attributes. Throws InternalError naming the operator.
void verify(const Graph& graph);

/// The output shapes of `op` from its inputs' shapes, for every kind whose outputs follow from them.
/// For reshape, expand, resize, slice, shape_of (whose outputs are given by attributes or constants) returns
/// the shapes already stored. Throws UserError naming the operator when shapes do not fit together.
std::vector<Shape> infer_shapes(const Graph& graph, const Op& op);

/// numpy broadcasting of two shapes. Throws UserError when they do not fit.
Shape broadcast(const Shape& a, const Shape& b);

/// Human-readable listing: one line an operator with shapes, then totals. `npusim compile --dump graph`.
std::string print(const Graph& graph);

/// A content hash of everything that matters to cycles (kinds, attributes, shapes, types, wiring; not names).
std::string content_hash(const Graph& graph);

}  // namespace npusim::ir
