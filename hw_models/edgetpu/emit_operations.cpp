// What the tiles compute, one kind of phase after the other.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "hw_models/edgetpu/emitter.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"

namespace npusim::edgetpu {

namespace {

/// Pieces in which the last row of tiles receives the input.
constexpr std::int64_t kInputPieces = 4;

/// Part `i` of `n` of `total`, rounded down at both ends so that the parts add up.
std::int64_t share(std::int64_t total, std::int64_t i, std::int64_t n) {
  return mul_div(total, i + 1, n) - mul_div(total, i, n);
}

}  // namespace

Handle ProgramEmitter::add(Queue queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args) {
  const Handle command = draft_.add(queue, opcode, args);
  draft_.setting(command, setting_);
  return command;
}

Handle ProgramEmitter::operation(const Phase& phase, program::OpcodeId opcode,
                                 std::initializer_list<std::int64_t> args) {
  const Handle op = add(Queue::op, opcode, args);
  draft_.tie(start_, op);
  bool banded = false;
  for (const MapId id : phase.inputs) {
    banded = banded || is_wide(id);
    if (!is_wide(id)) draft_.region(op, block(id, false));
  }
  if (banded) draft_.region(op, bands(false));
  if (phase.halo_address != kNone) {
    const Halo halo = halo_of(spec_, net_, phase);
    draft_.region(op, region_of(Space::narrow, false, phase.halo_address, halo.bytes));
  }
  end_ = op;
  return op;
}

void ProgramEmitter::result(const Phase& phase, const Handle& op, std::int64_t from, std::int64_t count) {
  if (is_wide(phase.output)) {
    draft_.region(op, bands(true));
    return;
  }
  const std::int64_t channels = spec_.padded(net_.map(phase.output).shape.c);
  draft_.region(op, block(phase.output, true, from, std::min(count, channels - from)));
}

void ProgramEmitter::emit_conv(Phase& phase) {
  const Fills fills = fills_of(spec_, net_, phase);
  const std::int64_t tile = run_positions(spec_, net_, phase);
  const std::int64_t positions = ceil_div(tile, phase.kernels);
  const std::int64_t count = fills.groups * fills.per_group;
  const std::int64_t slot_bytes = (fills.rows + 1) * spec_.row_bytes();
  const std::int64_t fifo = spec_.wide_bytes - fills.buffers * slot_bytes;
  const std::int64_t sums = tile * spec_.row_bytes();
  std::vector<Handle> users(static_cast<std::size_t>(fills.buffers));
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t chunk = n % fills.per_group;
    Handle& user = users[static_cast<std::size_t>(n % fills.buffers)];
    const std::int64_t offset = fifo + n % fills.buffers * slot_bytes;
    const std::int64_t packets = fills.rows + (chunk == 0 ? 1 : 0);
    const Handle ring = bring(
        phase, kBroadcast,
        {packets, chunk == 0 ? 0 : 1, 0, chunk == 0 ? 0 : stored_outputs(spec_, net_, phase) * kBiasBytes},
        fill_bytes(phase, fills, n), offset, slot_bytes, user);
    user = operation(phase, kConv, {positions, fills.rows, n / fills.per_group, chunk});
    draft_.tie(ring, user);
    draft_.macs(user, share(phase.macs, run_ * count + n, phase.bands * count));
    draft_.region(user, region_of(Space::wide, false, offset, slot_bytes));
    if (!fills.position_outer) {
      if (chunk > 0) draft_.region(user, region_of(Space::wide, false, fifo - sums, sums));
      if (chunk + 1 < fills.per_group) draft_.region(user, region_of(Space::wide, true, fifo - sums, sums));
    }
    const std::int64_t group = n / fills.per_group;
    const bool whole = chunk + 1 == fills.per_group && group % phase.kernels == phase.kernels - 1;
    if (whole) result(phase, user, group / phase.kernels * spec_.group(), spec_.group());
    phase.parts.compute += positions * fills.rows;
  }
  mode_ = fmt::format("{}, {} fill{} of {} rows of weights, {}",
                      fills.position_outer ? "position-outer" : "K-chunked", count, count == 1 ? "" : "s",
                      fills.rows, fills.buffers == 2 ? "FIFO" : "one buffer");
}

