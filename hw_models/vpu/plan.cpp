#include "hw_models/vpu/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "hw_models/mapping/allocator.h"
#include "hw_models/vpu/chunks.h"
#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

class Planner {
 public:
  Planner(const Spec& spec, const Network& net) : spec_(spec), net_(net) {
    strategies_.resize(net.layers.size());
    for (std::size_t i = 0; i < net.layers.size(); ++i) choose_strategy(i);
  }

  Plan run() {
    if (spec_.local_operands && net_.layers.size() != 1) {
      throw UserError(
          fmt::format("network '{}': mapping.local_operands is for one operator, not for {} layers",
                      net_.name, net_.layers.size()));
    }
    while (true) {
      const auto culprit = attempt();
      if (!culprit) break;
      spill_one(*culprit);
    }
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      if (!net_.maps[i].input && !net_.maps[i].output && !plan_.maps[i].resident) ++plan_.spilled;
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const Map& out_of(const Layer& layer) const {
    return net_.maps[static_cast<std::size_t>(layer.out)];
  }

  // --- over tiles ---

  void divide(LayerPlan& plan, const Layer& layer, bool channels) const {
    const Map& out = out_of(layer);
    plan.split_channels = channels;
    plan.unit = layer.groups > 1 ? layer.out_channels : std::min(kChannels, out.stored);
    plan.units = out.stored / plan.unit;
    plan.tile_rows.clear();
    plan.tile_units.clear();
    for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
      const Range rows = rows_of(net_, layer);
      const Range units{0, plan.units};
      plan.tile_rows.push_back(channels ? rows : chunk_of(rows, spec_.tiles, tile));
      plan.tile_units.push_back(channels ? chunk_of(units, spec_.tiles, tile) : units);
    }
  }

  [[nodiscard]] std::int64_t estimate(const Layer& layer, const LayerPlan& plan) const {
    const auto pieces = pieces_of(spec_, net_, layer, plan, plan.tile_rows[0], plan.tile_units[0]);
    std::map<std::int64_t, std::int64_t> busy;
    for (const auto& piece : pieces) {
      busy[piece.engine] += layer.kind == Kind::dpu ? dpu_cycles(spec_, piece.work) + spec_.task_cycles
                                                    : piece.rows.size() * piece.units.size();
    }
    std::int64_t longest = 0;
    for (const auto& [engine, cycles] : busy) longest = std::max(longest, cycles);
    return longest;
  }

  void choose_strategy(std::size_t index) {
    const Layer& layer = net_.layers[index];
    LayerPlan rows;
    LayerPlan channels;
    divide(rows, layer, false);
    divide(channels, layer, true);
    const bool whole = std::any_of(layer.sources.begin(), layer.sources.end(),
                                   [](const Source& source) { return source.whole; });
    if (rows_of(net_, layer).size() < spec_.tiles || spec_.tiles == 1) {
      strategies_[index] = spec_.tiles == 1 ? rows : channels;
    } else if (channels.units < spec_.tiles) {
      strategies_[index] = rows;
    } else {
      const bool by_channel = estimate(layer, channels) * (whole ? 100 : 108) < estimate(layer, rows) * 100;
      strategies_[index] = by_channel ? channels : rows;
    }
  }

  // --- one attempt ---

