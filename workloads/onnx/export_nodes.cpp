#include "workloads/onnx/export_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "workloads/onnx/export_attributes.h"
#include "workloads/onnx/export_values.h"

namespace npusim::onnx {

using ir::OpKind;

namespace {

/// Values of one or two spatial axes.
std::vector<std::int64_t> spatial(ir::Hw v, bool flat) {
  return flat ? std::vector{v.w} : std::vector{v.h, v.w};
}

void set_window(::onnx::NodeProto& node, const ir::Window& w, bool flat) {
  set(node, "kernel_shape", spatial(w.kernel, flat));
  set(node, "strides", spatial(w.stride, flat));
  const ir::Padding& p = w.pad;
  set(node, "pads", flat ? std::vector{p.left, p.right} : std::vector{p.top, p.left, p.bottom, p.right});
}

/// Axes 0 .. rank-1 with the last two exchanged.
std::vector<std::int64_t> transposition(std::size_t rank) {
  std::vector<std::int64_t> permutation(rank);
  std::iota(permutation.begin(), permutation.end(), 0);
  if (rank > 1) std::swap(permutation[rank - 1], permutation[rank - 2]);
  return permutation;
}

}  // namespace

void NodeWriter::fail(const std::string& what) const {
  throw UserError(
      fmt::format("graph '{}': operator '{}': {} in ONNX opset 13", graph_.name, op_->name, what));
}

std::string NodeWriter::input(std::size_t i) const {
  if (i >= op_->inputs.size() || op_->inputs[i] == ir::kNoTensor) return "";
  return names_.at(static_cast<std::size_t>(op_->inputs[i]));
}

std::vector<std::string> NodeWriter::inputs(std::size_t count) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(count, op_->inputs.size()); ++i) names.push_back(input(i));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}

::onnx::NodeProto& NodeWriter::node(const std::string& step, const std::string& type,
                                    const std::vector<std::string>& inputs, const std::string& result) {
  auto& node = *out_.add_node();
  node.set_name(step);
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(result);
  return node;
}

std::string NodeWriter::inner(const std::string& step, const std::string& type,
                              const std::vector<std::string>& inputs) {
  node(step, type, inputs, step + "/out");
  return step + "/out";
}

std::string NodeWriter::scalar(const std::string& step, double value) {
  auto& tensor = *out_.add_initializer();
  describe(tensor, step, dtype(), {});
  embed(tensor, dtype(), {value});
  return step;
}

std::string NodeWriter::integers(const std::string& step, const std::vector<std::int64_t>& values) {
  auto& tensor = *out_.add_initializer();
  describe(tensor, step, ir::DType::i64, {static_cast<std::int64_t>(values.size())});
  embed(tensor, ir::DType::i64, {values.begin(), values.end()});
  return step;
}

std::string NodeWriter::floats(const std::string& step, const std::vector<double>& values) {
  auto& tensor = *out_.add_initializer();
  describe(tensor, step, ir::DType::f32, {static_cast<std::int64_t>(values.size())});
  embed(tensor, ir::DType::f32, values);
  return step;
}

void NodeWriter::write(const ir::Op& op) {
  op_ = &op;
  const std::string result = names_.at(static_cast<std::size_t>(op.outputs.at(0)));
  const auto value_after = [&](std::size_t steps) {
    return steps == op.fused.size() ? result : fmt::format("{}/unfused{}", op.name, steps);
  };
  write_kind(value_after(0));
  for (std::size_t i = 0; i < op.fused.size(); ++i) {
    std::vector<std::string> operands{value_after(i)};
    const ir::TensorId operand = op.fused[i].operand;
    if (operand != ir::kNoTensor) operands.push_back(names_.at(static_cast<std::size_t>(operand)));
    function(op.fused[i].op, operands, fmt::format("{}/fused{}", op.name, i + 1), value_after(i + 1));
  }
}

