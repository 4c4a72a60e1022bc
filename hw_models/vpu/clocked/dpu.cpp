#include "hw_models/vpu/clocked/dpu.h"

#include <algorithm>
#include <utility>

#include "hw_models/vpu/clocked/array.h"
#include "hw_models/vpu/clocked/cmx_clock.h"
#include "hw_models/vpu/clocked/idu.h"
#include "hw_models/vpu/clocked/numbers.h"
#include "hw_models/vpu/clocked/odu.h"
#include "hw_models/vpu/opcodes.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::vpu::clocked {

namespace {

Job job_of(const Spec& spec, const Structure& structure, const program::Command& command) {
  const std::size_t number = command.opcode - kDpuFirst;
  Job job;
  job.op = static_cast<DpuOp>(number / spec.modes.size());
  job.mode = spec.modes[number % spec.modes.size()];
  job.bytes = command.args[kBytes];
  job.width = command.args[kWidth];
  job.height = command.args[kHeight];
  job.channels = command.args[kOutChannels];
  job.in_channels = job.op == DpuOp::image_conv ? spec.image_channels : command.args[kInChannels];
  job.taps = command.args[kTaps];
  job.stride = command.args[kStride];
  job.valid = structure.skips_padding ? command.args[kValid] : job.pixels() * job.taps;
  job.tiles = command.args[kTiles];
  job.density = structure.skips_zeros ? command.args[kDensity] : kMilli;
  return job;
}

/// Operands in the order in which the command names them.
Operands operands_of(const program::Program& program, const program::Command& command,
                     program::Storage& storage, const Job& job) {
  Operands operands;
  const std::size_t maps = job.op == DpuOp::eltwise ? 2 : 1;
  for (const auto& region : program.regions_of(command)) {
    ensure(region.inner == 1 && region.outer == 1, "an operand in CMX is one run");
    const auto bytes = storage.bytes(region.space, region.offset, region.bytes);
    if (region.write) {
      if (operands.result.empty()) operands.result = bytes;
    } else if (operands.features.size() < maps) {
      operands.features.emplace_back(bytes);
    } else {
      operands.weights = bytes;
    }
  }
  return operands;
}

}  // namespace

Structure::Structure(const Spec& spec) : ports(spec.read_bytes / kWord) {}

struct Dpu::State {
  State(const Spec& s, const Structure& made_of)
      : spec(s), structure(made_of), cmx(s.cmx_clock_hz, s.clock_hz), idu(made_of) {}

  void latch(const program::Program& program, const program::Command& command, program::Storage& storage);
  void latch_conv();
  void latch_window();
  void latch_sum();
  void latch_keembay();
  bool edge();
  void work();
  void advance_tiles(bool all);
  [[nodiscard]] std::int64_t result_words() const {
    return ceil_div(job.result_bytes(), spec.write_bytes) * job.tiles;
  }
  [[nodiscard]] const DpuFit& fit() const { return job.bytes > 1 ? spec.f16 : spec.u8; }

  Spec spec;
  Structure structure;
  CmxClock cmx;
  Idu idu;
  Array array;
  Odu odu;
  Job job;
  std::unique_ptr<Numbers> numbers;
  std::int64_t start_left = 0;  ///< edges of the start-up
  // Operators without the array: tiles of 4x4 pixels with a granule of channels, in that order.
  bool tiled = false;
  std::int64_t tiles_across = 0, tile_words = 0, tiles = 0, tiles_done = 0;
  // KeemBay's: units of a pixel and 16 channels.
  std::int64_t units_left = 0, unit_cost = 0, unit_credit = 0;
};

void Dpu::State::latch(const program::Program& program, const program::Command& command,
                       program::Storage& storage) {
  array = Array();
  idu.latch({}, {}, 1, 0);
  odu.latch(0, 0, 1, 1);
  cmx.reset();
  numbers.reset();
  units_left = unit_credit = tiles = tiles_done = 0;
  if (command.opcode == kStart) {
    start_left = std::max<std::int64_t>(1, command.args[0]);
    return;
  }
  ensure(command.opcode >= kDpuFirst, "a DPU starts layers and runs workloads");
  job = job_of(spec, structure, command);
  if (command.setting != program::kNoSetting) {
    const auto setting = from_setting(program.settings.at(command.setting));
    numbers = make_numbers(job, setting, operands_of(program, command, storage, job));
    ensure(job.op == DpuOp::eltwise || numbers->valid_taps() == command.args[kValid],
           "a workload's valid taps are those of its window");
  }
  start_left = spec.task_cycles + structure.start_stages;
  const std::int64_t granule = kGranule / job.bytes;
  tiles_across = ceil_div(job.width, kSide);
  tile_words = ceil_div(job.channels, granule);
  tiled = !job.convolves();
  if (tiled) tiles = tiles_across * ceil_div(job.height, kSide) * tile_words;
  if (spec.generation == Generation::keembay) {
    latch_keembay();
  } else if (job.convolves()) {
    latch_conv();
  } else {
    job.op == DpuOp::eltwise ? latch_sum() : latch_window();
  }
}

