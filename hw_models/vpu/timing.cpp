#include "hw_models/vpu/timing.h"

#include <algorithm>
#include <cmath>

#include "hw_models/vpu/shave_table.h"
#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr std::int64_t kThousand = 1000;
constexpr std::int64_t kReadUnit = 32;  ///< bytes of input channels that the array takes at once
constexpr std::int64_t kReadWord = 16;  ///< bytes that a port reads

std::int64_t ceil4(std::int64_t pixels) { return round_up(pixels, 4); }

/// Input channels that the array works on: an image's few count as `image_channels`.
std::int64_t effective_in_channels(const Spec& spec, const Workload& work) {
  return work.op == DpuOp::image_conv ? spec.image_channels : work.in_channels;
}

/// Cycles that a KeemBay DPU takes for a convolution: a block of pixels and 16 output channels an input
/// channel and tap; MATRIX skips the padding's taps.
std::int64_t keembay_conv(const Spec& spec, const Workload& work) {
  const Mode& mode = spec.modes[work.mode];
  const std::int64_t blocks = ceil_div(work.width, mode.x) * ceil_div(work.height, mode.y);
  const std::int64_t steps =
      blocks * ceil_div(work.channels, mode.channels) * effective_in_channels(spec, work) * work.taps;
  const std::int64_t pes = mode.x * mode.y * mode.channels;
  const std::int64_t cycles = steps * ceil_div(pes * (work.bytes > 1 ? spec.fp16_slowdown : 1), spec.macs);
  const std::int64_t all = work.width * work.height * work.taps;
  return mode.y > 1 ? mul_div_up(cycles, work.valid, all) : cycles;
}

std::int64_t keembay_pixels(const Spec& spec, const Workload& work) {
  std::int64_t cost = spec.eltwise_cost;
  if (work.op != DpuOp::eltwise) {
    const auto& table = work.op == DpuOp::pool ? spec.pool_cost : spec.depthwise_cost;
    const auto holds = [&](const PixelCost& entry) { return entry.kernel * entry.kernel >= work.taps; };
    auto row = std::find_if(table.begin(), table.end(), holds);
    if (row == table.end()) row = std::prev(table.end());
    cost = work.stride > 1 ? row->stride_2 : row->stride_1;
    if (!holds(*row)) cost = mul_div(cost, work.taps, row->kernel * row->kernel);
  }
  const std::int64_t units = work.width * work.height * ceil_div(work.channels, kChannels);
  return ceil_div(units * cost * (work.bytes > 1 && work.op != DpuOp::eltwise ? spec.fp16_slowdown : 1),
                  kThousand);
}

/// Words that the ODU writes: each to every tile that wants the result.
std::int64_t result_words(const Spec& spec, const Workload& work) {
  const std::int64_t bytes = work.width * work.height * work.channels * work.bytes;
  return ceil_div(bytes, spec.write_bytes) * work.tiles;
}

/// A depthwise convolution or pool: the IDU reads every tap of every 4x4 block, channel word by channel word;
/// the ODU writes beside it, a word a clock.
std::int64_t window_cycles(const Spec& spec, const Workload& work) {
  const WindowFit& fit = spec.window;
  const std::int64_t pixel = work.channels * work.bytes;
  const bool wide = work.stride > 1 ? pixel > kReadUnit : pixel > kReadUnit / 2;
  const std::int64_t clocks =
      work.stride > 1 ? (wide ? fit.strided_wide : fit.strided) : (wide ? fit.wide : fit.narrow);
  // Lanes of all 4x4 blocks, each with the average number of valid taps; 16 lanes take `clocks`.
  const std::int64_t lanes = ceil4(work.width) * ceil4(work.height) * ceil_div(pixel, kReadUnit);
  const std::int64_t taps = mul_div(lanes, work.valid, work.width * work.height);
  const std::int64_t reads = ceil_div(taps * clocks, 16 * kThousand);
  return fit.overhead + spec.from_cmx(std::max(reads, result_words(spec, work)));
}

/// The array, the reads of activations and weights, and the writes overlap; a part of the writes does not,
/// and leaves at a word a clock when all else has ended.
std::int64_t cuboid_conv(const Spec& spec, const Workload& work) {
  const Mode& mode = spec.modes[work.mode];
  const DpuFit& fit = work.bytes > 1 ? spec.f16 : spec.u8;
  const std::int64_t granules = ceil_div(effective_in_channels(spec, work) * work.bytes, kReadUnit);
  const std::int64_t rows = ceil4(work.width) * ceil4(work.height);
  const std::int64_t outputs = round_up(work.channels, kChannels);
  const std::int64_t per_cycle = spec.macs / (work.bytes > 1 ? spec.fp16_slowdown : 1);
  const std::int64_t array = mul_div_up(rows * outputs * work.taps * granules * (kReadUnit / work.bytes),
                                        work.density * fit.mac, per_cycle * kThousand * kThousand);
  const std::int64_t lanes =
      mul_div(rows * ceil_div(work.channels, mode.channels) * granules, work.valid, work.width * work.height);
  const std::int64_t weights =
      ceil_div(work.width, mode.x) * ceil_div(work.height, mode.y) * outputs * granules * work.taps;
  const std::int64_t reads =
      ceil_div(kReadUnit * (lanes * fit.act + weights * fit.weight), spec.read_bytes * kThousand);
  const std::int64_t words = result_words(spec, work);
  const std::int64_t tail = ceil_div(words * fit.out_tail, kThousand);
  const std::int64_t writes = ceil_div((words - tail) * fit.out_bound, kThousand - fit.out_tail);
  const std::int64_t bound = std::max(array, spec.from_cmx(std::max(reads, writes)));
  return fit.overhead + std::max(bound, spec.from_cmx(spec.cmx_clocks(bound) + tail));
}

