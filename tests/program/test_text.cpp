// The text form: exact round trips, and errors with the line and the nearest name.
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

bool equal(const Region& a, const Region& b) {
  return a.space == b.space && a.write == b.write && a.offset == b.offset && a.bytes == b.bytes &&
         a.inner == b.inner && a.inner_stride == b.inner_stride && a.outer == b.outer &&
         a.outer_stride == b.outer_stride;
}

bool equal(const Command& a, const Command& b) {
  return a.queue == b.queue && a.opcode == b.opcode && a.task == b.task && a.first_region == b.first_region &&
         a.region_count == b.region_count && a.wait_count == b.wait_count && a.set_count == b.set_count &&
         a.first_flag == b.first_flag && a.args == b.args && a.macs == b.macs && a.setting == b.setting;
}

bool equal(const Task& a, const Task& b) {
  return a.name == b.name && a.op == b.op && a.engine == b.engine && a.launch_cycles == b.launch_cycles &&
         a.first_command == b.first_command && a.command_count == b.command_count && a.macs == b.macs &&
         a.joined == b.joined;
}

bool equal(const Buffer& a, const Buffer& b) {
  return a.name == b.name && a.offset == b.offset && a.bytes == b.bytes && a.input == b.input &&
         a.output == b.output && a.first_task == b.first_task && a.last_task == b.last_task &&
         a.space == b.space;
}

template <class T>
bool all_equal(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const T& x, const T& y) { return equal(x, y); });
}

bool equal(const Program& a, const Program& b) {
  return a.target == b.target && a.network == b.network && a.flags == b.flags && a.settings == b.settings &&
         all_equal(a.tasks, b.tasks) && all_equal(a.commands, b.commands) &&
         all_equal(a.regions, b.regions) && all_equal(a.buffers, b.buffers);
}

/// Joined tasks, settings used in any order or not at all, buffers in scratchpads.
void decorate(Program& program, Rng& rng) {
  for (Task& task : program.tasks) task.joined = rng.uniform(0, 1) == 0;
  for (std::int64_t i = rng.uniform(0, 5); i > 0; --i) {
    Setting setting{i % 2 == 0 ? "load 3d" : "relu6", {}};
    for (std::int64_t v = rng.uniform(0, 3); v > 0; --v) {
      setting.values.emplace_back(v == 1 ? "" : "key=\"" + std::to_string(v), v == 2 ? "" : "3x3 -1.5e-3");
    }
    program.settings.push_back(setting);
  }
  const auto last = static_cast<std::int64_t>(program.settings.size()) - 1;
  for (Command& command : program.commands) {
    if (last >= 0 && rng.uniform(0, 3) == 0)
      command.setting = static_cast<std::uint32_t>(rng.uniform(0, last));
  }
  for (Buffer& buffer : program.buffers) {
    buffer.space =
        static_cast<SpaceId>(rng.uniform(0, static_cast<std::int64_t>(program.target->spaces.size()) - 1));
  }
}

