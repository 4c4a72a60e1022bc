// Each kind of fault is found, and the message names the commands at fault. The sound program behind every
// case is the double-buffered pipeline of 6 tiles: commands 3i, 3i+1, 3i+2 load, multiply and store tile i.
#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

constexpr FlagId kInReady0 = 0, kInReady1 = 1, kInFree0 = 2, kOutReady0 = 4, kOutFree0 = 6;

Draft pipeline() { return Draft(small_pipeline(6)); }

void drop(std::vector<FlagId>& flags, FlagId flag) {
  const auto found = std::find(flags.begin(), flags.end(), flag);
  REQUIRE(found != flags.end());
  flags.erase(found);
}

std::string load(int tile) { return fmt::format("task 'conv1' command {} (load copy_in)", 3 * tile); }
std::string mmad(int tile) { return fmt::format("task 'conv1' command {} (cube mmad)", 3 * tile + 1); }
std::string store(int tile) { return fmt::format("task 'conv1' command {} (store copy_out)", 3 * tile + 2); }

}  // namespace

TEST_CASE("a multiplication that does not wait for its load reads bytes that may not be there") {
  Draft draft = pipeline();
  auto& commands = draft.tasks[0];
  drop(commands[0].sets, kInReady0);
  drop(commands[1].waits, kInReady0);
  CHECK(verdict(draft.build()) ==
        mmad(0) + " reads l1[0 +256], which " + load(0) + " writes, in no certain order");
}

TEST_CASE("a dropped wait leaves its flag set too often") {
  Draft draft = pipeline();
  drop(draft.tasks[0][16].waits, kInReady1);
  const std::string message = verdict(draft.build());
  CHECK(holds(message, mmad(5) + " reads l1[256 +256], which " + load(5) + " writes, in no certain order"));
}

TEST_CASE("a wait dropped where order holds anyway leaves the flag set at the end") {
  Draft draft = pipeline();
  // The store of the last tile but one need not wait once the last one does: tiles come in order on the cube.
  drop(draft.tasks[0][14].waits, kOutReady0);
  draft.tasks[0][14].regions.clear();
  draft.frame.buffers[1].output = false;
  CHECK(verdict(draft.build()) ==
        mmad(4) + " sets flag 'out_ready.0', but nothing waits for that set before the segment ends");
}

TEST_CASE("a dropped set is a deadlock that names who waits for which flag") {
  Draft draft = pipeline();
  drop(draft.tasks[0][12].sets, kInReady0);
  const std::string message = verdict(draft.build());
  CHECK(message == "deadlock: " + mmad(4) + " waits for flag 'in_ready.0', which nothing sets any more; " +
                       store(4) + " waits for flag 'out_ready.0', next set by " + mmad(4));
}

TEST_CASE("two swapped flags are found, unless the queues' order makes up for them") {
  Draft draft = pipeline();
  std::swap(draft.tasks[0][3].sets, draft.tasks[0][6].sets);  // loads of tiles 1 and 2
  CHECK(verdict(draft.build()) ==
        load(1) + " sets flag 'in_ready.0' for the 2nd time without certainty that the 1st set, by " +
            load(0) + ", has been waited for; a flag holds 1");
  draft = pipeline();
  std::swap(draft.tasks[0][1].waits[0], draft.tasks[0][1].sets[0]);
  CHECK(holds(verdict(draft.build()), "deadlock: "));
  draft = pipeline();  // loads of tiles 0 and 1: the first multiplication then waits for both
  std::swap(draft.tasks[0][0].sets, draft.tasks[0][3].sets);
  CHECK(verdict(draft.build()) == kSound);
}

TEST_CASE("crossed waits are a deadlock") {
  Draft draft = pipeline();
  draft.tasks[0][0].waits.push_back(kOutFree0);  // the first load waits for the first store
  draft.tasks[0][2].sets.push_back(kOutFree0);
  const std::string message = verdict(draft.build());
  CHECK(message == "deadlock: " + load(0) + " waits for flag 'out_free.0', next set by " + store(0) + "; " +
                       mmad(0) + " waits for flag 'in_ready.0', next set by " + load(0) + "; " + store(0) +
                       " waits for flag 'out_ready.0', next set by " + mmad(0));
}

