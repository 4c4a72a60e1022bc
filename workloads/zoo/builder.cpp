#include "workloads/zoo/builder.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::zoo {

using ir::OpKind;
using ir::Shape;

namespace {

struct ActInfo {
  const char* suffix = "";
  const char* source = "";
  ir::ElementwiseAttrs attrs;
};

ActInfo describe(Act act) {
  using ir::Function;
  switch (act) {
    case Act::relu:
      return {"relu", "Relu", {Function::relu}};
    case Act::relu6:
      return {"relu6", "Clip", {Function::clip, 0, 6}};
    case Act::leaky_relu:
      return {"leaky_relu", "LeakyRelu", {Function::leaky_relu, 0.1}};
    case Act::silu:
      return {"silu", "Silu", {Function::silu}};
    case Act::hard_swish:
      return {"hard_swish", "HardSwish", {Function::hard_swish}};
    case Act::sigmoid:
      return {"sigmoid", "Sigmoid", {Function::sigmoid}};
    case Act::hard_sigmoid:
      return {"hard_sigmoid", "HardSigmoid", {Function::hard_sigmoid, 1.0 / 6, 0.5}};
    case Act::gelu:
      return {"gelu", "Gelu", {Function::gelu}};
    case Act::none:
      break;
  }
  throw InternalError("no activation to emit");
}

/// Padding of one axis as {before, after}.
std::pair<std::int64_t, std::int64_t> resolve(Pad::Rule rule, std::int64_t exact, std::int64_t size,
                                              std::int64_t kernel, std::int64_t stride) {
  switch (rule) {
    case Pad::Rule::exact:
      return {exact, exact};
    case Pad::Rule::half:
      return {kernel / 2, kernel / 2};
    case Pad::Rule::same: {
      const std::int64_t total =
          std::max<std::int64_t>(0, (ceil_div(size, stride) - 1) * stride + kernel - size);
      return {total / 2, total - total / 2};
    }
    case Pad::Rule::leading: {
      const std::int64_t before = (kernel - 1) / 2;
      return {before,
              std::max<std::int64_t>(0, (ceil_div(size, stride) - 1) * stride + kernel - size - before)};
    }
  }
  throw InternalError("unknown padding rule");
}

ir::Window window(const Shape& x, Size kernel, Size stride, const Pad& pad, Size dilation = 1) {
  const std::int64_t tall = (kernel.h - 1) * dilation.h + 1, wide = (kernel.w - 1) * dilation.w + 1;
  const auto [top, bottom] = resolve(pad.rule, pad.size.h, x.at(2), tall, stride.h);
  const auto [left, right] = resolve(pad.rule, pad.size.w, x.at(3), wide, stride.w);
  return {kernel, stride, dilation, {top, left, bottom, right}};
}

/// Padding after the end that makes rounding down give PyTorch's rounded-up size: a window may hang over the
/// end, but must start inside the input or the padding before it.
std::int64_t ceil_padding(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  std::int64_t windows = ceil_div(size + 2 * pad - kernel, stride) + 1;
  if ((windows - 1) * stride >= size + pad) --windows;
  return std::max(pad, (windows - 1) * stride + kernel - size - pad);
}

}  // namespace

std::pair<std::int64_t, std::int64_t> padding_of(Pad::Rule rule, std::int64_t size, std::int64_t kernel,
                                                 std::int64_t stride) {
  ensure(rule != Pad::Rule::exact, "padding by a rule");
  return resolve(rule, 0, size, kernel, stride);
}

Builder::Builder(std::string name, const Shape& input, ir::DType type) {
  graph_.name = std::move(name);
  ir::Tensor tensor;
  tensor.dtype = type;
  tensor.name = "input";
  tensor.shape = input;
  tensor.role = ir::TensorRole::input;
  graph_.inputs.push_back(graph_.add_tensor(std::move(tensor)));
}