void NodeWriter::write_kind(const std::string& result) {
  const ir::Op& op = *op_;
  const auto simple = [&](const char* type, std::size_t count) -> ::onnx::NodeProto& {
    return node(op.name, type, inputs(count), result);
  };
  switch (op.kind) {
    case OpKind::conv:
      return conv("Conv", result);
    case OpKind::conv_transpose:
      return conv("ConvTranspose", result);
    case OpKind::matmul:
      return matmul(result);
    case OpKind::pool:
      return pool(result);
    case OpKind::reduce:
      return reduce(result);
    case OpKind::elementwise:
      return function(std::get<ir::ElementwiseAttrs>(op.attrs), inputs(3), op.name, result);
    case OpKind::norm:
      return norm(result);
    case OpKind::softmax:
      return set(simple("Softmax", 1), "axis", std::get<ir::SoftmaxAttrs>(op.attrs).axis);
    case OpKind::concat:
      return set(simple("Concat", op.inputs.size()), "axis", std::get<ir::ConcatAttrs>(op.attrs).axis);
    case OpKind::split:
      return split(result);
    case OpKind::slice:
      return slice(result);
    case OpKind::reshape:
      return reshape(result);
    case OpKind::transpose:
      return set(simple("Transpose", 1), "perm", std::get<ir::TransposeAttrs>(op.attrs).permutation);
    case OpKind::pad:
      return pad(result);
    case OpKind::resize:
      return resize(result);
    case OpKind::depth_to_space:
      return depth_to_space(result);
    case OpKind::space_to_depth:
      return set(simple("SpaceToDepth", 1), "blocksize", std::get<ir::BlockAttrs>(op.attrs).block);
    case OpKind::gather:
      return set(simple("Gather", 2), "axis", std::get<ir::GatherAttrs>(op.attrs).axis);
    case OpKind::expand:
      node(op.name, "Expand", {input(0), integers(op.name + "/shape", out_shape())}, result);
      return;
    case OpKind::cast:
      return set(simple("Cast", 1), "to", std::int64_t{onnx_type(graph_.tensor(op.outputs[0]).dtype)});
    case OpKind::quantize:
      return set(simple("QuantizeLinear", 3), "axis", std::get<ir::QuantizeAttrs>(op.attrs).axis);
    case OpKind::dequantize:
      return set(simple("DequantizeLinear", 3), "axis", std::get<ir::QuantizeAttrs>(op.attrs).axis);
    case OpKind::shape_of:
      simple("Shape", 1);
      return;
    case OpKind::identity:
      simple("Identity", 1);
      return;
  }
}

void NodeWriter::conv(const char* type, const std::string& result) {
  const auto& attrs = std::get<ir::ConvAttrs>(op_->attrs);
  const bool flat = in_shape(0).size() == 3;
  auto& conv = node(op_->name, type, inputs(3), result);
  set_window(conv, attrs.window, flat);
  set(conv, "dilations", spatial(attrs.window.dilation, flat));
  set(conv, "group", attrs.groups);
  if (!(attrs.output_padding == ir::Hw{0, 0}))
    set(conv, "output_padding", spatial(attrs.output_padding, flat));
}

void NodeWriter::matmul(const std::string& result) {
  const auto& attrs = std::get<ir::MatMulAttrs>(op_->attrs);
  const bool gemm = in_shape(0).size() == 2 && in_shape(1).size() == 2;
  if (gemm && (!input(2).empty() || attrs.transpose_a || attrs.transpose_b)) {
    auto& gemm_node = node(op_->name, "Gemm", inputs(3), result);
    if (attrs.transpose_a) set(gemm_node, "transA", std::int64_t{1});
    if (attrs.transpose_b) set(gemm_node, "transB", std::int64_t{1});
    return;
  }
  const auto operand = [&](std::size_t i, bool transpose) {
    if (!transpose || in_shape(i).size() < 2) return input(i);
    const std::string step = fmt::format("{}/Transpose_{}", op_->name, i);
    set(node(step, "Transpose", {input(i)}, step + "/out"), "perm", transposition(in_shape(i).size()));
    return step + "/out";
  };
  const std::string a = operand(0, attrs.transpose_a), b = operand(1, attrs.transpose_b);
  if (input(2).empty()) {
    node(op_->name, "MatMul", {a, b}, result);
  } else {
    node(op_->name + "/Add", "Add", {inner(op_->name, "MatMul", {a, b}), input(2)}, result);
  }
}

void NodeWriter::pool(const std::string& result) {
  const auto& attrs = std::get<ir::PoolAttrs>(op_->attrs);
  const bool flat = in_shape(0).size() == 3;
  const bool max = attrs.kind == ir::PoolKind::max;
  auto& pool = node(op_->name, max ? "MaxPool" : "AveragePool", {input(0)}, result);
  ir::Window window = attrs.window;
  window.pad.bottom -= attrs.rounding.h;
  window.pad.right -= attrs.rounding.w;
  set_window(pool, window, flat);
  if (!(attrs.rounding == ir::Hw{0, 0})) set(pool, "ceil_mode", std::int64_t{1});
  if (max) {
    set(pool, "dilations", spatial(attrs.window.dilation, flat));
  } else {
    if (!(attrs.window.dilation == ir::Hw{1, 1})) fail("an average pool cannot be dilated");
    set(pool, "count_include_pad", std::int64_t{attrs.count_include_pad});
  }
}