/// The ODU's writes bound a sum, or the IDU's reads of two operands.
std::int64_t cuboid_eltwise(const Spec& spec, const Workload& work) {
  const DpuFit& fit = work.bytes > 1 ? spec.f16 : spec.u8;
  const std::int64_t bytes = work.width * work.height * work.channels * work.bytes;
  const std::int64_t words = ceil_div(bytes, spec.write_bytes);
  const std::int64_t writes = ceil_div(words * std::max(fit.eltwise, work.tiles * kThousand), kThousand);
  const std::int64_t reads = ceil_div(2 * round_up(bytes, kReadWord), spec.read_bytes);
  return fit.eltwise_overhead + spec.from_cmx(std::max(reads, writes));
}

DpuOp op_of(const Spec& spec, const program::Command& command) {
  return static_cast<DpuOp>((command.opcode - kDpuFirst) / spec.modes.size());
}

}  // namespace

std::int64_t dpu_cycles(const Spec& spec, const Workload& work) {
  const bool conv = work.op == DpuOp::conv || work.op == DpuOp::image_conv;
  if (spec.generation == Generation::keembay) {
    return std::max<std::int64_t>(1, conv ? keembay_conv(spec, work) : keembay_pixels(spec, work));
  }
  if (conv) return cuboid_conv(spec, work);
  return work.op == DpuOp::eltwise ? cuboid_eltwise(spec, work) : window_cycles(spec, work);
}

std::size_t best_mode(const Spec& spec, Workload work) {
  if (spec.generation == Generation::keembay && work.bytes > 1) return spec.modes.size() - 1;
  const bool conv = work.op == DpuOp::conv || work.op == DpuOp::image_conv;
  if (spec.generation == Generation::cuboid && (!conv || work.op == DpuOp::image_conv)) {
    return work.op == DpuOp::eltwise ? 1 : 0;
  }
  if (!conv) return 0;
  for (std::size_t i = 0; i < spec.modes.size(); ++i) {
    if (spec.modes[i].name == spec.forced_mode) return i;
  }
  std::size_t best = 0;
  std::int64_t fewest = INT64_MAX;
  const std::size_t modes = spec.generation == Generation::keembay ? 2 : spec.modes.size();
  for (std::size_t i = 0; i < modes; ++i) {
    work.mode = i;
    const std::int64_t cycles = dpu_cycles(spec, work);
    if (cycles < fewest) {
      fewest = cycles;
      best = i;
    }
  }
  return best;
}

std::int64_t shave_cycles(const Spec& spec, std::string_view name, std::int64_t bytes) {
  ShaveCost cost = kShaveDefault;
  cost.launch_us = 3.0;  // of the profiled operators' median
  for (const auto& row : kShaveTable) {
    if (name == row.name) cost = row.cost;
  }
  if (name == "softmax" || name == "norm") {
    const double passes = name == "norm" ? spec.shave_passes_norm : spec.shave_passes_softmax;
    cost = {3.0, 0.000417882 * passes};
  }
  const double us =
      (cost.launch_us + cost.us_per_byte * static_cast<double>(bytes)) * spec.shave_clock_factor;
  return std::max<std::int64_t>(1, std::llround(us * static_cast<double>(spec.clock_hz) / 1e6));
}

std::vector<std::string> shave_operators() {
  std::vector<std::string> names;
  for (const auto& row : kShaveTable) names.emplace_back(row.name);
  return names;
}

std::int64_t copy_cycles(const Spec& spec, std::int64_t bytes) {
  return spec.copy_start + ceil_div(bytes * kThousand, spec.copy_milli_bytes);
}

std::int64_t permute_cycles(const Spec& spec, std::int64_t elements) {
  return spec.copy_start + ceil_div(elements * kThousand, spec.permute_milli_elements);
}

std::int64_t run_cycles(const Spec& spec, std::int64_t runs, std::int64_t bytes) {
  return std::max(copy_cycles(spec, bytes),
                  spec.copy_start + spec.from_cmx_milli(runs * spec.run_milli_clocks));
}

kernel::Duration duration(const Spec& spec, const program::Command& command) {
  if (command.opcode == kCopy) return {copy_cycles(spec, command.args[0]), 0};
  if (command.opcode == kPermute) return {permute_cycles(spec, command.args[0]), 0};
  if (command.opcode == kRuns) return {run_cycles(spec, command.args[0], command.args[1]), 0};
  if (command.opcode == kShave) return {command.args[1], 0};
  if (command.opcode == kStart) return {std::max<std::int64_t>(1, command.args[0]), 0};
  ensure(command.opcode >= kDpuFirst, "a command that no engine of the VPU runs");
  Workload work;
  work.op = op_of(spec, command);
  work.mode = (command.opcode - kDpuFirst) % spec.modes.size();
  const auto arg = [&](DpuArg which) { return static_cast<std::int64_t>(command.args[which]); };
  work.bytes = arg(kBytes);
  work.width = arg(kWidth);
  work.height = arg(kHeight);
  work.channels = arg(kOutChannels);
  work.in_channels = arg(kInChannels);
  work.taps = arg(kTaps);
  work.stride = arg(kStride);
  work.valid = arg(kValid);
  work.tiles = arg(kTiles);
  work.density = arg(kDensity);
  return {dpu_cycles(spec, work) + spec.task_cycles, 0};
}

}  // namespace npusim::vpu