TensorId Builder::weight(const std::string& name, Shape shape) {
  ir::Tensor tensor;
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.role = ir::TensorRole::weight;
  return graph_.add_tensor(std::move(tensor));
}

TensorId Builder::scalar(const std::string& name, double value) {
  const TensorId id = weight(name, {});
  graph_.tensor(id).constant = {value};
  return id;
}

TensorId Builder::emit_as(const std::string& name, const char* source, OpKind kind, ir::Attrs attrs,
                          std::vector<TensorId> inputs, Shape shape) {
  ir::Tensor out;
  out.name = name + ".out";
  out.shape = std::move(shape);
  ir::Op op;
  op.name = name;
  op.kind = kind;
  op.attrs = std::move(attrs);
  op.inputs = std::move(inputs);
  op.outputs = {graph_.add_tensor(std::move(out))};
  op.source_op = source;
  graph_.ops.push_back(std::move(op));
  return graph_.ops.back().outputs.front();
}

TensorId Builder::emit(const std::string& name, const char* source, OpKind kind, ir::Attrs attrs,
                       std::vector<TensorId> inputs) {
  const TensorId out = emit_as(name, source, kind, std::move(attrs), std::move(inputs), {});
  Shape inferred = ir::infer_shapes(graph_, graph_.ops.back()).front();
  graph_.tensor(out).shape = std::move(inferred);
  return out;
}

TensorId Builder::conv(const std::string& name, TensorId x, const Conv& c, bool bias) {
  const ir::ConvAttrs attrs{window(shape(x), c.kernel, c.stride, c.pad, c.dilation), c.groups, {0, 0}};
  std::vector<TensorId> inputs{
      x, weight(name + ".weight", {c.out, channels(x) / c.groups, c.kernel.h, c.kernel.w})};
  if (bias) inputs.push_back(weight(name + ".bias", {c.out}));
  return emit(name, "Conv", OpKind::conv, attrs, std::move(inputs));
}

TensorId Builder::conv_transpose(const std::string& name, TensorId x, std::int64_t out, std::int64_t kernel,
                                 std::int64_t stride, bool bias) {
  // TensorFlow's SAME: kernel - stride cells of the full output are cut off, the odd one at the end.
  const std::int64_t cut = kernel - stride, before = cut / 2, after = cut - before;
  const ir::Window window{{kernel, kernel}, {stride, stride}, {1, 1}, {before, before, after, after}};
  std::vector<TensorId> inputs{x, weight(name + ".weight", {channels(x), out, kernel, kernel})};
  if (bias) inputs.push_back(weight(name + ".bias", {out}));
  return emit(name, "ConvTranspose", OpKind::conv_transpose, ir::ConvAttrs{window, 1, {0, 0}},
              std::move(inputs));
}

TensorId Builder::batch_norm(const std::string& name, TensorId x, double epsilon) {
  std::vector<TensorId> inputs{x};
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
    inputs.push_back(weight(name + part, {channels(x)}));
  }
  return emit(name, "BatchNormalization", OpKind::norm, ir::NormAttrs{ir::NormKind::batch, 1, epsilon},
              std::move(inputs));
}

TensorId Builder::act(const std::string& name, TensorId x, Act act) {
  if (act == Act::none) return x;
  const ActInfo info = describe(act);
  return emit(name, info.source, OpKind::elementwise, info.attrs, {x});
}

TensorId Builder::conv_act(const std::string& name, TensorId x, const Conv& c, Act act_kind) {
  x = conv(name, x, c);
  return act_kind == Act::none ? x : act(name + "." + describe(act_kind).suffix, x, act_kind);
}

TensorId Builder::conv_bn_act(const std::string& name, TensorId x, const Conv& c, Act act_kind) {
  x = batch_norm(name + ".bn", conv(name, x, c, false));
  return act_kind == Act::none ? x : act(name + "." + describe(act_kind).suffix, x, act_kind);
}

