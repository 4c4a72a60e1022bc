// How parameters reach the tiles: out of the cache or over the link, around the ring.
#include <algorithm>

#include "hw_models/edgetpu/emitter.h"
#include "hw_models/edgetpu/phases.h"

namespace npusim::edgetpu {

std::size_t ProgramEmitter::fetch(std::int64_t address, std::int64_t bytes) {
  const std::size_t index = next_slot_++ % slots_.size();
  Slot& slot = slots_[index];
  const Handle load = draft_.add(Queue::in, kLoad);
  draft_.region(load, region_of(Space::host, false, address, bytes));
  draft_.region(load,
                region_of(Space::stream, true, static_cast<std::int64_t>(index) * spec_.slot_bytes, bytes));
  draft_.tie(slot.used, load);
  slot = {load, {}};
  return index;
}

std::int64_t ProgramEmitter::available(Stream& stream) {
  if (stream.used == stream.held && stream.left > 0) {
    const std::int64_t piece = std::min(spec_.slot_bytes, stream.left);
    stream.slot = fetch(stream.address, piece);
    stream.address += piece;
    stream.left -= piece;
    stream.held = piece;
    stream.used = 0;
  }
  return stream.held - stream.used;
}

void ProgramEmitter::consume(Stream& stream, const Handle& command, std::int64_t bytes) {
  Slot& slot = slots_[stream.slot];
  draft_.tie(slot.filled, command);
  draft_.region(command,
                region_of(Space::stream, false,
                          static_cast<std::int64_t>(stream.slot) * spec_.slot_bytes + stream.used, bytes));
  stream.used += bytes;
  slot.used = command;
}

void ProgramEmitter::open_parameters(Phase& phase) {
  stream_ = {};
  taken_ = 0;
  if (phase.weight_bytes == 0) return;
  if (phase.streamed) {
    program::Buffer& weights = buffer(phase.name + ".parameters", phase.weight_bytes);
    weights.input = true;
    stream_.address = weights.offset;
    stream_.left = phase.weight_bytes;
    return;
  }
  program::Buffer weights;
  weights.name = phase.name + ".parameters";
  weights.space = space_id(Space::parameters);
  weights.offset = phase.param_address;
  weights.bytes = phase.weight_bytes;
  weights.input = true;
  program_.buffers.push_back(std::move(weights));
}

Handle ProgramEmitter::bring(Phase& phase, program::OpcodeId opcode, const Rows& rows, std::int64_t bytes,
                             std::int64_t offset, std::int64_t room, const Handle& free) {
  Handle last;
  std::int64_t done = 0;
  std::int64_t units_done = 0;
  do {
    std::int64_t piece = bytes - done;
    const bool streamed = phase.streamed && run_ == 0;
    if (streamed) piece = std::min(piece, available(stream_));
    // A row is complete with its last byte; compact rows come behind their word's biases.
    const std::int64_t head = opcode == kExpand ? spec_.dot * kBiasBytes : 0;
    const std::int64_t there = std::max<std::int64_t>(done + piece - head, 0);
    const std::int64_t upto = bytes == head ? rows.units : mul_div(rows.units, there, bytes - head);
    const std::int64_t count = upto - units_done;
    const std::int64_t row = rows.first + units_done;
    last = opcode == kExpand ? add(Queue::ring, opcode, {count, row, rows.word, done})
                             : add(Queue::ring, opcode, {count, row, rows.byte + done});
    draft_.tie(start_, last);
    draft_.tie(free, last);
    if (streamed) {
      consume(stream_, last, piece);
    } else if (piece > 0 && !phase.streamed) {
      draft_.region(last, region_of(Space::parameters, false, phase.param_address + taken_ + done, piece));
    }
    if (room > 0) draft_.region(last, region_of(Space::wide, true, offset, room));
    done += piece;
    units_done = upto;
  } while (done < bytes);
  taken_ += bytes;
  phase.parts.ring += rows.units * (opcode == kExpand ? spec_.depthwise_row_cycles : spec_.row_cycles());
  return last;
}

}  // namespace npusim::edgetpu
