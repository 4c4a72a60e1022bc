// Which device tensor stands for which graph tensor: layouts, buffers, views.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "hw_models/ascend310/network.h"

namespace npusim::ascend310 {

/// Creates the device tensors and buffers of a network on demand. Returned pointers stay valid.
class DeviceTensors {
 public:
  /// Adds to `network`. `graph` and `network` must outlive this.
  DeviceTensors(const Spec& spec, const ir::Graph& graph, ir::DType dtype, Network& network);

  /// How a graph tensor lies in memory.
  [[nodiscard]] BlockShape shape_of(ir::TensorId id) const;
  /// Whether it lies as NC1HWC0 image(s), not as matrices.
  [[nodiscard]] bool is_image(ir::TensorId id) const;
  /// How it lies, or would lie, as a stack of matrices.
  [[nodiscard]] BlockShape matrix_shape(ir::TensorId id) const;
  /// How the device tensor of a graph tensor holds its elements.
  [[nodiscard]] Order order_of(ir::TensorId id) const;
  /// The same for a tensor in matrix layout, whatever the graph tensor's own.
  [[nodiscard]] Order matrix_order(ir::TensorId id) const;
  /// The chip's type for a graph tensor: fp16 or int8, and integers of the same size.
  [[nodiscard]] ir::DType type_of(ir::TensorId id) const;
  /// The device tensor of a graph tensor; weights used by streaming operators appear on first use.
  const DeviceTensor* device(ir::TensorId id);
  /// A new device tensor for an operator's result; a view of the whole when it is part of a concatenation in
  /// place.
  const DeviceTensor* result(ir::TensorId id);
  /// A view of `in`'s memory as another shape; it becomes the device tensor of `id`.
  void alias(ir::TensorId id, const DeviceTensor* in, const BlockShape& shape);
  /// A tensor of its own buffer, not in the graph.
  const DeviceTensor* add_buffer(const std::string& name, const BlockShape& shape, std::int64_t plain_bytes,
                                 bool input);
  /// The same for one that holds a graph tensor's elements in an order of its own.
  const DeviceTensor* add_copy(const std::string& name, ir::TensorId id, const Order& order, bool input);
  /// A flat run of bytes.
  const DeviceTensor* plain(const std::string& name, std::int64_t bytes, bool input);
  [[nodiscard]] std::size_t buffer_of(const DeviceTensor* tensor) const { return buffer_of_.at(tensor); }
  /// Stores a network input with 4 channels a block.
  void use_c04(ir::TensorId id) { c04_.insert(id); }
  [[nodiscard]] bool is_c04(ir::TensorId id) const { return c04_.count(id) != 0; }
  /// Whether the operands of this concatenation are written straight into its result.
  [[nodiscard]] bool in_place(const ir::Op& concat) const;

 private:
  void find_images();
  void find_matrices();
  void spread_stacks();
  void find_concats();
  void hold(ir::TensorId id);
  const DeviceTensor* add_tensor(DeviceTensor tensor, std::size_t buffer);

  const ir::Graph& graph_;
  Network& net_;
  std::int64_t c0_;
  std::int64_t element_;
  std::set<ir::TensorId> images_;  ///< next to an operator that works on images
  std::set<ir::TensorId> matrices_;
  std::set<ir::TensorId> batched_;  ///< operands and results of matrix products between activations
  std::set<ir::TensorId> c04_;
  std::set<ir::TensorId> reals_;  ///< parameters of normalisations, which stay fp32 in an int8 network
  std::map<ir::TensorId, const DeviceTensor*> device_;
  std::map<ir::TensorId, std::pair<ir::TensorId, std::int64_t>> part_of_;  ///< concatenation and first block
  std::map<const DeviceTensor*, std::size_t> buffer_of_;
};

}  // namespace npusim::ascend310
