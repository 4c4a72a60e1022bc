// The global space: buffers' lifetimes, tensors written once, reads after writes, within a task and across
// tasks.
#include <fmt/format.h>

#include "tests/catch.h"
#include "tests/program/task_script.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

using Tensors = TaskScript;

TEST_CASE("a tensor written in one task is read in the next without any flag") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.task("one");
  t.command(0, {writes(0, 32)});
  t.command(1, {writes(32, 32)});
  t.task("two");
  t.command(2, {reads(0, 64)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("memory is reused by a buffer whose life begins after the other's has ended") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.buffer("b", 32, 64, 2, 3);
  for (const char* name : {"one", "two", "three", "four"}) {
    t.task(name);
    const bool first = std::string(name) == "one" || std::string(name) == "two";
    const bool write = std::string(name) == "one" || std::string(name) == "three";
    t.command(0, {write ? writes(first ? 0 : 32, 64) : reads(first ? 0 : 32, 64)});
  }
  CHECK(t.verdict() == kSound);
}

TEST_CASE("two buffers that overlap by one byte and share one task are refused by name") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.buffer("b", 63, 64, 1, 1);
  t.task("one");
  t.task("two");
  CHECK(t.verdict() ==
        "buffers 'a' and 'b' overlap in address (ddr[0 +64] and ddr[63 +64]) and are both alive in task 1 "
        "('two')");
  Tensors u;
  u.buffer("a", 0, 64, 0, 1);
  u.buffer("b", 64, 64, 1, 1);
  u.task("one");
  u.task("two");
  CHECK(u.verdict() == kSound);
}

TEST_CASE("a buffer may not be touched outside its life") {
  Tensors t;
  t.buffer("a", 0, 64, 1, 1);
  t.task("one");
  t.command(0, {reads(0, 64)});
  t.task("two");
  CHECK(t.verdict() ==
        "task 'one' command 0 (load copy_out) reads ddr[0 +64], which does not lie inside one buffer that is "
        "alive");
}

TEST_CASE("a region may not span two buffers, even if they touch") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 0, true);
  t.buffer("b", 64, 64, 0, 0, true);
  t.task("one");
  t.command(0, {reads(32, 64)});
  CHECK(t.verdict() ==
        "task 'one' command 0 (load copy_out) reads ddr[32 +64], which does not lie inside one buffer that "
        "is alive");
}

TEST_CASE("a tensor read before the task that writes it names the writer") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.task("one");
  t.command(0, {reads(16, 8)});
  t.task("two");
  t.command(1, {writes(0, 64)});
  CHECK(
      t.verdict() ==
      "task 'one' command 0 (load copy_out) reads ddr[16 +8] of buffer 'a', which task 'two' command 0 (cube "
      "copy_out) writes, but not certainly before");
}

TEST_CASE("a tensor that is read but that nothing writes is refused") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.task("one");
  t.command(0, {writes(0, 32)});
  t.task("two");
  t.command(1, {reads(24, 16)});
  CHECK(t.verdict() ==
        "task 'two' command 0 (cube copy_out) reads ddr[32 +8] of buffer 'a', which nothing writes");
}

TEST_CASE("a tensor that is read must be complete when its life ends, one that nobody reads need not") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.task("one");
  t.command(0, {writes(0, 32)});
  t.task("two");
  t.command(1, {reads(0, 32)});
  CHECK(t.verdict() ==
        "ddr[32 +32] of buffer 'a' is never written: 32 of the buffer's 64 bytes are, and it is read");
  Tensors u;
  u.buffer("a", 0, 64, 0, 1);
  u.task("one");
  u.command(0, {writes(0, 32)});
  CHECK(u.verdict() == kSound);
}

TEST_CASE("a part of a tensor may be read while another part is still to be written by a later task") {
  Tensors t;
  t.buffer("concat", 0, 64, 0, 2);
  t.task("left");
  t.command(0, {writes(0, 32)});
  t.task("between");
  t.command(0, {reads(0, 32)});
  t.task("right");
  t.command(0, {writes(32, 32)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("a byte written in two tasks is found whichever end of the tensor came first") {
  for (const std::int64_t first : {0, 32}) {
    Tensors t;
    t.buffer("a", 0, 64, 0, 1);
    t.task("one");
    t.command(0, {writes(first, 32)});
    t.task("two");
    t.command(1, {writes(16, 32)});
    const std::int64_t twice = first == 0 ? 16 : 32;
    CHECK(t.verdict() ==
          fmt::format("task 'two' command 0 (cube copy_out) writes ddr[{} +16] of buffer 'a' a second "
                      "time; task 'one' command 0 (load copy_out) writes it too",
                      twice));
  }
}

TEST_CASE("a complete tensor may not be written again") {
  Tensors t;
  t.buffer("a", 0, 64, 0, 1);
  t.task("one");
  t.command(0, {writes(0, 64)});
  t.task("two");
  t.command(1, {writes(63, 1)});
  CHECK(t.verdict() ==
        "task 'two' command 0 (cube copy_out) writes ddr[63 +1] of buffer 'a' a second time; task 'one' "
        "command 0 "
        "(load copy_out) writes it too");
}

TEST_CASE("within a task a spilled tensor may be read back by another queue after a flag, not without") {
  for (const bool flag : {true, false}) {
    for (const std::int64_t bytes : {64, 128}) {  // complete or not when it is read back
      Tensors t;
      t.buffer("spill", 0, bytes, 0, 0);
      t.task("one");
      t.command(0, {writes(0, 64)}, -1, flag ? 0 : -1);
      t.command(1, {reads(16, 8)}, flag ? 0 : -1, -1);
      if (bytes == 128) t.command(0, {writes(64, 64)});
      CHECK(t.verdict() ==
            (flag ? ""
                  : "task 'one' command 1 (cube copy_out) reads ddr[16 +8] of buffer 'spill', which "
                    "task 'one' command 0 (load copy_out) writes, in no certain order"));
    }
  }
}

TEST_CASE("what one task spilled and read back, the next task may read from any queue") {
  Tensors t;
  t.buffer("spill", 0, 128, 0, 1);
  t.task("one");
  for (const std::int64_t at : {0, 32}) t.command(0, {writes(at, 32)});
  t.command(0, {reads(0, 64)});
  t.task("two");
  t.command(1, {reads(0, 64)});
  t.command(0, {writes(64, 64)});
  CHECK(t.verdict() == kSound);
}

TEST_CASE("strided tiles that interleave in a tensor fill it exactly once") {
  Tensors t;
  t.buffer("y", 0, 512, 0, 0, false, true);
  t.task("one");
  for (std::int64_t tile = 0; tile < 4; ++tile) t.command(2, {{0, true, 16 * tile, 16, 8, 64}});
  CHECK(t.verdict() == kSound);
  Tensors u;
  u.buffer("y", 0, 512, 0, 0, false, true);
  u.task("one");
  for (std::int64_t tile = 0; tile < 4; ++tile) {
    u.command(2, {{0, true, 16 * tile, 16, tile == 2 ? 7 : 8, 64}});
  }
  CHECK(
      u.verdict() ==
      "ddr[480 +16] of buffer 'y' is never written: 496 of the buffer's 512 bytes are, and it is an output");
}

TEST_CASE("an output that is also an input is complete from the start") {
  Tensors t;
  t.buffer("through", 0, 64, 0, 0, true, true);
  t.task("one");
  CHECK(t.verdict() == kSound);
}