std::int64_t ProgramEmitter::fill_bytes(const Phase& phase, const Fills& fills, std::int64_t n) const {
  const std::int64_t count = fills.groups * fills.per_group;
  if (phase.kernels > 1) return share(phase.weight_bytes, n, count);
  if (n + 1 == count) return phase.weight_bytes - taken_;
  const std::int64_t biases = n % fills.per_group == 0 ? kBiasBytes : 0;
  return stored_outputs(spec_, net_, phase) * (fills.rows * spec_.dot + biases);
}

void ProgramEmitter::emit_depthwise(Phase& phase) {
  const Shape& out = net_.map(phase.output).shape;
  const std::int64_t positions = run_positions(spec_, net_, phase);
  const std::int64_t taps = phase.window.taps();
  const std::int64_t count = spec_.words(out.c);
  const std::int64_t slot_bytes = (taps + 1) * spec_.row_bytes();
  std::array<Handle, 2> users;
  for (std::int64_t n = 0; n < count; ++n) {
    Handle& user = users[static_cast<std::size_t>(n % 2)];
    const std::int64_t offset = spec_.wide_bytes - (2 - n % 2) * slot_bytes;
    const std::int64_t bytes = n + 1 == count ? phase.weight_bytes - taken_ : spec_.dot * (taps + kBiasBytes);
    const Handle ring = bring(phase, kExpand, {taps, 1, n}, bytes, offset, slot_bytes, user);
    user = operation(phase, kDepthwise, {positions, taps, n});
    draft_.tie(ring, user);
    draft_.macs(user, share(phase.macs, run_ * count + n, phase.bands * count));
    draft_.region(user, region_of(Space::wide, false, offset, slot_bytes));
    result(phase, user, n * spec_.dot, spec_.dot);
    phase.parts.compute += positions * (taps + spec_.depthwise_extra_steps);
  }
  mode_ = fmt::format("{} channel words of {} taps", count, taps);
}

void ProgramEmitter::emit_fc(Phase& phase) {
  const Counts counts = counts_of(spec_, net_, phase);
  gather(phase, spec_.padded(net_.map(phase.inputs[0]).shape.elements()));
  const Handle gathered = start_;
  const std::int64_t count = phase.streamed ? ceil_div(phase.weight_bytes, spec_.slot_bytes) : 1;
  const std::int64_t slot_bytes = std::min(spec_.slot_bytes / spec_.tiles() * 2, spec_.wide_bytes / 4);
  std::array<Handle, 2> users;
  for (std::int64_t n = 0; n < count; ++n) {
    Handle& user = users[static_cast<std::size_t>(n % 2)];
    const std::int64_t offset = spec_.wide_bytes - (2 - n % 2) * slot_bytes;
    Handle ring = gathered;
    const std::int64_t bytes = share(phase.weight_bytes, n, count);
    if (phase.streamed) {
      ring =
          bring(phase, kBroadcast, {ceil_div(bytes, spec_.row_bytes()), 0}, bytes, offset, slot_bytes, user);
    }
    const std::int64_t steps = share(counts.steps, n, count);
    user = operation(phase, kProduct, {steps});
    draft_.tie(ring, user);
    draft_.macs(user, share(phase.macs, run_ * count + n, phase.bands * count));
    if (phase.streamed) {
      draft_.region(user, region_of(Space::wide, false, offset, slot_bytes));
    } else {
      draft_.region(user, region_of(Space::parameters, false, phase.param_address, bytes));
    }
    phase.parts.compute += steps;
    if (n + 1 == count) result(phase, user, 0, net_.map(phase.output).shape.elements() + spec_.dot);
  }
  mode_ =
      fmt::format("{} steps on {} tiles", counts.steps,
                  std::min(spec_.tiles(), ceil_div(net_.map(phase.output).shape.elements(), spec_.group())));
}

