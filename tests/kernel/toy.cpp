#include "tests/kernel/toy.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "sim/base/config.h"
#include "sim/base/error.h"

namespace npusim::kernel::test {

using program::Command;

namespace {

mem::MemorySpec toy_memory() {
  mem::MemorySpec memory;
  memory.clock_hz = 1'000'000'000;
  const Config config = Config::parse(
      "dram: {model: lpddr4x-3200, channels: 2, interleave_bytes: 256, controller_cycles: 20, "
      "bank_xor: false, write_queue: 0}",
      "toy.yaml");
  memory.dram = mem::read_dram(config, "dram");
  for (const bool write : {false, true}) {
    mem::PortSpec port;
    port.name = write ? "store" : "load";
    port.write = write;
    memory.ports.push_back(port);
  }
  return memory;
}

}  // namespace

Toy::Toy(bool dispatched, const DispatcherSpec& front) {
  target_.chip = "toy";
  target_.queues = {{"load", true}, {"a", false}, {"b", false}, {"store", true}};
  target_.spaces = {{"ddr", 0, true}, {"pad", 65536, false}};
  for (int i = 0; i < 16; ++i) target_.flags.push_back(fmt::format("flag{}", i));
  target_.opcodes = {{"work", {"cycles", "conflict"}}, {"move", {}}};
  spec_.clock_hz = 1'000'000'000;
  spec_.flag_latency = 3;
  spec_.memory = toy_memory();
  const auto timing = [](const Command& command) { return Duration{command.args[0], command.args[1]}; };
  for (std::size_t q = 0; q < target_.queues.size(); ++q) {
    EngineSpec engine;
    engine.name = target_.queues[q].name;
    if (q == kLoad) engine.memory_port = 0;
    if (q == kStore) engine.memory_port = 1;
    if (engine.memory_port < 0) engine.timing = timing;
    if (dispatched) engine.dispatcher = 0;
    spec_.engines.push_back(engine);
  }
  if (dispatched) spec_.dispatchers.push_back(front);
}

MachineSpec machine_for(const program::Target& target) {
  const Toy toy;
  MachineSpec spec = toy.spec();
  spec.engines.clear();
  spec.memory.ports.clear();
  for (const auto& queue : target.queues) {
    EngineSpec engine;
    engine.name = queue.name;
    engine.transfers_in_flight = 2;
    if (queue.memory) {
      engine.memory_port = static_cast<std::int32_t>(spec.memory.ports.size());
      spec.memory.ports.push_back(toy.spec().memory.ports[spec.memory.ports.empty() ? 0 : 1]);
    } else {
      engine.timing = [](const Command&) { return Duration{90, 10}; };
    }
    spec.engines.push_back(engine);
  }
  return spec;
}

std::string name(KernelKind kind) { return kind == KernelKind::run_ahead ? "run_ahead" : "systemc"; }

Script::Script(const Toy& toy) : builder_(program_) {
  program_.target = &toy.target();
  program_.network = "toy_net";
}

void Script::begin(program::Task task) {
  if (open_) builder_.end_task();
  open_ = true;
  task.op = "op";
  builder_.begin_task(std::move(task));
}

Script& Script::task(const std::string& task_name, std::int64_t launch) {
  program::Task task;
  task.name = task_name;
  task.engine = "a";
  task.launch_cycles = launch;
  begin(task);
  return *this;
}

Script& Script::joined(const std::string& task_name, const std::string& engine) {
  program::Task task;
  task.name = task_name;
  task.engine = engine;
  task.joined = true;
  begin(task);
  return *this;
}

void Script::add_ties(const Ties& ties) {
  for (const auto flag : ties.waits) builder_.wait(flag);
  for (const auto flag : ties.sets) builder_.set(flag);
}

Script& Script::work(Queue queue, std::int64_t cycles, const Ties& ties, std::int64_t conflict) {
  builder_.command(queue, 0, {cycles, conflict});
  add_ties(ties);
  return *this;
}

Script& Script::move(Queue queue, std::int64_t offset, std::int64_t bytes, const Ties& ties) {
  builder_.command(queue, 1);
  builder_.region({0, queue == kStore, offset, bytes});
  add_ties(ties);
  return *this;
}

program::Program Script::done() {
  if (open_) builder_.end_task();
  open_ = false;
  return program_;
}

RunResult run(const Toy& toy, const program::Program& program, KernelKind kind) {
  Machine machine(toy.target(), toy.spec(), kind);
  return machine.run(program, {.spans = true});
}

trace::Span span_of(const RunResult& result, std::uint32_t index) {
  for (const auto& span : result.spans) {
    if (span.command == index) return span;
  }
  throw std::out_of_range(fmt::format("no span of command {}", index));
}

namespace {

std::string line(const trace::EngineReport& engine) {
  return fmt::format("{} busy {} commands {} stalls {}\n", engine.name, engine.busy_cycles, engine.commands,
                     fmt::join(engine.stalls.by_reason, ","));
}

std::string fault(const std::string& where, const trace::EngineReport& engine, std::int64_t cycles) {
  const std::int64_t sum = engine.busy_cycles + engine.stalls.total();
  const bool negative = std::any_of(engine.stalls.by_reason.begin(), engine.stalls.by_reason.end(),
                                    [](std::int64_t stall) { return stall < 0; });
  if (sum == cycles && engine.busy_cycles >= 0 && !negative) return "";
  return fmt::format("{}: {}of {} cycles\n", where, line(engine), cycles);
}

}  // namespace

std::string to_text(const RunResult& result) {
  std::string text = fmt::format("total {}\n", result.total_cycles);
  for (const auto& layer : result.layers) {
    text += fmt::format("layer {} {}..{} macs {} busy {} stalls {} dram {} {} sram {} {}\n", layer.name,
                        layer.start_cycle, layer.end_cycle, layer.macs, layer.busy_cycles,
                        fmt::join(layer.stalls.by_reason, ","), layer.dram_read_bytes, layer.dram_write_bytes,
                        layer.sram_read_bytes, layer.sram_write_bytes);
    for (const auto& engine : layer.engines) text += "  " + line(engine);
  }
  for (const auto& engine : result.engines) text += line(engine);
  auto spans = result.spans;
  std::sort(spans.begin(), spans.end(), [](const trace::Span& x, const trace::Span& y) {
    return std::tie(x.engine, x.command) < std::tie(y.engine, y.command);
  });
  for (const auto& span : spans) {
    text += fmt::format("span {} task {} command {} {}..{} stall {} from {}\n", span.engine, span.task,
                        span.command, span.start, span.end, to_string(span.stall), span.stall_from);
  }
  const auto& m = result.memory;
  text += fmt::format("memory {} {} {} {} requests {} bursts {} rows {} {} refreshes {}\n", m.dram_read_bytes,
                      m.dram_write_bytes, m.sram_read_bytes, m.sram_write_bytes, m.requests, m.bursts,
                      m.row_hits, m.row_misses, m.refreshes);
  for (const auto& waits : m.waits) {
    text += fmt::format("waits {} {} {} {}\n", waits.service, waits.own, waits.refresh,
                        fmt::join(waits.others, ","));
  }
  return text;
}

std::string sums_fault(const RunResult& result) {
  std::string text;
  std::int64_t end = 0;
  std::int64_t segment_start = 0;
  std::vector<trace::EngineReport> segment;
  for (std::size_t i = 0; i < result.layers.size(); ++i) {
    const auto& layer = result.layers[i];
    if (layer.start_cycle != end || layer.end_cycle < end)
      text += fmt::format("{} leaves a gap\n", layer.name);
    end = layer.end_cycle;
    if (!layer.joined) {
      segment_start = layer.start_cycle;
      segment = layer.engines;
    }
    for (std::size_t e = 0; layer.joined && e < segment.size(); ++e) {
      segment[e].busy_cycles += layer.engines[e].busy_cycles;
      segment[e].stalls += layer.engines[e].stalls;
    }
    if (i + 1 < result.layers.size() && result.layers[i + 1].joined) continue;
    for (const auto& engine : segment) text += fault(layer.name, engine, end - segment_start);
  }
  if (end != result.total_cycles) text += fmt::format("layers end at {} of {}\n", end, result.total_cycles);
  for (const auto& engine : result.engines) text += fault("run", engine, result.total_cycles);
  return text;
}

}  // namespace npusim::kernel::test
