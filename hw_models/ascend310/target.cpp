#include "hw_models/ascend310/target.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "hw_models/ascend310/clocked/twins.h"
#include "hw_models/ascend310/functional/executor.h"
#include "hw_models/ascend310/timing.h"

namespace npusim::ascend310 {

namespace {
constexpr std::array<const char*, kPipes> kPipeNames = {"mte2", "mte1", "cube", "vector", "mte3"};
constexpr std::array<const char*, kMemories> kMemoryNames = {"l1", "l0a", "l0b", "l0c", "ub"};
constexpr std::array<const char*, kPairs> kPairNames = {
    "mte2_mte1",   "mte1_mte2",   "mte1_cube",   "cube_mte1",   "cube_vector",
    "vector_cube", "vector_mte3", "mte3_vector", "mte2_vector", "vector_mte2"};

std::vector<program::Opcode> opcode_table() {
  return {{"load", {}},
          {"store", {}},
          {"load2d_a", {"m", "k", "plane_lines", "first_line", "lines"}},
          {"load3d_a",
           {"m", "k", "switches", "stride", "first_row", "rows", "first_pixel", "pixels", "first_tap"}},
          {"load2d_b", {"n", "k", "plane_lines", "first_line", "lines"}},
          {"mad", {"m", "n", "k", "int8"}},
          {"copy_out", {"fractals", "bias", "simple", "exp", "convert"}},
          {"vector",
           {"class", "count", "bytes", "rows", "stride", "first", "planes", "height", "width", "part"}}};
}
}  // namespace

program::QueueId queue_id(std::int64_t core, Pipe pipe) {
  return static_cast<program::QueueId>(core * kPipes + static_cast<std::int64_t>(pipe));
}

program::SpaceId space_id(std::int64_t core, Memory memory) {
  return static_cast<program::SpaceId>(1 + core * kMemories + static_cast<std::int64_t>(memory));
}

program::FlagId flag_id(const Spec& spec, std::int64_t core, Pair pair, std::int64_t id) {
  return static_cast<program::FlagId>((core * kPairs + static_cast<std::int64_t>(pair)) * spec.flag_ids + id);
}

program::Target make_target(const Spec& spec) {
  program::Target target;
  target.chip = "ascend310";
  target.opcodes = opcode_table();
  target.spaces.push_back({"global", kGlobalBytes, true});
  const std::array<std::int64_t, kMemories> sizes = {spec.l1_bytes, spec.l0a_bytes, spec.l0b_bytes,
                                                     spec.l0c_bytes, spec.ub_bytes};
  for (std::int64_t core = 0; core < spec.cores; ++core) {
    for (std::size_t pipe = 0; pipe < kPipeNames.size(); ++pipe) {
      const bool memory =
          pipe == static_cast<std::size_t>(Pipe::mte2) || pipe == static_cast<std::size_t>(Pipe::mte3);
      target.queues.push_back({fmt::format("core{}.{}", core, kPipeNames[pipe]), memory});
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      target.spaces.push_back({fmt::format("core{}.{}", core, kMemoryNames[i]), sizes[i], false});
    }
    for (const char* pair : kPairNames) {
      for (std::int64_t id = 0; id < spec.flag_ids; ++id) {
        target.flags.push_back(fmt::format("core{}.{}.{}", core, pair, id));
      }
    }
  }
  return target;
}

kernel::MachineSpec make_machine(const Spec& spec) {
  kernel::MachineSpec machine;
  machine.clock_hz = spec.clock_hz;
  machine.flag_latency = spec.flag_latency;
  machine.memory = spec.memory;
  const auto timing = [&spec](const program::Command& command) { return duration(spec, command); };
  const auto executor = std::make_shared<Executor>();
  const auto execute = [executor](const program::Program& program, const program::Command& command,
                                  program::Storage& storage) {
    executor->execute(program, command, storage);
  };
  for (std::int64_t core = 0; core < spec.cores; ++core) {
    for (std::size_t pipe = 0; pipe < kPipeNames.size(); ++pipe) {
      kernel::EngineSpec engine;
      engine.name = fmt::format("core{}.{}", core, kPipeNames[pipe]);
      engine.dispatcher = static_cast<std::int32_t>(core);
      if (pipe == static_cast<std::size_t>(Pipe::mte2)) {
        engine.memory_port = static_cast<std::int32_t>(core * 2);
        engine.transfers_in_flight = spec.reads_in_flight;
      } else if (pipe == static_cast<std::size_t>(Pipe::mte3)) {
        engine.memory_port = static_cast<std::int32_t>(core * 2 + 1);
        engine.transfers_in_flight = spec.writes_in_flight;
      } else {
        engine.timing = timing;
      }
      engine.execute = execute;
      engine.clocked = clocked::twin_factory(spec, static_cast<Pipe>(pipe), engine.execute);
      machine.engines.push_back(engine);
    }
    kernel::DispatcherSpec dispatcher;
    dispatcher.name = fmt::format("core{}.scalar", core);
    dispatcher.issue_cycles = spec.command_issue;
    dispatcher.flag_issue_cycles = spec.flag_issue;
    dispatcher.queue_depth = spec.queue_depth;
    machine.dispatchers.push_back(dispatcher);
  }
  return machine;
}

}  // namespace npusim::ascend310