void Dpu::State::latch_conv() {
  const std::int64_t granule = kGranule / job.bytes;
  const Grid grid{kSide, kSide, ceil_div(job.in_channels, granule)};
  Pace pace;
  pace.beats = 4;  // 8 of 32 bytes of channels
  pace.channels = granule / pace.beats;
  pace.cost = kLanes * kChannels * pace.channels * job.density * fit().mac;
  pace.credit = spec.macs / (job.bytes > 1 ? spec.fp16_slowdown : 1) * kMilli * kMilli;
  array.latch(job, grid, pace, numbers.get());
  const ConvWalk walk(job, grid);
  const std::int64_t words = kGranule / kWord;
  const Requester features(walk.tiles() * kLanes * grid.granules, job.valid, job.pixels(), words,
                           kWord * fit().act);
  const Requester weights(walk.outputs() * kChannels * grid.granules, job.taps, 1, words,
                          kWord * fit().weight);
  idu.latch(features, weights, walk.steps(), kWord * kMilli);
  // What the fit found not to overlap leaves behind the array.
  const std::int64_t all = result_words();
  odu.latch(all, ceil_div(all * fit().out_tail, kMilli), fit().out_bound, kMilli - fit().out_tail);
  start_left += fit().overhead;
}

void Dpu::State::latch_window() {
  const WindowFit& window = spec.window;
  const std::int64_t pixel = job.channels * job.bytes;
  std::int64_t clocks = pixel > kWord ? window.wide : window.narrow;
  if (job.stride > 1) clocks = pixel > kGranule ? window.strided_wide : window.strided;
  // `clocks` are thousandths of a CMX clock that all ports take for one granule of 16 lanes.
  const Requester features(tiles * kLanes, job.valid, job.pixels(), 1, clocks * (spec.read_bytes / kWord));
  idu.latch(features, {}, tiles, kLanes * kMilli);
  odu.latch(result_words(), 0, 1, 1);
  start_left += window.overhead;
}

void Dpu::State::latch_sum() {
  const std::int64_t words = ceil_div(job.result_bytes(), spec.write_bytes);
  const Requester features(2 * ceil_div(job.result_bytes(), kWord), 1, 1, 1, kMilli);
  idu.latch(features, {}, words, kMilli);
  odu.latch(words, 0, std::max(fit().eltwise, job.tiles * kMilli), kMilli);
  start_left += fit().eltwise_overhead;
}

void Dpu::State::latch_keembay() {
  const std::int64_t slower = job.bytes > 1 ? spec.fp16_slowdown : 1;
  if (job.convolves()) {
    // All of the block's pixels and 16 outputs, one input channel and tap a beat.
    const std::int64_t elements = job.mode.x * job.mode.y * kChannels;
    Pace pace;
    pace.cost = ceil_div(elements * slower, spec.macs);
    if (job.mode.y > 1) {  // lanes go on to their next tap inside the input
      pace.cost *= job.valid;
      pace.credit = job.pixels() * job.taps;
    }
    array.latch(job, {job.mode.x, job.mode.y, job.in_channels}, pace, numbers.get());
    return;
  }
  units_left = job.pixels() * ceil_div(job.channels, kChannels);
  unit_cost = spec.eltwise_cost;
  if (job.op == DpuOp::eltwise) return;
  const auto& table = job.op == DpuOp::pool ? spec.pool_cost : spec.depthwise_cost;
  auto row = table.begin();
  while (row != table.end() && row->kernel * row->kernel < job.taps) ++row;
  const bool larger = row == table.end();
  if (larger) --row;
  unit_cost = job.stride > 1 ? row->stride_2 : row->stride_1;
  if (larger) unit_cost = unit_cost * job.taps / (row->kernel * row->kernel);
  unit_cost *= slower;
}

/// Results of the tiles whose operands have been read.
void Dpu::State::advance_tiles(bool all) {
  while (tiles_done < tiles && (all || idu.has(tiles_done + 1))) {
    const std::int64_t granule = kGranule / job.bytes;
    const std::int64_t tile = tiles_done / tile_words;
    if (numbers) {
      numbers->window(tile % tiles_across * kSide, tile / tiles_across * kSide,
                      tiles_done % tile_words * granule, granule);
    }
    ++tiles_done;
  }
}

void Dpu::State::work() {
  const bool ended = array.done() && idu.done() && odu.at_tail();
  for (std::int64_t edges = cmx.edge(); edges > 0; --edges) {
    if (!tiled) {
      idu.edge(array.begun());
      odu.edge(array.finished(), array.steps(), ended);
    } else if (job.op == DpuOp::eltwise) {
      idu.edge(odu.left());
      odu.edge(odu.words(), odu.words(), true);
    } else {
      idu.edge(tiles);
      advance_tiles(false);
      odu.edge(tiles_done, tiles, true);
    }
  }
  array.edge(idu);
  unit_credit += kMilli;
  while (units_left > 0 && unit_credit >= unit_cost) {
    unit_credit -= unit_cost;
    --units_left;
  }
}

bool Dpu::State::edge() {
  if (start_left > 0) {
    --start_left;
  } else {
    work();
  }
  const bool running = !(array.done() && idu.done() && odu.done() && units_left == 0);
  if (!running && start_left == 0) advance_tiles(true);
  return running || start_left > 0;
}

Dpu::Dpu(const sc_core::sc_module_name& name, const Spec& spec) : Dpu(name, spec, Structure(spec)) {}

Dpu::Dpu(const sc_core::sc_module_name& name, const Spec& spec, const Structure& structure)
    : ClockedEngine(name), state_(std::make_unique<State>(spec, structure)) {
  SC_HAS_PROCESS(Dpu);
  SC_METHOD(on_edge);
  sensitive << clock.pos();
  dont_initialize();
}

Dpu::~Dpu() = default;

void Dpu::begin(const program::Program& program, const program::Command& command, program::Storage& storage) {
  ensure(!busy_, "a twin takes a command only when idle");
  state_->latch(program, command, storage);
  busy_ = true;
}

void Dpu::on_edge() {
  if (busy_) busy_ = state_->edge();
}

}  // namespace npusim::vpu::clocked
