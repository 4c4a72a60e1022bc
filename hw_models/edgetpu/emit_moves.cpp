// What moves between tiles and between their memories.
#include "hw_models/edgetpu/emitter.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"
#include "hw_models/edgetpu/timing.h"

namespace npusim::edgetpu {

void ProgramEmitter::fill_inputs(Phase& phase) {
  for (const MapId id : phase.inputs) {
    if (!is_wide(id)) continue;
    const Handle fill = draft_.add(Queue::fill, kFill, {words(id)});
    draft_.tie(start_, fill);
    draft_.region(fill, block(id, false));
    draft_.region(fill, bands(true));
    phase.parts.spill += spill_cycles(words(id));
    start_ = fill;
  }
}

std::int64_t ProgramEmitter::spill_cycles(std::int64_t count) const {
  return edgetpu::spill_cycles(spec_, count);
}

void ProgramEmitter::spill_output(Phase& phase) {
  if (!is_wide(phase.output)) return;
  const Handle spill = draft_.add(Queue::spill, kSpill, {words(phase.output)});
  draft_.tie(end_, spill);
  draft_.region(spill, bands(false));
  draft_.region(spill, block(phase.output, true));
  phase.parts.spill += spill_cycles(words(phase.output));
  end_ = spill;
}

void ProgramEmitter::exchange(Phase& phase) {
  const Halo halo = halo_of(spec_, net_, phase);
  if (halo.cycles == 0) return;
  const std::int64_t bytes = spec_.padded(net_.map(phase.inputs[0]).shape.c);
  const Handle mesh = add(Queue::mesh, kExchange, {halo.positions, bytes, halo.relays});
  draft_.tie(start_, mesh);
  draft_.region(mesh, is_wide(phase.inputs[0]) ? bands(false) : block(phase.inputs[0], false));
  if (phase.halo_address != kNone) {
    draft_.region(mesh, region_of(Space::narrow, true, phase.halo_address, halo.bytes));
  }
  phase.parts.halo += halo.cycles;
  start_ = mesh;
}

void ProgramEmitter::gather(Phase& phase, std::int64_t bytes) {
  const std::int64_t packets = ceil_div(bytes, spec_.row_bytes());
  const Handle ring = add(Queue::ring, kBroadcast, {packets, kGather, 0});
  draft_.tie(start_, ring);
  draft_.region(ring, is_wide(phase.inputs[0]) ? bands(false) : block(phase.inputs[0], false));
  phase.parts.ring += packets * spec_.row_cycles();
  start_ = ring;
}

void ProgramEmitter::relay(Phase& phase) {
  const std::int64_t count = words(phase.inputs[0]);
  const Handle move = draft_.add(Queue::spill, kSpill, {count});
  draft_.tie(start_, move);
  if (is_wide(phase.inputs[0])) draft_.region(move, bands(false));
  draft_.region(move, block(phase.inputs[0], false));
  phase.parts.spill += spill_cycles(count);
  start_ = move;
}

}  // namespace npusim::edgetpu
