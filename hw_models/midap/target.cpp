#include "hw_models/midap/target.h"

#include <fmt/format.h>

#include "hw_models/midap/clocked/twins.h"
#include "hw_models/midap/timing.h"

namespace npusim::midap {

namespace {

constexpr std::int64_t kTransfersInFlight = 64;
constexpr std::int64_t kFlagCapacity = 64;

std::vector<program::Opcode> opcode_table() {
  return {{"load_weights", {}},
          {"load_features", {}},
          {"load_biases", {}},
          {"store", {}},
          {"control", {"cycles"}},
          {"compute", {"rows", "write_stalls", "until_column", "until_row"}},
          {"reduce", {"rows", "channels"}},
          {"drain", {"cycles", "to_bias"}}};
}

}  // namespace

program::SpaceId bank_space(std::int64_t bank) { return static_cast<program::SpaceId>(1 + bank); }
program::SpaceId weight_space(const Spec& spec, std::int64_t buffer) {
  return static_cast<program::SpaceId>(1 + spec.banks + buffer);
}
program::SpaceId bias_space(const Spec& spec, std::int64_t buffer) {
  return static_cast<program::SpaceId>(3 + spec.banks + buffer);
}
program::SpaceId write_space(const Spec& spec, std::int64_t half) {
  return static_cast<program::SpaceId>(5 + spec.banks + half);
}
program::SpaceId reduction_space(const Spec& spec) { return static_cast<program::SpaceId>(7 + spec.banks); }

program::Target make_target(const Spec& spec) {
  program::Target target;
  target.chip = "midap";
  target.opcodes = opcode_table();
  for (const char* name : {"dma.wmem", "dma.fmem", "dma.bmmem", "dma.write"}) {
    target.queues.push_back({name, true});
  }
  target.queues.push_back({"pipeline", false});
  target.spaces.push_back({"dram", 0, true});
  for (std::int64_t bank = 0; bank < spec.banks; ++bank) {
    target.spaces.push_back({fmt::format("fmem.{}", bank), spec.bank_bytes, false});
  }
  const auto pair = [&](const char* name, std::int64_t bytes) {
    for (const int i : {0, 1}) target.spaces.push_back({fmt::format("{}.{}", name, i), bytes, false});
  };
  pair("wmem", spec.weight_buffer_bytes());
  pair("bmmem", spec.bias_entries);
  pair("write", spec.write_buffer_bytes / 2);
  target.spaces.push_back({"reduction", spec.reduction_entries, false});
  target.flags = {"ask_weights",    "ask_features",    "ask_biases",     "weights_there",
                  "features_there", "biases_there",    "results_there",  "half_free.0",
                  "half_free.1",    "features_stored", "operands_stored"};
  target.flag_capacity = kFlagCapacity;
  return target;
}

kernel::MachineSpec make_machine(const Spec& spec) {
  kernel::MachineSpec machine;
  machine.clock_hz = spec.clock_hz;
  machine.flag_latency = 1;
  machine.memory = spec.memory;
  for (const char* name : {"dma.wmem", "dma.fmem", "dma.bmmem", "dma.write"}) {
    kernel::EngineSpec engine;
    engine.name = name;
    engine.memory_port = static_cast<std::int32_t>(machine.engines.size());
    engine.transfers_in_flight = kTransfersInFlight;
    machine.engines.push_back(engine);
  }
  kernel::EngineSpec pipeline;
  pipeline.name = "pipeline";
  pipeline.timing = duration;
  pipeline.clocked = clocked::pipeline_factory(spec);
  machine.engines.push_back(pipeline);
  return machine;
}

}  // namespace npusim::midap
