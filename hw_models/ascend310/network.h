// A network as the Ascend 310 runs it: device tensors, buffers with lifetimes, and a list of operators, each
// a task.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "hw_models/ascend310/cube_layer.h"
#include "hw_models/ascend310/stream_layer.h"
#include "workloads/reference/quantize.h"

namespace npusim::ascend310 {

/// Memory behind one or more device tensors (reshapes share it).
struct DeviceBuffer {
  std::string name;
  std::int64_t bytes = 0;
  bool input = false;  ///< weights and network inputs: written before the run
  bool output = false;
  std::int64_t first_task = -1;  ///< the task that writes it; -1 for inputs
  std::int64_t last_task = -1;   ///< the last that reads it
  std::int64_t image_bytes = 0;  ///< granularity of a partial placement in L2; 0: whole or not at all
};

/// A legalised network. Pointers between its parts stay valid (deques).
struct Network {
  std::deque<DeviceTensor> tensors;
  std::vector<std::size_t> tensor_buffer;  ///< buffer of each tensor
  std::vector<DeviceBuffer> buffers;
  std::deque<std::variant<CubeLayer, StreamLayer>> layers;
  std::vector<std::string> views;  ///< operators that leave their data where it is
};

/// Turns a graph after the common passes into device operators: layouts, input Cast and TransData, fused
/// epilogues. Throws UserError listing every operator the chip cannot run.
/// `quantization`: exponents of an int8 network whose numbers matter; else nullptr.
Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype,
                 const reference::Quantization* quantization = nullptr);

/// Gives every buffer its place: intermediates in L2 while they fit, all else in DRAM; fills in the tensors'
/// placements and lifetimes.
void place(const Spec& spec, Network& network);

}  // namespace npusim::ascend310