  /// The layer that did not fit, if any.
  std::optional<LayerId> attempt() {
    plan_ = Plan();
    plan_.maps.resize(net_.maps.size());
    plan_.layers = strategies_;
    tried_.clear();
    memory_.emplace(0, spec_.cmx_bytes, kCmxAlignment);
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      plan_.maps[i].cuts = {0, net_.maps[i].stored};
      store_rows(i);
    }
    if (spec_.local_operands) place_inputs();
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      place_result(i);
      if (!place_layer(i)) return static_cast<LayerId>(i);
      set_cuts(i);
    }
    return std::nullopt;
  }

  /// Rows of a map that each tile must hold for its readers.
  void store_rows(std::size_t index) {
    const Map& map = net_.maps[index];
    for (std::int64_t tile = 0; tile < spec_.tiles; ++tile) {
      Range rows{INT64_MAX, 0};
      for (const LayerId id : map.consumers) {
        const auto& reader = net_.layers[static_cast<std::size_t>(id)];
        const auto& plan = strategies_[static_cast<std::size_t>(id)];
        const Range own = plan.tile_rows[static_cast<std::size_t>(tile)];
        if (own.empty() || plan.tile_units[static_cast<std::size_t>(tile)].empty()) continue;
        for (const auto& source : reader.sources) {
          if (static_cast<std::size_t>(source.map) != index) continue;
          const Range need = needed_rows(net_, reader, source, own);
          rows = {std::min(rows.from, need.from), std::max(rows.to, need.to)};
        }
      }
      plan_.maps[index].rows.push_back(rows.from == INT64_MAX ? Range{0, 0} : rows);
    }
  }

  [[nodiscard]] std::int64_t resident_bytes(std::size_t map) const {
    std::int64_t rows = 0;
    for (const auto& range : plan_.maps[map].rows) rows = std::max(rows, range.size());
    return rows * net_.maps[map].row_bytes();
  }

  /// Operands of a single operator that lie in CMX from the start, and the place of its result.
  void place_inputs() {
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      MapPlan& map = plan_.maps[i];
      if (net_.maps[i].output) map.rows = strategies_[0].tile_rows;
      const auto offset = memory_->allocate(resident_bytes(i), 0, 0);
      map.resident = offset.has_value();
      map.offset = offset.value_or(0);
    }
    const bool all =
        std::all_of(plan_.maps.begin(), plan_.maps.end(), [](const MapPlan& map) { return map.resident; });
    if (!all) refuse_local();
  }

  [[noreturn]] void refuse_local() const {
    std::vector<std::string> sizes;
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      sizes.push_back(fmt::format("'{}' {} bytes", net_.maps[i].name, resident_bytes(i)));
    }
    throw UserError(
        fmt::format("layer '{}': its operands and result do not fit into a tile's CMX of {} bytes: {}",
                    net_.layers[0].name, spec_.cmx_bytes, fmt::join(sizes, ", ")));
  }

  void place_result(std::size_t index) {
    const auto id = static_cast<std::size_t>(net_.layers[index].out);
    const Map& map = net_.maps[id];
    if (spec_.local_operands || map.output || !spec_.keep_activations || spilled_.count(id) != 0 ||
        map.consumers.empty() || !tried_.insert(id).second)
      return;
    const auto offset =
        memory_->allocate(resident_bytes(id), static_cast<std::int64_t>(index), map.consumers.back());
    if (!offset) return;
    plan_.maps[id].resident = true;
    plan_.maps[id].offset = *offset;
  }

  void set_cuts(std::size_t index) {
    const LayerPlan& plan = plan_.layers[index];
    auto& cuts = plan_.maps[static_cast<std::size_t>(net_.layers[index].out)].cuts;
    std::set<std::int64_t> marks = {0, plan.units};
    for (const auto cut : cuts) marks.insert(cut / plan.unit);  // of a map that several layers write
    for (const Range& units : plan.tile_units) {
      for (std::int64_t i = 0; i < plan.channel_chunks; ++i) {
        const Range chunk = chunk_of(units, plan.channel_chunks, i);
        for (const auto& piece : piece_cuts(index, chunk)) marks.insert(piece);
      }
    }
    cuts.clear();
    for (const auto mark : marks) cuts.push_back(mark * plan.unit);
  }

  /// Where workloads of a chunk of channels begin and end.
  [[nodiscard]] std::set<std::int64_t> piece_cuts(std::size_t index, Range units) const {
    std::set<std::int64_t> marks;
    if (units.empty()) return marks;
    const LayerPlan& plan = plan_.layers[index];
    for (const Range& rows : plan.tile_rows) {
      for (std::int64_t i = 0; i < plan.row_chunks; ++i) {
        const Range chunk = chunk_of(rows, plan.row_chunks, i);
        if (chunk.empty()) continue;
        for (const auto& piece : pieces_of(spec_, net_, net_.layers[index], plan, chunk, units)) {
          marks.insert(piece.units.from);
          marks.insert(piece.units.to);
        }
      }
    }
    return marks;
  }

  // --- chunks ---

  bool place_layer(std::size_t index) {
    LayerPlan& plan = plan_.layers[index];
    for (auto& option : chunkings(spec_, net_, plan_.maps, net_.layers[index], plan)) {
      if (allocate(index, option)) {
        plan = std::move(option);
        return true;
      }
    }
    return false;
  }

  bool allocate(std::size_t index, LayerPlan& plan) {
    const Need need = need_of(net_, plan_.maps, net_.layers[index], plan);
    mapping::LifetimeAllocator memory = *memory_;
    const auto at = static_cast<std::int64_t>(index);
    const auto slots = [&](std::int64_t bytes, std::int64_t count, std::vector<std::int64_t>& offsets,
                           std::int64_t first) {
      offsets.clear();
      for (std::int64_t i = 0; i < count; ++i) {
        const auto offset = memory.allocate(bytes, first, at);
        if (!offset) return false;
        offsets.push_back(*offset);
      }
      return true;
    };
    plan.source_slots.assign(need.sources.size(), {});
    for (std::size_t i = 0; i < need.sources.size(); ++i) {
      if (need.sources[i] > 0 && !slots(need.sources[i], need.source_slots, plan.source_slots[i], at))
        return false;
    }
    if (need.out > 0 && !slots(need.out, need.out_slots, plan.out_slots, at)) return false;
    plan.weight_slot_bytes = need.weights;
    if (need.weights > 0 && !place_weights(need, plan, memory, slots, at)) return false;
    memory_ = memory;
    return true;
  }

  /// As many layers ahead as there is room, up to the description's limit.
  template <class Slots>
  bool place_weights(const Need& need, LayerPlan& plan, mapping::LifetimeAllocator& memory,
                     const Slots& slots, std::int64_t at) {
    const std::int64_t most = spec_.prefetch_weights ? std::min(spec_.prefetch_layers, at) : 0;
    const mapping::LifetimeAllocator before = memory;
    for (plan.prefetch = most; plan.prefetch >= 0; --plan.prefetch) {
      memory = before;
      if (slots(need.weights, need.weight_slots, plan.weight_slots, at - plan.prefetch)) return true;
    }
    return false;
  }

  // --- spills ---

  /// Sends the largest map that is in CMX during layer `id` to DDR, rather one that the layer does not use.
  void spill_one(LayerId id) {
    const Layer& layer = net_.layers[static_cast<std::size_t>(id)];
    std::int64_t best = -1;
    std::int64_t most = 0;
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      const Map& map = net_.maps[i];
      if (!plan_.maps[i].resident || map.producer > id || map.consumers.back() < id) continue;
      const bool used = map.producer == id ||
                        std::find(map.consumers.begin(), map.consumers.end(), id) != map.consumers.end();
      const std::int64_t weight = resident_bytes(i) * (used ? 1 : 4);
      if (weight > most) {
        most = weight;
        best = static_cast<std::int64_t>(i);
      }
    }
    if (best < 0) refuse(static_cast<std::size_t>(id), layer);
    spilled_.insert(static_cast<std::size_t>(best));
  }

  [[noreturn]] void refuse(std::size_t index, const Layer& layer) const {
    LayerPlan smallest = plan_.layers[index];
    smallest.row_chunks = smallest.tile_rows[0].size();
    if (layer.kind == Kind::dpu && !layer.channelwise())
      smallest.channel_chunks = smallest.tile_units[0].size();
    const Need need = need_of(net_, plan_.maps, layer, smallest);
    std::int64_t rows = 0;
    for (const auto bytes : need.sources) rows += bytes;
    throw UserError(
        fmt::format("layer '{}': even its smallest piece, one row of {} channels, takes {} bytes of CMX ({} "
                    "of input, {} of "
                    "weights, {} of output, in {} halves), but a tile has {}: {} too many",
                    layer.name, smallest.unit, need.total(), rows, need.weights, need.out, need.source_slots,
                    spec_.cmx_bytes, need.total() - spec_.cmx_bytes));
  }

  const Spec& spec_;
  const Network& net_;
  std::vector<LayerPlan> strategies_;
  Plan plan_;
  std::optional<mapping::LifetimeAllocator> memory_;
  std::set<std::size_t> spilled_;
  std::set<std::size_t> tried_;  ///< maps for which a place in CMX was sought in this attempt
};

}  // namespace

Plan make_plan(const Spec& spec, const Network& net) { return Planner(spec, net).run(); }

}  // namespace npusim::vpu
