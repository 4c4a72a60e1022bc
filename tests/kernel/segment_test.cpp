// Joined tasks: no barrier between layers, and layers that still share the time exactly.
#include <algorithm>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;
using trace::Stall;

TEST_CASE("a joined task's commands start as soon as their queue is free: 100 and 50 cycles side by side") {
  const Toy toy;
  Script script(toy);
  script.task("one", 10).work(kA, 100).joined("two").work(kB, 50).joined("three").work(kA, 7);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 0).start == 10);
    CHECK(span_of(result, 1).start == 10);
    CHECK(span_of(result, 2).start == 110);
    CHECK(result.total_cycles == 117);
    for (const auto& engine : result.engines) CHECK(engine.stalls[Stall::launch] == 10);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("flags tie commands of different tasks of one segment") {
  const Toy toy;
  const std::int64_t latency = toy.spec().flag_latency;
  Script script(toy);
  script.task("one").work(kA, 100, {{}, {3}}).joined("two").work(kB, 5, {{3}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 1).start == 100 + latency);
  }
}

TEST_CASE("a task that is not joined waits for every command of the segment before it, and its launch") {
  const Toy toy;
  Script script(toy);
  script.task("one").work(kA, 10).joined("two").work(kB, 80).task("three", 20).work(kA, 1);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 2).start == 100);
    CHECK(result.layers[1].end_cycle == 80);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("overlapping layers end with their own engine's last command, the last with the segment") {
  const Toy toy;
  Script script(toy);
  // b's 500 cycles belong to the first layer, but a describes it; "late" is described by b; "none" has no
  // command on a.
  script.task("first", 5).work(kA, 100).work(kB, 500);
  script.joined("late", "b").work(kA, 30).work(kB, 10);
  script.joined("none").move(kLoad, 0, 64);
  script.joined("last").work(kA, 40).work(kB, 90);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    REQUIRE(result.layers.size() == 4);
    CHECK(result.layers[0].end_cycle == 105);
    CHECK(result.layers[1].end_cycle == 5 + 500 + 10);
    CHECK(result.layers[2].cycles() == 0);  // its load was over long before
    CHECK(result.layers[3].end_cycle == 5 + 500 + 10 + 90);
    CHECK(result.total_cycles == 605);
    // Cycles belong to the command's layer; idle ones to the layers of their time.
    const auto a = [&](std::size_t layer) { return result.layers[layer].engines[kA]; };
    CHECK(a(0).busy_cycles == 100);
    CHECK(a(0).stalls[Stall::launch] == 5);
    CHECK(a(1).busy_cycles == 30);
    CHECK(a(1).stalls[Stall::idle] == 515 - 175);
    CHECK(a(3).busy_cycles == 40);
    CHECK(a(3).stalls[Stall::idle] == 90);
    CHECK(result.layers[0].engines[kB].busy_cycles == 500);
    CHECK(result.layers[3].busy_cycles == 40);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a trailing store counts in the last layer of its segment") {
  const Toy toy;
  Script script(toy);
  script.task("one").work(kA, 10, {{}, {0}}).move(kStore, 0, 65536, {{0}, {}}).joined("two").work(kA, 10);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(result.layers[0].end_cycle == 10);
    CHECK(result.total_cycles > 1000);
    CHECK(result.layers[1].end_cycle == result.total_cycles);
    CHECK(result.layers[0].dram_write_bytes == 65536);
    CHECK(result.layers[1].dram_write_bytes == 0);
  }
}

TEST_CASE("the bytes of a prefetch belong to the layer that it is for") {
  const Toy toy;
  Script script(toy);
  script.task("one").work(kA, 5000, {{}, {1}});
  script.joined("two").move(kLoad, 0, 4096, {{}, {0}}).work(kA, 10, {{0}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 1).end < 5000);
    CHECK(result.layers[0].dram_read_bytes == 0);
    CHECK(result.layers[1].dram_read_bytes == 4096);
    CHECK(result.layers[1].engines[kLoad].busy_cycles > 0);
    CHECK(result.layers[0].engines[kLoad].commands == 0);
    CHECK(result.total_cycles == 5010);
  }
}

