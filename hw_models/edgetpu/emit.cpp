#include "hw_models/edgetpu/emit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "hw_models/edgetpu/draft.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"
#include "hw_models/edgetpu/setting.h"
#include "hw_models/edgetpu/timing.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

/// Buffers in the host's memory begin on pages.
constexpr std::int64_t kPage = 4096;
/// Pieces in which the last row of tiles receives the input.
constexpr std::int64_t kInputPieces = 4;

program::Region region_of(Space space, bool write, std::int64_t offset, std::int64_t bytes) {
  program::Region region;
  region.space = space_id(space);
  region.write = write;
  region.offset = offset;
  region.bytes = bytes;
  return region;
}

/// Part `i` of `n` of `total`, rounded down at both ends so that the parts add up.
std::int64_t share(std::int64_t total, std::int64_t i, std::int64_t n) {
  return mul_div(total, i + 1, n) - mul_div(total, i, n);
}

class ProgramEmitter {
 public:
  ProgramEmitter(const Spec& spec, Network& net, program::Program& program)
      : spec_(spec), net_(net), program_(program), slots_(static_cast<std::size_t>(spec.slots)) {}

  void run() {
    begin();
    for (Phase& phase : net_.phases) {
      phase_ = &phase;
      program::Task task;
      task.name = phase.name;
      task.op = phase.op;
      task.engine = phase.kind == Kind::host ? "host" : "op";
      task.joined = true;
      task.macs = phase.macs;
      draft_.begin_task(std::move(task));
      if (phase.kind != Kind::host) setting_ = to_setting(setting_of(spec_, net_, phase));
      emit_phase(phase);
      draft_.task().mapping = describe(phase);
    }
    finish();
    draft_.finish(program_);
  }

 private:
  // --- memories ---

  program::Buffer& buffer(std::string name, std::int64_t bytes) {
    program::Buffer out;
    out.name = std::move(name);
    out.offset = host_end_;
    out.bytes = bytes;
    host_end_ += round_up(bytes, kPage);
    program_.buffers.push_back(std::move(out));
    return program_.buffers.back();
  }

  /// A map's tile block, or channels [from, from + count) of it, where it is kept.
  [[nodiscard]] program::Region block(MapId id, bool write, std::int64_t from = 0,
                                      std::int64_t count = 0) const {
    const Map& map = net_.map(id);
    std::int64_t channel = 0;
    const Map& home = net_.map(net_.home_of(id, &channel));
    const std::int64_t positions = home_positions(spec_, home);
    const std::int64_t width = home_bytes(spec_, home) / positions;
    const std::int64_t own = std::min(spec_.padded(map.shape.c), width - channel);
    program::Region region = region_of(home.wide ? Space::wide : Space::narrow, write,
                                       home.address + channel + from, count == 0 ? own : count);
    if (region.bytes == width) {
      region.bytes *= positions;
    } else if (positions > 1) {
      region.inner = positions;
      region.inner_stride = width;
    }
    return region;
  }

  [[nodiscard]] bool is_wide(MapId id) const { return net_.map(net_.home_of(id)).wide; }
  [[nodiscard]] program::Region bands(bool write) const {
    return region_of(Space::narrow, write, spec_.narrow_bytes - kStagingBytes, kStagingBytes);
  }
  [[nodiscard]] std::int64_t words(MapId id) const {
    const Map& map = net_.map(id);
    return home_positions(spec_, net_.map(net_.home_of(id))) * spec_.words(map.shape.c);
  }

  // --- the link ---

  void begin() {
    for (const Phase& phase : net_.phases) net_.instruction_bytes += instruction_bytes(spec_, net_, phase);
    program::Task task;
    task.name = "invoke";
    task.op = "instructions";
    task.engine = "link.in";
    task.launch_cycles = spec_.fixed_cycles;
    task.mapping = fmt::format("{} bytes of instructions, sent for every inference", net_.instruction_bytes);
    draft_.begin_task(std::move(task));
    program::Buffer& code = buffer("instructions", std::max<std::int64_t>(net_.instruction_bytes, 1));
    code.input = true;
    draft_.region(draft_.add(Queue::in, kLoad), region_of(Space::host, false, code.offset, code.bytes));
  }

