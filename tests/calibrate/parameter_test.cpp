// Free keys: bounds, kinds, scales.
#include "nas/calibrate/parameter.h"

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::calibrate;

namespace {

Parameter one(const std::string& text) {
  return parse_parameters(hw::describe("ascend310"), {text}, {}).at(0);
}

std::string complaint(const std::vector<std::string>& free, const std::vector<std::string>& bounds = {}) {
  try {
    parse_parameters(hw::describe("ascend310"), free, bounds);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("bounds come from the command line, else from the range that the source guesses") {
  const Parameter task = one("launch.task_us=1..20");
  CHECK(task.describe() == "1..20, a number, log scale");
  CHECK(task.levels() == 0);
  CHECK(task.at(0) == "1");
  CHECK(task.at(1) == "20");
  CHECK(task.place("1") == 0);
  CHECK(task.place("100") == 1);
  CHECK(one("dram.controller_cycles").describe() == "40..150, a whole number");
  const auto two = parse_parameters(hw::describe("ascend310"), {"launch.task_us,dram.controller_cycles"},
                                    {"launch.task_us=5..15"});
  REQUIRE(two.size() == 2);
  CHECK(two[0].describe() == "5..15, a number");
  CHECK(contains(complaint({"launch.task_us"}), "its source (fitted) gives no range"));
}

TEST_CASE("whole numbers stay whole, sizes stay powers of two, lists stay lists") {
  const Parameter cycles = one("dram.controller_cycles");
  CHECK(cycles.levels() == 111);
  CHECK(cycles.at(0.5) == "95");
  CHECK(cycles.at(cycles.place("120")) == "120");
  const Parameter interleave = one("dram.interleave_bytes");
  CHECK(interleave.describe() == "256..2048, a power of two");
  CHECK(interleave.levels() == 4);
  CHECK(interleave.at(0.4) == "512");
  const Parameter list = one("dram.interleave_bytes={2048,256}");
  CHECK(list.at(0) == "256");
  CHECK(list.at(1) == "2048");
  CHECK(list.numeric());
  const Parameter word = one("dram.policy");
  CHECK_FALSE(word.numeric());
  CHECK(word.describe() == "{in-order, fr-fcfs}");
  CHECK(one("mapping.concat_in_place").describe() == "{false, true}");
}

TEST_CASE("a value equal to the description's is written as there") {
  const Parameter task = one("launch.task_us=5..15");
  CHECK(task.start() == "10.0");
  CHECK(task.at(0.5) == "10.0");
  CHECK(task.bound_hit("15") == "high 15");
  CHECK(task.bound_hit("14.9").empty());
}

TEST_CASE("wrong free keys are refused with what was meant") {
  CHECK(complaint({"launch.tsk_us=1..2"}) ==
        "--free launch.tsk_us=1..2: the chip has no key 'launch.tsk_us'; did you mean 'launch.task_us'?");
  CHECK(contains(complaint({"launch.task_us=1..2", "launch.task_us=1..3"}), "is given twice"));
  CHECK(contains(complaint({"launch.task_us=5..5"}), "holds less than two values"));
  CHECK(contains(complaint({"launch.task_us=fast"}), "expected launch.task_us=LOW..HIGH"));
  CHECK(contains(complaint({"dram.channels=-4..-2"}), "the chip takes no value of its range"));
  CHECK(contains(complaint({"dram.interleave_bytes"}, {"dram.interleave_byte=1..2"}), "has no key"));
  CHECK(contains(complaint({"dram.interleave_bytes"}, {"launch.task_us=1..2"}),
                 "expected KEY=LOW..HIGH of a key that --free names"));
}

TEST_CASE("bounds that leave out the description's own value are refused: the fit could be worse than none") {
  const Config chip = hw::describe("ascend310");
  const auto complaint = [&](const char* free) -> std::string {
    try {
      parse_parameters(chip, {free}, {});
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const std::string text = complaint("launch.task_us=11..30");
  CHECK(text.find("--free launch.task_us: its value 10") == 0);
  CHECK(text.find("is outside of the bounds 11..30, a number: widen them") != std::string::npos);
  CHECK(complaint("launch.task_us=10..30").empty());
}
