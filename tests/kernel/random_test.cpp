// Random programs: both kernels agree on every number, and runs do not depend on what ran before.
#include <algorithm>
#include <memory>

#include "sim/base/hash.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;
using program::test::kSound;
using program::test::random_pipeline;
using program::test::random_tangle;
using program::test::random_target;
using program::test::tangle_target;
using program::test::verdict;

namespace {

/// Durations that look random but follow from the command alone.
TimingFunction random_timing(std::uint64_t seed, std::int64_t longest) {
  return [seed, longest](const program::Command& command) {
    Rng rng(seed ^ (std::uint64_t{command.first_region} * 977U) ^ (std::uint64_t{command.first_flag} << 20U));
    Duration duration;
    duration.cycles = rng.uniform(1, longest);
    duration.bank_conflict = rng.uniform(0, 3) == 0 ? rng.uniform(0, duration.cycles) : 0;
    return duration;
  };
}

mem::PortSpec random_port(Rng& rng, bool write) {
  mem::PortSpec port;
  port.write = write;
  port.request_bytes = std::int64_t{32} << rng.uniform(0, 3);
  port.outstanding = rng.uniform(2, 20);
  port.issue_den = rng.uniform(1, 9);
  port.issue_num = port.issue_den + rng.uniform(0, 40);
  port.sram_issue_den = rng.uniform(1, 9);
  port.sram_issue_num = port.sram_issue_den + rng.uniform(0, 20);
  port.start_cycles = rng.uniform(0, 3) == 0 ? rng.uniform(1, 60) : 0;
  return port;
}

/// A machine for any target: memory queues get a port each, some queues a dispatcher.
MachineSpec random_machine(const program::Target& target, Rng& rng) {
  const Toy toy;
  MachineSpec spec;
  spec.clock_hz = 680'000'000;
  spec.flag_latency = rng.uniform(1, 9);
  spec.memory = toy.spec().memory;
  spec.memory.clock_hz = spec.clock_hz;
  spec.memory.dram.channels = std::int64_t{1} << rng.uniform(0, 2);
  spec.memory.dram.write_queue = rng.uniform(0, 1) * 8;
  if (rng.uniform(0, 2) == 0) {
    spec.memory.dram.policy = mem::DramPolicy::fr_fcfs;
    spec.memory.dram.fr_fcfs.arbitration = static_cast<mem::Arbitration>(rng.uniform(0, 3));
    spec.memory.dram.controller_cycles = rng.uniform(0, 1) * 20;
    spec.memory.sram.arbitration = static_cast<mem::Arbitration>(rng.uniform(0, 3));
  }
  spec.memory.ports.clear();
  if (rng.uniform(0, 1) == 0) {
    const mem::Arbitration arbitration = spec.memory.sram.arbitration;
    spec.memory.sram = {0, 2048, rng.uniform(16, 256), rng.uniform(16, 256), rng.uniform(0, 30), arbitration};
  }
  const std::int64_t dispatchers = rng.uniform(0, 2);
  for (std::int64_t d = 0; d < dispatchers; ++d) {
    spec.dispatchers.push_back({"front" + std::to_string(d), rng.uniform(1, 9), rng.uniform(0, 3), 4096});
  }
  for (const auto& queue : target.queues) {
    EngineSpec engine;
    engine.name = queue.name;
    if (queue.memory) {
      engine.memory_port = static_cast<std::int32_t>(spec.memory.ports.size());
      engine.transfers_in_flight = rng.uniform(1, 8);
      spec.memory.ports.push_back(random_port(rng, engine.memory_port > 0));
    } else {
      engine.timing = random_timing(rng.next(), rng.uniform(0, 1) == 0 ? 5 : 300);
    }
    engine.dispatcher = static_cast<std::int32_t>(rng.uniform(-1, dispatchers - 1));
    spec.engines.push_back(engine);
  }
  if (spec.memory.ports.empty()) spec.memory.ports.push_back(random_port(rng, false));  // nobody uses it
  return spec;
}

/// Launch cycles of random length.
void add_launches(program::Program& program, Rng& rng) {
  for (auto& task : program.tasks) task.launch_cycles = rng.uniform(0, 2) == 0 ? 0 : rng.uniform(1, 500);
}

/// Runs on both kernels; fails unless they agree and the sums hold.
void require_agreement(const program::Target& target, const MachineSpec& spec,
                       const program::Program& program) {
  Machine ahead(target, spec, KernelKind::run_ahead);
  Machine stepped(target, spec, KernelKind::systemc);
  const auto expected = stepped.run(program, {.spans = true});
  const auto result = ahead.run(program, {.spans = true});
  REQUIRE(to_text(result) == to_text(expected));
  REQUIRE(sums_fault(result) == "");
  REQUIRE(sums_fault(expected) == "");
  // Again, on machines that have run before.
  REQUIRE(to_text(ahead.run(program, {.spans = true})) == to_text(result));
  REQUIRE(to_text(stepped.run(program, {.spans = true})) == to_text(result));
}

}  // namespace

