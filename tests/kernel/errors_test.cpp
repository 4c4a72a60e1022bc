// What goes wrong is told, with its type, and leaves the machine fit for the next program.
#include <stdexcept>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;

namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

program::Program good(const Toy& toy) {
  Script script(toy);
  script.task("good", 3).work(kA, 10, {{}, {0}}).move(kLoad, 0, 4096, {{0}, {1}}).work(kB, 5, {{1}, {}});
  return script.done();
}

/// Neither UserError nor InternalError.
struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_CASE("a deadlock names network, layer, every blocked queue and the flags it waits for") {
  const Toy toy;
  Script script(toy);
  script.task("conv7").work(kA, 1, {{4}, {5}}).work(kB, 1, {{5, 6}, {4}}).move(kLoad, 0, 64);
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    const auto program = script.done();
    const auto message = message_of<InternalError>([&] { machine.run(program); });
    INFO(message);
    CHECK(holds(message, "deadlock in layer 'conv7' of network 'toy_net'"));
    CHECK(holds(message, "a command 0 'work' of layer 'conv7' waits for flag flag4"));
    CHECK(holds(message, "b command 1 'work' of layer 'conv7' waits for flag flag5 for flag flag6"));
    CHECK(!holds(message, "load command"));  // it has run
  }
}

TEST_CASE("a command kept back by a full queue is part of the deadlock's story") {
  const Toy toy(true, {"front", 1, 0, 1});
  Script script(toy);
  // b's set stands behind a's second command, which a's first keeps out of the queue.
  script.task("t").work(kA, 1, {{0}, {}}).work(kA, 1).work(kB, 1, {{}, {0}});
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    const auto program = script.done();
    const auto message = message_of<InternalError>([&] { machine.run(program); });
    CHECK(holds(message, "a command 0 'work' of layer 't' waits for flag flag0"));
    CHECK(holds(message, "b command 2 'work' of layer 't' waits to be issued"));
  }
}

TEST_CASE(
    "a command that waits for a flag twice starts a flag latency after its second set, and is stuck after "
    "one") {
  const Toy toy;
  program::Target target = toy.target();
  target.flag_capacity = 2;
  for (const auto kind : kKinds) {
    INFO(name(kind));
    Machine machine(target, toy.spec(), kind);
    Script twice(toy);
    twice.task("t").work(kA, 10, {{}, {0}}).work(kA, 5, {{}, {0}}).work(kB, 7, {{0, 0}, {}});
    auto program = twice.done();
    program.target = &target;
    CHECK(machine.run(program).total_cycles == 10 + 5 + toy.spec().flag_latency + 7);
    Script once(toy);
    once.task("t").work(kA, 10, {{}, {0}}).work(kB, 7, {{0, 0}, {}});
    program = once.done();
    program.target = &target;
    CHECK(holds(message_of<InternalError>([&] { machine.run(program); }), "b command 1 'work'"));
  }
}

TEST_CASE("what a timing function throws arrives with its type and message") {
  for (const auto kind : kKinds) {
    Toy toy;
    toy.spec().engines[kB].timing = [](const program::Command& command) -> Duration {
      if (command.args[0] == 13) throw OwnError("thirteen");
      if (command.args[0] == 14) throw UserError("fourteen");
      return {command.args[0], 0};
    };
    Machine machine(toy.target(), toy.spec(), kind);
    for (const bool user : {false, true}) {
      Script script(toy);
      script.task("t").work(kA, 400).move(kLoad, 0, 8192).work(kB, 2).work(kB, user ? 14 : 13).work(kB, 1);
      const auto program = script.done();
      if (user) {
        CHECK(message_of<UserError>([&] { machine.run(program); }) == "fourteen");
      } else {
        CHECK(message_of<OwnError>([&] { machine.run(program); }) == "thirteen");
      }
    }
  }
}

TEST_CASE("a flag set again before its wait is an InternalError that names flag and command") {
  const Toy toy;
  Script script(toy);
  script.task("t").work(kA, 1, {{}, {2}}).work(kA, 1, {{}, {2}}).work(kB, 1, {{3}, {}});
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    const auto program = script.done();
    const auto message = message_of<InternalError>([&] { machine.run(program); });
    CHECK(holds(message, "flag flag2 is set again by a command 1 'work' of layer 't'"));
  }
}

TEST_CASE("a timing function that says zero cycles is an InternalError") {
  const Toy toy;
  Script script(toy);
  script.task("t").work(kA, 0);
  for (const auto kind : kKinds) {
    Machine machine(toy.target(), toy.spec(), kind);
    const auto program = script.done();
    CHECK(holds(message_of<InternalError>([&] { machine.run(program); }), "at least one cycle"));
  }
}

TEST_CASE("a machine runs the next program as if nothing had happened after a deadlock or an exception") {
  for (const auto kind : kKinds) {
    Toy toy;
    toy.spec().engines[kB].timing = [](const program::Command& command) -> Duration {
      if (command.args[0] == 13) throw OwnError("thirteen");
      return {command.args[0], 0};
    };
    const auto program = good(toy);
    const auto fresh = to_text(run(toy, program, kind));
    Machine machine(toy.target(), toy.spec(), kind);
    Script deadlock(toy);
    deadlock.task("t").work(kA, 1, {{4}, {}}).move(kLoad, 512, 70000);
    const auto blocked = deadlock.done();
    Script failing(toy);
    // Everything is under way when b's second command throws.
    failing.task("t").move(kLoad, 0, 50000).move(kStore, 0, 50000).work(kA, 100000).work(kB, 60).work(kB, 13);
    const auto thrown = failing.done();
    for (int i = 0; i < 3; ++i) {
      CHECK_THROWS_AS(machine.run(blocked), InternalError);
      CHECK(to_text(machine.run(program, {.spans = true})) == fresh);
      CHECK_THROWS_AS(machine.run(thrown), OwnError);
      CHECK(to_text(machine.run(program, {.spans = true})) == fresh);
    }
  }
}

TEST_CASE("a machine refuses a spec with too few engines or a flag latency of zero") {
  Toy few;
  few.spec().engines.pop_back();
  CHECK_THROWS_AS(Machine(few.target(), few.spec(), KernelKind::run_ahead), InternalError);
  Toy instant;
  instant.spec().flag_latency = 0;
  CHECK_THROWS_AS(Machine(instant.target(), instant.spec(), KernelKind::run_ahead), InternalError);
  // And the process can still elaborate another.
  const Toy toy;
  CHECK(run(toy, good(toy), KernelKind::run_ahead).total_cycles > 0);
}