void NodeWriter::reduce(const std::string& result) {
  const auto& attrs = std::get<ir::ReduceAttrs>(op_->attrs);
  const bool global =
      attrs.keepdims && in_shape(0).size() == 4 && attrs.axes == std::vector<std::int64_t>{2, 3};
  if (global && attrs.kind != ir::ReduceKind::sum) {
    node(op_->name, attrs.kind == ir::ReduceKind::mean ? "GlobalAveragePool" : "GlobalMaxPool", {input(0)},
         result);
    return;
  }
  if (attrs.kind == ir::ReduceKind::sum) {
    auto& sum = node(op_->name, "ReduceSum", {input(0), integers(op_->name + "/axes", attrs.axes)}, result);
    return set(sum, "keepdims", std::int64_t{attrs.keepdims});
  }
  auto& reduce =
      node(op_->name, attrs.kind == ir::ReduceKind::mean ? "ReduceMean" : "ReduceMax", {input(0)}, result);
  set(reduce, "axes", attrs.axes);
  set(reduce, "keepdims", std::int64_t{attrs.keepdims});
}

void NodeWriter::norm(const std::string& result) {
  const auto& attrs = std::get<ir::NormAttrs>(op_->attrs);
  if (attrs.kind == ir::NormKind::layer) return layer_norm(result);
  const bool batch = attrs.kind == ir::NormKind::batch;
  if (!batch && input(2).empty()) fail("instance normalisation needs a bias");
  set(node(op_->name, batch ? "BatchNormalization" : "InstanceNormalization", inputs(batch ? 5 : 3), result),
      "epsilon", attrs.epsilon);
}

void NodeWriter::layer_norm(const std::string& result) {
  const auto& attrs = std::get<ir::NormAttrs>(op_->attrs);
  const std::string& name = op_->name;
  std::vector<std::int64_t> axes;
  for (auto axis = attrs.axis; axis < static_cast<std::int64_t>(in_shape(0).size()); ++axis)
    axes.push_back(axis);
  const auto mean = [&](const std::string& step, const std::string& x) {
    auto& reduce = node(step, "ReduceMean", {x}, step + "/out");
    set(reduce, "axes", axes);
    set(reduce, "keepdims", std::int64_t{1});
    return step + "/out";
  };
  const std::string centred = inner(name + "/Sub", "Sub", {input(0), mean(name + "/ReduceMean", input(0))});
  const std::string square = inner(name + "/Pow", "Pow", {centred, scalar(name + "/two", 2)});
  const std::string variance = mean(name + "/ReduceMean_1", square);
  const std::string padded =
      inner(name + "/Add", "Add", {variance, scalar(name + "/epsilon", attrs.epsilon)});
  const std::string normal = inner(name + "/Div", "Div", {centred, inner(name + "/Sqrt", "Sqrt", {padded})});
  if (input(2).empty()) {
    node(name + "/Mul", "Mul", {normal, input(1)}, result);
  } else {
    node(name + "/Add_1", "Add", {inner(name + "/Mul", "Mul", {normal, input(1)}), input(2)}, result);
  }
}

void NodeWriter::reshape(const std::string& result) {
  const ir::Shape &in = in_shape(0), &out = out_shape();
  if (out.size() == 2 && in.size() > 1 && in[0] == out[0]) {
    return set(node(op_->name, "Flatten", {input(0)}, result), "axis", std::int64_t{1});
  }
  node(op_->name, "Reshape", {input(0), integers(op_->name + "/shape", out)}, result);
}

void NodeWriter::split(const std::string& result) {
  const auto& attrs = std::get<ir::SplitAttrs>(op_->attrs);
  auto& split = node(op_->name, "Split", {input(0), integers(op_->name + "/split", attrs.sizes)}, result);
  for (std::size_t i = 1; i < op_->outputs.size(); ++i) {
    split.add_output(names_.at(static_cast<std::size_t>(op_->outputs[i])));
  }
  set(split, "axis", attrs.axis);
}

void NodeWriter::depth_to_space(const std::string& result) {
  const auto& attrs = std::get<ir::BlockAttrs>(op_->attrs);
  auto& block = node(op_->name, "DepthToSpace", {input(0)}, result);
  set(block, "blocksize", attrs.block);
  set(block, "mode", std::string(attrs.column_row_depth ? "CRD" : "DCR"));
}

