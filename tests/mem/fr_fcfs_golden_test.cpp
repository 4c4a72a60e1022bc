// DRAMsim3's own command traces (tests/data/dram_golden), command for command.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.h"
#include "tests/mem/command_checker.h"
#include "tests/mem/fr_fcfs_bench.h"

namespace npusim::mem::test {
namespace {

/// What a golden file's name says.
struct Run {
  std::string model, map, stream;
  std::int64_t rate = 0;
};

Run parse_name(std::string name) {
  const auto starts = [&name](const std::string& prefix) {
    if (!name.starts_with(prefix)) return false;
    name.erase(0, prefix.size());
    return true;
  };
  Run run;
  const bool ddr4 = starts("ddr4_2400_");
  if (!ddr4) REQUIRE(starts("lpddr4_3200_"));
  run.model = ddr4 ? "ddr4-2400" : "lpddr4-3200";
  run.map = ddr4 ? "RoBaBgCo" : "RoBaCo";
  if (starts("robacobg_")) run.map = "RoBaCoBg";
  if (starts("rocoba_")) run.map = "RoCoBa";
  const auto underscore = name.rfind('_');
  run.stream = name.substr(0, underscore);
  run.rate = std::stoll(name.substr(underscore + 1));
  return run;
}

std::vector<std::string> golden_lines(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> to_lines(const std::vector<IssuedCommand>& commands) {
  std::vector<std::string> lines;
  for (const IssuedCommand& one : commands) {
    std::ostringstream line;
    line << one.clock << ' ' << to_string(one.command) << ' ' << one.group << ' ' << one.bank << ' '
         << one.row << ' ' << one.column;
    lines.push_back(line.str());
  }
  return lines;
}

template <class Controller>
std::vector<IssuedCommand> commands_of(const Run& run, const DramRules& rules) {
  Controller controller(rules, dramsim3_policy(), mapping(rules, run.map));
  std::vector<IssuedCommand> commands;
  controller.trace(&commands);
  replay(controller, named_stream(run.stream, rules, run.rate), 2000);
  return commands;
}

}  // namespace

TEST_CASE("DRAMsim3's command traces come out command for command: clock, command, group, bank, row, column",
          "[mem][dram][fr-fcfs]") {
  int traces = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(NPUSIM_SOURCE_DIR) + "/tests/data/dram_golden")) {
    if (entry.path().extension() != ".txt") continue;
    INFO(entry.path().stem().string());
    const Run run = parse_name(entry.path().stem().string());
    const DramRules rules = dram_rules(run.model, Flavour::dramsim3, "test");
    const auto golden = golden_lines(entry.path());
    REQUIRE(golden.size() >= 2000);
    const auto fast = commands_of<FrFcfsController>(run, rules);
    REQUIRE(to_lines(fast) == golden);
    REQUIRE(commands_of<TickingController>(run, rules) == fast);
    REQUIRE(CommandChecker(rules).check(fast).empty());
    ++traces;
  }
  CHECK(traces == 12);
}

TEST_CASE("DRAMSys' LPDDR4-3200 command traces obey the JEDEC table, and meet its distances exactly",
          "[mem][dram][fr-fcfs]") {
  const DramRules rules = dram_rules("lpddr4-3200", Flavour::jedec, "test");
  CommandChecker checker(rules);
  for (const char* name : {"RoBaCo_dma_4r1w_aligned_100", "RoCoBa_bank_rotate_100", "RoCoBa_seq_write_100"}) {
    INFO(name);
    std::ifstream in(std::string(NPUSIM_SOURCE_DIR) + "/tests/data/dram_golden/dramsys_" + name + ".cmd");
    std::vector<IssuedCommand> commands;
    IssuedCommand one;
    for (std::string kind; in >> one.clock >> kind >> one.bank >> one.row;) {
      one.group = 0;
      for (std::size_t command = 0; command < kCommands; ++command) {
        if (to_string(static_cast<Command>(command)) == kind) one.command = static_cast<Command>(command);
      }
      if (kind == "prea" || kind == "ref") one.group = one.bank = -1;
      commands.push_back(one);
    }
    REQUIRE(commands.size() > 2000);
    CHECK(checker.check(commands) == "");
  }
  using enum Command;
  for (const auto& [scope, from, to] :
       {std::tuple(Scope::bank, activate, read), std::tuple(Scope::bank, precharge, activate),
        std::tuple(Scope::bank, write, precharge), std::tuple(Scope::rank, activate, activate),
        std::tuple(Scope::rank, write, read), std::tuple(Scope::rank, precharge_all, refresh),
        std::tuple(Scope::rank, refresh, activate)}) {
    INFO(to_string(scope) << ' ' << to_string(from) << '-' << to_string(to));
    CHECK(checker.smallest(scope, from, to) == rules.distance(scope, from, to));
  }
}

}  // namespace npusim::mem::test
