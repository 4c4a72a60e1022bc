// Clocked twins in place of fast engines, and commands that move real bytes.
#include "sim/kernel/clocked.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;

namespace {

/// How many edges a command takes, and what the twins have seen.
struct TwinPlan {
  std::function<std::int64_t(const program::Command&)> edges;
  std::int64_t edges_seen = 0;
  std::int64_t commands = 0;
};

/// Adds one to each byte of the command's first region on the way to its second, all at the last edge. Its
/// busy() is a wire behind a register, as hardware has it.
class Incrementer : public ClockedEngine {
 public:
  SC_HAS_PROCESS(Incrementer);
  Incrementer(const sc_core::sc_module_name& name, std::shared_ptr<TwinPlan> plan)
      : ClockedEngine(name), plan_(std::move(plan)) {
    SC_METHOD(on_edge);
    sensitive << clock.pos();
    dont_initialize();
    SC_METHOD(on_running);
    sensitive << running_;
  }
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) override {
    ensure(left_ == 0, "idle");
    program_ = &program;
    command_ = &command;
    storage_ = &storage;
    left_ = plan_->edges(command);
    ++plan_->commands;
  }
  [[nodiscard]] bool busy() const override { return left_ > 0 || busy_wire_.read(); }

 private:
  void on_edge() {
    ++plan_->edges_seen;
    if (left_ == 0) return;
    if (command_->args[0] == 13) throw std::runtime_error("thirteen edges");
    if (--left_ == 0) {
      const auto regions = program_->regions_of(*command_);
      if (regions.size() == 2) {
        auto block = storage_->gather(regions[0]);
        for (auto& byte : block) byte = static_cast<std::byte>(std::to_integer<int>(byte) + 1);
        storage_->scatter(regions[1], block);
      }
    }
    running_.write(left_ > 0);
  }
  void on_running() { busy_wire_.write(running_.read()); }

  std::shared_ptr<TwinPlan> plan_;
  const program::Program* program_ = nullptr;
  const program::Command* command_ = nullptr;
  program::Storage* storage_ = nullptr;
  std::int64_t left_ = 0;
  sc_core::sc_signal<bool> running_{"running"}, busy_wire_{"busy_wire"};
};

/// Gives engine `queue` a twin.
std::shared_ptr<TwinPlan> add_twin(MachineSpec& spec, std::size_t queue) {
  auto plan = std::make_shared<TwinPlan>();
  plan->edges = [](const program::Command& command) { return command.args[0]; };
  spec.engines[queue].clocked = [plan](const std::string& name) {
    return std::make_unique<Incrementer>(name.c_str(), plan);
  };
  return plan;
}

RunResult run_clocked(const Toy& toy, const program::Program& program) {
  Machine machine(toy.target(), toy.spec(), KernelKind::systemc, EngineKind::clocked);
  return machine.run(program, {.spans = true});
}

}  // namespace

TEST_CASE("a command takes as many cycles as its twin takes edges, whatever the timing function says") {
  Toy toy;
  const auto plan = add_twin(toy.spec(), kA);
  plan->edges = [](const program::Command& command) { return 2 * command.args[0] + 1; };
  Script script(toy);
  script.task("t", 5).work(kA, 1).work(kA, 10, {{}, {0}}, 4).work(kB, 7, {{0}, {}});
  const auto result = run_clocked(toy, script.done());
  CHECK(span_of(result, 0).start == 5);
  CHECK(span_of(result, 0).end == 8);
  CHECK(span_of(result, 1).start == 8);
  CHECK(span_of(result, 1).end == 8 + 21);
  CHECK(span_of(result, 2).start == 29 + toy.spec().flag_latency);
  CHECK(result.engines[kA].stalls[trace::Stall::bank_conflict] == 4);
  CHECK(sums_fault(result).empty());
  CHECK(plan->commands == 2);
}