TEST_CASE("a double buffer without back-pressure is overwritten too early") {
  Draft draft = pipeline();
  for (std::size_t tile = 0; tile < 6; ++tile) {
    auto& waits = draft.tasks[0][3 * tile].waits;
    auto& sets = draft.tasks[0][3 * tile + 1].sets;
    waits.clear();
    sets.erase(std::remove_if(sets.begin(), sets.end(), [](FlagId f) { return f == 2 || f == 3; }),
               sets.end());
  }
  CHECK(verdict(draft.build()) ==
        load(2) + " overwrites l1[0 +256], which " + mmad(0) + " reads, in no certain order");
}

TEST_CASE("a flag of capacity 1 may not be set a second time before its wait, even when the bytes are safe") {
  Draft draft = pipeline();
  for (std::size_t tile = 0; tile < 6;
       ++tile) {  // a place of its own for every tile: no back-pressure needed
    auto& load = draft.tasks[0][3 * tile];
    auto& mmad = draft.tasks[0][3 * tile + 1];
    load.waits.clear();
    mmad.sets.erase(
        std::remove_if(mmad.sets.begin(), mmad.sets.end(), [](FlagId f) { return f == 2 || f == 3; }),
        mmad.sets.end());
    load.regions[1].offset = mmad.regions[0].offset = static_cast<std::int64_t>(256 * tile);
  }
  CHECK(verdict(draft.build()) ==
        load(2) + " sets flag 'in_ready.0' for the 2nd time without certainty that the 1st set, by " +
            load(0) + ", has been waited for; a flag holds 1");
  Target roomy = small_target();
  roomy.flag_capacity = 3;
  draft.frame.target = &roomy;
  CHECK(verdict(draft.build()) == kSound);
}

TEST_CASE("an extra set is found where it overfills the flag or is left at the end") {
  Draft draft = pipeline();
  draft.tasks[0][16].sets.push_back(kInFree0);
  CHECK(verdict(draft.build()) ==
        mmad(5) + " sets flag 'in_free.0', but nothing waits for that set before the segment ends");
  draft = pipeline();
  draft.tasks[0][1].sets.push_back(kInFree0);
  CHECK(holds(verdict(draft.build()), mmad(0) + " sets flag 'in_free.0' for the 2nd time"));
}

TEST_CASE("a flag set by two queues in no certain order is refused") {
  Target target = small_target();
  target.flag_capacity = 2;
  Program program;
  program.target = &target;
  Builder builder(program);
  builder.begin_task(plain_task("t"));
  builder.command(0, 2);
  builder.set(0);
  builder.command(1, 2);
  builder.set(0);
  builder.command(2, 2);
  builder.wait(0);
  builder.wait(0);
  builder.end_task();
  CHECK(verdict(program) ==
        "task 't' command 0 (load copy_out) and task 't' command 1 (cube copy_out) both set flag "
        "'in_ready.0' in "
        "no certain order");
}

TEST_CASE("a flag waited for by two queues in no certain order is refused") {
  Target target = small_target();
  target.flag_capacity = 2;
  Program program;
  program.target = &target;
  Builder builder(program);
  builder.begin_task(plain_task("t"));
  builder.command(0, 2);
  builder.set(0);
  builder.set(0);
  builder.command(1, 2);
  builder.wait(0);
  builder.command(2, 2);
  builder.wait(0);
  builder.end_task();
  CHECK(verdict(program) ==
        "task 't' command 1 (cube copy_out) and task 't' command 2 (store copy_out) both wait for flag "
        "'in_ready.0' in no certain order");
}

TEST_CASE(
    "a wait that could take the token meant for another is refused, even if its own token comes from there") {
  // load sets the flag for cube; cube sets it again for store. Store could take the first token and starve
  // cube.
  Program program;
  program.target = &small_target();
  Builder builder(program);
  builder.begin_task(plain_task("t"));
  builder.command(0, 2);
  builder.set(0);
  builder.command(1, 2);
  builder.wait(0);
  builder.set(0);
  builder.command(2, 2);
  builder.wait(0);
  builder.end_task();
  CHECK(verdict(program) ==
        "task 't' command 1 (cube copy_out) and task 't' command 2 (store copy_out) both wait for flag "
        "'in_ready.0' in no certain order");
}