TEST_CASE("a joined task without commands takes no cycles, at the end and in between") {
  const Toy toy;
  Script script(toy);
  script.task("host", 30).joined("nothing").joined("work").work(kA, 8).joined("view");
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    REQUIRE(result.layers.size() == 4);
    CHECK(result.layers[0].cycles() == 30);
    CHECK(result.layers[1].cycles() == 0);
    CHECK(result.layers[2].cycles() == 8);
    CHECK(result.layers[3].cycles() == 0);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a dispatcher issues on into a joined task, and its cycles belong to the command's layer") {
  const Toy toy(true, {"front", 5, 0, 1});
  Script script(toy);
  script.task("one", 3).work(kA, 100).joined("two").work(kB, 1).work(kA, 2);
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 1).start == 3 + 10);
    CHECK(span_of(result, 2).start == 3 + 5 + 100 + 1);  // a's queue holds one command
    const auto& front = result.layers[1].engines[4];
    CHECK(front.busy_cycles == 10);
    CHECK(front.commands == 2);
    CHECK(front.stalls[Stall::queue_full] == 109 - 13 - 5);
    CHECK(result.layers[0].engines[4].busy_cycles == 5);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a deadlock inside a segment names the layer that got stuck first") {
  const Toy toy;
  Script script(toy);
  script.task("fine")
      .work(kA, 1)
      .joined("stuck")
      .work(kA, 1, {{4}, {}})
      .joined("after")
      .work(kB, 1, {{5}, {}});
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    const auto program = script.done();
    const auto message = message_of<InternalError>([&] { machine.run(program); });
    CHECK(message.find("deadlock in layer 'stuck'") == 0);
    CHECK(message.find("of layer 'after' waits for flag flag5") != std::string::npos);
  }
}

TEST_CASE("the builder and the machine refuse a joined task with launch cycles") {
  const Toy toy;
  program::Program program;
  program.target = &toy.target();
  program::Builder builder(program);
  program::Task task;
  task.name = "first";
  task.joined = true;
  CHECK_THROWS_AS(builder.begin_task(task), InternalError);
  task.joined = false;
  builder.begin_task(task);
  builder.end_task();
  task.joined = true;
  task.launch_cycles = 1;
  CHECK_THROWS_AS(builder.begin_task(task), InternalError);
  program.tasks.push_back(task);
  Machine machine(toy.target(), toy.spec(), KernelKind::run_ahead);
  CHECK_THROWS_AS(machine.run(program), InternalError);
}

namespace {

std::size_t pick(Rng& rng, std::size_t count) {
  return static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(count) - 1));
}

/// Cuts every task into joined ones at random places, with random primary engines.
void cut(program::Program& program, Rng& rng) {
  const std::vector<program::Task> whole = std::move(program.tasks);
  program.tasks.clear();
  for (const auto& task : whole) {
    const std::uint32_t end = task.first_command + task.command_count;
    std::uint32_t at = task.first_command;
    do {
      program::Task part = task;
      part.name = "part" + std::to_string(program.tasks.size());
      part.engine = program.target->queues[pick(rng, program.target->queues.size())].name;
      part.joined = at > task.first_command;
      part.launch_cycles = part.joined ? 0 : task.launch_cycles;
      part.first_command = at;
      part.command_count =
          std::min(static_cast<std::uint32_t>(rng.uniform(part.joined ? 0 : 1, 4)), end - at);
      part.macs = 0;
      for (; at < part.first_command + part.command_count; ++at) {
        program.commands[at].task = static_cast<std::uint32_t>(program.tasks.size());
        part.macs += program.commands[at].macs;
      }
      program.tasks.push_back(part);
    } while (at < end);
  }
}

