#include "hw_models/vpu/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "hw_models/vpu/schedule.h"
#include "hw_models/vpu/target.h"
#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr std::int64_t kDdrAlignment = 4096;
constexpr std::int64_t kSplitBytes = 8192;  ///< transfers from this size on are shared by the DMA engines

/// A slot of a tile's CMX with the part of a map or of weights that it holds.
struct Held {
  std::int64_t offset = -1;
  Range rows, units;
};

/// What all layers of an image share.
class Image {
 public:
  Image(const Spec& spec, const Network& net, const Plan& plan, Schedule& schedule, program::Program& program)
      : spec_(spec), net_(net), plan_(plan), schedule_(schedule), program_(program) {}

  /// Gives maps and, the first time, weights their places in DDR.
  void place(std::int64_t image, std::int64_t& ddr_end, std::vector<std::int64_t>& weights) {
    ddr_.assign(net_.maps.size(), -1);
    const std::string suffix = image == 0 ? "" : fmt::format("#{}", image);
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      const Map& map = net_.maps[i];
      if (plan_.maps[i].resident) continue;
      ddr_[i] = add_buffer(map.name + suffix, map.total_bytes(), map.input, map.output, ddr_end);
    }
    if (spec_.local_operands) {
      preload();
    } else if (image == 0) {
      for (const auto& layer : net_.layers) {
        const bool own = layer.weight_bytes > 0 && layer.weights_of < 0;
        weights.push_back(own ? add_buffer(layer.name + ".weights", layer.weight_bytes, true, false, ddr_end)
                          : layer.weights_of < 0 ? -1
                                                 : weights[static_cast<std::size_t>(layer.weights_of)]);
      }
    }
    weights_ = &weights;
    image_ = image;
  }

  /// What lies in CMX before a single operator starts.
  void preload() {
    for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
      const auto add = [&](const std::string& name, std::int64_t offset, std::int64_t bytes) {
        if (bytes == 0) return;
        program_.buffers.push_back({name + fmt::format(".tile{}", tile), offset, bytes, true, false});
        program_.buffers.back().space = cmx_space(tile);
      };
      for (std::size_t i = 0; i < net_.maps.size(); ++i) {
        const auto rows = plan_.maps[i].rows[static_cast<std::size_t>(tile)].size();
        if (net_.maps[i].input) add(net_.maps[i].name, plan_.maps[i].offset, rows * net_.maps[i].row_bytes());
      }
      const LayerPlan& plan = plan_.layers[0];
      const Range units = plan.tile_units[static_cast<std::size_t>(tile)];
      if (!plan.weight_slots.empty()) {
        add(net_.layers[0].name + ".weights", plan.weight_slots[0],
            weight_bytes(net_.layers[0], plan, units));
      }
    }
  }

  void layer(std::size_t index);

 private:
  std::int64_t add_buffer(const std::string& name, std::int64_t bytes, bool input, bool output,
                          std::int64_t& end) {
    const std::int64_t offset = end;
    end = round_up(end + bytes, kDdrAlignment);
    program_.buffers.push_back({name, offset, bytes, input, output});
    return offset;
  }

  /// The least loaded DMA engine, which gets `bytes` more.
  std::int64_t engine_for(std::vector<std::int64_t>& loads, std::int64_t bytes) {
    loads.resize(static_cast<std::size_t>(spec_.dma_engines), 0);
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += bytes;
    return least - loads.begin();
  }

  /// From contiguous DDR into the same place of several tiles' CMX.
  void load(std::int64_t ddr, std::int64_t bytes, const std::vector<std::int64_t>& tiles,
            std::int64_t offset) {
    const std::int64_t parts = bytes >= kSplitBytes ? spec_.dma_engines : 1;
    for (std::int64_t i = 0; i < parts; ++i) {
      const Range part = chunk_of({0, bytes}, parts, i);
      std::vector<program::Region> regions = {region_of(kGlobalSpace, false, ddr + part.from, part.size())};
      for (const auto tile : tiles)
        regions.push_back(region_of(cmx_space(tile), true, offset + part.from, part.size()));
      schedule_.command(dma_in(engine_for(loaded_, part.size())), kLoad, {}, std::move(regions));
    }
  }

  void load_rows(const Source& source, Range rows, const std::vector<std::int64_t>& tiles,
                 std::int64_t offset);
  void load_weights(std::size_t index, Range units, const std::vector<std::int64_t>& tiles,
                    std::int64_t offset);
  void chunk(std::size_t index, std::int64_t row_chunk, std::int64_t channel_chunk);
  void bring_sources(std::size_t index, std::int64_t row_chunk);
  void bring_weights(std::size_t index, std::int64_t channel_chunk);
  void compute(std::size_t index, std::int64_t tile, Range rows, Range units, const Held& out);
  void run_piece(std::size_t index, std::int64_t tile, const Piece& piece, const Held& out);
  void store(std::size_t index, std::int64_t tile, Range rows, Range units, const Held& out);
  void reads(std::size_t index, std::int64_t tile, const Piece& piece,
             std::vector<program::Region>& regions) const;
  void writes(std::size_t index, std::int64_t tile, const Piece& piece, const Held& out,
              std::vector<program::Region>& regions) const;

  /// Calls f(first channel, channels) for every cut of a map inside channels [from, to).
  template <class F>
  void for_cuts(MapId map, std::int64_t from, std::int64_t to, const F& f) const {
    const auto& cuts = plan_.maps[static_cast<std::size_t>(map)].cuts;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      if (cuts[i] >= from && cuts[i + 1] <= to) f(cuts[i], cuts[i + 1] - cuts[i]);
    }
  }

  [[nodiscard]] const Map& map(MapId id) const { return net_.maps[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const MapPlan& map_plan(MapId id) const { return plan_.maps[static_cast<std::size_t>(id)]; }

  const Spec& spec_;
  const Network& net_;
  const Plan& plan_;
  Schedule& schedule_;
  program::Program& program_;
  std::int64_t image_ = 0;
  std::vector<std::int64_t> ddr_;  ///< of maps that are not resident
  const std::vector<std::int64_t>* weights_ = nullptr;
  std::vector<std::int64_t> loaded_, stored_;  ///< bytes so far, by DMA engine
  // Of the layer under way.
  std::vector<std::vector<Held>> held_;  ///< by source and tile
  std::vector<Held> weights_held_;       ///< by tile
  std::int64_t row_key_ = -1, channel_key_ = -1;
  std::int64_t row_slot_ = -1, weight_slot_ = -1, out_slot_ = -1;
  std::set<program::QueueId> started_;     ///< DPUs on which it has begun
  std::int64_t done_ = 0, macs_done_ = 0;  ///< outputs and MACs
};

void Image::load_rows(const Source& source, Range rows, const std::vector<std::int64_t>& tiles,
                      std::int64_t offset) {
  const Map& from = map(source.map);
  const std::int64_t base = ddr_[static_cast<std::size_t>(source.map)];
  const std::int64_t column = from.shape.w * from.bytes;
  if (rows.size() == from.shape.h) {
    load(base, from.total_bytes(), tiles, offset);
    return;
  }
  for_cuts(source.map, 0, from.stored, [&](std::int64_t first, std::int64_t count) {
    load(base + column * (from.shape.h * first + rows.from * count), rows.size() * column * count, tiles,
         offset + rows.size() * column * first);
  });
}

void Image::load_weights(std::size_t index, Range units, const std::vector<std::int64_t>& tiles,
                         std::int64_t offset) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  load((*weights_)[index] + weight_bytes(layer, plan, {0, units.from}), weight_bytes(layer, plan, units),
       tiles, offset);
}