/// The message of the UserError that parsing `text` for the small target throws; "" when it throws none.
std::string complaint(const std::string& text) {
  try {
    parse(text, small_target(), "p.txt");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("300 random programs print and parse back exactly") {
  Rng rng(7);
  for (int i = 0; i < 300; ++i) {
    const Target target = random_target(rng);
    Program program = random_pipeline(target, rng);
    // Odd but legal values, which only the text form must carry.
    program.tasks[0].launch_cycles = rng.uniform(-3, 3);
    program.tasks[0].name = std::string("tab\t quote\" newline\n slash\\ bell\x07 \xC3\xA9");
    for (Region& region : program.regions) {
      if (rng.uniform(0, 9) == 0) region.outer = rng.uniform(1, 3);
      if (rng.uniform(0, 9) == 0) region.inner_stride = rng.uniform(0, 100);
      if (rng.uniform(0, 9) == 0) region.outer_stride = rng.uniform(0, INT64_MAX / 2);
    }
    decorate(program, rng);
    const std::string text = print(program);
    const Program back = parse(text, target, "random");
    INFO(text);
    REQUIRE(equal(program, back));
    REQUIRE(print(back) == text);
  }
}

TEST_CASE("a program's text has one line for each buffer, task and command") {
  const std::string expected =
      "program toy_net chip toy\n"
      "buffer x [0 +256] input\n"
      "buffer y [32768 +128] output\n"
      "task conv1 op conv engine cube launch 100 macs 1000\n"
      "  load  copy_in  rows=0 r ddr[0 +256] w l1[0 +256] set in_ready.0\n"
      "  cube  mmad     m=16 k=16 n=0 r l1[0 +256] w out[0 +128] wait in_ready.0 set out_ready.0 macs 1000\n"
      "  store copy_out r out[0 +128] w ddr[32768 +128] wait out_ready.0\n";
  CHECK(print(small_pipeline(1)) == expected);
}

TEST_CASE("a strided region prints its repetitions, and a buffer its lifetime") {
  Draft draft(small_pipeline(1));
  draft.tasks[0][0].regions[0] = {0, false, 0, 64, 2, 512, 2, 4096};
  draft.tasks[0][0].regions[1] = {1, true, 0, 64, 4, 128};
  draft.frame.buffers[1].first_task = 3;
  draft.frame.buffers[1].last_task = 5;
  const std::string text = print(draft.build());
  CHECK(holds(text, "r ddr[0 +64 x2/512 x2/4096] w l1[0 +64 x4/128] set"));
  CHECK(holds(text, "buffer y [32768 +128] output tasks 3..5\n"));
}

TEST_CASE("comments and blank lines are skipped, arguments may come in any order") {
  const Program program = parse(
      "# by hand\n\nprogram n chip toy\ntask t op conv engine cube launch 0 macs 0\n"
      "   # indented\n  cube mmad n=3 m=1 k=2\n",
      small_target(), "p.txt");
  REQUIRE(program.commands.size() == 1);
  CHECK(program.commands[0].args[0] == 1);
  CHECK(program.commands[0].args[1] == 2);
  CHECK(program.commands[0].args[2] == 3);
}

TEST_CASE("a wrong text is refused with its line and the nearest valid name") {
  const std::string head = "program n chip toy\ntask t op conv engine cube launch 0 macs 0\n";
  const auto check = [](const std::string& text, const std::string& expected) {
    INFO(text);
    CHECK(complaint(text) == expected);
  };
  check("", "p.txt: expected 'program NAME chip NAME', found no program");
  check("progam n chip toy\n", "p.txt:1: expected 'program', found 'progam'");
  check("program n chip tod\n", "p.txt:1: the program is for chip 'tod', expected chip 'toy'");
  check("program n chip toy\ntsk t\n",
        "p.txt:2: expected 'buffer', 'setting' or 'task' before any command, found 'tsk'; did you mean "
        "'task'?");
  check(head + "  cub mmad\n", "p.txt:3: chip 'toy' has no queue 'cub'; did you mean 'cube'?");
  check(head + "  cube mmed\n", "p.txt:3: chip 'toy' has no opcode 'mmed'; did you mean 'mmad'?");
  check(head + "  cube mmad m=1 k=1\n", "p.txt:3: argument 'n' of mmad is missing");
  check(head + "  cube mmad m=1 m=1\n", "p.txt:3: argument 'm' of mmad is given twice");
  check(head + "  load copy_in row=1\n", "p.txt:3: copy_in has no argument 'row'; did you mean 'rows'?");
  check(head + "  load copy_in rows=3000000000\n",
        "p.txt:3: expected copy_in's rows as an integer from -2147483648 to 2147483647, found '3000000000'");
  check(head + "  store copy_out r l2[0 +4]\n", "p.txt:3: chip 'toy' has no space 'l2'; did you mean 'l1'?");
  check(head + "  store copy_out r l1[0 4]\n", "p.txt:3: expected '+' before the region's bytes, found '4]'");
  check(head + "  store copy_out r l1[0 +4 y2/3]\n",
        "p.txt:3: expected a repetition xCOUNT/STRIDE, found 'y2'");
  check(head + "  store copy_out r l1[0 +4\n",
        "p.txt:3: expected a repetition xCOUNT/STRIDE or ']', found the end of the line");
  check(head + "  store copy_out wait in_redy.0\n",
        "p.txt:3: chip 'toy' has no flag 'in_redy.0'; did you mean 'in_ready.0'?");
  check(head + "  store copy_out set in_free.0 wait in_free.1\n", "p.txt:3: expected waits before sets");
  check(
      head + "  store copy_out weit in_free.1\n",
      "p.txt:3: expected an argument NAME=VALUE, 'r', 'w', 'wait', 'set', 'macs' or 'setting', found 'weit'; "
      "did you mean 'wait'?");
  check(head + "task \"open\n",
        "p.txt:3: expected the task's name, found a quoted name without its closing quote");
  check("program n chip toy extra\n", "p.txt:1: expected the end of the line after this");
  check("program n chip toy\nbuffer b [0 +1] inptu\n",
        "p.txt:2: expected 'input', 'output' or 'tasks', found 'inptu'; did you mean 'input'?");
  check("program n chip toy\nbuffer b [0 +1] tasks 4\n",
        "p.txt:2: expected a range of tasks FIRST..LAST, found '4'");
  check("program n chip toy\ntask t op conv engine cube launch 0 macs 0 jioned\n",
        "p.txt:2: expected 'joined', found 'jioned'");
  check("program n chip toy\nbuffer b l3[0 +1]\n",
        "p.txt:2: chip 'toy' has no space 'l3'; did you mean 'l1'?");
  check("program n chip toy\nseting 0 load\n",
        "p.txt:2: expected 'buffer', 'setting' or 'task' before any command, found 'seting'; did you mean "
        "'setting'?");
  check("program n chip toy\nsetting -1 load\n",
        "p.txt:2: expected the setting's number as an integer from 0 to 4294967294, found '-1'");
  check("program n chip toy\nsetting 0 load kernel\n",
        "p.txt:2: expected '=' after 'kernel', found the end of the line");
  check("program n chip toy\nsetting 0 load\nsetting 0 load\n", "p.txt:3: setting 0 is given twice");
  check("program n chip toy\nsetting 1 load\n",
        "p.txt: expected settings numbered from 0 without gap, found setting 1 but no setting 0");
  check(head + "  cube mmad m=1 k=1 n=1 setting 2\n",
        "p.txt:3: expected the number of a setting that is given above, found 2");
}

TEST_CASE(
    "a joined task, a setting before its first use and a buffer in a scratchpad have words of their own") {
  Draft draft(small_pipeline(2));
  draft.frame.tasks.push_back(plain_task("conv2"));
  draft.frame.tasks.back().joined = true;
  draft.frame.settings = {{"unused", {}}, {"mmad", {{"relu", "yes"}, {"pad", "1,1"}}}};
  draft.frame.buffers.push_back({"bias", 128, 64, true, false, 0, 1, 1});
  draft.tasks.emplace_back();
  draft.tasks[0][1].head.setting = 1;
  draft.tasks[0][4].head.setting = 1;
  const std::string text = print(draft.build());
  INFO(text);
  CHECK(holds(text, "buffer bias l1[128 +64] input tasks 0..1\n"));
  CHECK(holds(text, "setting 1 mmad relu=yes pad=\"1,1\"\n  cube  mmad"));
  CHECK(holds(text, "macs 1000 setting 1\n"));
  CHECK(holds(text, "task conv2 op conv engine cube launch 0 macs 0 joined\n"));
  CHECK(holds(text, "\nsetting 0 unused\n"));
  CHECK(text.find("setting 1 mmad") == text.rfind("setting 1 mmad"));
}

TEST_CASE("the builder keeps one copy of equal settings") {
  Program program;
  program.target = &small_target();
  Builder builder(program);
  CHECK(builder.setting({"a", {{"k", "1"}}}) == 0);
  CHECK(builder.setting({"a", {{"k", "2"}}}) == 1);
  CHECK(builder.setting({"a", {{"k", "1"}}}) == 0);
  CHECK(program.settings.size() == 2);
}

TEST_CASE("a command takes at most 80 bytes, a region 56: a network of 100,000 commands must stay small") {
  CHECK(sizeof(Command) <= 80);
  CHECK(sizeof(Region) <= 56);
}