TEST_CASE("the clock ticks only while a twin is busy: 30 edges in a run of more than 5,000 cycles") {
  Toy toy;
  const auto plan = add_twin(toy.spec(), kA);
  Script script(toy);
  script.task("t").work(kA, 20).move(kLoad, 0, 65536, {{}, {0}}).work(kB, 5000, {{0}, {1}});
  script.work(kA, 10, {{1}, {}});
  const auto result = run_clocked(toy, script.done());
  CHECK(result.total_cycles > 5000);
  CHECK(plan->edges_seen == 30);
}

TEST_CASE("two twins that overlap in time share the edges of one clock") {
  Toy toy;
  const auto a = add_twin(toy.spec(), kA);
  const auto b = add_twin(toy.spec(), kB);
  Script script(toy);
  script.task("t").work(kA, 30, {{}, {0}}).work(kB, 50).work(kB, 3, {{0}, {}});
  const auto result = run_clocked(toy, script.done());
  CHECK(span_of(result, 0).end == 30);
  CHECK(span_of(result, 1).end == 50);
  CHECK(span_of(result, 2).end == 53);
  CHECK(a->edges_seen == 53);
  CHECK(b->edges_seen == 53);
}

TEST_CASE("100 random pipelines with twins take the cycles of the fast engines, span by span") {
  Rng rng(12);
  for (int i = 0; i < 100; ++i) {
    const program::Target target = program::test::random_target(rng);
    const program::Program program = program::test::random_pipeline(target, rng);
    MachineSpec spec = machine_for(target);
    const std::int64_t longest = rng.uniform(1, 60);
    const auto cycles = [longest](const program::Command& command) {
      return 1 + (command.first_region * 7919 + command.first_flag) % longest;
    };
    for (std::size_t q = 0; q < spec.engines.size(); ++q) {
      if (spec.engines[q].memory_port >= 0) continue;
      spec.engines[q].timing = [cycles](const program::Command& c) { return Duration{cycles(c), 0}; };
      if (rng.uniform(0, 3) != 0) add_twin(spec, q)->edges = cycles;
    }
    INFO("program " << i << "\n" << program::print(program));
    Machine fast(target, spec, KernelKind::run_ahead);
    Machine clocked(target, spec, KernelKind::systemc, EngineKind::clocked);
    const auto expected = to_text(fast.run(program, {.spans = true}));
    REQUIRE(to_text(clocked.run(program, {.spans = true})) == expected);
    REQUIRE(to_text(clocked.run(program, {.spans = true})) == expected);
  }
}

namespace {

/// Copies the first region to the second.
void copy(const program::Program& program, const program::Command& command, program::Storage& storage) {
  const auto regions = program.regions_of(command);
  storage.scatter(regions[1], storage.gather(regions[0]));
}

/// Four tiles of 64 bytes: load, increment on a, increment in place on b, store; 16 KiB apart in memory.
program::Program four_tiles(const Toy& toy) {
  program::Program program;
  program.target = &toy.target();
  program.network = "tiles";
  program.buffers = {{"x", 0, 256, true}, {"y", 16384, 256, false, true}};
  program::Builder builder(program);
  program::Task task;
  task.name = "t";
  task.engine = "a";
  builder.begin_task(task);
  for (std::int64_t tile = 0; tile < 4; ++tile) {
    const auto flag = static_cast<program::FlagId>(3 * tile);
    const std::int64_t in = 64 * tile, mid = 1024 + 64 * tile, out = 2048 + 64 * tile;
    builder.command(kLoad, 1);
    builder.region({0, false, in, 64});
    builder.region({1, true, in, 64});
    builder.set(flag);
    builder.command(kA, 0, {20 + tile, 0});
    builder.region({1, false, in, 64});
    builder.region({1, true, mid, 64});
    builder.wait(flag);
    builder.set(flag + 1);
    builder.command(kB, 0, {5, 0});
    builder.region({1, false, mid, 64});
    builder.region({1, true, out, 64});
    builder.wait(flag + 1);
    builder.set(flag + 2);
    builder.command(kStore, 1);
    builder.region({1, false, out, 64});
    builder.region({0, true, 16384 + in, 64});
    builder.wait(flag + 2);
  }
  builder.end_task();
  return program;
}

/// What the store command sees of its two regions: only the global one is a transfer.
void give_effects(MachineSpec& spec, bool increment_on_a) {
  for (auto& engine : spec.engines) engine.execute = copy;
  if (!increment_on_a) return;
  spec.engines[kA].execute = [](const program::Program& program, const program::Command& command,
                                program::Storage& storage) {
    const auto regions = program.regions_of(command);
    auto block = storage.gather(regions[0]);
    for (auto& byte : block) byte = static_cast<std::byte>(std::to_integer<int>(byte) + 1);
    storage.scatter(regions[1], block);
  };
}

/// Fills in 1, 2, 3 ..., runs, and returns what became of the output's first and last byte.
std::pair<int, int> outcome(Machine& machine, const program::Program& program) {
  program::Storage storage(program);
  const auto input = storage.bytes(0, 0, 256);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::byte>(i + 1);
  machine.run(program, {.storage = &storage});
  const auto output = storage.bytes(0, 16384, 256);
  return {std::to_integer<int>(output[0]), std::to_integer<int>(output[255])};
}

}  // namespace

