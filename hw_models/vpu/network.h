// A network as a VPU runs it: maps in NHWC with channels padded to 16, and layers on DPUs, SHAVEs or DMA.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/vpu/spec.h"
#include "hw_models/vpu/timing.h"
#include "workloads/ir/graph.h"
#include "workloads/tiling/geometry.h"

namespace npusim::vpu {

using MapId = std::int32_t;
using LayerId = std::int32_t;

/// Height, width, channels of one image's map.
struct MapShape {
  std::int64_t h = 1, w = 1, c = 1;
  [[nodiscard]] std::int64_t elements() const { return h * w * c; }
  bool operator==(const MapShape&) const = default;
};

/// A tensor of activations. Bytes [channel cut][row][column][channel of the cut].
struct Map {
  std::string name;
  MapShape shape;
  std::int64_t bytes = 1;   ///< of an element
  std::int64_t stored = 0;  ///< channels as stored: padded
  bool input = false, output = false;
  LayerId producer = -1;           ///< -1: an input
  std::vector<LayerId> consumers;  ///< ascending
  [[nodiscard]] std::int64_t row_bytes() const { return shape.w * stored * bytes; }
  [[nodiscard]] std::int64_t total_bytes() const { return shape.h * row_bytes(); }
};

/// What a layer reads of a map.
struct Source {
  MapId map = -1;
  bool whole = false;  ///< all of it for any output (reshaped, multiplied): no window over its rows
};

enum class Kind : std::uint8_t { dpu, shave, dma };

struct Layer {
  std::string name;
  std::string op;  ///< "conv", "depthwise", "softmax", ...
  Kind kind = Kind::dpu;
  DpuOp dpu = DpuOp::conv;
  std::vector<Source> sources;
  MapId out = -1;
  tiling::Axis rows, columns;  ///< the window on the first source
  std::int64_t taps = 1;
  std::int64_t groups = 1;        ///< convolutions side by side, of the channels below
  std::int64_t in_channels = 0;   ///< of a group, padded
  std::int64_t out_channels = 0;  ///< of a group, padded
  std::int64_t stride = 1;
  std::int64_t weight_bytes = 0;  ///< all, with the table of biases and scales; 0: none
  std::int64_t macs = 0;
  std::int64_t density = 1000;  ///< products that are not skipped for a zero, thousandths
  std::string shave;            ///< operator in the profiled table
  bool permutes = false;        ///< a DMA layer that moves element by element
  std::int64_t runs = 0;        ///< of contiguous bytes that a DMA layer writes one by one; 0: it does not
  std::int64_t magnify = 1;     ///< output rows an input row
  std::int64_t moved = 0;       ///< elements that a SHAVE or DMA layer works on
  tiling::Range out_rows;       ///< of its map that it writes; empty: all
  LayerId weights_of = -1;      ///< an earlier layer that has the same weights

  /// A result channel depends on its own input channels only.
  [[nodiscard]] bool channelwise() const {
    return kind == Kind::dpu && dpu != DpuOp::conv && dpu != DpuOp::image_conv;
  }
};

struct Network {
  std::string name;
  std::vector<Map> maps;
  std::vector<Layer> layers;
  std::vector<std::string> views;
  std::vector<std::string> notes;
  std::int64_t batch = 1;
};

/// Rows of its map that a layer writes.
tiling::Range rows_of(const Network& net, const Layer& layer);
/// Sets each map's producer (the first of several) and its consumers.
void connect(Network& net);

/// Graph after the common passes -> layers of one image. Throws UserError listing every operator that the
/// chip cannot run.
Network legalize(const Spec& spec, const ir::Graph& graph, ir::DType dtype);

}  // namespace npusim::vpu