/// Tiles that have work in the chunk, by what they work on.
void Image::bring_sources(std::size_t index, std::int64_t row_chunk) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  if (row_key_ == row_chunk) return;
  row_key_ = row_chunk;
  ++row_slot_;
  for (std::size_t i = 0; i < layer.sources.size(); ++i) {
    const auto& slots = plan.source_slots[i];
    if (slots.empty()) continue;
    const std::int64_t offset = slots[static_cast<std::size_t>(row_slot_) % slots.size()];
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>> readers;
    for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
      const auto t = static_cast<std::size_t>(tile);
      const Range own = chunk_of(plan.tile_rows[t], plan.row_chunks, row_chunk);
      if (own.empty() || plan.tile_units[t].empty()) continue;
      const Range rows = needed_rows(net_, layer, layer.sources[i], own);
      held_[i][t] = {offset, rows, {}};
      readers[{rows.from, rows.to}].push_back(tile);
    }
    for (const auto& [rows, tiles] : readers)
      load_rows(layer.sources[i], {rows.first, rows.second}, tiles, offset);
  }
}

void Image::bring_weights(std::size_t index, std::int64_t channel_chunk) {
  const LayerPlan& plan = plan_.layers[index];
  if (plan.weight_slots.empty() || channel_key_ == channel_chunk) return;
  channel_key_ = channel_chunk;
  ++weight_slot_;
  const std::int64_t offset =
      plan.weight_slots[static_cast<std::size_t>(weight_slot_) % plan.weight_slots.size()];
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>> readers;
  for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
    const auto t = static_cast<std::size_t>(tile);
    const Range units = chunk_of(plan.tile_units[t], plan.channel_chunks, channel_chunk);
    if (units.empty() || plan.tile_rows[t].empty()) continue;
    weights_held_[t] = {offset, {}, units};
    readers[{units.from, units.to}].push_back(tile);
  }
  if (spec_.local_operands) return;
  for (const auto& [units, tiles] : readers) load_weights(index, {units.first, units.second}, tiles, offset);
}

