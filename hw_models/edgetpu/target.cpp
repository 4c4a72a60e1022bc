#include "hw_models/edgetpu/target.h"

#include <fmt/format.h>

#include "hw_models/edgetpu/clocked/twins.h"
#include "hw_models/edgetpu/functional/executor.h"
#include "hw_models/edgetpu/tiles.h"
#include "hw_models/edgetpu/timing.h"

namespace npusim::edgetpu {

namespace {

constexpr std::int64_t kTransfersInFlight = 64;
/// A sync counter has 16 bits.
constexpr std::int64_t kFlagCapacity = 65'535;
constexpr const char* kNames[kQueues] = {"link.in", "link.out",       "ring",           "mesh",
                                         "op",      "narrow_to_wide", "wide_to_narrow", "host"};

std::vector<program::Opcode> opcode_table() {
  return {{"load", {}},
          {"store", {}},
          {"broadcast", {"packets", "row", "byte"}},
          {"expand", {"rows", "row", "word", "byte"}},
          {"exchange", {"positions", "bytes", "relays"}},
          {"copy", {"steps", "row", "rows"}},
          {"conv", {"positions", "rows", "group", "fill"}},
          {"depthwise", {"positions", "taps", "word"}},
          {"product", {"steps"}},
          {"pool", {"positions", "taps", "group"}},
          {"words", {"steps"}},
          {"spill", {"words"}},
          {"fill", {"words"}},
          {"host", {"cycles"}}};
}

}  // namespace

program::Region region_of(Space space, bool write, std::int64_t offset, std::int64_t bytes) {
  program::Region region;
  region.space = space_id(space);
  region.write = write;
  region.offset = offset;
  region.bytes = bytes;
  return region;
}

program::Target make_target(const Spec& spec) {
  program::Target target;
  target.chip = "edgetpu";
  target.opcodes = opcode_table();
  for (program::QueueId i = 0; i < kQueues; ++i) {
    target.queues.push_back({kNames[i], i == queue_id(Queue::in) || i == queue_id(Queue::out)});
  }
  target.spaces = {{"host", 0, true},
                   {"narrow", spec.narrow_bytes, false},
                   {"wide", spec.wide_bytes, false},
                   {"parameters", spec.wide_bytes * spec.tiles(), false},
                   {"stream", spec.slot_bytes * spec.slots, false},
                   {"tiles", spec.tiles() * tile_stride(spec), false}};
  for (program::QueueId from = 0; from < kQueues; ++from) {
    for (program::QueueId to = 0; to < kQueues; ++to) {
      target.flags.push_back(fmt::format("{}-{}", kNames[from], kNames[to]));
    }
  }
  target.flag_capacity = kFlagCapacity;
  return target;
}

kernel::MachineSpec make_machine(const Spec& spec) {
  kernel::MachineSpec machine;
  machine.clock_hz = spec.clock_hz;
  machine.flag_latency = 1;
  machine.memory = spec.memory;
  for (program::QueueId i = 0; i < kQueues; ++i) {
    kernel::EngineSpec engine;
    engine.name = kNames[i];
    engine.execute = [&spec](const program::Program& program, const program::Command& command,
                             program::Storage& storage) { execute(spec, program, command, storage); };
    if (i <= queue_id(Queue::out)) {
      engine.memory_port = i;
      engine.transfers_in_flight = kTransfersInFlight;
    } else {
      if (i != queue_id(Queue::host)) engine.clocked = clocked::twin_factory(spec, static_cast<Queue>(i));
      engine.timing = [&spec](const program::Command& command) { return duration(spec, command); };
    }
    machine.engines.push_back(engine);
  }
  return machine;
}

}  // namespace npusim::edgetpu