/// A machine for tangles: four compute engines, one or no dispatcher.
MachineSpec tangle_machine(Rng& rng) {
  const Toy toy;
  MachineSpec spec = toy.spec();
  spec.flag_latency = rng.uniform(1, 4);
  for (std::size_t q = 0; q < spec.engines.size(); ++q) {
    EngineSpec& engine = spec.engines[q];
    engine = {};
    engine.name = program::test::tangle_target().queues[q].name;
    engine.timing = [](const program::Command& command) {
      return Duration{1 + command.first_region * 7 % 23, 0};
    };
  }
  if (rng.uniform(0, 1) == 0) {
    spec.dispatchers = {{"front", 3, 1, 64}};
    for (auto& engine : spec.engines) engine.dispatcher = 0;
  }
  return spec;
}

/// Where the definition in LayerReport puts the layers' ends, from the spans.
std::vector<std::int64_t> expected_ends(const program::Program& program, const RunResult& result) {
  std::vector<std::int64_t> ends;
  std::int64_t latest = program.tasks[0].launch_cycles;
  for (const auto& task : program.tasks) {
    std::int64_t own = -1, any = -1;
    for (std::uint32_t c = task.first_command; c < task.first_command + task.command_count; ++c) {
      const auto end = span_of(result, c).end;
      any = std::max(any, end);
      if (program.target->queues[program.commands[c].queue].name == task.engine) own = std::max(own, end);
    }
    latest = std::max(latest, own >= 0 ? own : any);
    ends.push_back(latest);
  }
  ends.back() = result.total_cycles;
  return ends;
}

std::string spans_without_tasks(const RunResult& result) {
  RunResult bare = result;
  bare.layers.clear();
  for (auto& span : bare.spans) span.task = 0;
  return to_text(bare);
}

}  // namespace

TEST_CASE("cutting 300 sound tangles into joined tasks changes no span and no engine's sum") {
  Rng rng(20);
  int sound = 0;
  for (int i = 0; sound < 300; ++i) {
    program::Program program = program::test::random_tangle(rng, 100);
    if (program::test::verdict(program) != program::test::kSound) continue;
    ++sound;
    program.tasks[0].launch_cycles = rng.uniform(0, 9);
    const MachineSpec spec = tangle_machine(rng);
    program::Program joined = program;
    cut(joined, rng);
    INFO("program " << i << "\n" << program::print(program));
    for (const auto kind : kKinds) {
      Machine machine(program::test::tangle_target(), spec, kind);
      const auto whole = machine.run(program, {.spans = true});
      const auto parts = machine.run(joined, {.spans = true});
      REQUIRE(spans_without_tasks(parts) == spans_without_tasks(whole));
      REQUIRE(sums_fault(parts) == "");
      const auto ends = expected_ends(joined, parts);
      for (std::size_t l = 0; l < ends.size(); ++l) REQUIRE(parts.layers[l].end_cycle == ends[l]);
    }
  }
}

TEST_CASE(
    "cutting 100 random pipelines with DMA engines into joined tasks changes no span on either kernel") {
  Rng rng(21);
  for (int i = 0; i < 100; ++i) {
    const program::Target target = program::test::random_target(rng);
    const program::Program program = program::test::random_pipeline(target, rng);
    program::Program joined = program;
    cut(joined, rng);
    const MachineSpec spec = machine_for(target);
    INFO("program " << i << "\n" << program::print(joined));
    Machine ahead(target, spec, KernelKind::run_ahead);
    Machine stepped(target, spec, KernelKind::systemc);
    const auto parts = ahead.run(joined, {.spans = true});
    REQUIRE(spans_without_tasks(parts) == spans_without_tasks(ahead.run(program, {.spans = true})));
    REQUIRE(to_text(parts) == to_text(stepped.run(joined, {.spans = true})));
    REQUIRE(sums_fault(parts) == "");
  }
}
