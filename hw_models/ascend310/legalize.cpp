// Graph -> device operators.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "hw_models/ascend310/network.h"
#include "hw_models/ascend310/recipes.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {

constexpr std::int64_t kResidentBytes = 32 * 1024;  ///< broadcast operands up to this stay in UB

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, ir::DType dtype)
      : spec_(spec), graph_(graph), dtype_(dtype), c0_(spec.c0(dtype)), element_(ir::size_of(dtype)) {
    find_matrices();
    if (spec.concat_in_place) find_concats();
  }

  Network run() {
    for (const auto id : graph_.inputs) add_input(id);
    for (const auto& op : graph_.ops) add_op(op);
    for (const auto id : graph_.outputs) add_output(id);
    set_lifetimes();
    return std::move(net_);
  }

 private:
  // --- tensors ---

  /// Rank-4 tensors next to a matrix product or a softmax over the last axis hold matrices, not images.
  void find_matrices() {
    for (const auto& op : graph_.ops) {
      if (op.kind != ir::OpKind::matmul && op.kind != ir::OpKind::softmax) continue;
      for (const auto id : op.inputs) matrices_.insert(id);
      for (const auto id : op.outputs) matrices_.insert(id);
      if (op.kind == ir::OpKind::matmul && graph_.tensor(op.inputs[1]).role != ir::TensorRole::weight) {
        batched_.insert(op.inputs.begin(), op.inputs.end());
        batched_.insert(op.outputs.begin(), op.outputs.end());
      }
    }
    for (const auto& op : graph_.ops) {
      if (op.kind != ir::OpKind::elementwise) continue;
      if (matrices_.count(op.inputs[0]) != 0 && graph_.tensor(op.inputs[0]).shape.size() == 4) {
        matrices_.insert(op.outputs[0]);
      }
    }
  }

  /// Concatenations of whole channel blocks whose inputs can be written straight into the result.
  void find_concats() {
    std::map<ir::TensorId, const ir::Op*> producer;
    for (const auto& op : graph_.ops) {
      for (const auto id : op.outputs) producer[id] = &op;
    }
    for (const auto& op : graph_.ops) {
      if (op.kind != ir::OpKind::concat || std::get<ir::ConcatAttrs>(op.attrs).axis != 1) continue;
      if (graph_.shape(op.outputs[0]).size() != 4 || matrices_.count(op.outputs[0]) != 0 || !op.fused.empty())
        continue;
      std::set<ir::TensorId> distinct(op.inputs.begin(), op.inputs.end());
      const bool possible = distinct.size() == op.inputs.size() &&
                            std::all_of(op.inputs.begin(), op.inputs.end(), [&](ir::TensorId id) {
                              const auto made = producer.find(id);
                              return made != producer.end() && written_in_full(*made->second) &&
                                     part_of_.count(id) == 0 && graph_.shape(id)[1] % c0_ == 0;
                            });
      if (!possible) continue;
      std::int64_t block = 0;
      for (const auto id : op.inputs) {
        part_of_[id] = {op.outputs[0], block};
        block += graph_.shape(id)[1] / c0_;
      }
    }
  }

  /// Operators that write a result of their own, not a view of another tensor.
  static bool written_in_full(const ir::Op& op) {
    switch (op.kind) {
      case ir::OpKind::conv:
      case ir::OpKind::conv_transpose:
      case ir::OpKind::pool:
      case ir::OpKind::elementwise:
        return true;
      default:
        return false;
    }
  }

  [[nodiscard]] BlockShape shape_of(ir::TensorId id) const {
    ir::Shape shape = graph_.tensor(id).shape;
    if (shape.size() == 4 && matrices_.count(id) != 0) shape = {shape[0] * shape[1], shape[2], shape[3]};
    BlockShape blocks = block_shape(shape, c0_);
    // A stack of matrices is one tall matrix, unless each meets a matrix of its own.
    if (shape.size() != 4 && batched_.count(id) == 0) {
      blocks.w *= blocks.n;
      blocks.n = 1;
    }
    if (c04_.count(id) != 0) blocks.block_bytes = 4 * element_;
    return blocks;
  }

  const DeviceTensor* add_tensor(DeviceTensor tensor, std::size_t buffer) {
    net_.tensors.push_back(std::move(tensor));
    net_.tensor_buffer.push_back(buffer);
    return &net_.tensors.back();
  }

  const DeviceTensor* add_buffer(const std::string& name, const BlockShape& shape, std::int64_t plain_bytes,
                                 bool input) {
    DeviceTensor tensor;
    tensor.name = name;
    tensor.shape = shape;
    tensor.plain_bytes = plain_bytes;
    DeviceBuffer buffer;
    buffer.name = name;
    buffer.bytes = tensor.bytes();
    buffer.input = input;
    buffer.image_bytes = plain_bytes > 0 || shape.n < 2 ? 0 : shape.image_bytes();
    net_.buffers.push_back(buffer);
    return add_tensor(std::move(tensor), net_.buffers.size() - 1);
  }

  const DeviceTensor* plain(const std::string& name, std::int64_t bytes, bool input) {
    return add_buffer(name, {}, std::max<std::int64_t>(bytes, 1), input);
  }

  /// The device tensor of a graph tensor; weights used by streaming operators appear on first use.
  const DeviceTensor* device(ir::TensorId id) {
    const auto found = device_.find(id);
    if (found != device_.end()) return found->second;
    const auto* tensor = add_buffer(graph_.tensor(id).name, shape_of(id), 0, true);
    device_[id] = tensor;
    return tensor;
  }

  const DeviceTensor* result(ir::TensorId id) {
    if (const auto part = part_of_.find(id); part != part_of_.end()) {
      const auto [whole_id, block] = part->second;
      if (device_.count(whole_id) == 0) {
        device_[whole_id] = add_buffer(graph_.tensor(whole_id).name, shape_of(whole_id), 0, false);
      }
      const DeviceTensor* whole = device_[whole_id];
      DeviceTensor view;
      view.name = graph_.tensor(id).name;
      view.shape = shape_of(id);
      view.parent_c1 = whole->shape.c1;
      view.first_block = block;
      device_[id] = add_tensor(std::move(view), buffer_of(whole));
      return device_[id];
    }
    const auto* tensor = add_buffer(graph_.tensor(id).name, shape_of(id), 0, false);
    device_[id] = tensor;
    return tensor;
  }

  // --- network boundary ---

  void add_stream(std::string name, std::string op, const DeviceTensor* in, const DeviceTensor* out,
                  std::vector<Pass> passes, std::int64_t run_bytes = 0) {
    StreamLayer layer;
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
    const auto* host = plain(tensor.name + ".host", count * ir::size_of(tensor.dtype), true);
    const auto* cast = plain(tensor.name + ".cast", count * element_, false);
    add_stream(tensor.name + "/Cast", "cast", host, cast, {{kConvert, 1}});
    if (spec_.first_layer_c04 && feeds_one_convolution(id)) c04_.insert(id);
    const auto* blocks = result(id);
    add_stream(tensor.name + "/TransData", "trans_data", cast, blocks,
               {{kTranspose, spec_.trans_data_passes}});
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
    const auto* flat = plain(tensor.name + ".flat", count * element_, false);
    const auto* host = plain(tensor.name + ".host", count * ir::size_of(tensor.dtype), false);
    net_.buffers[net_.tensor_buffer.back()].output = true;
    add_stream(tensor.name + "/TransData.out", "trans_data", device(id), flat,
               {{kTranspose, spec_.trans_data_passes}});
    add_stream(tensor.name + "/Cast.out", "cast", flat, host, {{kConvert, 1}});
  }

  // --- operators ---

  void add_op(const ir::Op& op) {
    switch (op.kind) {
      case ir::OpKind::conv:
      case ir::OpKind::conv_transpose:
        return add_cube(op, conv_layer(op));
      case ir::OpKind::matmul:
        return add_cube(op, matmul_layer(op));
      case ir::OpKind::concat:
        if (part_of_.count(op.inputs[0]) != 0 && part_of_.at(op.inputs[0]).first == op.outputs[0]) return;
        return add_streaming(op);
      case ir::OpKind::reshape:
      case ir::OpKind::identity:
        if (alias(op)) return;
        return add_streaming(op);
      default:
        return add_streaming(op);
    }
  }

  /// A reshape that leaves the blocks where they are costs nothing: the result shares the input's memory.
  bool alias(const ir::Op& op) {
    const DeviceTensor* in = device(op.inputs[0]);
    const BlockShape out = shape_of(op.outputs[0]);
    const bool same_blocks = in->plain_bytes == 0 && in->parent_c1 == 0 && in->shape.bytes() == out.bytes() &&
                             in->shape.c == out.c;
    const bool pixels = in->shape.h * in->shape.w == 1 || in->shape.n == 1;
    const bool same_order = in->shape.n == out.n || (pixels && out.h == 1);
    if (!same_blocks || !same_order) return false;
    const std::size_t buffer = buffer_of(in);
    net_.buffers[buffer].image_bytes = 0;  // views may count images differently
    DeviceTensor view;
    view.name = graph_.tensor(op.outputs[0]).name;
    view.shape = out;
    device_[op.outputs[0]] = add_tensor(std::move(view), buffer);
    return true;
  }

  [[nodiscard]] std::size_t buffer_of(const DeviceTensor* tensor) const {
    for (std::size_t i = 0; i < net_.tensors.size(); ++i) {
      if (&net_.tensors[i] == tensor) return net_.tensor_buffer[i];
    }
    throw InternalError("a device tensor without buffer");
  }

  CubeLayer conv_layer(const ir::Op& op) {
    const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
    CubeLayer layer;
    layer.a = device(op.inputs[0]);
    const BlockShape& in = layer.a->shape;
    const BlockShape out = shape_of(op.outputs[0]);
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
    layer.c04 = c04_.count(op.inputs[0]) != 0;
    layer.load2d = !layer.c04 && layer.window.kernel == ir::Hw{1, 1} && layer.window.stride == ir::Hw{1, 1} &&
                   layer.input_dilation == ir::Hw{1, 1} && pad.top + pad.left + pad.bottom + pad.right == 0;
    merge_groups(layer, attrs.groups, in, out);
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
    CubeLayer layer;
    layer.a = attrs.transpose_a ? transposed(op, op.inputs[0]) : device(op.inputs[0]);
    const BlockShape out = shape_of(op.outputs[0]);
    // Rows of the matrix are rows of an image one pixel wide, so that tiles can cut them anywhere.
    layer.ho = out.w;
    layer.hi = layer.a->shape.w;
    layer.load2d = true;
    layer.images = out.n;
    layer.c1 = layer.a->shape.c1;
    layer.n1 = out.c1 * (c0_ / 16);
    layer.window.kernel = layer.window.stride = layer.window.dilation = {1, 1};
    const auto& b = graph_.tensor(op.inputs[1]);
    if (b.role != ir::TensorRole::weight) {
      layer.b = device(op.inputs[1]);
      layer.b_transposed = attrs.transpose_b;
      layer.batch_groups = true;
      layer.groups = out.n;
      layer.images = 1;
    }
    return layer;
  }

  /// A copy of a matrix with rows and columns exchanged, made by an operator of its own.
  const DeviceTensor* transposed(const ir::Op& op, ir::TensorId id) {
    const DeviceTensor* in = device(id);
    BlockShape shape = in->shape;
    std::swap(shape.c, shape.w);
    shape.c1 = ceil_div(shape.c, c0_);
    const auto* out = add_buffer(op.name + ".transposed", shape, 0, false);
    add_stream(op.name + "/Transpose", "transpose", in, out, {{kTranspose, 2}}, kBlock);
    return out;
  }

  void add_cube(const ir::Op& op, CubeLayer layer) {
    layer.name = op.name;
    layer.op = std::string(ir::to_string(op.kind));
    layer.k_elements = c0_;
    layer.fractals_per_block = c0_ / 16;
    layer.result_bytes = element_;
    layer.macs = ir::macs(graph_, op).count();
    if (layer.b == nullptr) {
      layer.b = plain(op.name + ".weights", layer.groups * layer.k1() * layer.n1 * kFractal, true);
    }
    if (op.inputs.size() > 2 && op.inputs[2] != ir::kNoTensor) {
      layer.bias = plain(op.name + ".bias", bias_space(layer), true);
      layer.epilogue.bias = true;
    }
    if (element_ == 1) layer.epilogue.convert += 1;  // int32 results are rescaled on their way out
    std::size_t fused = 0;
    for (; fused < op.fused.size(); ++fused) {
      const auto& step = op.fused[fused];
      if (step.operand != ir::kNoTensor) {
        if (layer.residual != nullptr || shape_of(step.operand).bytes() != shape_of(op.outputs[0]).bytes())
          break;
        layer.residual = device(step.operand);
      }
      // The copy out of L0C applies a ReLU on its way.
      const bool free_relu = step.op.function == ir::Function::relu && layer.epilogue.simple == 0;
      if (!free_relu) add_to(layer.epilogue, function_passes(step.op.function));
    }
    if (fused == op.fused.size()) {
      layer.out = result(op.outputs[0]);
      net_.layers.emplace_back(std::move(layer));
      return;
    }
    // The rest of the fused steps becomes an operator of its own.
    layer.out = add_buffer(op.name + ".result", shape_of(op.outputs[0]), 0, false);
    const auto* partial = layer.out;
    net_.layers.emplace_back(std::move(layer));
    StreamLayer rest;
    rest.name = op.name + "/fused";
    rest.op = "elementwise";
    rest.operands.push_back({partial, 0, 0, false});
    for (; fused < op.fused.size(); ++fused) {
      const auto& step = op.fused[fused];
      if (step.operand != ir::kNoTensor) rest.operands.push_back(operand(step.operand, op.outputs[0]));
      for (const auto& pass : function_passes(step.op.function)) rest.passes.push_back(pass);
    }
    rest.out = result(op.outputs[0]);
    net_.layers.emplace_back(std::move(rest));
  }

  [[nodiscard]] static std::int64_t bias_space(const CubeLayer& layer) {
    return round_up(layer.groups * layer.n1 * 16 * 4, kBlock);
  }

  StreamOperand operand(ir::TensorId id, ir::TensorId out) {
    StreamOperand operand;
    operand.tensor = device(id);
    const std::int64_t bytes = operand.tensor->bytes();
    operand.resident = bytes <= kResidentBytes && bytes * 2 <= shape_of(out).bytes();
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
      for (const auto in : inputs) {
        if (in == ir::kNoTensor || skip_input(op, in)) continue;
        layer.operands.push_back(operand(in, out));
        if (op.kind == OpKind::concat) layer.operands.back().resident = false;
      }
      adjust_reads(op, out, layer);
      layer.out = result(out);
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

  /// Operators that read a part of their input, or in short runs.
  void adjust_reads(const ir::Op& op, ir::TensorId out, StreamLayer& layer) const {
    using ir::OpKind;
    if (layer.operands.empty()) return;
    auto& first = layer.operands.front();
    const std::int64_t out_bytes = shape_of(out).bytes();
    switch (op.kind) {
      case OpKind::split:
      case OpKind::slice:
      case OpKind::gather:
        first.resident = false;
        first.read_bytes = std::min(first.tensor->bytes(), out_bytes);
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

  // --- lifetimes ---

  void touch(const DeviceTensor* tensor, std::int64_t task, bool write) {
    if (tensor == nullptr) return;
    DeviceBuffer& buffer = net_.buffers[index_.at(tensor)];
    if (write && buffer.first_task < 0) buffer.first_task = task;
    buffer.last_task = std::max(buffer.last_task, task);
  }

  void set_lifetimes() {
    for (std::size_t i = 0; i < net_.tensors.size(); ++i) index_[&net_.tensors[i]] = net_.tensor_buffer[i];
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
  ir::DType dtype_;
  std::int64_t c0_;
  std::int64_t element_;
  Network net_;
  std::set<ir::TensorId> matrices_;
  std::set<ir::TensorId> batched_;  ///< operands and results of matrix products between activations
  std::set<ir::TensorId> c04_;      ///< network inputs stored with 4 channels a block
  std::map<ir::TensorId, const DeviceTensor*> device_;
  std::map<ir::TensorId, std::pair<ir::TensorId, std::int64_t>> part_of_;  ///< concatenation and first block
  std::map<const DeviceTensor*, std::size_t> index_;
};

}  // namespace

Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype) {
  return Legalizer(spec, graph, dtype).run();
}

}  // namespace npusim::ascend310
