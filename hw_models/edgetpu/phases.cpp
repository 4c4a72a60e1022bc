#include "hw_models/edgetpu/phases.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace npusim::edgetpu {

namespace {

/// Widest fill of a K-chunked 1x1 convolution, and of a FIFO; fills from kSecondFifo rows on use one again.
constexpr std::int64_t kFifoRows = 15;
constexpr std::int64_t kSecondFifo = 31;
/// Bytes of a unit of wide memory, in which the compiler weighs modes.
constexpr std::int64_t kUnit = 64;
constexpr std::int64_t kPacket = 256;
/// Outputs of a convolution's parameters are stored in multiples of this up to one group.
constexpr std::int64_t kStoredOutputs = 16;

const Shape& shape_in(const Network& net, const Phase& phase) { return net.map(phase.inputs.at(0)).shape; }
const Shape& shape_out(const Network& net, const Phase& phase) { return net.map(phase.output).shape; }

bool windowed(const Phase& phase) {
  return phase.kind == Kind::conv || phase.kind == Kind::depthwise || phase.kind == Kind::max_pool ||
         phase.kind == Kind::average_pool;
}

/// Taps that one output position reads: of a transposed convolution, those of the largest sub-kernel.
std::int64_t taps_of(const Phase& phase) { return ceil_div(phase.window.taps(), phase.kernels); }

std::int64_t chunk_rows(std::int64_t taps, std::int64_t words) {
  if (taps > 1) return taps;
  for (std::int64_t rows = std::min(kFifoRows, words / 2); rows > 1; --rows) {
    if (words % rows == 0) return rows;
  }
  return 1;
}

bool uses_fifo(std::int64_t rows) { return rows <= kFifoRows || rows >= kSecondFifo; }

}  // namespace

std::int64_t tile_extent(std::int64_t extent, std::int64_t parts, std::int64_t index) {
  return extent / parts + (index < extent % parts ? 1 : 0);
}

std::int64_t tile_positions(const Spec& spec, const Shape& shape) {
  return ceil_div(shape.h, spec.rows) * ceil_div(shape.w, spec.columns);
}

std::int64_t tile_bytes(const Spec& spec, const Shape& shape) {
  return tile_positions(spec, shape) * spec.padded(shape.c);
}

Shape run_shape(const Network& net, const Phase& phase) {
  Shape shape = shape_out(net, phase);
  if (phase.bands > 1) shape.h = phase.band_rows;
  return shape;
}

std::int64_t run_positions(const Spec& spec, const Network& net, const Phase& phase) {
  return tile_positions(spec, run_shape(net, phase));
}

std::int64_t rows_needed(const Phase& phase, std::int64_t rows) {
  const Window& window = phase.window;
  if (phase.kernels > 1) return ceil_div(rows, window.stride_h) + ceil_div(window.kh, window.stride_h) - 1;
  return (rows - 1) * window.stride_h + (window.kh - 1) * window.dilation_h + 1;
}

AxisHalo axis_halo(std::int64_t in, std::int64_t out, std::int64_t parts, std::int64_t kernel,
                   std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
  struct Part {
    std::int64_t from = 0, size = 0, made = 0, low = 0, high = 0, before = 0, behind = 0;
  };
  std::vector<Part> tiles(static_cast<std::size_t>(parts));
  std::int64_t in_from = 0;
  std::int64_t out_from = 0;
  AxisHalo halo;
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  for (std::int64_t p = 0; p < parts; ++p) {
    Part& tile = tiles[static_cast<std::size_t>(p)];
    tile.from = in_from;
    tile.size = tile_extent(in, parts, p);
    tile.made = tile_extent(out, parts, p);
    in_from += tile.size;
    const std::int64_t begin = out_from * stride - pad;
    const std::int64_t end = begin + (tile.made - 1) * stride + reach;
    out_from += tile.made;
    const bool works = tile.made > 0;
    tile.low = works ? std::min(tile.from, std::max<std::int64_t>(begin, 0)) : tile.from;
    tile.high = works ? std::max(tile.from + tile.size, std::min(end, in)) : tile.from + tile.size;
    tile.before = works ? std::max<std::int64_t>(0, -begin) : 0;
    tile.behind = works ? std::max<std::int64_t>(0, end - in) : 0;
    if (works) halo.window = std::max(halo.window, end - begin);
  }
  for (std::size_t p = 1; p < tiles.size(); ++p) {  // a part passes on what parts behind it lack
    tiles[p].high = std::max(tiles[p].high, tiles[p - 1].high);
    const std::size_t q = tiles.size() - 1 - p;
    tiles[q].low = std::min(tiles[q].low, tiles[q + 1].low);
  }
  std::int64_t hops = 0;
  for (std::size_t p = 1; p < tiles.size(); ++p) {  // parts without lines are the last ones
    hops = tiles[p - 1].size == 0 ? hops + 1 : 0;
    if (hops > 0) halo.relayed.push_back({tiles[p].from - tiles[p].low, hops});
  }
  std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>>
      kinds;
  std::set<std::int64_t> in_sizes;
  std::set<std::int64_t> out_sizes;
  for (const Part& tile : tiles) {
    halo.forward = std::max(halo.forward, tile.from - tile.low);
    halo.backward = std::max(halo.backward, tile.high - tile.from - tile.size);
    kinds.insert(
        {tile.size, tile.made, tile.from - tile.low, tile.high - tile.from, tile.before, tile.behind});
    in_sizes.insert(tile.size);
    if (tile.made > 0) out_sizes.insert(tile.made);
  }
  halo.kinds = static_cast<std::int64_t>(kinds.size());
  halo.in_sizes = static_cast<std::int64_t>(in_sizes.size());
  halo.out_sizes = static_cast<std::int64_t>(out_sizes.size());
  return halo;
}

