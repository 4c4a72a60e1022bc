// Joined tasks: what flags must order, what scratchpads keep, and where buffers may live.
#include "tests/catch.h"
#include "tests/program/task_script.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

constexpr QueueId kLoad = 0, kCube = 1, kStore = 2;
constexpr SpaceId kL1 = 1;

}  // namespace

TEST_CASE("a joined task reads what the task before left in the scratchpad, any other task does not") {
  for (const bool joined : {true, false}) {
    TaskScript t;
    t.task("one");
    t.command(kCube, {writes(0, 64, kL1)});
    t.task("two", joined);
    t.command(kCube, {reads(0, 64, kL1)});
    CHECK(t.verdict() == (joined
                              ? kSound
                              : "task 'two' command 0 (cube copy_out) reads l1[0 +64], which no command of "
                                "the segment has written before"));
  }
}

TEST_CASE("a joined task does not wait: without a flag its read of another queue's write is refused") {
  for (const bool tied : {true, false}) {
    TaskScript t;
    t.task("one");
    t.command(kLoad, {writes(0, 64, kL1)}, -1, tied ? 0 : -1);
    t.joined("two");
    t.command(kCube, {reads(0, 64, kL1)}, tied ? 0 : -1);
    CHECK(t.verdict() == (tied ? kSound
                               : "task 'two' command 0 (cube copy_out) reads l1[0 +64], which task 'one' "
                                 "command 0 (load copy_out) writes, in no certain order"));
  }
}

TEST_CASE("a tensor in global memory passes between joined tasks of two queues by flag only") {
  for (const int flag : {3, -1}) {
    TaskScript t;
    t.buffer("a", 0, 64, 0, 1);
    t.task("one");
    t.command(kStore, {writes(0, 64)}, -1, flag);
    t.joined("two");
    t.command(kLoad, {reads(0, 64)}, flag);
    CHECK(t.verdict() == (flag >= 0
                              ? kSound
                              : "task 'two' command 0 (load copy_out) reads ddr[0 +64] of buffer 'a', "
                                "which task 'one' command 0 (store copy_out) writes, in no certain order"));
  }
}

TEST_CASE("a flag may stay set from task to joined task, but not beyond the segment") {
  for (const bool joined : {true, false}) {
    TaskScript t;
    t.task("one");
    t.command(kLoad, {}, -1, 0);
    t.joined("two");
    t.command(kLoad, {});
    t.task("three", joined);
    t.command(kCube, {}, 0);
    CHECK(t.verdict() == (joined ? kSound
                                 : "task 'one' command 0 (load copy_out) sets flag 'in_ready.0', but nothing "
                                   "waits for that set before the segment ends"));
  }
}

TEST_CASE("buffers with disjoint lives share addresses within a segment only behind flags") {
  // "old" is read by the store queue in task two; "new" is written by the load queue in task three.
  for (const int flag : {5, -1}) {
    TaskScript t;
    t.buffer("old", 0, 64, 0, 1);
    t.buffer("new", 32, 64, 2, 2);
    t.task("one");
    t.command(kStore, {writes(0, 64)});
    t.joined("two");
    t.command(kStore, {reads(0, 64)}, -1, flag);
    t.joined("three");
    t.command(kLoad, {writes(32, 64)}, flag);
    CHECK(t.verdict() == (flag >= 0
                              ? kSound
                              : "task 'three' command 0 (load copy_out) overwrites ddr[32 +32] of buffer "
                                "'old', which task 'two' command 0 (store copy_out) reads, in no certain "
                                "order"));
  }
}