  /// Brings bytes [from, from + bytes) of a host buffer into the next slot of the stream buffer; remembers
  /// the slot for consumers.
  struct Slot {
    Handle filled, used;
  };
  std::size_t fetch(std::int64_t address, std::int64_t bytes) {
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

  /// Feeds a phase's parameters, or any bytes of the host's, to ring commands in order: piece by piece.
  struct Stream {
    std::int64_t address = 0, left = 0;  ///< not yet fetched
    std::int64_t held = 0, used = 0;     ///< bytes in the current slot, of these consumed
    std::size_t slot = 0;
  };
  /// Ties `command` to the slots that hold the next `bytes` of the stream. Returns the bytes that could be
  /// had from the current slot: the caller splits its command there.
  std::int64_t available(Stream& stream) {
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
  void consume(Stream& stream, const Handle& command, std::int64_t bytes) {
    Slot& slot = slots_[stream.slot];
    draft_.tie(slot.filled, command);
    draft_.region(command,
                  region_of(Space::stream, false,
                            static_cast<std::int64_t>(stream.slot) * spec_.slot_bytes + stream.used, bytes));
    stream.used += bytes;
    slot.used = command;
  }

  /// Where a phase's parameters come from: a buffer on the chip, or the stream.
  void open_parameters(Phase& phase) {
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

  /// Packets or rows on their way to a slot of wide memory, the slot's row for the first of them, and the
  /// word of channels that compact rows belong to.
  struct Rows {
    std::int64_t units = 0, first = 0, word = 0;
    std::int64_t byte = 0;  ///< of the slot's stored bytes, the first that comes
  };
  /// Ring commands that bring parameter bytes [taken, taken + bytes) as `rows` into [offset, offset + room)
  /// of wide memory, waiting for `free`. Returns the last.
  Handle bring(Phase& phase, program::OpcodeId opcode, const Rows& rows, std::int64_t bytes,
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

  // --- phases ---

  void emit_phase(Phase& phase) {
    if (phase.kind == Kind::host) return emit_host(phase);
    if (phase.streamed && spec_.in_bytes_per_cycle > 0) {
      phase.parts.link = std::llround(static_cast<double>(phase.weight_bytes) / spec_.in_bytes_per_cycle);
    }
    open_parameters(phase);
    start_ = end_;
    for (const MapId id : phase.inputs) fetch_from_host(id);
    for (run_ = 0; run_ < phase.bands; ++run_) {
      start_ = run_ == 0 ? start_ : end_;
      taken_ = 0;
      emit_run(phase);
    }
  }

  /// One band of a phase, or all of it.
  void emit_run(Phase& phase) {
    if (phase.kind != Kind::input) {
      fill_inputs(phase);
      exchange(phase);
    }
    switch (phase.kind) {
      case Kind::input:
        emit_input(phase);
        break;
      case Kind::conv:
        emit_conv(phase);
        break;
      case Kind::depthwise:
        emit_depthwise(phase);
        break;
      case Kind::fc:
        emit_fc(phase);
        break;
      default:
        emit_simple(phase);
    }
    spill_output(phase);
  }

  /// Inputs that were spilled come back, in bands that nothing overlaps.
  void fill_inputs(Phase& phase) {
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

  [[nodiscard]] std::int64_t spill_cycles(std::int64_t count) const {
    return edgetpu::spill_cycles(spec_, count);
  }

  void spill_output(Phase& phase) {
    if (!is_wide(phase.output)) return;
    const Handle spill = draft_.add(Queue::spill, kSpill, {words(phase.output)});
    draft_.tie(end_, spill);
    draft_.region(spill, bands(false));
    draft_.region(spill, block(phase.output, true));
    phase.parts.spill += spill_cycles(words(phase.output));
    end_ = spill;
  }

  void exchange(Phase& phase) {
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

  /// A command of the chip for the phase, with the phase's setting.
  Handle add(Queue queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args) {
    const Handle command = draft_.add(queue, opcode, args);
    draft_.setting(command, setting_);
    return command;
  }

  /// An operation of the phase: reads all inputs and borders.
  Handle operation(const Phase& phase, program::OpcodeId opcode, std::initializer_list<std::int64_t> args) {
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

  /// `op` writes channels [from, from + count) of the phase's result.
  void result(const Phase& phase, const Handle& op, std::int64_t from, std::int64_t count) {
    if (is_wide(phase.output)) {
      draft_.region(op, bands(true));
      return;
    }
    const std::int64_t channels = spec_.padded(net_.map(phase.output).shape.c);
    draft_.region(op, block(phase.output, true, from, std::min(count, channels - from)));
  }

  void emit_conv(Phase& phase) {
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

  /// Stored bytes of fill `n` of a convolution, biases included; the last takes what fills up the region.
  [[nodiscard]] std::int64_t fill_bytes(const Phase& phase, const Fills& fills, std::int64_t n) const {
    const std::int64_t count = fills.groups * fills.per_group;
    if (phase.kernels > 1) return share(phase.weight_bytes, n, count);
    if (n + 1 == count) return phase.weight_bytes - taken_;
    const std::int64_t biases = n % fills.per_group == 0 ? kBiasBytes : 0;
    return stored_outputs(spec_, net_, phase) * (fills.rows * spec_.dot + biases);
  }

  void emit_depthwise(Phase& phase) {
    const Shape& out = net_.map(phase.output).shape;
    const std::int64_t positions = run_positions(spec_, net_, phase);
    const std::int64_t taps = phase.window.taps();
    const std::int64_t count = spec_.words(out.c);
    const std::int64_t slot_bytes = (taps + 1) * spec_.row_bytes();
    std::array<Handle, 2> users;
    for (std::int64_t n = 0; n < count; ++n) {
      Handle& user = users[static_cast<std::size_t>(n % 2)];
      const std::int64_t offset = spec_.wide_bytes - (2 - n % 2) * slot_bytes;
      const std::int64_t bytes =
          n + 1 == count ? phase.weight_bytes - taken_ : spec_.dot * (taps + kBiasBytes);
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

  /// Resident weights are read in place; streamed ones pass the ring to their tiles in pieces.
  void emit_fc(Phase& phase) {
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
        ring = bring(phase, kBroadcast, {ceil_div(bytes, spec_.row_bytes()), 0}, bytes, offset, slot_bytes,
                     user);
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
    mode_ = fmt::format(
        "{} steps on {} tiles", counts.steps,
        std::min(spec_.tiles(), ceil_div(net_.map(phase.output).shape.elements(), spec_.group())));
  }

  /// The input of the phase, wherever its tiles hold it, comes to one of them.
  void gather(Phase& phase, std::int64_t bytes) {
    const std::int64_t packets = ceil_div(bytes, spec_.row_bytes());
    const Handle ring = add(Queue::ring, kBroadcast, {packets, kGather, 0});
    draft_.tie(start_, ring);
    draft_.region(ring, is_wide(phase.inputs[0]) ? bands(false) : block(phase.inputs[0], false));
    phase.parts.ring += packets * spec_.row_cycles();
    start_ = ring;
  }

  /// A maximum reads its windows from wide memory: the block, borders included, is moved there first.
  void relay(Phase& phase) {
    const std::int64_t count = words(phase.inputs[0]);
    const Handle move = draft_.add(Queue::spill, kSpill, {count});
    draft_.tie(start_, move);
    if (is_wide(phase.inputs[0])) draft_.region(move, bands(false));
    draft_.region(move, block(phase.inputs[0], false));
    phase.parts.spill += spill_cycles(count);
    start_ = move;
  }

  /// Pools and operations word by word.
  void emit_simple(Phase& phase) {
    const Counts counts = counts_of(spec_, net_, phase);
    const bool pool = phase.kind == Kind::max_pool || phase.kind == Kind::average_pool;
    const std::int64_t channels = net_.map(phase.output).shape.c;
    if (gathers(net_, phase)) gather(phase, net_.map(phase.inputs[0]).shape.elements());
    const std::int64_t groups = pool ? ceil_div(channels, spec_.group()) : 1;
    if (phase.kind == Kind::max_pool) relay(phase);
    for (std::int64_t n = 0; n < groups; ++n) {
      const Handle op =
          pool
              ? operation(phase, kPool, {counts.steps / groups / phase.window.taps(), phase.window.taps(), n})
              : operation(phase, kWords, {counts.steps});
      result(phase, op, n * spec_.group(), pool ? spec_.group() : spec_.padded(channels));
    }
    phase.parts.compute += counts.steps;
    mode_ = fmt::format("{} steps", counts.steps);
  }

  /// All rows of tiles but the last receive their part first, then the last one, in pieces; the operation
  /// lays out what has arrived, its tile's last row of pixels at the end.
  void emit_input(Phase& phase) {
    const Shape& shape = net_.map(phase.output).shape;
    const InputCopy copy = input_copy(spec_, shape);
    program::Buffer& image = buffer(phase.name, shape.elements());
    image.input = true;
    const std::int64_t address = image.offset;
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
        draft_.region(ring, region_of(Space::stream, false,
                                      static_cast<std::int64_t>(index) * spec_.slot_bytes, piece));
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
    phase.parts.compute = steps * copy.rows;
    if (spec_.in_bytes_per_cycle > 0) {
      phase.parts.link = std::llround(static_cast<double>(shape.elements()) / spec_.in_bytes_per_cycle);
    }
    mode_ = fmt::format("{} bytes over the link", shape.elements());
  }

  // --- the host ---

  /// The host buffer of a map; made when first needed.
  std::size_t host_buffer(MapId id) {
    const auto found = host_buffers_.find(id);
    if (found != host_buffers_.end()) return found->second;
    const Map& map = net_.map(id);
    buffer(fmt::format("{}@host", map.name), std::max<std::int64_t>(map.shape.elements(), 1));
    return host_buffers_[id] = program_.buffers.size() - 1;
  }
  [[nodiscard]] program::Region host_region(MapId id, bool write) {
    const program::Buffer& at = program_.buffers[host_buffer(id)];
    return region_of(Space::host, write, at.offset, at.bytes);
  }

  /// A map leaves the chip. Once.
  Handle store(MapId id) {
    Handle& stored = stored_[id];
    if (stored) return stored;
    stored = draft_.add(Queue::out, kStore);
    draft_.setting(stored, to_setting(map_setting(spec_, net_, id)));
    draft_.tie(end_, stored);
    draft_.region(stored, block(id, false));
    draft_.region(stored, host_region(id, true));
    return stored;
  }

  void fetch_from_host(MapId id) {
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

  void emit_host(Phase& phase) {
    std::vector<Handle> needed;
    std::vector<MapId> inputs;
    for (const MapId id : phase.inputs) {
      if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) continue;
      inputs.push_back(id);
      if (!net_.map(id).on_host) needed.push_back(store(id));
    }
    const std::int64_t cycles = host_cycles(spec_, phase.host_macs, phase.host_bytes);
    const Handle work = draft_.add(Queue::host, kHost, {std::max<std::int64_t>(cycles, 1)});
    for (const Handle& store : needed) draft_.tie(store, work);
    for (const MapId id : inputs) draft_.region(work, host_region(id, false));
    for (const MapId id : phase.host_outputs) {
      draft_.region(work, host_region(id, true));
      program_.buffers[host_buffer(id)].output = net_.map(id).network_output;
    }
    phase.parts.compute = cycles;
    mode_ = fmt::format("on the host: {} MACs, {} bytes", phase.host_macs, phase.host_bytes);
  }

  /// Results leave the chip.
  void finish() {
    const bool any = std::any_of(net_.maps.begin(), net_.maps.end(),
                                 [](const Map& map) { return map.network_output && !map.on_host; });
    if (!any) return;
    program::Task task;
    task.name = "output";
    task.op = "output";
    task.engine = "link.out";
    task.joined = true;
    draft_.begin_task(std::move(task));
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < net_.maps.size(); ++i) {
      const auto id = static_cast<MapId>(i);
      if (!net_.map(id).network_output || net_.map(id).on_host) continue;
      store(id);
      program_.buffers[host_buffer(id)].output = true;
      bytes += net_.map(id).shape.elements();
    }
    draft_.task().mapping = fmt::format("{} bytes over the link", bytes);
  }

  [[nodiscard]] std::string describe(const Phase& phase) const {
    if (phase.kind == Kind::host) return mode_;
    const Parts& parts = phase.parts;
    const std::pair<const char*, std::int64_t> all[] = {{"compute", parts.compute},
                                                        {"ring", parts.ring},
                                                        {"halo", parts.halo},
                                                        {"spill", parts.spill},
                                                        {"link", parts.link}};
    const auto* bound = std::max_element(std::begin(all), std::end(all),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    std::string text = fmt::format("{}-bound; {}", bound->first, mode_);
    if (phase.bands > 1) text += fmt::format("; in {} bands of {} rows", phase.bands, phase.band_rows);
    if (phase.weight_bytes > 0) {
      text += fmt::format("; {} bytes {}", phase.weight_bytes, phase.streamed ? "streamed" : "cached");
    }
    text += ";";
    for (const auto& part : all) {
      if (part.second > 0) text += fmt::format(" {} {}", part.first, part.second);
    }
    return text;
  }

  const Spec& spec_;
  Network& net_;
  program::Program& program_;
  Draft draft_;
  program::Setting setting_;  ///< of the phase's commands
  Phase* phase_ = nullptr;
  std::int64_t host_end_ = 0;
  Handle start_, end_;  ///< what the phase's commands wait for; its last command so far
  Handle arrived_;      ///< the input's last packets
  Stream stream_;
  std::int64_t taken_ = 0;  ///< bytes of the phase's parameters that the ring has brought
  std::vector<Slot> slots_;
  std::size_t next_slot_ = 0;
  std::int64_t run_ = 0;  ///< band of the phase
  std::string mode_;
  std::map<MapId, std::size_t> host_buffers_;
  std::map<MapId, Handle> stored_, fetched_;
};

}  // namespace

void emit(const Spec& spec, Network& net, program::Program& program) {
  ProgramEmitter(spec, net, program).run();
}

}  // namespace npusim::edgetpu
