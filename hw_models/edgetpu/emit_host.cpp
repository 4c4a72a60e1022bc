// Operators on the host, and maps on their way there and back.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "hw_models/edgetpu/emitter.h"
#include "hw_models/edgetpu/setting.h"
#include "hw_models/edgetpu/timing.h"

namespace npusim::edgetpu {

std::size_t ProgramEmitter::host_buffer(MapId id) {
  const auto found = host_buffers_.find(id);
  if (found != host_buffers_.end()) return found->second;
  const Map& map = net_.map(id);
  buffer(fmt::format("{}@host", map.name), std::max<std::int64_t>(map.shape.elements(), 1));
  return host_buffers_[id] = program_.buffers.size() - 1;
}

program::Region ProgramEmitter::host_region(MapId id, bool write) {
  const program::Buffer& at = program_.buffers[host_buffer(id)];
  return region_of(Space::host, write, at.offset, at.bytes);
}

Handle ProgramEmitter::store(MapId id) {
  Handle& stored = stored_[id];
  if (stored) return stored;
  stored = draft_.add(Queue::out, kStore);
  draft_.setting(stored, to_setting(map_setting(spec_, net_, id)));
  draft_.tie(end_, stored);
  draft_.region(stored, block(id, false));
  draft_.region(stored, host_region(id, true));
  return stored;
}

void ProgramEmitter::fetch_from_host(MapId id) {
  if (!net_.map(id).on_host || fetched_.count(id) != 0) return;
  const Handle entry = draft_.add(Queue::host, kHost, {std::max<std::int64_t>(spec_.host_entry_cycles, 1)});
  const Handle load = draft_.add(Queue::in, kLoad);
  draft_.setting(load, to_setting(map_setting(spec_, net_, id)));
  draft_.tie(entry, load);
  draft_.region(load, host_region(id, false));
  draft_.region(load, block(id, true));
  fetched_[id] = load;
  draft_.tie(start_, load);
  start_ = load;
}

void ProgramEmitter::emit_host(Phase& phase) {
  std::vector<Handle> needed;
  std::vector<MapId> inputs;
  for (const MapId id : phase.inputs) {
    if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) continue;
    inputs.push_back(id);
    if (!net_.map(id).on_host) needed.push_back(store(id));
  }
  const std::int64_t cycles = host_cycles(spec_, phase.host_macs, phase.host_bytes);
  // An operand of a command has 32 bits: what takes longer is several commands, of which the last has the
  // results.
  Handle work;
  std::int64_t left = std::max<std::int64_t>(cycles, 1);
  do {
    const std::int64_t part = std::min<std::int64_t>(left, std::numeric_limits<std::int32_t>::max());
    work = draft_.add(Queue::host, kHost, {part});
    for (const Handle& store : needed) draft_.tie(store, work);
    for (const MapId id : inputs) draft_.region(work, host_region(id, false));
    left -= part;
  } while (left > 0);
  for (const MapId id : phase.host_outputs) {
    draft_.region(work, host_region(id, true));
    program_.buffers[host_buffer(id)].output = net_.map(id).network_output;
  }
  phase.parts.compute = cycles;
  mode_ = fmt::format("on the host: {} MACs, {} bytes", phase.host_macs, phase.host_bytes);
}

}  // namespace npusim::edgetpu