TEST_CASE("400 random pipelines take the same cycles, layer by layer and span by span, on both kernels") {
  Rng rng(31);
  for (int i = 0; i < 400; ++i) {
    const program::Target target = random_target(rng);
    program::Program program = random_pipeline(target, rng);
    add_launches(program, rng);
    const MachineSpec spec = random_machine(target, rng);
    INFO("program " << i << "\n" << program::print(program));
    require_agreement(target, spec, program);
  }
}

TEST_CASE("dispatchers with shallow queues take the same cycles on both kernels") {
  Rng rng(77);
  for (int i = 0; i < 200; ++i) {
    const program::Target target = random_target(rng);
    const program::Program program = random_pipeline(target, rng);
    MachineSpec spec = random_machine(target, rng);
    // Commands stand in the order of their dependences, so that one dispatcher for all cannot deadlock.
    spec.dispatchers = {{"front", rng.uniform(1, 5), rng.uniform(0, 2), rng.uniform(1, 6)}};
    for (auto& engine : spec.engines) engine.dispatcher = 0;
    INFO("program " << i << "\n" << program::print(program));
    require_agreement(target, spec, program);
  }
}

TEST_CASE("sound ones among 1000 random tangles of four queues take the same cycles on both kernels") {
  Rng rng(5);
  int sound = 0;
  for (int i = 0; i < 1000; ++i) {
    const program::Program program = random_tangle(rng, 100);
    if (verdict(program) != kSound) continue;
    ++sound;
    const MachineSpec spec = random_machine(tangle_target(), rng);
    INFO("program " << i << "\n" << program::print(program));
    require_agreement(tangle_target(), spec, program);
  }
  CHECK(sound > 100);
}

TEST_CASE("a program run 100 times on one machine, with other programs in between, gives identical results") {
  Rng rng(8);
  const program::Target target = random_target(rng);
  std::vector<program::Program> programs;
  for (int i = 0; i < 4; ++i) programs.push_back(random_pipeline(target, rng));
  const MachineSpec spec = random_machine(target, rng);
  for (const auto kind : kKinds) {
    Machine machine(target, spec, kind);
    const auto first = machine.run(programs[0], {.spans = true});
    for (int i = 1; i <= 100; ++i) {
      const auto result = machine.run(programs[static_cast<std::size_t>(i % 4)], {.spans = true});
      if (i % 4 != 0) continue;
      REQUIRE(to_text(result) == to_text(first));
      REQUIRE(result.events == first.events);
    }
  }
}

TEST_CASE("five machines in one process, run in turn, do not see one another") {
  Rng rng(99);
  struct Case {
    program::Target target;
    MachineSpec spec;
    program::Program program;
    std::string alone;
    std::unique_ptr<Machine> machine;
  };
  std::vector<std::unique_ptr<Case>> cases;
  for (int i = 0; i < 5; ++i) {
    auto made = std::make_unique<Case>();
    made->target = random_target(rng);
    made->spec = random_machine(made->target, rng);
    made->program = random_pipeline(made->target, rng);
    Machine own(made->target, made->spec, kKinds[i % 2]);
    made->alone = to_text(own.run(made->program, {.spans = true}));
    cases.push_back(std::move(made));
  }
  for (int i = 0; i < 5; ++i) {
    auto& it = *cases[static_cast<std::size_t>(i)];
    it.machine = std::make_unique<Machine>(it.target, it.spec, kKinds[i % 2]);
  }
  for (int round = 0; round < 3; ++round) {
    for (auto& it : cases) REQUIRE(to_text(it->machine->run(it->program, {.spans = true})) == it->alone);
  }
  cases[0]->machine.reset();  // destroying one leaves the others alone
  for (std::size_t i = 1; i < 5; ++i) {
    REQUIRE(to_text(cases[i]->machine->run(cases[i]->program, {.spans = true})) == cases[i]->alone);
  }
}

TEST_CASE("spans do not change cycles, and are only kept when asked for") {
  Rng rng(3);
  const program::Target target = random_target(rng);
  const program::Program program = random_pipeline(target, rng);
  const MachineSpec spec = random_machine(target, rng);
  Machine machine(target, spec, KernelKind::run_ahead);
  auto with = machine.run(program, {.spans = true});
  const auto without = machine.run(program);
  CHECK(with.spans.size() == program.commands.size());
  CHECK(without.spans.empty());
  with.spans.clear();
  CHECK(to_text(with) == to_text(without));
}
