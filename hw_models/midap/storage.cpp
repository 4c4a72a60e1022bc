// Where a network's maps and weights lie: channel padding, filter sizes, concatenations, limits.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/midap/legalize.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

/// Throws unless `need` of what `layer` puts into `memory` fits into its `have`.
void check_fits(const Layer& layer, std::string_view what, std::int64_t need, std::string_view memory,
                std::int64_t have, std::string_view unit = "bytes") {
  if (need <= have) return;
  throw UserError(fmt::format("layer '{}': {} takes {} {}, but {} holds {}: {} too many", layer.name, what,
                              need, unit, memory, have, need - have));
}

/// Channels that a reader of a map takes at once.
std::int64_t reader_unit(const Spec& spec, const Layer& reader) {
  const bool plain = reader.kind == Kind::conv && !reader.virtual_input && reader.groups == 1 &&
                     reader.window.dilation_w == 1 && reader.window.dilation_h == 1;
  return reader.kind == Kind::concat || plain ? spec.cims : spec.lanes;
}

/// In the order of the layers, as MidapSim does: a map that several readers share is padded for the most
/// demanding of them.
void pad_channels(const Spec& spec, Network& net) {
  for (auto& layer : net.layers) {
    const std::int64_t unit = reader_unit(spec, layer);
    for (const LayerId input : layer.inputs) {
      auto& map = net.at(input).map;
      map.c = round_up(map.c, unit);
    }
    if (layer.extended() || (layer.kind == Kind::reduce && net.at(layer.inputs[0]).extended())) {
      layer.map.c = round_up(layer.map.c, spec.lanes);
    }
    layer.z_end = layer.map.c;
  }
}

/// The most rows that any group of 16 filters of a grouped convolution reads a tap.
std::int64_t most_rows(const Spec& spec, const Layer& layer) {
  std::int64_t most = 0;
  const std::int64_t filters = layer.own.c / layer.groups;
  for (std::int64_t first = 0; first < layer.own.c; first += spec.cims) {
    const std::int64_t last = std::min(first + spec.cims, layer.own.c) - 1;
    const std::int64_t rows = ceil_div((last / filters + 1) * layer.group_depth, spec.lanes) -
                              first / filters * layer.group_depth / spec.lanes;
    most = std::max(most, rows);
  }
  return most;
}

void size_weights(const Spec& spec, Network& net, Layer& layer) {
  const MapShape in = net.at(layer.inputs[0]).map;
  const Window& window = layer.window;
  if (layer.pool()) {
    layer.filters = in.c;
    return;
  }
  if (layer.kind == Kind::depthwise) {
    layer.filters = in.c;
    layer.filter_bytes = window.kw * window.kh * in.c;
    check_fits(layer, "the depthwise filter", layer.filter_bytes, "the extended weight memory",
               spec.extended_wmem_bytes);
  } else {
    layer.filters = round_up(layer.own.c, spec.cims);
    if (layer.kind == Kind::gemm) {
      layer.filter_bytes = in.c;
    } else if (layer.groups > 1) {
      layer.filter_bytes = window.kw * window.kh * most_rows(spec, layer) * spec.lanes;
    } else {
      layer.filter_bytes = window.kw * round_up(window.kh * in.c, spec.lanes);
    }
    check_fits(layer, "a filter", layer.filter_bytes, "the weight memory of a CIM", spec.wmem_bytes);
    const std::int64_t groups = layer.filters / spec.cims;
    layer.load_filter_once = layer.weight_bytes() <= 2 * spec.cims * spec.wmem_bytes &&
                             ceil_div(groups, 2) * layer.filter_bytes <= spec.wmem_bytes;
  }
  layer.map.c = std::max(layer.map.c, layer.filters);
  if (layer.bias) check_fits(layer, "the bias", layer.filters, "the bias memory", spec.bias_entries);
}

