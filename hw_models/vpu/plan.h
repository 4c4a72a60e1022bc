// Where everything lies in CMX and how each layer is cut: over tiles, in chunks, in workloads.
#pragma once

#include <vector>

#include "hw_models/vpu/network.h"

namespace npusim::vpu {

using tiling::Range;

/// How one map is kept.
struct MapPlan {
  bool resident = false;           ///< in CMX from its producer to its last reader; else in DDR
  std::int64_t offset = 0;         ///< in every tile's CMX
  std::vector<Range> rows;         ///< that a tile holds, halos included
  std::vector<std::int64_t> cuts;  ///< channels at which the producer's pieces begin, and the end
};

/// One workload of a DPU, or one piece for a SHAVE.
struct Piece {
  Range rows;               ///< of the output
  Range units;              ///< channels in units of Layer's (LayerPlan::unit)
  std::int64_t engine = 0;  ///< of the tile
  Workload work;            ///< DPU only
};

struct LayerPlan {
  bool split_channels = false;  ///< over tiles; else rows
  std::int64_t unit = 16;       ///< channels that cannot be cut
  std::int64_t units = 1;
  std::vector<Range> tile_rows, tile_units;  ///< of the output
  std::int64_t row_chunks = 1, channel_chunks = 1;
  bool channels_outer = true;  ///< weights are loaded once, rows again for every chunk of channels
  std::vector<std::int64_t> weight_slots;  ///< offsets
  std::int64_t weight_slot_bytes = 0;
  std::vector<std::vector<std::int64_t>> source_slots;  ///< by source; empty: resident
  std::vector<std::int64_t> out_slots;                  ///< empty: resident
  std::int64_t prefetch = 0;  ///< layers ahead of this one from which on its weights' place is free
};

struct Plan {
  std::vector<MapPlan> maps;
  std::vector<LayerPlan> layers;
  std::int64_t spilled = 0;  ///< maps between layers that go through DDR
};

/// Throws UserError naming the layer whose smallest piece does not fit into CMX, and the sizes.
Plan make_plan(const Spec& spec, const Network& net);

/// Chunk `index` of `chunks` of a range (possibly empty).
Range chunk_of(Range range, std::int64_t chunks, std::int64_t index);
/// Rows of a source that output rows need.
Range needed_rows(const Network& net, const Layer& layer, const Source& source, Range rows);
/// The workloads of one tile for output rows x units, spread over its DPUs or SHAVEs.
std::vector<Piece> pieces_of(const Spec& spec, const Network& net, const Layer& layer, const LayerPlan& plan,
                             Range rows, Range units);
/// Weight bytes of a range of units.
std::int64_t weight_bytes(const Layer& layer, const LayerPlan& plan, Range units);

}  // namespace npusim::vpu