TEST_CASE("fast engines move real bytes through their functional effects, on both kernels") {
  Toy toy;
  give_effects(toy.spec(), true);
  const auto program = four_tiles(toy);
  program::verify(program);
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    CHECK(outcome(machine, program) == std::pair(2, 1));  // 1 + 1, (256 + 1) mod 256
    CHECK(outcome(machine, program) == std::pair(2, 1));
  }
}

TEST_CASE("clocked twins and functional effects work on the same bytes") {
  Toy toy;
  give_effects(toy.spec(), false);
  const auto plan = add_twin(toy.spec(), kA);
  const auto program = four_tiles(toy);
  Machine machine(toy.target(), toy.spec(), KernelKind::systemc, EngineKind::clocked);
  CHECK(outcome(machine, program) == std::pair(2, 1));
  CHECK(plan->commands == 4);
  Machine fast(toy.target(), toy.spec(), KernelKind::run_ahead);
  CHECK(to_text(machine.run(program, {.spans = true})) == to_text(fast.run(program, {.spans = true})));
}

TEST_CASE("clocked engines need the kernel in global time") {
  Toy toy;
  add_twin(toy.spec(), kA);
  CHECK_THROWS_AS(Machine(toy.target(), toy.spec(), KernelKind::run_ahead, EngineKind::clocked),
                  InternalError);
}

TEST_CASE(
    "a twin that throws, or takes no edge, is an InternalError, and the machine runs the next program") {
  Toy toy;
  add_twin(toy.spec(), kA);
  Script good(toy), bad(toy), empty(toy);
  good.task("t").work(kA, 9).work(kB, 4);
  bad.task("t").work(kA, 5).work(kA, 13).work(kB, 100000);
  empty.task("t").work(kA, 5).work(kA, 0);
  toy.spec().engines[kA].timing = [](const program::Command&) { return Duration{1, 0}; };
  const auto fine = good.done();
  const auto failing = bad.done();
  const auto idle = empty.done();
  Machine machine(toy.target(), toy.spec(), KernelKind::systemc, EngineKind::clocked);
  for (int i = 0; i < 2; ++i) {
    const auto message = message_of<InternalError>([&] { machine.run(failing); });
    CHECK(message.find("thirteen edges") != std::string::npos);
    CHECK(machine.run(fine).total_cycles == 9);
    CHECK(message_of<InternalError>([&] { machine.run(idle); }) ==
          "a is not busy after it was given a command");
    CHECK(machine.run(fine).total_cycles == 9);
  }
}