void Image::reads(std::size_t index, std::int64_t tile, const Piece& piece,
                  std::vector<program::Region>& regions) const {
  const Layer& layer = net_.layers[index];
  const auto t = static_cast<std::size_t>(tile);
  for (std::size_t i = 0; i < layer.sources.size(); ++i) {
    const Source& source = layer.sources[i];
    const Map& from = map(source.map);
    const MapPlan& place = map_plan(source.map);
    const Range need = needed_rows(net_, layer, source, piece.rows);
    const Range held = place.resident ? place.rows[t] : held_[i][t].rows;
    const std::int64_t base = place.resident ? place.offset : held_[i][t].offset;
    const std::int64_t column = from.shape.w * from.bytes;
    if (need.size() == held.size()) {
      regions.push_back(region_of(cmx_space(tile), false, base, held.size() * from.row_bytes()));
      continue;
    }
    for_cuts(source.map, 0, from.stored, [&](std::int64_t first, std::int64_t count) {
      regions.push_back(region_of(cmx_space(tile), false,
                                  base + column * (held.size() * first + (need.from - held.from) * count),
                                  need.size() * column * count));
    });
  }
  if (weights_held_[t].offset < 0) return;
  const LayerPlan& plan = plan_.layers[index];
  const Range ahead{weights_held_[t].units.from, piece.units.from};
  regions.push_back(region_of(cmx_space(tile), false,
                              weights_held_[t].offset + weight_bytes(layer, plan, ahead),
                              weight_bytes(layer, plan, piece.units)));
}

