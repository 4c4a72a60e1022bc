// npusim calibrate as users run it.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

namespace {

/// Rows of resnet8 on ascend310 with launch.task_us = 7.
std::string rows_of_seven() {
  std::string rows = "network,batch,latency_ms\n";
  for (const char* batch : {"1", "2", "4", "8"}) {
    const Outcome run = run_npusim({"run", "--hw", "ascend310", "resnet8", "--batch", batch, "--set",
                                    "launch.task_us=7", "--format", "json"});
    REQUIRE(run.exit_code == 0);
    rows +=
        std::string("resnet8,") + batch + "," + nlohmann::json::parse(run.out).at("latency_ms").dump() + "\n";
  }
  return rows;
}

/// launch.task_us of a description that calibrate wrote.
double task_us(const std::string& yaml) {
  const std::string key = "\nlaunch.task_us: ";
  const std::size_t at = yaml.find(key);
  REQUIRE(at != std::string::npos);
  return std::stod(yaml.substr(at + key.size()));
}

}  // namespace

TEST_CASE("calibrate writes a chip that runs at once, a ledger entry and the same files with -j 1 and -j 2") {
  const TempFolder folder;
  write_file(folder / "rows.csv", rows_of_seven());
  const auto calibrate = [&](const std::string& name, const std::string& workers) {
    return run_npusim({"calibrate", "--hw", "ascend310", "--set", "l2.latency_cycles=60", "--measured",
                       folder / "rows.csv", "--free", "launch.task_us=2..20", "-o", folder / (name + ".yaml"),
                       "--ledger", folder / (name + ".md"), "-j", workers, "--store", folder / "store.db"});
  };
  const Outcome one = calibrate("one", "1");
  INFO(one.err);
  REQUIRE(one.exit_code == 0);
  const Outcome two = calibrate("two", "2");
  CHECK(one.out == two.out);
  CHECK(contains(two.err, ", 0 of them run now\n"));
  const std::string yaml = read_file(folder / "one.yaml");
  CHECK(yaml == read_file(folder / "two.yaml"));
  CHECK(contains(yaml, "extends: ascend310\n"));
  CHECK(task_us(yaml) == Approx(7).epsilon(0.002));
  CHECK(contains(yaml, "'fitted | rows.csv ("));
  CHECK(read_file(folder / "one.md") == read_file(folder / "two.md"));
  CHECK(contains(read_file(folder / "one.md"), "## ascend310: `launch.task_us` fitted to rows.csv\n"));
  CHECK(contains(one.out, "cross-validation, 4 folds of rows"));
  const Outcome shown = run_npusim({"hw", "show", folder / "one.yaml"});
  CHECK(shown.exit_code == 0);
  CHECK(contains(shown.out, "# fitted | rows.csv ("));
  // A fitted chip can be fitted again.
  const Outcome again =
      run_npusim({"calibrate", "--hw", folder / "one.yaml", "--measured", folder / "rows.csv", "--free",
                  "launch.host_us=20..500", "--folds", "0", "-o", folder / "again.yaml", "--no-store"});
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(task_us(read_file(folder / "again.yaml")) == task_us(yaml));
}

TEST_CASE("calibrate refuses wrong input and names row, key or option") {
  const TempFolder folder;
  write_file(folder / "rows.csv", "network,latency_ms\nresnet8,1\nresnet7,2\n");
  const auto complaint = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"calibrate", "--measured", folder / "rows.csv", "--no-store"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run_npusim(words);
    CHECK(outcome.exit_code == 1);
    return outcome.err;
  };
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us=1..9"}),
                 "rows.csv:3: resnet7: neither a file nor a built-in network; did you mean 'resnet8'?"));
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us"}), "gives no range"));
  CHECK(contains(complaint({"--hw", "ascend310"}), "--free is required"));
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us=1..9", "--method", "bobqa"}),
                 "did you mean 'bobyqa'?"));
}