namespace {

/// How much later than its largest link an axis' forward pass ends, `line` being the beats of a line.
std::int64_t relay_cycles(const AxisHalo& axis, std::int64_t line) {
  std::int64_t later = 0;
  for (const auto& [lines, hops] : axis.relayed) {
    if (lines > 0) later = std::max(later, lines * line + hops - axis.forward * line);
  }
  return later;
}

}  // namespace

bool gathers(const Network& net, const Phase& phase) {
  if (phase.kind != Kind::max_pool && phase.kind != Kind::average_pool) return false;
  const Shape& in = shape_in(net, phase);
  const Shape& out = shape_out(net, phase);
  return out.h * out.w == 1 && in.h * in.w > 1;
}

Halo halo_of(const Spec& spec, const Network& net, const Phase& phase) {
  Halo halo;
  if (!windowed(phase) || gathers(net, phase)) return halo;
  Shape in = shape_in(net, phase);
  Shape out = shape_out(net, phase);
  if (phase.bands > 1 && !phase.own_bands) {
    in.h = std::min(in.h, rows_needed(phase, phase.band_rows));
    out.h = phase.band_rows;
  }
  const Window& window = phase.window;
  // A transposed convolution's windows step through the input once every few outputs.
  const bool transposed = phase.kernels > 1;
  const std::int64_t kh = transposed ? ceil_div(window.kh, window.stride_h) : window.kh;
  const std::int64_t kw = transposed ? ceil_div(window.kw, window.stride_w) : window.kw;
  AxisHalo y = axis_halo(in.h, transposed ? in.h : out.h, spec.rows, kh, transposed ? 1 : window.stride_h,
                         window.dilation_h, transposed ? 0 : window.top);
  const AxisHalo x =
      axis_halo(in.w, transposed ? in.w : out.w, spec.columns, kw, transposed ? 1 : window.stride_w,
                window.dilation_w, transposed ? 0 : window.left);
  if (phase.own_bands) {  // of a tile's bands the first has the border above, the last the one below
    y.window = rows_needed(phase, phase.band_rows / spec.rows);
    (y.forward > y.backward ? y.backward : y.forward) = 0;
  }
  halo.op_instructions = y.out_sizes * x.out_sizes;
  halo.above = y.forward;
  halo.below = y.backward;
  halo.before = x.forward;
  halo.behind = x.backward;
  halo.rows = y.window;
  const std::int64_t rows = y.forward + y.backward;
  const std::int64_t columns = x.forward + x.backward;
  halo.positions = rows * ceil_div(in.w, spec.columns) + columns * y.window;
  const std::int64_t bytes = spec.padded(in.c);
  const std::int64_t beats = ceil_div(bytes, spec.mesh_rate);  // of a position
  halo.relays = relay_cycles(y, ceil_div(in.w, spec.columns) * beats) + relay_cycles(x, y.window * beats);
  halo.bytes = halo.positions * bytes;
  halo.cycles = halo.positions * beats + halo.relays;
  if (rows > 0) halo.mesh_instructions += 2 * y.kinds * x.in_sizes;
  if (columns > 0) halo.mesh_instructions += 2 * y.kinds * x.kinds;
  return halo;
}

