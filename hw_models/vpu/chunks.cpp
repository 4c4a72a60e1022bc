#include "hw_models/vpu/chunks.h"

#include <algorithm>
#include <utility>

namespace npusim::vpu {

namespace {

/// Rough cycles of a layer cut like this: what DMA takes, what cannot be overlapped, and what every chunk
/// costs.
double cost(const Spec& spec, const Need& need, const LayerPlan& plan) {
  const double rate = spec.dma_bytes_per_cycle * static_cast<double>(spec.dma_engines);
  const auto chunks = static_cast<double>(plan.row_chunks * plan.channel_chunks);
  double rows = 0;
  for (const auto bytes : need.sources) rows += static_cast<double>(bytes);
  rows *= plan.split_channels ? 1 : static_cast<double>(spec.tiles);
  const auto weights =
      static_cast<double>(need.weights) * (plan.split_channels ? static_cast<double>(spec.tiles) : 1);
  const double row_loads = plan.row_chunks == 1  ? 1
                           : plan.channels_outer ? chunks
                                                 : static_cast<double>(plan.row_chunks);
  const double weight_loads = plan.channel_chunks == 1 ? 1
                              : plan.channels_outer    ? static_cast<double>(plan.channel_chunks)
                                                       : chunks;
  const double out = static_cast<double>(need.out * spec.tiles);
  const double moved = rows * row_loads + weights * weight_loads + out * chunks;
  return (moved + rows + out) / rate + chunks * static_cast<double>(spec.barrier_cycles * 2 + 300);
}

std::vector<std::int64_t> chunk_counts(std::int64_t most) {
  std::vector<std::int64_t> counts;
  for (const std::int64_t n : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 2048}) {
    if (n < most) counts.push_back(n);
  }
  counts.push_back(most);
  return counts;
}

}  // namespace

Need need_of(const Network& net, const std::vector<MapPlan>& maps, const Layer& layer,
             const LayerPlan& plan) {
  const bool several = plan.row_chunks * plan.channel_chunks > 1;
  Need need;
  const std::int64_t units = ceil_div(plan.tile_units[0].size(), plan.channel_chunks);
  need.weights = layer.weight_bytes > 0 ? weight_bytes(layer, plan, {0, units}) : 0;
  need.weight_slots = need.weights == 0 ? 0 : plan.channel_chunks > 1 ? 2 : 1;
  need.source_slots = plan.row_chunks > 1 ? 2 : 1;
  for (const auto& source : layer.sources) {
    const auto id = static_cast<std::size_t>(source.map);
    std::int64_t rows = 0;
    for (const Range& own : plan.tile_rows) {
      for (std::int64_t i = 0; i < plan.row_chunks; ++i) {
        const Range chunk = chunk_of(own, plan.row_chunks, i);
        if (!chunk.empty()) rows = std::max(rows, needed_rows(net, layer, source, chunk).size());
      }
    }
    need.sources.push_back(maps[id].resident ? 0 : rows * net.maps[id].row_bytes());
  }
  const Map& out = net.maps[static_cast<std::size_t>(layer.out)];
  if (!maps[static_cast<std::size_t>(layer.out)].resident) {
    const std::int64_t rows = ceil_div(plan.tile_rows[0].size(), plan.row_chunks);
    need.out = rows * out.shape.w * units * plan.unit * out.bytes;
    need.out_slots = several ? 2 : 1;
  }
  return need;
}

std::vector<LayerPlan> chunkings(const Spec& spec, const Network& net, const std::vector<MapPlan>& maps,
                                 const Layer& layer, const LayerPlan& plan) {
  std::vector<std::pair<double, LayerPlan>> options;
  const bool whole = spec.local_operands;
  const bool by_channels = !whole && layer.kind == Kind::dpu && !layer.channelwise();
  for (const auto channels : chunk_counts(by_channels ? plan.tile_units[0].size() : 1)) {
    for (const auto rows : chunk_counts(whole ? 1 : plan.tile_rows[0].size())) {
      for (const bool outer : {true, false}) {
        if (!outer && (rows == 1 || channels == 1)) continue;
        LayerPlan tried = plan;
        tried.row_chunks = rows;
        tried.channel_chunks = channels;
        tried.channels_outer = outer;
        const Need need = need_of(net, maps, layer, tried);
        if (need.total() <= spec.cmx_bytes) options.emplace_back(cost(spec, need, tried), std::move(tried));
      }
    }
  }
  std::stable_sort(options.begin(), options.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<LayerPlan> plans;
  for (auto& option : options) plans.push_back(std::move(option.second));
  return plans;
}

}  // namespace npusim::vpu