TEST_CASE("a flag may change hands between queues when another flag settles the order") {
  // As above, but store first runs a command that waits, by flag 1, for cube.
  Program program;
  program.target = &small_target();
  Builder builder(program);
  builder.begin_task(plain_task("t"));
  builder.command(0, 2);
  builder.set(0);
  builder.command(1, 2);
  builder.wait(0);
  builder.set(0);
  builder.set(1);
  builder.command(2, 2);
  builder.wait(1);
  builder.command(2, 2);
  builder.wait(0);
  builder.end_task();
  CHECK(verdict(program) == kSound);
}

TEST_CASE("a buffer that is too small is named with the command that leaves it") {
  Draft draft = pipeline();
  draft.frame.buffers[0].bytes = 256 * 6 - 1;
  CHECK(verdict(draft.build()) ==
        load(5) + " reads ddr[1280 +256], which does not lie inside one buffer that is alive");
}

TEST_CASE("a region shifted by one byte reads what nobody wrote") {
  Draft draft = pipeline();
  draft.tasks[0][4].regions[0].offset += 1;
  const std::string message = verdict(draft.build());
  CHECK(message == mmad(1) + " reads l1[512 +1], which no command of the segment has written before");
}

TEST_CASE("a region that leaves its scratchpad is refused") {
  Draft draft = pipeline();
  draft.tasks[0][0].regions[1].offset = 4096 - 255;
  CHECK(verdict(draft.build()) ==
        load(0) + ": region l1[3841 +256 x1/0 x1/0] does not lie inside the space of 4096 bytes");
  draft = pipeline();
  draft.tasks[0][0].regions[1] = {1, true, 0, 256, 4, 1024, 2, INT64_MAX / 2};
  CHECK(holds(verdict(draft.build()), "does not lie inside the space of 4096 bytes"));
}

TEST_CASE("a duplicated load writes while the first copy may be read") {
  Draft draft = pipeline();
  DraftCommand copy = draft.tasks[0][0];
  copy.sets.clear();
  draft.tasks[0].insert(draft.tasks[0].begin() + 1, copy);
  const std::string message = verdict(draft.build());
  CHECK(holds(message, "(load copy_in)"));
  CHECK(holds(message, "(cube mmad) reads l1[0 +256], which task 'conv1' command 1"));
}

TEST_CASE("a duplicated multiplication adds its MACs to the task") {
  Draft draft = pipeline();
  draft.tasks[0].push_back(draft.tasks[0][16]);
  CHECK(verdict(draft.build()) == "task 'conv1': its commands do 7000 MACs, expected 6000 (difference 1000)");
}

TEST_CASE("wrong MACs are refused") {
  Draft draft = pipeline();
  draft.tasks[0][1].head.macs = 999;
  CHECK(verdict(draft.build()) == "task 'conv1': its commands do 5999 MACs, expected 6000 (difference -1)");
}

TEST_CASE("two loads in the wrong order are found") {
  Draft draft = pipeline();
  std::swap(draft.tasks[0][0], draft.tasks[0][6]);  // loads of tiles 0 and 2: the same slot
  CHECK(holds(verdict(draft.build()),
              "deadlock: task 'conv1' command 0 (load copy_in) waits for flag 'in_free.0'"));
  draft = pipeline();
  std::swap(draft.tasks[0][1], draft.tasks[0][4]);  // multiplications of tiles 0 and 1
  CHECK(holds(verdict(draft.build()), "(store copy_out)") == false);
  std::swap(draft.tasks[0][1].sets, draft.tasks[0][4].sets);
  CHECK(verdict(draft.build()) != kSound);
}

TEST_CASE("a scratchpad's contents do not survive its task") {
  Draft draft = pipeline();
  draft.tasks.emplace_back();
  draft.frame.tasks.push_back(draft.frame.tasks[0]);
  draft.frame.tasks[1].name = "conv2";
  draft.frame.tasks[1].macs = 0;
  DraftCommand command;
  command.head.queue = 1;
  command.head.opcode = 2;
  command.regions.push_back({1, false, 0, 16});
  draft.tasks[1].push_back(command);
  CHECK(verdict(draft.build()) ==
        "task 'conv2' command 0 (cube copy_out) reads l1[0 +16], which no command of the segment has written "
        "before");
}