TensorId Builder::pool(const std::string& name, TensorId x, const Pool& p, ir::PoolKind kind) {
  const Shape& in = shape(x);
  ir::PoolAttrs attrs{kind, window(in, p.kernel, p.stride, p.pad),
                      kind == ir::PoolKind::average && p.count_include_pad};
  if (p.ceil) {
    attrs.window.pad.bottom = ceil_padding(in[2], p.kernel.h, p.stride.h, attrs.window.pad.top);
    attrs.window.pad.right = ceil_padding(in[3], p.kernel.w, p.stride.w, attrs.window.pad.left);
  }
  return emit(name, kind == ir::PoolKind::max ? "MaxPool" : "AveragePool", OpKind::pool, attrs, {x});
}

TensorId Builder::max_pool(const std::string& name, TensorId x, const Pool& p) {
  return pool(name, x, p, ir::PoolKind::max);
}

TensorId Builder::average_pool(const std::string& name, TensorId x, const Pool& p) {
  return pool(name, x, p, ir::PoolKind::average);
}

TensorId Builder::global_average_pool(const std::string& name, TensorId x) {
  return emit(name, "GlobalAveragePool", OpKind::reduce, ir::ReduceAttrs{ir::ReduceKind::mean, {2, 3}, true},
              {x});
}

TensorId Builder::flatten(const std::string& name, TensorId x) {
  const Shape& in = shape(x);
  return emit_as(name, "Flatten", OpKind::reshape, ir::ReshapeAttrs{}, {x},
                 {in[0], ir::elements(in) / in[0]});
}

TensorId Builder::linear(const std::string& name, TensorId x, std::int64_t out) {
  const std::int64_t in = shape(x).back();
  if (shape(x).size() != 2) {
    return emit(name, "MatMul", OpKind::matmul, ir::MatMulAttrs{},
                {x, weight(name + ".weight", {in, out}), weight(name + ".bias", {out})});
  }
  return emit(name, "Gemm", OpKind::matmul, ir::MatMulAttrs{false, true},
              {x, weight(name + ".weight", {out, in}), weight(name + ".bias", {out})});
}

TensorId Builder::classifier(TensorId x, std::int64_t classes, const std::string& fc) {
  return linear(fc, flatten("flatten", global_average_pool("avgpool", x)), classes);
}

TensorId Builder::binary(const std::string& name, ir::Function function, TensorId a, TensorId b) {
  const char* source = function == ir::Function::add ? "Add" : function == ir::Function::mul ? "Mul" : "Div";
  return emit(name, source, OpKind::elementwise, ir::ElementwiseAttrs{function}, {a, b});
}

TensorId Builder::concat(const std::string& name, const std::vector<TensorId>& parts, std::int64_t axis) {
  return emit(name, "Concat", OpKind::concat, ir::ConcatAttrs{axis}, parts);
}

std::vector<TensorId> Builder::split(const std::string& name, TensorId x, std::int64_t parts,
                                     std::int64_t axis) {
  Shape part = shape(x);
  std::int64_t& size = part.at(static_cast<std::size_t>(axis));
  size /= parts;
  const ir::SplitAttrs attrs{axis, std::vector<std::int64_t>(static_cast<std::size_t>(parts), size)};
  std::vector<TensorId> outputs{emit_as(name, "Split", OpKind::split, attrs, {x}, part)};
  for (std::int64_t i = 1; i < parts; ++i) {
    ir::Tensor tensor;
    tensor.name = name + ".out" + std::to_string(i);
    tensor.shape = part;
    outputs.push_back(graph_.add_tensor(std::move(tensor)));
  }
  graph_.ops.back().outputs = outputs;
  return outputs;
}

TensorId Builder::reshape(const std::string& name, TensorId x, Shape to) {
  return emit_as(name, "Reshape", OpKind::reshape, ir::ReshapeAttrs{}, {x}, std::move(to));
}

