#include "hw_models/midap/dram_maps.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::midap {

namespace {
constexpr std::int64_t kAlignment = 4096;
}

DramMaps::DramMaps(const Network& net, Draft& draft, program::Program& program)
    : net_(net), draft_(draft), program_(program) {
  std::int64_t zeros = 0;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const Layer& layer = net.layers[i];
    const std::int64_t padding = layer.map.c - computed_channels(static_cast<LayerId>(i));
    if (layer.dram_from < layer.map.w) zeros = std::max(zeros, layer.map.w * layer.map.h * padding);
  }
  if (zeros > 0) zeros_ = add_buffer("zeros", zeros, true, false);
  add_parameters();
}

std::int64_t DramMaps::add_buffer(const std::string& name, std::int64_t bytes, bool input, bool output) {
  program::Buffer buffer;
  buffer.name = name;
  buffer.offset = end_;
  buffer.bytes = bytes;
  buffer.input = input;
  buffer.output = output;
  program_.buffers.push_back(buffer);
  end_ += round_up(bytes, kAlignment);
  return buffer.offset;
}

void DramMaps::add_parameters() {
  for (std::size_t i = 0; i < net_.layers.size(); ++i) {
    const Layer& layer = net_.layers[i];
    if (!layer.convolution()) continue;
    weights_[static_cast<LayerId>(i)] = add_buffer(layer.name + ".weight", layer.weight_bytes(), true, false);
    if (layer.bias)
      biases_[static_cast<LayerId>(i)] = add_buffer(layer.name + ".bias", layer.filters, true, false);
  }
}

void DramMaps::begin_image(std::int64_t image) {
  const std::string suffix = net_.batch > 1 ? fmt::format("#{}", image) : "";
  places_.clear();
  last_store_.clear();
  for (std::size_t i = 0; i < net_.layers.size(); ++i) {
    const auto id = static_cast<LayerId>(i);
    const Layer& layer = net_.layers[i];
    if (layer.stored_as != id || layer.dram_from >= layer.map.w) continue;
    Place place;
    place.first_plane = layer.dram_from;
    place.channels = computed_channels(id);
    const std::int64_t bytes = (layer.map.w - layer.dram_from) * layer.map.h * place.channels;
    const bool input = layer.kind == Kind::input;
    place.offset = add_buffer(layer.name + suffix, bytes, input, !input && layer.result);
    places_[id] = place;
  }
}

std::int64_t DramMaps::computed_channels(LayerId layer) const {
  const Layer& map = net_.at(owner(layer));
  if (map.kind == Kind::input) return map.map.c;
  if (map.kind != Kind::concat) return map.z_end;
  std::int64_t end = 0;
  for (const LayerId part : map.inputs) end = std::max(end, net_.at(part).z_end);
  return end;
}

std::vector<program::Region> DramMaps::read(LayerId layer, const Fragment& planes) const {
  const Layer& map = net_.at(owner(layer));
  const Place& place = places_.at(owner(layer));
  const std::int64_t pixels = (planes.tail - planes.head) * map.map.h;
  const std::int64_t before = (planes.head - place.first_plane) * map.map.h;
  ensure(before >= 0, "planes are read that were never written to DRAM");
  std::vector<program::Region> regions;
  regions.push_back(
      region_of(kGlobalSpace, false, place.offset + before * place.channels, pixels * place.channels));
  const std::int64_t padding = map.map.c - place.channels;
  if (padding > 0) regions.push_back(region_of(kGlobalSpace, false, zeros_, pixels * padding));
  return regions;
}

program::Region DramMaps::write(LayerId layer, const Fragment& planes, std::int64_t y0, std::int64_t y1,
                                std::int64_t z, std::int64_t count) const {
  const Layer& map = net_.at(owner(layer));
  const Place& place = places_.at(owner(layer));
  const std::int64_t pixel = (planes.head - place.first_plane) * map.map.h + y0;
  const std::int64_t pixels = (planes.tail - planes.head - 1) * map.map.h + y1 - y0;
  return region_of(kGlobalSpace, true, place.offset + pixel * place.channels + z, count, pixels,
                   place.channels);
}

program::Region DramMaps::weights(LayerId layer, std::int64_t first, std::int64_t count) const {
  const Layer& of = net_.at(layer);
  if (of.kind == Kind::depthwise) return region_of(kGlobalSpace, false, weights_.at(layer), of.filter_bytes);
  return region_of(kGlobalSpace, false, weights_.at(layer) + first * of.filter_bytes,
                   count * of.filter_bytes);
}

program::Region DramMaps::biases(LayerId layer) const {
  return region_of(kGlobalSpace, false, biases_.at(layer), net_.at(layer).filters);
}

void DramMaps::await(LayerId layer, const Handle& load, Flag flag) {
  const auto found = last_store_.find(owner(layer));
  if (found == last_store_.end() || found->second.number <= awaited_[flag]) return;
  awaited_[flag] = found->second.number;
  draft_.tie(found->second.command, load, flag_id(flag));
}

}  // namespace npusim::midap
