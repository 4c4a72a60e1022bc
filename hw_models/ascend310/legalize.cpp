// Graph -> device operators.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "hw_models/ascend310/device_tensors.h"
#include "hw_models/ascend310/network.h"
#include "hw_models/ascend310/recipes.h"
#include "hw_models/ascend310/stream_meaning.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {

constexpr std::int64_t kPatchTaps = 64;  ///< kernels of at least this many taps may be cut into patches
constexpr std::int64_t kResidentBytes = 32768;  ///< broadcast operands up to this stay in UB

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, ir::DType dtype,
            const reference::Quantization* quantization)
      : spec_(spec),
        graph_(graph),
        exponents_(graph, quantization),
        c0_(spec.c0(dtype)),
        element_(ir::size_of(dtype)),
        tensors_(spec, graph, dtype, net_) {}

  Network run() {
    for (const auto id : graph_.inputs) add_input(id);
    for (const auto& op : graph_.ops) add_op(op);
    for (const auto id : graph_.outputs) add_output(id);
    set_lifetimes();
    return std::move(net_);
  }

 private:
  // --- network boundary ---

  void add_stream(std::string name, std::string op, const DeviceTensor* in, const DeviceTensor* out,
                  std::vector<Pass> passes, StreamSetting meaning, std::int64_t run_bytes = 0) {
    StreamLayer layer;
    layer.meaning = std::move(meaning);
    layer.name = std::move(name);
    layer.op = std::move(op);
    layer.operands.push_back({in, run_bytes, 0, false});
    layer.out = out;
    layer.passes = std::move(passes);
    net_.layers.emplace_back(std::move(layer));
  }

  /// The host gives fp32 in plain order: Cast, then TransData to blocks (no AIPP).
  void add_input(ir::TensorId id) {
    const auto& tensor = graph_.tensor(id);
    const std::int64_t count = ir::elements(tensor.shape);
    const Order host_order{Order::Kind::plain, {}, tensor.dtype, count};
    const Order cast_order{Order::Kind::plain, {}, tensors_.type_of(id), count};
    const auto* host = tensors_.add_copy(tensor.name + ".host", id, host_order, true);
    const auto* cast = tensors_.add_copy(tensor.name + ".cast", id, cast_order, false);
    const std::int64_t exponent = exponents_.of(id);
    add_stream(tensor.name + "/Cast", "cast", host, cast, {{kConvert, 1}},
               copy_meaning(host_order, cast_order, exponent));
    if (spec_.first_layer_c04 && feeds_one_convolution(id)) tensors_.use_c04(id);
    const auto* blocks = tensors_.result(id);
    add_stream(tensor.name + "/TransData", "trans_data", cast, blocks, trans_data_passes(tensor),
               copy_meaning(cast_order, blocks->order, exponent));
  }

  /// vnchwconv transposes 16 rows at a time, of which a tensor of few channels fills only some.
  [[nodiscard]] std::vector<Pass> trans_data_passes(const ir::Tensor& tensor) const {
    const std::int64_t channels = tensor.shape.size() == 4 ? tensor.shape[1] : 16;
    return {{kTranspose, ceil_div(spec_.trans_data_passes * 16, std::clamp<std::int64_t>(channels, 1, 16))}};
  }

  /// The format with 4 channels a block serves a plain convolution of up to 4 channels.
  [[nodiscard]] bool feeds_one_convolution(ir::TensorId id) const {
    const ir::Op* user = nullptr;
    for (const auto& op : graph_.ops) {
      const auto uses = std::count(op.inputs.begin(), op.inputs.end(), id);
      if (uses > 0 && (user != nullptr || op.kind != ir::OpKind::conv || uses > 1)) return false;
      if (uses > 0) user = &op;
    }
    return user != nullptr && graph_.shape(id).size() == 4 && graph_.shape(id)[1] <= 4 &&
           std::get<ir::ConvAttrs>(user->attrs).groups == 1;
  }

  void add_output(ir::TensorId id) {
    const auto& tensor = graph_.tensor(id);
    const std::int64_t count = ir::elements(tensor.shape);
    const Order flat_order{Order::Kind::plain, {}, tensors_.type_of(id), count};
    const Order host_order{Order::Kind::plain, {}, tensor.dtype, count};
    const auto* flat = tensors_.add_copy(tensor.name + ".flat", id, flat_order, false);
    const auto* host = tensors_.add_copy(tensor.name + ".host", id, host_order, false);
    const std::int64_t exponent = exponents_.of(id);
    net_.buffers[net_.tensor_buffer.back()].output = true;
    add_stream(tensor.name + "/TransData.out", "trans_data", tensors_.device(id), flat,
               trans_data_passes(tensor), copy_meaning(tensors_.device(id)->order, flat_order, exponent));
    add_stream(tensor.name + "/Cast.out", "cast", flat, host, {{kConvert, 1}},
               copy_meaning(flat_order, host_order, exponent));
  }

  // --- operators ---

  void add_op(const ir::Op& op) {
    switch (op.kind) {
      case ir::OpKind::conv:
        return add_cube(op, cuts_patches(op) ? patch_layer(op) : conv_layer(op));
      case ir::OpKind::conv_transpose:
        return add_cube(op, conv_layer(op));
      case ir::OpKind::matmul:
        return add_cube(op, matmul_layer(op));
      case ir::OpKind::concat:
        if (tensors_.in_place(op)) return net_.views.push_back(op.name);
        return add_streaming(op);
      case ir::OpKind::reshape:
      case ir::OpKind::identity:
        if (alias(op)) return net_.views.push_back(op.name);
        return add_streaming(op);
      default:
        return add_streaming(op);
    }
  }

  /// A reshape that leaves the blocks where they are costs nothing: the result shares the input's memory.
  bool alias(const ir::Op& op) {
    const DeviceTensor* in = tensors_.device(op.inputs[0]);
    const BlockShape out = tensors_.shape_of(op.outputs[0]);
    if (in->plain_bytes != 0 || in->parent_c1 != 0 || in->shape.bytes() != out.bytes() ||
        in->shape.c != out.c) {
      return false;
    }
    const bool from_image = tensors_.is_image(op.inputs[0]);
    const bool to_image = tensors_.is_image(op.outputs[0]);
    const std::int64_t pixels = in->shape.h * in->shape.w;
    if (from_image && to_image) {
      if (in->shape.n != out.n || in->shape.h != out.h) return false;
    } else {
      // Images and matrices mean different axes by channels, unless an image is one pixel. Then rows are
      // images: they lie alike where a stack has as many rows a matrix, or all channels are in one block.
      if (from_image && pixels != 1) return false;
      if (to_image && out.h * out.w != 1) return false;
      if (pixels != out.h * out.w && in->shape.c1 != 1) return false;
    }
    tensors_.alias(op.outputs[0], in, out);
    return true;
  }

  CubeLayer conv_layer(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    CubeLayer layer;
    layer.a = tensors_.device(op.inputs[0]);
    const BlockShape& in = layer.a->shape;
    const BlockShape out = tensors_.shape_of(op.outputs[0]);
    layer.window = attrs.window;
    if (op.kind == ir::OpKind::conv_transpose) {
      // The gradient's convolution: stride 1 over the dilated input, padding k-1-p.
      layer.input_dilation = attrs.window.stride;
      layer.window.stride = {1, 1};
      layer.window.pad.top = (attrs.window.kernel.h - 1) * attrs.window.dilation.h - attrs.window.pad.top;
      layer.window.pad.left = (attrs.window.kernel.w - 1) * attrs.window.dilation.w - attrs.window.pad.left;
    }
    layer.images = in.n;
    layer.ho = out.h;
    layer.wo = out.w;
    layer.hi = in.h;
    layer.wi = in.w;
    const auto& pad = layer.window.pad;
    layer.k_elements = c0_;
    layer.c04 = tensors_.is_c04(op.inputs[0]);
    layer.load2d = !layer.c04 && layer.window.kernel == ir::Hw{1, 1} && layer.window.stride == ir::Hw{1, 1} &&
                   layer.input_dilation == ir::Hw{1, 1} && pad.top + pad.left + pad.bottom + pad.right == 0;
    layer.load_width = layer.wo;
    layer.load_stride = layer.window.stride.w;
    if (in.h == 1 && out.h == 1 && layer.window.kernel.h == 1) stand_up(layer);
    merge_groups(layer, attrs.groups, in, out);
    return layer;
  }

  /// An image of one row is as well an image of one column, which tiles can cut anywhere.
  static void stand_up(CubeLayer& layer) {
    layer.stood_up = true;
    std::swap(layer.ho, layer.wo);
    std::swap(layer.hi, layer.wi);
    auto& w = layer.window;
    for (ir::Hw* pair : {&w.kernel, &w.stride, &w.dilation, &layer.input_dilation})
      std::swap(pair->h, pair->w);
    std::swap(w.pad.top, w.pad.left);
    std::swap(w.pad.bottom, w.pad.right);
  }

  /// Large kernels that cut an image into patches (kernel = stride, as in a vision transformer) would crawl
  /// through load3d: the patches become rows of a matrix first.
  [[nodiscard]] static bool cuts_patches(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    const auto& w = attrs.window;
    return attrs.groups == 1 && w.kernel == w.stride && w.dilation == ir::Hw{1, 1} &&
           w.pad == ir::Padding{} && w.kernel.h * w.kernel.w >= kPatchTaps;
  }

  CubeLayer patch_layer(const ir::Op& op) {
    const auto& window = std::get<ir::ConvAttrs>(op.attrs).window;
    const DeviceTensor* in = tensors_.device(op.inputs[0]);
    const BlockShape out = tensors_.shape_of(op.outputs[0]);
    BlockShape patches;
    patches.n = out.n;
    patches.c = in->shape.c * window.kernel.h * window.kernel.w;
    patches.c1 = ceil_div(patches.c, c0_);
    patches.w = out.h * out.w;
    const auto* rows = tensors_.add_buffer(op.name + ".patches", patches, 0, false);
    const Order order{Order::Kind::matrix, patches, in->order.dtype, patches.n * patches.w * patches.c};
    add_stream(op.name + "/Patches", "trans_data", in, rows, {{kTranspose, 2}},
               patches_meaning(in->order, order, window.kernel, exponents_.of(op.inputs[0])),
               window.kernel.w * kBlock);
    CubeLayer layer = rows_layer(rows, out.n, out.h * out.w);
    layer.n1 = out.c1 * (c0_ / 16);
    return layer;
  }

  /// A product of `rows` rows an image of `a` with something: rows are those of an image one pixel wide, so
  /// that tiles can cut them anywhere.
  [[nodiscard]] static CubeLayer rows_layer(const DeviceTensor* a, std::int64_t images, std::int64_t rows) {
    CubeLayer layer;
    layer.a = a;
    layer.images = images;
    layer.ho = rows;
    layer.hi = a->shape.h * a->shape.w;
    layer.load2d = true;
    layer.c1 = a->shape.c1;
    layer.window.kernel = layer.window.stride = layer.window.dilation = {1, 1};
    return layer;
  }

  /// Small groups share a block of channels: merge as many as fill whole blocks on both sides (their weights
  /// become block diagonal), or all of them where that does not come out even.
  void merge_groups(CubeLayer& layer, std::int64_t groups, const BlockShape& in,
                    const BlockShape& out) const {
    const std::int64_t per_block = c0_ / 16;
    layer.groups = 1;
    layer.c1 = in.c1;
    layer.n1 = out.c1 * per_block;
    if (groups == 1) return;
    const std::int64_t cg = in.c / groups;
    const std::int64_t ng = out.c / groups;
    const std::int64_t merged = std::lcm(c0_ / std::gcd(cg, c0_), c0_ / std::gcd(ng, c0_));
    const std::int64_t count = ceil_div(groups, merged);
    const std::int64_t c1 = merged * cg / c0_;
    const std::int64_t n1 = merged * ng / c0_;
    if (count * c1 != in.c1 || count * n1 != out.c1) return;
    layer.groups = count;
    layer.c1 = c1;
    layer.n1 = n1 * per_block;
  }

  CubeLayer matmul_layer(const ir::Op& op) {
    const auto& attrs = std::get<ir::MatMulAttrs>(op.attrs);
    const DeviceTensor* a = matrix(op, op.inputs[0]);
    const BlockShape out = tensors_.matrix_shape(op.outputs[0]);
    CubeLayer layer = rows_layer(attrs.transpose_a ? transposed(op, a, op.inputs[0]) : a, out.n, out.w);
    layer.n1 = out.c1 * (c0_ / 16);
    const auto& b = graph_.tensor(op.inputs[1]);
    if (b.role != ir::TensorRole::weight) {
      layer.b = matrix(op, op.inputs[1]);
      layer.b_transposed = attrs.transpose_b;
      layer.batch_groups = true;
      layer.groups = out.n;
      layer.images = 1;
    }
    return layer;
  }

  /// An operand of a matrix product; an image is brought into matrix layout by an operator of its own.
  const DeviceTensor* matrix(const ir::Op& op, ir::TensorId id) {
    const DeviceTensor* in = tensors_.device(id);
    if (!tensors_.is_image(id)) return in;
    const std::string name = graph_.tensor(id).name;
    const auto* out = tensors_.add_copy(name + ".matrix", id, tensors_.matrix_order(id), false);
    add_stream(fmt::format("{}/TransData.{}", op.name, name), "trans_data", in, out, {{kTranspose, 2}},
               copy_meaning(in->order, out->order, exponents_.of(id)), kBlock);
    return out;
  }

  /// A copy of a matrix with rows and columns exchanged, made by an operator of its own.
  const DeviceTensor* transposed(const ir::Op& op, const DeviceTensor* in, ir::TensorId id) {
    BlockShape shape = in->shape;
    std::swap(shape.c, shape.w);
    shape.c1 = ceil_div(shape.c, c0_);
    const auto* out = tensors_.add_buffer(op.name + ".transposed", shape, 0, false);
    const Order to{Order::Kind::matrix, shape, in->order.dtype, in->order.elements};
    add_stream(op.name + "/Transpose", "transpose", in, out, {{kTranspose, 2}},
               transpose_meaning(in->order, to, exponents_.of(id)), kBlock);
    return out;
  }

  void add_cube(const ir::Op& op, CubeLayer layer) {
    layer.name = op.name;
    layer.op = std::string(ir::to_string(op.kind));
    layer.k_elements = c0_;
    layer.fractals_per_block = c0_ / 16;
    layer.result_bytes = element_;
    layer.macs = ir::macs(graph_, op).count();
    describe_result(op, layer);
    if (layer.b == nullptr) {
      layer.source = weight_source(op);
      layer.b = tensors_.plain(op.name + ".weights", layer.groups * layer.k1() * layer.n1 * kFractal, true);
    }
    if (op.inputs.size() > 2 && op.inputs[2] != ir::kNoTensor) {
      layer.bias = tensors_.plain(op.name + ".bias", bias_space(layer), true);
      layer.source.bias = op.inputs[2];
      layer.source.bias_exponent = exponents_.of(op.inputs[0]) + exponents_.of(op.inputs[1]);
      layer.epilogue.bias = true;
    }
    if (element_ == 1) layer.epilogue.convert += 1;  // int32 results are rescaled on their way out
    // A product writes matrices; the result may have to become an image.
    const bool convert = op.kind == ir::OpKind::matmul && tensors_.is_image(op.outputs[0]);
    std::size_t fused = 0;
    for (; fused < op.fused.size(); ++fused) {
      const auto& step = op.fused[fused];
      if (step.operand != ir::kNoTensor) {
        const bool alike =
            tensors_.is_image(step.operand) == tensors_.is_image(op.outputs[0]) &&
            tensors_.shape_of(step.operand).bytes() == tensors_.shape_of(op.outputs[0]).bytes();
        if (layer.residual != nullptr || convert || !alike) break;
        layer.residual = tensors_.device(step.operand);
      }
      // The copy out of L0C applies a ReLU on its way.
      const bool free_relu = step.op.function == ir::Function::relu && layer.epilogue.simple == 0;
      if (!free_relu) add_to(layer.epilogue, function_passes(step.op.function));
      if (step.operand != ir::kNoTensor) layer.result.residual_exponent = exponents_.of(step.operand);
      layer.result.steps.push_back({step.op, step.operand != ir::kNoTensor, exponents_.stage(op, fused + 1)});
    }
    if (fused == op.fused.size() && !convert) {
      layer.out = tensors_.result(op.outputs[0]);
      net_.layers.emplace_back(std::move(layer));
      return;
    }
    // The rest of the fused steps becomes an operator of its own.
    const BlockShape shape =
        convert ? tensors_.matrix_shape(op.outputs[0]) : tensors_.shape_of(op.outputs[0]);
    layer.out = tensors_.add_buffer(op.name + ".result", shape, 0, false);
    const auto* partial = layer.out;
    const bool image = !convert && tensors_.is_image(op.outputs[0]);
    const Order partial_order{image ? Order::Kind::image : Order::Kind::matrix, shape,
                              tensors_.type_of(op.outputs[0]), ir::elements(graph_.shape(op.outputs[0]))};
    net_.layers.emplace_back(std::move(layer));
    std::vector<MeaningOperand> meanings;
    const std::size_t first_step = fused;
    StreamLayer rest;
    rest.name = op.name + "/fused";
    rest.op = "elementwise";
    rest.operands.push_back({partial, convert ? kBlock : 0, 0, false});
    if (convert) rest.passes.push_back({kTranspose, 2});
    for (; fused < op.fused.size(); ++fused) {
      const auto& step = op.fused[fused];
      if (step.operand != ir::kNoTensor) {
        rest.operands.push_back(operand(step.operand, op.outputs[0]));
        meanings.push_back(meaning(step.operand, rest.operands.back()));
      }
      for (const auto& pass : function_passes(step.op.function)) rest.passes.push_back(pass);
    }
    rest.out = tensors_.result(op.outputs[0]);
    rest.meaning = rest_meaning(graph_, op, first_step, partial_order, rest.out->order, meanings, exponents_);
    net_.layers.emplace_back(std::move(rest));
  }

  /// Stage 0 of the result.
  void describe_result(const ir::Op& op, CubeLayer& layer) const {
    if (element_ != 1) return;
    layer.result.int8 = 1;
    layer.result.exponent = exponents_.stage(op, 0);
    layer.result.shift = layer.result.exponent - exponents_.of(op.inputs[0]) - exponents_.of(op.inputs[1]);
  }

  [[nodiscard]] WeightSource weight_source(const ir::Op& op) const {
    WeightSource source;
    source.weights = op.inputs[1];
    source.weights_exponent = exponents_.of(op.inputs[1]);
    if (const auto* attrs = std::get_if<ir::ConvAttrs>(&op.attrs)) {
      const bool transposed = op.kind == ir::OpKind::conv_transpose;
      source.form = transposed ? WeightSource::Form::conv_transpose : WeightSource::Form::conv;
      source.groups = attrs->groups;
    } else {
      const bool transposed = std::get<ir::MatMulAttrs>(op.attrs).transpose_b;
      source.form = transposed ? WeightSource::Form::matmul_transposed : WeightSource::Form::matmul;
    }
    return source;
  }

  [[nodiscard]] static MeaningOperand meaning(ir::TensorId id, const StreamOperand& operand) {
    return {id, operand.tensor->order, operand.resident};
  }

  [[nodiscard]] static std::int64_t bias_space(const CubeLayer& layer) {
    return round_up(layer.groups * layer.n1 * 16 * 4, kBlock);
  }

  StreamOperand operand(ir::TensorId id, ir::TensorId out) {
    StreamOperand operand;
    operand.tensor = tensors_.device(id);
    const std::int64_t bytes = operand.tensor->bytes();
    operand.resident = bytes <= kResidentBytes && bytes * 2 <= tensors_.shape_of(out).bytes();
    return operand;
  }

  void add_streaming(const ir::Op& op) {
    using ir::OpKind;
    for (const auto out : op.outputs) {
      StreamLayer layer;
      layer.name = op.outputs.size() == 1 ? op.name : fmt::format("{}:{}", op.name, graph_.tensor(out).name);
      layer.op = op.kind == OpKind::elementwise
                     ? std::string(ir::to_string(std::get<ir::ElementwiseAttrs>(op.attrs).function))
                     : std::string(ir::to_string(op.kind));
      layer.passes = op_passes(graph_, op);
      if (op.kind == OpKind::pool) {
        layer.windowed = true;
        layer.window = std::get<ir::PoolAttrs>(op.attrs).window;
      }
      std::vector<ir::TensorId> inputs = op.inputs;
      for (const auto& step : op.fused) {
        if (step.operand != ir::kNoTensor) inputs.push_back(step.operand);
      }
      std::vector<ir::TensorId> loaded;
      for (const auto in : inputs) {
        if (in == ir::kNoTensor || skip_input(op, in)) continue;
        loaded.push_back(in);
        layer.operands.push_back(operand(in, out));
        if (op.kind == OpKind::concat) layer.operands.back().resident = false;
      }
      adjust_reads(op, out, layer);
      if (element_ == 1) widen(layer);
      layer.out = tensors_.result(out);
      std::vector<MeaningOperand> meanings;
      for (std::size_t i = 0; i < loaded.size(); ++i) {
        meanings.push_back(meaning(loaded[i], layer.operands[i]));
      }
      layer.meaning = meaning_of(graph_, op, out, layer.out->order, meanings, exponents_);
      net_.layers.emplace_back(std::move(layer));
    }
  }

  /// Small constants that only parametrise the operator (axes, sizes, scales of Resize) do not move at run
  /// time.
  [[nodiscard]] bool skip_input(const ir::Op& op, ir::TensorId in) const {
    using ir::OpKind;
    if (op.kind == OpKind::elementwise || op.kind == OpKind::norm || op.kind == OpKind::concat ||
        op.kind == OpKind::gather || op.kind == OpKind::expand) {
      return op.kind == OpKind::expand && in != op.inputs[0];
    }
    return in != op.inputs[0] && graph_.tensor(in).role == ir::TensorRole::weight;
  }

  /// The vector unit computes in fp16: int8 operands are converted, and each pass covers twice the bytes.
  static void widen(StreamLayer& layer) {
    bool arithmetic = false;
    for (auto& pass : layer.passes) {
      if (pass.kind == kTranspose || pass.kind == kConvert) continue;
      pass.count *= 2;
      arithmetic = true;
    }
    if (arithmetic) layer.passes.push_back({kConvert, 3});  // up (two bytes a result), down
  }

  /// Whether a slice or concatenation cuts blocks of channels, or picks single elements.
  [[nodiscard]] bool cuts_blocks(const ir::Op& op) const {
    const auto channels = [this](ir::TensorId id) {
      const auto& shape = graph_.tensor(id).shape;
      if (shape.empty()) return std::int64_t{0};
      return tensors_.is_image(id) ? shape[1] : shape.back();
    };
    const auto ragged = [&](ir::TensorId id) { return channels(id) % c0_ != 0; };
    const bool same = channels(op.inputs[0]) == channels(op.outputs[0]);
    if (op.kind == ir::OpKind::concat)
      return !same && std::any_of(op.inputs.begin(), op.inputs.end(), ragged);
    if (op.kind == ir::OpKind::slice) {
      const auto& steps = std::get<ir::SliceAttrs>(op.attrs).steps;
      if (std::any_of(steps.begin(), steps.end(), [](std::int64_t step) { return step != 1; })) return true;
    }
    return !same && (ragged(op.inputs[0]) || ragged(op.outputs[0]));
  }

  /// Operators that read a part of their input, or in short runs.
  void adjust_reads(const ir::Op& op, ir::TensorId out, StreamLayer& layer) const {
    using ir::OpKind;
    if (layer.operands.empty()) return;
    auto& first = layer.operands.front();
    const std::int64_t out_bytes = tensors_.shape_of(out).bytes();
    switch (op.kind) {
      case OpKind::split:
      case OpKind::slice:
      case OpKind::gather:
        first.resident = false;
        first.read_bytes = std::min(first.tensor->bytes(), out_bytes);
        if (op.kind == OpKind::gather || cuts_blocks(op)) cut(layer);
        break;
      case OpKind::concat:
        if (cuts_blocks(op)) cut(layer);
        break;
      case OpKind::transpose:
      case OpKind::depth_to_space:
      case OpKind::space_to_depth:
        first.run_bytes = kBlock;
        break;
      default:
        break;
    }
  }

  /// Reads block by block, and moves elements within blocks.
  static void cut(StreamLayer& layer) {
    for (auto& operand : layer.operands) operand.run_bytes = kBlock;
    layer.passes.push_back({kTranspose, 2});
  }

  // --- lifetimes ---

  void touch(const DeviceTensor* tensor, std::int64_t task, bool write) {
    if (tensor == nullptr) return;
    DeviceBuffer& buffer = net_.buffers[tensors_.buffer_of(tensor)];
    if (write && buffer.first_task < 0) buffer.first_task = task;
    buffer.last_task = std::max(buffer.last_task, task);
  }

  void set_lifetimes() {
    std::int64_t task = 1;  // task 0 is the host's call
    for (const auto& layer : net_.layers) {
      if (const auto* cube = std::get_if<CubeLayer>(&layer)) {
        for (const auto* tensor : {cube->a, cube->b, cube->bias, cube->residual}) touch(tensor, task, false);
        touch(cube->out, task, true);
      } else {
        const auto& stream = std::get<StreamLayer>(layer);
        for (const auto& operand : stream.operands) touch(operand.tensor, task, false);
        touch(stream.out, task, true);
      }
      ++task;
    }
  }

  const Spec& spec_;
  const ir::Graph& graph_;
  Exponents exponents_;
  std::int64_t c0_;
  std::int64_t element_;
  Network net_;
  DeviceTensors tensors_;
};

}  // namespace

Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype,
                 const reference::Quantization* quantization) {
  return Legalizer(spec, graph, dtype, quantization).run();
}

}  // namespace npusim::ascend310