TEST_CASE("buffers that share addresses in different segments need no flag") {
  TaskScript t;
  t.buffer("old", 0, 64, 0, 1, true);
  t.buffer("new", 32, 64, 2, 3);
  t.task("one");
  t.command(kStore, {reads(0, 64)});
  t.joined("two");
  t.command(kStore, {reads(0, 64)});
  t.task("three");
  t.command(kLoad, {writes(32, 64)});
  t.joined("four");
  t.command(kLoad, {reads(32, 64)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("reading a buffer behind the flag that lets another one overwrite it is refused") {
  TaskScript t;
  t.buffer("old", 0, 64, 0, 1, true);
  t.buffer("new", 0, 64, 2, 2);
  t.task("one");
  t.command(kLoad, {});
  t.joined("two");
  t.command(kStore, {reads(16, 8)}, 0);  // after the write, by this flag
  t.joined("three");
  t.command(kLoad, {writes(0, 64)}, -1, 0);
  CHECK(
      t.verdict() ==
      "task 'two' command 0 (store copy_out) reads ddr[16 +8] of buffer 'old', which task 'three' command 0 "
      "(load copy_out) has overwritten with buffer 'new'");
}

TEST_CASE("parameters in a scratchpad are read by every task of their life without flags") {
  TaskScript t;
  t.buffer("weights", 128, 64, 0, 2, true, false, kL1);
  t.task("one");
  t.command(kCube, {reads(128, 32, kL1), writes(0, 64, kL1)});
  t.task("two");
  t.command(kStore, {reads(160, 32, kL1)});
  t.joined("three");
  t.command(kCube, {reads(128, 64, kL1)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("parameters in a scratchpad occupy their bytes") {
  const auto verdict_on = [](const Region& region) {
    TaskScript t;
    t.buffer("weights", 128, 64, 0, 1, true, false, kL1);
    t.task("one");
    t.command(kCube, {region});
    t.joined("two");
    return t.verdict();
  };
  CHECK(verdict_on(writes(0, 128, kL1)) == kSound);
  CHECK(verdict_on(writes(192, 8, kL1)) == kSound);
  CHECK(verdict_on({kL1, true, 64, 64, 2, 128}) == kSound);  // on both sides of them
  CHECK(verdict_on(writes(130, 4, kL1)) ==
        "task 'one' command 0 (cube copy_out) writes l1[130 +4] of buffer 'weights', which is an input");
  CHECK(
      verdict_on(writes(0, 129, kL1)) ==
      "task 'one' command 0 (cube copy_out) writes l1[0 +129], which lies partly inside l1[128 +1] of buffer "
      "'weights'");
  CHECK(
      verdict_on(writes(191, 2, kL1)) ==
      "task 'one' command 0 (cube copy_out) writes l1[191 +2], which does not lie inside one buffer that is "
      "alive");
}

TEST_CASE("a scratchpad's bytes are free before a buffer's life, by flags, and after it") {
  // The buffer's life is the middle task; cube works on its bytes before, store behind it.
  for (const int broken : {0, 1, 2}) {
    TaskScript t;
    t.buffer("kept", 0, 64, 1, 1, false, false, kL1);
    t.task("before");
    t.command(kCube, {writes(0, 64, kL1)});
    t.command(kCube, {reads(0, 64, kL1)}, -1, broken == 1 ? -1 : 0);
    t.joined("life");
    t.command(kLoad, {writes(0, 64, kL1)}, broken == 1 ? -1 : 0);
    t.command(kLoad, {reads(0, 64, kL1)}, -1, broken == 2 ? -1 : 1);
    t.joined("after");
    t.command(kStore, {writes(32, 64, kL1)}, broken == 2 ? -1 : 1);
    t.command(kStore, {reads(32, 64, kL1)});
    const std::string expected[] = {
        kSound,
        "task 'life' command 0 (load copy_out) overwrites l1[0 +64], which task 'before' command 1 (cube "
        "copy_out) reads, in no certain order",
        "task 'after' command 0 (store copy_out) overwrites l1[32 +32] of buffer 'kept', which task 'life' "
        "command 1 (load copy_out) reads, in no certain order"};
    CHECK(t.verdict() == expected[broken]);
  }
}

TEST_CASE("what a buffer left in a scratchpad is nobody's data after its life") {
  TaskScript t;
  t.buffer("kept", 0, 64, 0, 0, false, false, kL1);
  t.task("life");
  t.command(kLoad, {writes(0, 64, kL1)});
  t.joined("after");
  t.command(kLoad, {reads(0, 8, kL1)});
  CHECK(t.verdict() ==
        "task 'after' command 0 (load copy_out) reads l1[0 +8], which task 'life' command 0 (load copy_out) "
        "has "
        "overwritten with buffer 'kept'");
  TaskScript u;
  u.buffer("weights", 0, 64, 0, 0, true, false, kL1);
  u.task("life");
  u.command(kLoad, {reads(0, 64, kL1)});
  u.joined("after");
  u.command(kLoad, {reads(0, 8, kL1)});
  CHECK(u.verdict() ==
        "task 'after' command 0 (load copy_out) reads l1[0 +8], which no command of the segment has written "
        "before");
}

TEST_CASE("a buffer in a scratchpad keeps what one segment wrote for another") {
  TaskScript t;
  t.buffer("kept", 0, 64, 0, 2, false, false, kL1);
  t.task("one");
  t.command(kLoad, {writes(0, 64, kL1)});
  t.task("two");
  t.command(kCube, {writes(64, 64, kL1)});
  t.task("three");
  t.command(kStore, {reads(0, 64, kL1)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("an input must live from the start, an output to the end, a buffer inside its scratchpad") {
  const auto verdict_on = [](std::int64_t bytes, std::uint32_t first, std::uint32_t last, bool input,
                             bool output, SpaceId space) {
    TaskScript t;
    t.buffer("b", 0, bytes, first, last, input, output, space);
    t.task("one");
    t.task("two");
    return t.verdict();
  };
  CHECK(verdict_on(8, 1, 1, true, false, 0) == "buffer 'b' is an input, but alive only from task 1 on");
  CHECK(verdict_on(8, 0, 0, false, true, 0) == "buffer 'b' is an output, but alive only to task 0 of 2");
  CHECK(verdict_on(4097, 0, 1, true, false, kL1) ==
        "buffer 'b' [0 +4097] does not lie inside 'l1' of 4096 bytes");
  CHECK(verdict_on(8, 0, 1, true, false, 9) == "buffer 'b' is in space 9, which is not the target's");
  CHECK(verdict_on(4096, 0, 1, true, false, kL1) == kSound);
}

TEST_CASE("a deadlock across joined tasks names both commands") {
  TaskScript t;
  t.task("one");
  t.command(kCube, {}, 0, 1);
  t.joined("two");
  t.command(kLoad, {}, 1, 0);
  CHECK(
      t.verdict() ==
      "deadlock: task 'two' command 0 (load copy_out) waits for flag 'in_ready.1', next set by task 'one' "
      "command 0 (cube copy_out); task 'one' command 0 (cube copy_out) waits for flag 'in_ready.0', next set "
      "by task 'two' command 0 (load copy_out)");
}
