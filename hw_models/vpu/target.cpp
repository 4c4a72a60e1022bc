#include "hw_models/vpu/target.h"

#include <fmt/format.h>

#include "hw_models/vpu/clocked/twins.h"
#include "hw_models/vpu/timing.h"

namespace npusim::vpu {

namespace {

/// Sets ahead of their waits: barriers are recycled in order, and firmware never runs out of them here.
constexpr std::int64_t kFlagCapacity = 1 << 14;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::vector<program::Opcode> opcode_table(const Spec& spec) {
  std::vector<program::Opcode> opcodes = {{"load", {}},
                                          {"store", {}},
                                          {"copy", {"bytes"}},
                                          {"permute", {"elements"}},
                                          {"shave", {"bytes", "cycles"}},
                                          {"start", {"cycles"}},
                                          {"runs", {"runs", "bytes"}}};
  for (const char* op : {"conv", "image_conv", "depthwise", "pool", "eltwise"}) {
    for (const auto& mode : spec.modes) {
      opcodes.push_back({fmt::format("{}_{}", op, lower(mode.name)),
                         {"bytes", "width", "height", "channels", "in_channels", "taps", "stride", "valid",
                          "tiles", "density"}});
    }
  }
  return opcodes;
}

std::vector<std::string> queue_names(const Spec& spec) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < spec.dma_engines; ++i) {
    names.push_back(fmt::format("dma{}.in", i));
    names.push_back(fmt::format("dma{}.out", i));
  }
  for (std::int64_t i = 0; i < spec.dma_engines; ++i) names.push_back(fmt::format("dma{}.copy", i));
  for (std::int64_t tile = 0; tile < spec.tiles; ++tile) {
    for (std::int64_t i = 0; i < spec.dpus; ++i) names.push_back(fmt::format("tile{}.dpu{}", tile, i));
    for (std::int64_t i = 0; i < spec.shaves; ++i) names.push_back(fmt::format("tile{}.shave{}", tile, i));
  }
  return names;
}

/// Whether queue `index` is a DPU's.
bool is_dpu(const Spec& spec, std::size_t index) {
  const std::int64_t of_tiles = static_cast<std::int64_t>(index) - spec.dma_engines * 3;
  return of_tiles >= 0 && of_tiles % (spec.dpus + spec.shaves) < spec.dpus;
}

}  // namespace

program::QueueId dma_in(std::int64_t engine) { return static_cast<program::QueueId>(engine * 2); }
program::QueueId dma_out(std::int64_t engine) { return static_cast<program::QueueId>(engine * 2 + 1); }
program::QueueId dma_copy(const Spec& spec, std::int64_t engine) {
  return static_cast<program::QueueId>(spec.dma_engines * 2 + engine);
}
program::QueueId dpu_queue(const Spec& spec, std::int64_t tile, std::int64_t dpu) {
  return static_cast<program::QueueId>(spec.dma_engines * 3 + tile * (spec.dpus + spec.shaves) + dpu);
}
program::QueueId shave_queue(const Spec& spec, std::int64_t tile, std::int64_t shave) {
  return dpu_queue(spec, tile, spec.dpus + shave);
}
std::int64_t queue_count(const Spec& spec) {
  return spec.dma_engines * 3 + spec.tiles * (spec.dpus + spec.shaves);
}

program::FlagId flag_id(const Spec& spec, program::QueueId before, program::QueueId after) {
  return static_cast<program::FlagId>(before * queue_count(spec) + after);
}

program::OpcodeId dpu_opcode(const Spec& spec, DpuOp op, std::size_t mode) {
  return static_cast<program::OpcodeId>(kDpuFirst + static_cast<std::size_t>(op) * spec.modes.size() + mode);
}

program::Region region_of(program::SpaceId space, bool write, std::int64_t offset, std::int64_t bytes) {
  program::Region region;
  region.space = space;
  region.write = write;
  region.offset = offset;
  region.bytes = bytes;
  return region;
}

program::Target make_target(const Spec& spec) {
  program::Target target;
  target.chip = spec.chip;
  target.opcodes = opcode_table(spec);
  const auto names = queue_names(spec);
  for (std::size_t i = 0; i < names.size(); ++i) {
    target.queues.push_back({names[i], i < static_cast<std::size_t>(spec.dma_engines * 2)});
  }
  target.spaces.push_back({"ddr", 0, true});
  for (std::int64_t tile = 0; tile < spec.tiles; ++tile) {
    target.spaces.push_back({fmt::format("tile{}.cmx", tile), spec.cmx_bytes, false});
  }
  for (const auto& before : names) {
    for (const auto& after : names) target.flags.push_back(fmt::format("{}>{}", before, after));
  }
  target.flag_capacity = kFlagCapacity;
  return target;
}

kernel::MachineSpec make_machine(const Spec& spec) {
  kernel::MachineSpec machine;
  machine.clock_hz = spec.clock_hz;
  machine.flag_latency = spec.barrier_cycles;
  machine.memory = spec.memory;
  const auto timing = [&spec](const program::Command& command) { return duration(spec, command); };
  const auto names = queue_names(spec);
  for (std::size_t i = 0; i < names.size(); ++i) {
    kernel::EngineSpec engine;
    engine.name = names[i];
    if (i < static_cast<std::size_t>(spec.dma_engines * 2)) {
      engine.memory_port = static_cast<std::int32_t>(i);
      engine.transfers_in_flight = spec.transfers_in_flight;
    } else {
      engine.timing = timing;
      if (is_dpu(spec, i)) engine.clocked = clocked::dpu_factory(spec);
    }
    machine.engines.push_back(engine);
  }
  return machine;
}

}  // namespace npusim::vpu