void Image::writes(std::size_t index, std::int64_t tile, const Piece& piece, const Held& out,
                   std::vector<program::Region>& regions) const {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  const Map& to = map(layer.out);
  const MapPlan& place = map_plan(layer.out);
  const std::int64_t column = to.shape.w * to.bytes;
  for_cuts(layer.out, piece.units.from * plan.unit, piece.units.to * plan.unit,
           [&](std::int64_t first, std::int64_t count) {
             if (!place.resident) {
               const std::int64_t before = out.rows.size() * (first - out.units.from * plan.unit) +
                                           (piece.rows.from - out.rows.from) * count;
               regions.push_back(region_of(cmx_space(tile), true, out.offset + column * before,
                                           piece.rows.size() * column * count));
               return;
             }
             for (std::int64_t other = 0; other < spec_.tiles; ++other) {
               const Range held = place.rows[static_cast<std::size_t>(other)];
               const Range rows{std::max(held.from, piece.rows.from), std::min(held.to, piece.rows.to)};
               if (rows.empty()) continue;
               regions.push_back(
                   region_of(cmx_space(other), true,
                             place.offset + column * (held.size() * first + (rows.from - held.from) * count),
                             rows.size() * column * count));
             }
           });
}

void Image::run_piece(std::size_t index, std::int64_t tile, const Piece& piece, const Held& out) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  const Map& to = map(layer.out);
  std::vector<program::Region> regions;
  reads(index, tile, piece, regions);
  writes(index, tile, piece, out, regions);
  done_ += piece.rows.size() * piece.units.size();
  const std::int64_t all = rows_of(net_, layer).size() * plan.units;
  const std::int64_t upto = mul_div(layer.macs, done_, all);
  const std::int64_t macs = upto - macs_done_;
  macs_done_ = upto;
  const std::int64_t share = mul_div(layer.moved, piece.rows.size() * piece.units.size(), all);
  if (layer.kind == Kind::shave) {
    const std::int64_t bytes = std::max<std::int64_t>(share, 1) * 2;
    schedule_.command(shave_queue(spec_, tile, piece.engine), kShave,
                      {bytes, shave_cycles(spec_, layer.shave, bytes)}, std::move(regions));
  } else if (layer.kind == Kind::dma) {
    const auto queue = dma_copy(spec_, layer.permutes ? 0 : tile % spec_.dma_engines);
    if (layer.runs > 0) {
      const std::int64_t runs = mul_div(layer.runs, piece.rows.size() * piece.units.size(), all);
      schedule_.command(queue, kRuns, {runs, share * to.bytes}, std::move(regions));
      return;
    }
    schedule_.command(queue, layer.permutes ? kPermute : kCopy, {layer.permutes ? share : share * to.bytes},
                      std::move(regions));
  } else {
    const auto queue = dpu_queue(spec_, tile, piece.engine);
    if (spec_.layer_cycles > 0 && started_.insert(queue).second) {
      schedule_.command(queue, kStart, {spec_.layer_cycles}, {});
    }
    const Workload& w = piece.work;
    schedule_.command(queue, dpu_opcode(spec_, w.op, w.mode),
                      {w.bytes, w.width, w.height, w.channels, w.in_channels, w.taps, w.stride, w.valid,
                       w.tiles, w.density},
                      std::move(regions), macs);
  }
}

void Image::store(std::size_t index, std::int64_t tile, Range rows, Range units, const Held& out) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  const Map& to = map(layer.out);
  const std::int64_t column = to.shape.w * to.bytes;
  const std::int64_t base = ddr_[static_cast<std::size_t>(layer.out)];
  std::vector<program::Region> regions;
  std::int64_t bytes = 0;
  for_cuts(
      layer.out, units.from * plan.unit, units.to * plan.unit, [&](std::int64_t first, std::int64_t count) {
        const std::int64_t size = rows.size() * column * count;
        regions.push_back(
            region_of(kGlobalSpace, true, base + column * (to.shape.h * first + rows.from * count), size));
        bytes += size;
      });
  regions.push_back(region_of(cmx_space(tile), false, out.offset, bytes));
  schedule_.command(dma_out(engine_for(stored_, bytes)), kStore, {}, std::move(regions));
}