std::int64_t conv_rows(const Spec& spec, const Network& net, const Phase& phase) {
  return taps_of(phase) * spec.words(shape_in(net, phase).c);
}

Fills fills_of(const Spec& spec, const Network& net, const Phase& phase) {
  const Shape& in = shape_in(net, phase);
  const std::int64_t taps = taps_of(phase);
  const std::int64_t rows = conv_rows(spec, net, phase);
  const std::int64_t positions = ceil_div(run_positions(spec, net, phase), phase.kernels);
  const std::int64_t chunk = chunk_rows(taps, spec.words(in.c));
  Fills fills;
  if (in.c <= spec.dot) {
    fills.position_outer = true;
  } else if (rows < kSecondFifo) {
    fills.position_outer = rows <= positions + taps;
  } else {
    const std::int64_t chunked = uses_fifo(chunk) ? 8 * chunk + 8 : 4 * chunk + 4;
    fills.position_outer = 8 * rows + 8 < 4 * positions + chunked;
  }
  fills.rows = fills.position_outer ? rows : chunk;
  fills.per_group = rows / fills.rows;
  fills.groups = ceil_div(shape_out(net, phase).c, spec.group()) * phase.kernels;
  fills.buffers = uses_fifo(fills.rows) ? 2 : 1;
  return fills;
}

InputCopy input_copy(const Spec& spec, const Shape& shape) {
  InputCopy copy;
  const bool whole = shape.c % spec.dot == 0;
  copy.pixel_steps = shape.c < spec.dot ? shape.c : spec.words(shape.c) * (whole ? 1 : spec.dot);
  copy.rows = ceil_div(shape.h, spec.rows);
  copy.columns = ceil_div(shape.w, spec.columns);
  copy.packets = ceil_div(copy.rows * shape.w * shape.c, kPacket);
  return copy;
}

namespace {

Counts conv_counts(const Spec& spec, const Network& net, const Phase& phase) {
  const Fills fills = fills_of(spec, net, phase);
  const std::int64_t positions = ceil_div(run_positions(spec, net, phase), phase.kernels);
  const std::int64_t taps = taps_of(phase);
  Counts counts;
  counts.ring_rows = fills.rows * fills.per_group * fills.groups;
  counts.producer_rows = counts.ring_rows + fills.groups;
  counts.steps = positions * counts.ring_rows;
  counts.loops = fills.position_outer
                     ? fmt::format("{}x{}x1x{}", fills.rows / taps, taps, positions)
                     : fmt::format("{}x{}x{}x{}", fills.rows / taps, taps, positions, fills.per_group);
  if (fills.groups > 1) counts.loops += fmt::format("x{}", fills.groups);
  return counts;
}

Counts pool_counts(const Spec& spec, const Network& net, const Phase& phase) {
  const Shape& out = shape_out(net, phase);
  const std::int64_t groups = ceil_div(out.c, spec.group());
  const std::int64_t positions = run_positions(spec, net, phase);
  Counts counts;
  counts.steps = positions * phase.window.taps() * groups;
  counts.loops = fmt::format("{}x{}x1x{}x{}", phase.window.kw, phase.window.kh, positions, groups);
  return counts;
}

Counts eltwise_counts(const Spec& spec, const Network& net, const Phase& phase) {
  const Shape& out = shape_out(net, phase);
  const std::int64_t rows = ceil_div(phase.bands > 1 ? phase.band_rows : out.h, spec.rows);
  const std::int64_t columns = ceil_div(out.w, spec.columns);
  const std::int64_t words = spec.words(out.c);
  Counts counts;
  counts.steps = phase.word_steps * words * rows * columns;
  const std::string steps = phase.word_steps == 4 ? "2x2" : fmt::format("{}", phase.word_steps);
  counts.loops = fmt::format("{}x{}x{}x{}", steps, words, columns, rows);
  return counts;
}

}  // namespace