void place_concat(Network& net, LayerId id) {
  Layer& concat = net.at(id);
  const bool along_x = concat.x_begin != 0;  // set by the legaliser as a mark; cleared here
  concat.x_begin = 0;
  std::int64_t x = 0;
  std::int64_t z = 0;
  for (std::size_t i = 0; i < concat.inputs.size(); ++i) {
    Layer& part = net.at(concat.inputs[i]);
    const bool last = i + 1 == concat.inputs.size();
    part.x_begin = x;
    part.z_begin = z;
    const std::int64_t written =
        std::max(part.own.c, part.kind == Kind::arithmetic ? part.map.c : part.filters);
    part.z_end = along_x || last ? std::min(concat.map.c, z + written) : z + part.own.c;
    part.map = concat.map;
    part.stored_as = id;
    (along_x ? x : z) += along_x ? part.own.w : part.own.c;
  }
}

void place_operands(const Spec& spec, Network& net, Layer& layer) {
  Layer& first = net.at(layer.inputs[0]);
  Layer& second = net.at(layer.inputs[1]);
  layer.broadcast = first.own.w * first.own.h != second.own.w * second.own.h;
  if (layer.broadcast) {
    if (first.own.w * first.own.h == 1) std::swap(layer.inputs[0], layer.inputs[1]);
    layer.load_filter_once = true;
    net.at(layer.inputs[1]).write_on_dram = true;
  }
  layer.filter_bytes = net.at(layer.inputs[1]).map.plane();
  check_fits(layer, "a plane of the second operand", layer.filter_bytes, "the extended weight memory",
             spec.extended_wmem_bytes);
}

void size_banks(const Spec& spec, const Network& net, Layer& layer) {
  check_fits(layer, "a plane of the result", layer.map.plane(), "a feature-map bank", spec.bank_bytes);
  layer.planes = spec.bank_bytes / layer.map.plane();
  layer.banks_needed = ceil_div(layer.map.w, layer.planes_per_bank());
  layer.bank_fill = layer.planes_per_bank() * layer.map.plane();
  layer.last_fill = layer.map.w % layer.planes_per_bank() * layer.map.plane();
  layer.map_bytes = layer.map.elements();
  if (layer.reduction != kNoLayer) {
    check_fits(layer, "the reduction", layer.map.c, "the reduction buffer", spec.reduction_entries,
               "channels");
    if (layer.next.size() == 1) layer.banks_needed = 0;
  }
  if (!layer.convolution() || layer.kind == Kind::gemm) return;  // pools reach across banks
  const auto& window = layer.window;
  const std::int64_t span = (window.kw - 1) * window.dilation_w + 1;
  check_fits(layer, "the kernel without its padding", span - std::max(window.left, window.right),
             "a feature-map bank", net.at(layer.inputs[0]).planes * layer.scale_w, "planes");
}

}  // namespace

void store_maps(const Spec& spec, Network& net) {
  for (auto& layer : net.layers) layer.map = layer.own;
  pad_channels(spec, net);
  for (const LayerId id : net.inputs) {
    Layer& input = net.at(id);
    size_banks(spec, net, input);
    input.write_on_dram = true;
  }
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    Layer& layer = net.layers[i];
    if (layer.kind == Kind::input) continue;
    if (layer.next.empty() || (layer.next.size() > 1 && layer.reduction != kNoLayer)) {
      layer.write_on_dram = true;
    }
    if (layer.kind == Kind::concat) place_concat(net, static_cast<LayerId>(i));
    if (layer.windowed()) size_weights(spec, net, layer);
    if (layer.kind == Kind::reduce) layer.map.c = layer.z_end = net.at(layer.inputs[0]).map.c;
    if (layer.kind == Kind::arithmetic) place_operands(spec, net, layer);
    if (layer.stored_as == static_cast<LayerId>(i)) layer.z_end = std::max(layer.z_end, layer.filters);
    size_banks(spec, net, layer);
  }
}

}  // namespace npusim::midap
