#include "hw_models/ascend310/device_tensors.h"

#include <algorithm>

namespace npusim::ascend310 {

namespace {

/// Operators that write a result of their own, not a view of another tensor.
bool written_in_full(const ir::Op& op) {
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

/// Operators whose first operand and result are laid out as images.
bool works_on_images(const ir::Op& op) {
  switch (op.kind) {
    case ir::OpKind::conv:
    case ir::OpKind::conv_transpose:
    case ir::OpKind::pool:
    case ir::OpKind::resize:
    case ir::OpKind::depth_to_space:
    case ir::OpKind::space_to_depth:
      return true;
    case ir::OpKind::norm:
      return std::get<ir::NormAttrs>(op.attrs).kind != ir::NormKind::layer;
    default:
      return false;
  }
}

bool over_last_axis(const ir::Graph& graph, const ir::Op& softmax) {
  const auto rank = static_cast<std::int64_t>(graph.tensor(softmax.inputs[0]).shape.size());
  return std::get<ir::SoftmaxAttrs>(softmax.attrs).axis == rank - 1;
}

}  // namespace

DeviceTensors::DeviceTensors(const Spec& spec, const ir::Graph& graph, ir::DType dtype, Network& network)
    : graph_(graph), net_(network), c0_(spec.c0(dtype)), element_(ir::size_of(dtype)) {
  for (const auto& op : graph.ops) {
    if (op.kind == ir::OpKind::norm && element_ == 1) reals_.insert(op.inputs.begin() + 1, op.inputs.end());
  }
  find_images();
  find_matrices();
  spread_stacks();
  if (spec.concat_in_place) find_concats();
}

/// Tensors next to an operator that works on images: rank 4, or rank 3 with a 1-D window (an image of one
/// row).
void DeviceTensors::find_images() {
  const auto add = [this](ir::TensorId id) {
    if (id == ir::kNoTensor) return;
    const std::size_t rank = graph_.tensor(id).shape.size();
    if (rank == 3 || rank == 4) images_.insert(id);
  };
  for (const auto& op : graph_.ops) {
    if (!works_on_images(op)) continue;
    add(op.inputs[0]);
    add(op.outputs[0]);
    for (const auto& step : op.fused) add(step.operand);
  }
}

/// Other rank-4 tensors next to a matrix product or a softmax over the last axis hold matrices.
void DeviceTensors::find_matrices() {
  const auto add = [this](ir::TensorId id) {
    if (id != ir::kNoTensor && images_.count(id) == 0) matrices_.insert(id);
  };
  for (const auto& op : graph_.ops) {
    const bool product = op.kind == ir::OpKind::matmul;
    if (!product && !(op.kind == ir::OpKind::softmax && over_last_axis(graph_, op))) continue;
    for (const auto id : op.inputs) add(id);
    for (const auto id : op.outputs) add(id);
    if (product && graph_.tensor(op.inputs[1]).role != ir::TensorRole::weight) {
      batched_.insert(op.inputs.begin(), op.inputs.end());
      batched_.insert(op.outputs.begin(), op.outputs.end());
    }
  }
  for (const auto& op : graph_.ops) {
    if (op.kind == ir::OpKind::elementwise && matrices_.count(op.inputs[0]) != 0) add(op.outputs[0]);
  }
}

/// A matrix product with weights, and an addition fused behind any product, keep the stack of their operands.
void DeviceTensors::spread_stacks() {
  const auto tie = [this](ir::TensorId a, ir::TensorId b) {
    if (batched_.count(a) == batched_.count(b)) return false;
    batched_.insert({a, b});
    return true;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& op : graph_.ops) {
      if (op.kind != ir::OpKind::matmul) continue;
      if (tie(op.inputs[0], op.outputs[0])) changed = true;
      for (const auto& step : op.fused) {
        if (step.operand != ir::kNoTensor && tie(step.operand, op.outputs[0])) changed = true;
      }
    }
  }
}

/// Concatenations of whole channel blocks whose inputs can be written straight into the result.
void DeviceTensors::find_concats() {
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

bool DeviceTensors::is_image(ir::TensorId id) const {
  const std::size_t rank = graph_.tensor(id).shape.size();
  return images_.count(id) != 0 || (rank == 4 && matrices_.count(id) == 0);
}

BlockShape DeviceTensors::shape_of(ir::TensorId id) const {
  if (!is_image(id)) return matrix_shape(id);
  ir::Shape shape = graph_.tensor(id).shape;
  if (shape.size() == 3) shape.insert(shape.begin() + 2, 1);
  BlockShape blocks = block_shape(shape, c0_);
  if (c04_.count(id) != 0) blocks.block_bytes = 4 * element_;
  return blocks;
}

BlockShape DeviceTensors::matrix_shape(ir::TensorId id) const {
  ir::Shape shape = graph_.tensor(id).shape;
  if (shape.size() == 4) shape = {shape[0] * shape[1], shape[2], shape[3]};
  BlockShape blocks = block_shape(shape, reals_.count(id) != 0 ? kBlock / 4 : c0_);
  // A stack of matrices is one tall matrix, unless each meets a matrix of its own.
  if (batched_.count(id) == 0) {
    blocks.w *= blocks.n;
    blocks.n = 1;
  }
  return blocks;
}

ir::DType DeviceTensors::type_of(ir::TensorId id) const {
  const ir::DType type = graph_.tensor(id).dtype;
  const bool real = type == ir::DType::f32 || type == ir::DType::f16 || type == ir::DType::bf16;
  if (real && reals_.count(id) != 0) return ir::DType::f32;
  if (element_ == 1) return ir::DType::i8;
  return real ? ir::DType::f16 : ir::DType::i16;
}

Order DeviceTensors::order_of(ir::TensorId id) const {
  if (!is_image(id)) return matrix_order(id);
  return {Order::Kind::image, shape_of(id), type_of(id), ir::elements(graph_.tensor(id).shape)};
}

Order DeviceTensors::matrix_order(ir::TensorId id) const {
  return {Order::Kind::matrix, matrix_shape(id), type_of(id), ir::elements(graph_.tensor(id).shape)};
}

/// The newest device tensor holds graph tensor `id` in its own order.
void DeviceTensors::hold(ir::TensorId id) {
  net_.tensors.back().graph_tensor = id;
  net_.tensors.back().order = order_of(id);
}

const DeviceTensor* DeviceTensors::add_copy(const std::string& name, ir::TensorId id, const Order& order,
                                            bool input) {
  const bool plain = order.kind == Order::Kind::plain;
  const auto* tensor = add_buffer(name, order.shape, plain ? order.bytes() : 0, input);
  net_.tensors.back().graph_tensor = id;
  net_.tensors.back().order = order;
  return tensor;
}

const DeviceTensor* DeviceTensors::add_tensor(DeviceTensor tensor, std::size_t buffer) {
  net_.tensors.push_back(std::move(tensor));
  net_.tensor_buffer.push_back(buffer);
  buffer_of_[&net_.tensors.back()] = buffer;
  return &net_.tensors.back();
}

const DeviceTensor* DeviceTensors::add_buffer(const std::string& name, const BlockShape& shape,
                                              std::int64_t plain_bytes, bool input) {
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

const DeviceTensor* DeviceTensors::plain(const std::string& name, std::int64_t bytes, bool input) {
  return add_buffer(name, {}, std::max<std::int64_t>(bytes, 1), input);
}

const DeviceTensor* DeviceTensors::device(ir::TensorId id) {
  const auto found = device_.find(id);
  if (found != device_.end()) return found->second;
  const auto* tensor = add_buffer(graph_.tensor(id).name, shape_of(id), 0, true);
  hold(id);
  device_[id] = tensor;
  return tensor;
}

const DeviceTensor* DeviceTensors::result(ir::TensorId id) {
  if (const auto part = part_of_.find(id); part != part_of_.end()) {
    const auto [whole_id, block] = part->second;
    if (device_.count(whole_id) == 0) {
      device_[whole_id] = add_buffer(graph_.tensor(whole_id).name, shape_of(whole_id), 0, false);
      hold(whole_id);
    }
    const DeviceTensor* whole = device_[whole_id];
    DeviceTensor view;
    view.name = graph_.tensor(id).name;
    view.shape = shape_of(id);
    view.parent_c1 = whole->shape.c1;
    view.first_block = block;
    device_[id] = add_tensor(std::move(view), buffer_of(whole));
    hold(id);
    return device_[id];
  }
  const auto* tensor = add_buffer(graph_.tensor(id).name, shape_of(id), 0, false);
  hold(id);
  device_[id] = tensor;
  return tensor;
}

void DeviceTensors::alias(ir::TensorId id, const DeviceTensor* in, const BlockShape& shape) {
  const std::size_t buffer = buffer_of(in);
  net_.buffers[buffer].image_bytes = 0;  // views may count images differently
  DeviceTensor view;
  view.name = graph_.tensor(id).name;
  view.shape = shape;
  device_[id] = add_tensor(std::move(view), buffer);
  hold(id);
}

bool DeviceTensors::in_place(const ir::Op& concat) const {
  const auto part = part_of_.find(concat.inputs[0]);
  return part != part_of_.end() && part->second.first == concat.outputs[0];
}

}  // namespace npusim::ascend310