void Image::compute(std::size_t index, std::int64_t tile, Range rows, Range units, const Held& out) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  for (const Piece& piece : pieces_of(spec_, net_, layer, plan, rows, units))
    run_piece(index, tile, piece, out);
  if (!plan.out_slots.empty()) store(index, tile, rows, units, out);
}

void Image::chunk(std::size_t index, std::int64_t row_chunk, std::int64_t channel_chunk) {
  const LayerPlan& plan = plan_.layers[index];
  schedule_.begin_chunk();
  bring_weights(index, channel_chunk);
  bring_sources(index, row_chunk);
  ++out_slot_;
  for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
    const auto t = static_cast<std::size_t>(tile);
    const Range rows = chunk_of(plan.tile_rows[t], plan.row_chunks, row_chunk);
    const Range units = chunk_of(plan.tile_units[t], plan.channel_chunks, channel_chunk);
    if (rows.empty() || units.empty()) continue;
    Held out;
    if (!plan.out_slots.empty()) {
      out = {plan.out_slots[static_cast<std::size_t>(out_slot_) % plan.out_slots.size()], rows, units};
    }
    compute(index, tile, rows, units, out);
  }
}

void Image::layer(std::size_t index) {
  const Layer& layer = net_.layers[index];
  const LayerPlan& plan = plan_.layers[index];
  program::Task task;
  task.name = image_ == 0 ? layer.name : fmt::format("{}:image{}", layer.name, image_);
  task.op = layer.op;
  task.engine = layer.kind == Kind::dpu     ? "tile0.dpu0"
                : layer.kind == Kind::shave ? "tile0.shave0"
                                            : "dma0.copy";
  task.macs = layer.macs;
  task.joined = image_ > 0 || index > 0;
  if (!task.joined) task.launch_cycles = spec_.launch_cycles;
  task.mapping = fmt::format("{} over tiles, {} row chunks x {} channel chunks{}",
                             plan.split_channels ? "channels" : "rows", plan.row_chunks, plan.channel_chunks,
                             plan.prefetch > 0 ? ", weights ahead" : "");
  schedule_.begin_task(std::move(task));
  held_.assign(layer.sources.size(), std::vector<Held>(static_cast<std::size_t>(spec_.tiles)));
  weights_held_.assign(static_cast<std::size_t>(spec_.tiles), Held());
  row_key_ = channel_key_ = row_slot_ = weight_slot_ = out_slot_ = -1;
  done_ = macs_done_ = 0;
  started_.clear();
  if (!spec_.prefetch_weights) schedule_.barrier();
  const std::int64_t outer = plan.channels_outer ? plan.channel_chunks : plan.row_chunks;
  const std::int64_t inner = plan.channels_outer ? plan.row_chunks : plan.channel_chunks;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (std::int64_t j = 0; j < inner; ++j) {
      chunk(index, plan.channels_outer ? j : i, plan.channels_outer ? i : j);
    }
  }
  ensure(macs_done_ == layer.macs, "a layer's workloads do not cover its output");
}

}  // namespace

std::int64_t emit(const Spec& spec, const Network& net, const Plan& plan, program::Program& program) {
  const auto run = [&](Schedule& schedule, program::Program& into) {
    std::int64_t ddr_end = 0;
    std::vector<std::int64_t> weights;
    for (std::int64_t i = 0; i < net.batch; ++i) {
      Image image(spec, net, plan, schedule, into);
      image.place(i, ddr_end, weights);
      for (std::size_t layer = 0; layer < net.layers.size(); ++layer) image.layer(layer);
    }
  };
  // Who waits for whom is known when all is scheduled; then barriers are handed out, and all is scheduled
  // anew.
  program::Program draft;
  Schedule first(spec);
  run(first, draft);
  const Barriers barriers = first.barriers();
  Schedule schedule(spec, &barriers);
  run(schedule, program);
  schedule.finish(program);
  return barriers.most;
}

}  // namespace npusim::vpu
