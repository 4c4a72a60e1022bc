// Damage to a program that the structural verifier cannot see is seen in the numbers, at the right layer.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "hw_models/ascend310/opcodes.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/verify/trials.h"

using namespace npusim;
using namespace npusim::verify_test;
using namespace npusim::ascend310;
using program::Command;
using program::Program;
using program::Region;

namespace {

/// Three convolutions with several tiles each and a pool; the damage goes into the second, "middle".
hw::Trial damaged_trial() {
  zoo::Builder b("damaged", {1, 32, 24, 20});
  auto x = b.conv_act("first", b.input(), {48, 3});
  x = b.conv_act("middle", x, {64, 3});
  x = b.max_pool("pool", x, {3, 2, 1});
  return prepare(
      b.finish(b.conv("last", x, {32, 1})), ir::DType::f16,
      {"buffers.l0a_kib=8", "buffers.l0b_kib=8", "buffers.l1_kib=96", "mapping.l2_activations=true"});
}

/// The commands of a task with this opcode, as indices.
std::vector<std::size_t> commands(const Program& program, const std::string& task, Opcode opcode) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < program.commands.size(); ++i) {
    const Command& command = program.commands[i];
    if (command.opcode == opcode && program.tasks[command.task].name == task) found.push_back(i);
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

/// The command's first region of this kind.
Region& region(Program& program, std::size_t command, bool write, bool global) {
  const Command& it = program.commands[command];
  for (std::size_t i = it.first_region; i < std::size_t{it.first_region} + it.region_count; ++i) {
    Region& candidate = program.regions[i];
    if (candidate.write == write && (candidate.space == 0) == global) return candidate;
  }
  FAIL("the command has no such region");
  return program.regions.front();
}

/// Fails unless the run meets a wrong number, or commands that do not fit together, in layer `task`.
void require_caught(const hw::Trial& trial, const std::string& task) {
  try {
    const hw::Verdict verdict = hw::run_trial(trial);
    REQUIRE(verdict.mismatch);
    INFO(verdict.mismatch->where);
    CHECK(verdict.mismatch->task == task);
    CHECK(verdict.checks.back().task == task);
    CHECK_FALSE(verdict.mismatch->where.empty());
  } catch (const InternalError& error) {
    CHECK(std::string(error.what()).find(fmt::format("task '{}'", task)) != std::string::npos);
  }
}

/// Changes one value of the setting of the task's commands with this opcode.
void change_setting(Program& program, const std::string& task, Opcode opcode, const std::string& key,
                    const std::string& value) {
  const std::uint32_t number = program.commands[commands(program, task, opcode).front()].setting;
  program::Setting changed = program.settings.at(number);
  const auto found = std::find_if(changed.values.begin(), changed.values.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  REQUIRE(found != changed.values.end());
  found->second = value;
  program.settings.push_back(changed);
  for (auto& command : program.commands) {
    if (program.tasks[command.task].name == task && command.setting == number) {
      command.setting = static_cast<std::uint32_t>(program.settings.size() - 1);
    }
  }
}

}  // namespace

TEST_CASE("an undamaged program passes") { REQUIRE_FALSE(hw::run_trial(damaged_trial()).mismatch); }

TEST_CASE("a load from an address 512 bytes further on is caught at its layer") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  region(program, commands(program, "middle", kLoadGlobal).front(), false, true).offset += 512;
  require_caught(trial, "middle");
}

TEST_CASE("a dropped tile is caught: no command writes the element") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  program.commands[commands(program, "middle", kStoreGlobal).back()].region_count = 0;
  const auto verdict = hw::run_trial(trial);
  REQUIRE(verdict.mismatch);
  CHECK(verdict.mismatch->task == "middle");
  CHECK(verdict.mismatch->where.find("no command writes it") == 0);
}

TEST_CASE("two tiles stored in each other's place are caught, and one of the stores is named") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  const auto stores = commands(program, "middle", kStoreGlobal);
  REQUIRE(stores.size() >= 2);
  std::optional<std::size_t> other;
  Region& first = region(program, stores[0], true, true);
  for (std::size_t i = 1; i < stores.size() && !other; ++i) {
    const Region& candidate = region(program, stores[i], true, true);
    if (candidate.total_bytes() == first.total_bytes()) other = stores[i];
  }
  REQUIRE(other);
  std::swap(first, region(program, *other, true, true));
  const auto verdict = hw::run_trial(trial);
  REQUIRE(verdict.mismatch);
  CHECK(verdict.mismatch->task == "middle");
  CHECK((verdict.mismatch->command == stores[0] || verdict.mismatch->command == *other));
  CHECK(verdict.mismatch->where.find("mte3 store") != std::string::npos);
  CHECK(verdict.mismatch->where.find("L0 tile") != std::string::npos);
}

TEST_CASE("a wrong padding, stride or kernel in a load3d's setting is caught at its layer") {
  for (const auto* key : {"pad_left", "pad_top", "out_width", "kernel_w"}) {
    INFO(key);
    auto trial = damaged_trial();
    const char* value = std::string(key).find("pad") == 0 ? "0" : "2";
    change_setting(trial.compiled.program, "middle", kLoad3dA, key, value);
    require_caught(trial, "middle");
  }
}

TEST_CASE("weights of two fractals exchanged are caught at their layer") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  const auto loads = commands(program, "middle", kLoad2dB);
  REQUIRE(loads.size() >= 2);
  Region& first = region(program, loads[0], false, false);
  Region& second = region(program, loads[1], false, false);
  REQUIRE(first.offset != second.offset);
  std::swap(first.offset, second.offset);
  require_caught(trial, "middle");
}

TEST_CASE("a multiply-add that forgets what it has is caught") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  for (const auto i : commands(program, "middle", kMad)) {
    if (program.commands[i].setting == program::kNoSetting) continue;
    program.commands[i].setting = program::kNoSetting;
    return require_caught(trial, "middle");
  }
  FAIL("no multiply-add accumulates");
}

TEST_CASE("another activation, and a bias from the wrong place, are caught") {
  auto trial = damaged_trial();
  change_setting(trial.compiled.program, "middle", kVectorCopyOut, "step", "abs");
  require_caught(trial, "middle");
  auto other = damaged_trial();
  auto& program = other.compiled.program;
  for (const auto i : commands(program, "middle", kVectorCopyOut)) {
    const Command& command = program.commands[i];
    program.regions[command.first_region + 1].offset += 4;
  }
  require_caught(other, "middle");
}

TEST_CASE("a pool's tile that believes to be one row further down is caught") {
  auto trial = damaged_trial();
  auto& program = trial.compiled.program;
  auto& args = program.commands[commands(program, "pool", kVector).front()].args;
  args[5] += 10;  // the first pixel
  require_caught(trial, "pool");
}
