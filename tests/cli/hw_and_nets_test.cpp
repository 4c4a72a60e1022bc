// The listings, and descriptions that a user can take, change and check.
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/zoo.h"

using namespace npusim::test;

TEST_CASE("nets list shows every built-in network with resolution, parameters, MACs and source, by family") {
  const Outcome outcome = run_npusim({"nets", "list"});
  REQUIRE(outcome.exit_code == 0);
  std::istringstream lines(outcome.out);
  std::string line;
  std::getline(lines, line);
  for (const auto* heading : {"network", "image", "params M", "MACs G", "source"})
    CHECK(contains(line, heading));
  std::size_t rows = 0;
  std::set<std::string> families;
  while (std::getline(lines, line) && line != "with parameters") {
    if (line.empty()) continue;
    if (line.front() == '[') {
      CHECK(families.insert(line).second);
      continue;
    }
    ++rows;
    if (line.rfind("resnet50 ", 0) == 0) {
      CHECK(contains(line, "224x224"));
      CHECK(contains(line, "25.5"));
      CHECK(contains(line, "4.089"));
    }
  }
  CHECK(rows == npusim::zoo::networks().size());
  CHECK(families.count("[MIDAP and S3NAS]") == 1);
  CHECK(contains(outcome.out, "\nresnet50 "));
  CHECK(contains(outcome.out, "\nblock:"));
}

TEST_CASE("hw list shows the Ascend 310 at 680 MHz with 11.1 fp16 and 22.3 int8 TOPS") {
  const Outcome outcome = run_npusim({"hw", "list"});
  REQUIRE(outcome.exit_code == 0);
  for (const auto* part : {"ascend310", "680", "fp16, int8", "11.1, 22.3", "lpddr4x-3200"}) {
    INFO(part);
    CHECK(contains(outcome.out, part));
  }
}

TEST_CASE("hw show prints each value with its source, and its text is a description of the same hardware") {
  const Outcome outcome = run_npusim({"hw", "show", "ascend310"});
  REQUIRE(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "clock_mhz: 680"));
  CHECK(contains(outcome.out, "# published | "));
  const TempFolder folder;
  write_file(folder / "copy.yaml", outcome.out);
  const auto hash = npusim::hw::hardware_hash(npusim::hw::describe("ascend310"));
  CHECK(contains(outcome.out, hash));
  const Outcome checked = run_npusim({"hw", "check", folder / "copy.yaml"});
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
  CHECK(contains(checked.out, hash));
}

TEST_CASE("hw show --set shows the override and that the user made it") {
  const Outcome outcome = run_npusim({"hw", "show", "ascend310", "--set", "dram.channels=4"});
  REQUIRE(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "channels: 4"));
  CHECK(contains(outcome.out, "set by the user"));
}

TEST_CASE("a description of one line that extends the Ascend 310 is ok, has a hash of its own, and runs") {
  const TempFolder folder;
  write_file(folder / "wide.yaml", "extends: ascend310\nl2:\n  kib: 16384\n");
  const Outcome checked = run_npusim({"hw", "check", folder / "wide.yaml"});
  INFO(checked.err);
  REQUIRE(checked.exit_code == 0);
  CHECK(contains(checked.out, "ok"));
  CHECK_FALSE(contains(checked.out, npusim::hw::hardware_hash(npusim::hw::describe("ascend310"))));

  const Outcome ran = run_npusim({"run", "--hw", folder / "wide.yaml", "squeezenet1_1", "--format", "json"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(contains(checked.out, report.at("hw_hash").get<std::string>()));
}

TEST_CASE("help and version go to standard output and succeed; nothing at all shows the help and fails") {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"run", "--help"}, {"nets", "export", "--help"}, {"--version"}}) {
    const Outcome outcome = run_npusim(arguments);
    CHECK(outcome.exit_code == 0);
    CHECK_FALSE(outcome.out.empty());
    CHECK(outcome.err.empty());
  }
  CHECK(contains(run_npusim({"run", "--help"}).out, "--batch"));
  const Outcome nothing = run_npusim({});
  CHECK(nothing.exit_code == 1);
  CHECK(contains(nothing.err, "compile"));
}

TEST_CASE("CI runs the README's two commands as they are written") {
  const std::string root = NPUSIM_SOURCE_DIR;
  const std::string readme = read_file(root + "/README.md");
  const std::string ci = read_file(root + "/.ci/run");
  for (const std::string command : {"./npusim run --hw ascend310 resnet50", "scripts/test.sh"}) {
    CHECK(contains(readme, "\n" + command + "\n"));
    CHECK(contains(ci, "\n" + command + "\n"));
  }
}

TEST_CASE("two descriptions whose DRAM tables of one name differ in tRFC have different hashes") {
  const TempFolder folder;
  const std::string table = folder / "dram.yaml";
  const auto hash = [&](const std::string& trfc) {
    std::string text = read_file(std::string(NPUSIM_SOURCE_DIR) + "/sim/mem/dram/lpddr4x-3200.yaml");
    const std::string from = "trfc: 448";
    text.replace(text.find(from), from.size(), trfc);
    write_file(table, text);
    return npusim::hw::hardware_hash(npusim::hw::describe("ascend310", {"dram.model=" + table}));
  };
  CHECK(hash("trfc: 448") == hash("trfc: 448"));
  CHECK(hash("trfc: 448") != hash("trfc: 449"));
}