TEST_CASE("an output written twice names both commands") {
  Draft draft = pipeline();
  draft.tasks[0][5].regions[1].offset = 32768 + 64;  // tile 1's store reaches into tile 0's bytes
  const std::string message = verdict(draft.build());
  CHECK(message ==
        store(1) + " writes ddr[32832 +64] of buffer 'y' a second time; " + store(0) + " writes it too");
  draft = pipeline();
  draft.tasks[0][17].regions.push_back({0, true, 32768 + 128 * 5, 1});
  CHECK(verdict(draft.build()) ==
        store(5) + " writes ddr[33408 +1] of buffer 'y' a second time; the same command writes it too");
}

TEST_CASE("an output that is not completely written is named with its first gap") {
  Draft draft = pipeline();
  draft.tasks[0][8].regions.pop_back();
  CHECK(verdict(draft.build()) ==
        "ddr[33024 +128] of buffer 'y' is never written: 640 of the buffer's 768 bytes are, and it is an "
        "output");
}

TEST_CASE("an input may not be written") {
  Draft draft = pipeline();
  draft.tasks[0][5].regions[1].offset = 0;
  CHECK(verdict(draft.build()) == store(1) + " writes ddr[0 +128] of buffer 'x', which is an input");
}

TEST_CASE("a region that repeats onto itself may be read but not written") {
  Draft draft = pipeline();
  draft.tasks[0][0].regions[1] = {1, true, 0, 64, 4, 63};
  CHECK(verdict(draft.build()) == load(0) + ": region l1[0 +64 x4/63 x1/0] writes a byte twice");
  draft = pipeline();
  draft.tasks[0][0].regions[0] = {0, false, 0, 64, 4, 0};
  CHECK(verdict(draft.build()) == kSound);
}

TEST_CASE("ids, counts and pools out of range are refused") {
  const auto refused = [](auto change, const std::string& expected) {
    Program program = small_pipeline(1);
    change(program);
    INFO(expected);
    CHECK(holds(verdict(program), expected));
  };
  refused([](Program& p) { p.commands[1].queue = 3; }, "the queue is not the target's");
  refused([](Program& p) { p.commands[1].opcode = 3; }, "the opcode is not the target's");
  refused([](Program& p) { p.flags[0] = 8; }, "sets flag 8, which is not the target's");
  refused([](Program& p) { p.regions[0].space = 3; }, "space 3 is not the target's");
  refused([](Program& p) { p.regions[0].bytes = 0; }, "must have positive bytes");
  refused([](Program& p) { p.regions[0].outer_stride = -1; }, "no negative stride");
  refused([](Program& p) { p.commands[2].args[0] = 1; }, "argument 0 is 1, but the opcode has only 0");
  refused([](Program& p) { p.commands[2].first_region = 5; }, "regions are not in the program's pool");
  refused([](Program& p) { p.commands[2].task = 1; }, "of task 1 is among the commands of task 'conv1'");
  refused([](Program& p) { p.tasks[0].command_count = 2; }, "belongs to no task");
  refused([](Program& p) { p.buffers[0].bytes = 65537; },
          "does not lie inside the global space of 65536 bytes");
  refused([](Program& p) { p.buffers[1].first_task = 1; }, "the program has 1 tasks");
  refused([](Program& p) { p.target = nullptr; }, "no target");
}

TEST_CASE("after every dropped wait or set of 200 random pipelines the program is refused") {
  Rng rng(99);
  int dropped = 0;
  for (int i = 0; i < 200; ++i) {
    const Target target = random_target(rng);
    const Program program = random_pipeline(target, rng);
    for (std::size_t c = 0; c < program.commands.size(); ++c) {
      if (rng.uniform(0, 7) != 0) continue;
      const Command& command = program.commands[c];
      const int flags = command.wait_count + command.set_count;
      if (flags == 0) continue;
      Draft draft(program);
      auto& victim = draft.tasks[command.task][c - program.tasks[command.task].first_command];
      const auto which = static_cast<std::size_t>(rng.uniform(0, flags - 1));
      if (which < victim.waits.size()) {
        victim.waits.erase(victim.waits.begin() + static_cast<std::ptrdiff_t>(which));
      } else {
        victim.sets.erase(victim.sets.begin() + static_cast<std::ptrdiff_t>(which - victim.waits.size()));
      }
      ++dropped;
      INFO("program " << i << " command " << c << "\n" << print(draft.build()));
      REQUIRE(verdict(draft.build()) != kSound);
    }
  }
  CHECK(dropped > 500);
}