TensorId Builder::transpose(const std::string& name, TensorId x, std::vector<std::int64_t> permutation) {
  return emit(name, "Transpose", OpKind::transpose, ir::TransposeAttrs{std::move(permutation)}, {x});
}

TensorId Builder::slice(const std::string& name, TensorId x, std::int64_t axis, std::int64_t start,
                        std::int64_t size) {
  Shape out = shape(x);
  ir::SliceAttrs attrs{std::vector<std::int64_t>(out.size(), 0), std::vector<std::int64_t>(out.size(), 1)};
  attrs.starts.at(static_cast<std::size_t>(axis)) = start;
  out.at(static_cast<std::size_t>(axis)) = size;
  return emit_as(name, "Slice", OpKind::slice, std::move(attrs), {x}, std::move(out));
}

TensorId Builder::pick(const std::string& name, TensorId x, std::int64_t axis, std::int64_t index) {
  const TensorId which = scalar(name + ".index", static_cast<double>(index));
  graph_.tensor(which).dtype = ir::DType::i64;
  return emit(name, "Gather", OpKind::gather, ir::GatherAttrs{axis}, {x, which});
}

TensorId Builder::expand(const std::string& name, TensorId x, Shape to) {
  return emit_as(name, "Expand", OpKind::expand, ir::ExpandAttrs{}, {x}, std::move(to));
}

TensorId Builder::resize(const std::string& name, TensorId x, Size to, ir::ResizeAttrs::Mode mode) {
  const Shape& in = shape(x);
  ir::ResizeAttrs attrs;
  attrs.mode = mode;
  return emit_as(name, "Resize", OpKind::resize, attrs, {x}, {in[0], in[1], to.h, to.w});
}

TensorId Builder::depth_to_space(const std::string& name, TensorId x, std::int64_t block) {
  return emit(name, "DepthToSpace", OpKind::depth_to_space, ir::BlockAttrs{block, true}, {x});
}

TensorId Builder::embedding(const std::string& name, TensorId x, std::int64_t rows, std::int64_t columns) {
  return emit(name, "Gather", OpKind::gather, ir::GatherAttrs{0},
              {weight(name + ".weight", {rows, columns}), x});
}

TensorId Builder::identity(const std::string& name, TensorId x) {
  return emit(name, "Identity", OpKind::identity, ir::IdentityAttrs{}, {x});
}

TensorId Builder::softmax(const std::string& name, TensorId x, std::int64_t axis) {
  return emit(name, "Softmax", OpKind::softmax, ir::SoftmaxAttrs{axis}, {x});
}

TensorId Builder::layer_norm(const std::string& name, TensorId x, double epsilon) {
  const Shape& in = shape(x);
  const Shape last{in.back()};
  const auto axis = static_cast<std::int64_t>(in.size()) - 1;
  return emit(name, "LayerNormalization", OpKind::norm, ir::NormAttrs{ir::NormKind::layer, axis, epsilon},
              {x, weight(name + ".weight", last), weight(name + ".bias", last)});
}

TensorId Builder::matmul(const std::string& name, TensorId a, TensorId b) {
  return emit(name, "MatMul", OpKind::matmul, ir::MatMulAttrs{}, {a, b});
}

TensorId Builder::squeeze_excite(const std::string& name, TensorId x, std::int64_t squeeze, Act inner,
                                 Act gate) {
  TensorId scale = global_average_pool(name + ".avgpool", x);
  scale = conv_act(name + ".fc1", scale, {.out = squeeze}, inner);
  scale = conv_act(name + ".fc2", scale, {.out = channels(x)}, gate);
  return mul(name + ".mul", scale, x);
}

ir::Graph Builder::finish(const std::vector<TensorId>& outputs) {
  graph_.outputs = outputs;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    graph_.tensor(outputs[i]).name = i == 0 ? "output" : "output" + std::to_string(i);
  }
  ir::verify(graph_);
  return std::move(graph_);
}

}  // namespace npusim::zoo