void NodeWriter::slice(const std::string& result) {
  const auto& attrs = std::get<ir::SliceAttrs>(op_->attrs);
  std::vector<std::int64_t> starts, ends, axes, steps;
  for (std::size_t i = 0; i < attrs.starts.size(); ++i) {
    if (attrs.steps[i] == 1 && attrs.starts[i] == 0 && out_shape()[i] == in_shape(0)[i]) continue;
    const std::int64_t end = attrs.starts[i] + out_shape()[i] * attrs.steps[i];
    starts.push_back(attrs.starts[i]);
    // Counting down past the first element: ONNX would read a plain -1 as the last one.
    ends.push_back(end < 0 ? INT64_MIN : end);
    axes.push_back(static_cast<std::int64_t>(i));
    steps.push_back(attrs.steps[i]);
  }
  const std::string& name = op_->name;
  node(name, "Slice",
       {input(0), integers(name + "/starts", starts), integers(name + "/ends", ends),
        integers(name + "/axes", axes), integers(name + "/steps", steps)},
       result);
}

void NodeWriter::pad(const std::string& result) {
  const auto& attrs = std::get<ir::PadAttrs>(op_->attrs);
  std::vector<std::int64_t> pads = attrs.before;
  pads.insert(pads.end(), attrs.after.begin(), attrs.after.end());
  const char* mode = attrs.mode == ir::PadAttrs::Mode::constant  ? "constant"
                     : attrs.mode == ir::PadAttrs::Mode::reflect ? "reflect"
                                                                 : "edge";
  set(node(op_->name, "Pad", {input(0), integers(op_->name + "/pads", pads)}, result), "mode",
      std::string(mode));
}

namespace {

const char* name_of(ir::ResizeAttrs::Mode mode) {
  using Mode = ir::ResizeAttrs::Mode;
  return mode == Mode::nearest ? "nearest" : mode == Mode::linear ? "linear" : "cubic";
}

const char* name_of(ir::ResizeAttrs::Coordinates coordinates) {
  using Coordinates = ir::ResizeAttrs::Coordinates;
  switch (coordinates) {
    case Coordinates::half_pixel:
      return "half_pixel";
    case Coordinates::half_pixel_symmetric:
      return "half_pixel_symmetric";
    case Coordinates::pytorch_half_pixel:
      return "pytorch_half_pixel";
    case Coordinates::align_corners:
      return "align_corners";
    case Coordinates::asymmetric:
      return "asymmetric";
  }
  throw InternalError("unknown coordinates");
}

const char* name_of(ir::ResizeAttrs::Rounding rounding) {
  using Rounding = ir::ResizeAttrs::Rounding;
  switch (rounding) {
    case Rounding::prefer_floor:
      return "round_prefer_floor";
    case Rounding::prefer_ceil:
      return "round_prefer_ceil";
    case Rounding::floor:
      return "floor";
    case Rounding::ceil:
      return "ceil";
  }
  throw InternalError("unknown rounding");
}

}  // namespace

void NodeWriter::resize(const std::string& result) {
  const auto& attrs = std::get<ir::ResizeAttrs>(op_->attrs);
  if (attrs.antialias) fail("antialias does not exist");
  if (attrs.coordinates == ir::ResizeAttrs::Coordinates::half_pixel_symmetric) {
    fail("half_pixel_symmetric does not exist");
  }
  std::vector<std::string> operands{input(0), ""};
  if (attrs.scales.empty()) {
    operands.insert(operands.end(), {"", integers(op_->name + "/sizes", out_shape())});
  } else {
    operands.push_back(floats(op_->name + "/scales", attrs.scales));
  }
  auto& resize = node(op_->name, "Resize", operands, result);
  const ir::ResizeAttrs usual;
  set(resize, "mode", std::string(name_of(attrs.mode)));
  if (attrs.coordinates != usual.coordinates) {
    set(resize, "coordinate_transformation_mode", std::string(name_of(attrs.coordinates)));
  }
  if (attrs.rounding != usual.rounding) set(resize, "nearest_mode", std::string(name_of(attrs.rounding)));
  if (attrs.cubic_coefficient != usual.cubic_coefficient) {
    set(resize, "cubic_coeff_a", attrs.cubic_coefficient);
  }
  if (attrs.exclude_outside) set(resize, "exclude_outside", std::int64_t{1});
}

}  // namespace npusim::onnx