Counts counts_of(const Spec& spec, const Network& net, const Phase& phase) {
  Counts counts;
  switch (phase.kind) {
    case Kind::conv:
      return conv_counts(spec, net, phase);
    case Kind::depthwise: {
      const Shape& out = shape_out(net, phase);
      const std::int64_t words = spec.words(out.c);
      const std::int64_t positions = run_positions(spec, net, phase);
      counts.ring_rows = phase.window.taps() * words;
      counts.steps = positions * counts.ring_rows;
      counts.loops = fmt::format("1x{}x{}x{}", phase.window.taps(), positions, words);
      return counts;
    }
    case Kind::fc: {
      const std::int64_t words = spec.words(shape_in(net, phase).elements());
      const std::int64_t passes = ceil_div(shape_out(net, phase).elements(), spec.group() * spec.tiles());
      counts.steps = words * passes;
      counts.ring_rows = ceil_div(words * spec.dot, kPacket);
      counts.producer_rows = counts.ring_rows;
      counts.loops = passes > 1 ? fmt::format("{}x{}", words, passes) : fmt::format("{}", words);
      return counts;
    }
    case Kind::max_pool:
    case Kind::average_pool:
      return pool_counts(spec, net, phase);
    case Kind::eltwise:
      return eltwise_counts(spec, net, phase);
    case Kind::input: {
      const InputCopy copy = input_copy(spec, run_shape(net, phase));
      counts.steps = copy.pixel_steps * copy.columns * copy.rows;
      counts.ring_rows = copy.packets;
      counts.loops = fmt::format("{}x{}x1x{}", copy.pixel_steps, copy.columns, copy.rows);
      return counts;
    }
    case Kind::host:
      break;
  }
  return counts;
}

std::int64_t stored_outputs(const Spec& spec, const Network& net, const Phase& phase) {
  const std::int64_t group = spec.group();
  const Shape& out = shape_out(net, phase);
  const std::int64_t outputs = phase.kind == Kind::conv ? out.c : out.elements();
  return outputs <= group ? round_up(outputs, kStoredOutputs) : group;
}

std::int64_t stored_bytes(const Spec& spec, const Network& net, const Phase& phase) {
  const std::int64_t group = spec.group();
  if (phase.kind == Kind::depthwise) {
    const std::int64_t channels = spec.padded(shape_out(net, phase).c);
    return round_up(channels * phase.window.taps() + kBiasBytes * channels, kPacket);
  }
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  if (phase.kind == Kind::conv) {
    inputs = phase.window.taps() * spec.padded(shape_in(net, phase).c);
    outputs = shape_out(net, phase).c;
  } else if (phase.kind == Kind::fc) {
    inputs = spec.padded(shape_in(net, phase).elements());
    outputs = shape_out(net, phase).elements();
  } else {
    return 0;
  }
  outputs = outputs <= group ? round_up(outputs, kStoredOutputs) : round_up(outputs, group);
  return round_up(outputs * (inputs + kBiasBytes), kPacket);
}

std::int64_t wide_buffer_bytes(const Spec& spec, const Network& net, const Phase& phase) {
  const std::int64_t scale = kUnit * spec.row_bytes() / kPacket;
  if (phase.kind == Kind::conv) {
    const Fills fills = fills_of(spec, net, phase);
    const std::int64_t positions = run_positions(spec, net, phase);
    const std::int64_t sums = fills.position_outer ? 0 : 4 * positions;
    const std::int64_t weights = 4 * fills.buffers * fills.rows;
    return scale * (sums + weights + 4 * fills.buffers);
  }
  if (phase.kind == Kind::depthwise) return scale * 4 * 2 * (phase.window.taps() + 1);
  if (phase.kind == Kind::fc) return scale * (4 + std::int64_t{4} * 2 * kFifoRows);
  return scale * 8;
}

std::int64_t instruction_bytes(const Spec& spec, const Network& net, const Phase& phase) {
  if (phase.kind == Kind::host) return 0;
  const Halo halo = halo_of(spec, net, phase);
  std::int64_t ops = halo.op_instructions;
  if (phase.kind == Kind::eltwise || phase.kind == Kind::input) {
    const Shape& out = shape_out(net, phase);
    ops = std::int64_t{out.h % spec.rows == 0 ? 1 : 2} * (out.w % spec.columns == 0 ? 1 : 2);
  } else if (phase.kind == Kind::fc) {
    ops = std::min(spec.tiles(), ceil_div(shape_out(net, phase).elements(), spec.group()));
  }
  std::int64_t bytes = spec.phase_bytes + ops * spec.op_bytes + halo.mesh_instructions * spec.mesh_bytes;
  // A maximum's block is laid out by a copy and moved to wide memory first, each kind of tile its own.
  if (phase.kind == Kind::max_pool) bytes += ops * (spec.op_bytes + spec.mover_bytes);
  return bytes * phase.bands;
}

}  // namespace npusim::edgetpu