void ProgramEmitter::emit_simple(Phase& phase) {
  const Counts counts = counts_of(spec_, net_, phase);
  const bool pool = phase.kind == Kind::max_pool || phase.kind == Kind::average_pool;
  const std::int64_t channels = net_.map(phase.output).shape.c;
  if (gathers(net_, phase)) gather(phase, net_.map(phase.inputs[0]).shape.elements());
  const std::int64_t groups = pool ? ceil_div(channels, spec_.group()) : 1;
  if (phase.kind == Kind::max_pool) relay(phase);
  for (std::int64_t n = 0; n < groups; ++n) {
    const Handle op =
        pool ? operation(phase, kPool, {counts.steps / groups / phase.window.taps(), phase.window.taps(), n})
             : operation(phase, kWords, {counts.steps});
    result(phase, op, n * spec_.group(), pool ? spec_.group() : spec_.padded(channels));
  }
  phase.parts.compute += counts.steps;
  mode_ = fmt::format("{} steps", counts.steps);
}

void ProgramEmitter::emit_input(Phase& phase) {
  const Shape shape = run_shape(net_, phase);
  const InputCopy copy = input_copy(spec_, shape);
  const Shape& whole = net_.map(phase.output).shape;
  if (run_ == 0) {
    program::Buffer& image = buffer(phase.name, whole.elements());
    image.input = true;
    image_ = image.offset;
  }
  // Bands of a large image overlap: they arrive as chunks of its rows that cover it evenly.
  const std::int64_t from =
      phase.bands == 1 ? 0 : mul_div(whole.h - shape.h, run_, phase.bands - 1) * whole.w * whole.c;
  const std::int64_t address = image_ + from;
  const std::int64_t last_rows = tile_extent(shape.h, spec_.rows, spec_.rows - 1);
  const std::int64_t last_bytes = std::max<std::int64_t>(last_rows, 1) * shape.w * shape.c;
  const std::int64_t first_bytes = std::max<std::int64_t>(shape.elements() - last_bytes, 0);
  const std::int64_t steps = copy.pixel_steps * copy.columns;
  std::int64_t done = 0;
  const auto receive = [&](std::int64_t bytes) {
    while (bytes > 0) {
      const std::int64_t piece = std::min(bytes, spec_.slot_bytes);
      const std::size_t index = fetch(address + done, piece);
      const Handle ring = add(Queue::ring, kBroadcast, {ceil_div(piece, spec_.row_bytes()), kImage, done});
      draft_.tie(slots_[index].filled, ring);
      draft_.region(
          ring, region_of(Space::stream, false, static_cast<std::int64_t>(index) * spec_.slot_bytes, piece));
      slots_[index].used = ring;
      phase.parts.ring += ceil_div(piece, spec_.row_bytes()) * spec_.row_cycles();
      arrived_ = ring;
      done += piece;
      bytes -= piece;
    }
  };
  receive(first_bytes);
  for (std::int64_t n = 0; n <= kInputPieces; ++n) {
    const bool last = n == kInputPieces;
    if (!last) receive(share(shape.elements() - first_bytes, n, kInputPieces));
    // Whole rows: the last of a tile's columns arrives at a row's end.
    const std::int64_t row = last ? copy.rows - 1 : mul_div(copy.rows - 1, n, kInputPieces);
    const std::int64_t rows = last ? 1 : share(copy.rows - 1, n, kInputPieces);
    const Handle op = operation(phase, kCopy, {steps * rows, row, rows});
    draft_.tie(arrived_, op);
    if (last) result(phase, op, 0, spec_.padded(shape.c));
  }
  phase.parts.compute += steps * copy.rows;
  if (spec_.in_bytes_per_cycle > 0) {
    phase.parts.link += std::llround(static_cast<double>(shape.elements()) / spec_.in_bytes_per_cycle);
  }
  mode_ = fmt::format("{} bytes over the link", phase.bands * shape.elements());
}

}  // namespace npusim::edgetpu
