// A latency table is of one chip: fit --model additive makes it, predict refuses it for another.
#include <algorithm>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

TEST_CASE(
    "a latency table of midap answers for midap and is refused for another chip and another description") {
  const TempFolder folder;
  const std::string table = folder / "table.json";
  const Outcome fitted =
      run_npusim({"fit", "--hw", "midap", "--space", "mbconv-bench@32", "-n", "4", "--model", "additive",
                  "--store", folder / "store.db", "-j", "1", "-o", table});
  INFO(fitted.err);
  REQUIRE(fitted.exit_code == 0);
  const auto predict = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"predict", "--model", table, "--space", "mbconv-bench@32", "-n", "3"};
    words.insert(words.end(), more.begin(), more.end());
    return run_npusim(words);
  };
  const Outcome same = predict({"--hw", "midap"});
  INFO(same.err);
  CHECK(same.exit_code == 0);
  CHECK(std::count(same.out.begin(), same.out.end(), '\n') == 4);
  const Outcome other = predict({"--hw", "vpu-meteorlake"});
  CHECK(other.exit_code == 1);
  CHECK(contains(other.err, table + " is a table of midap (hardware "));
  CHECK(contains(other.err, "), not of vpu-meteorlake (hardware "));
  CHECK(other.out.empty());
  const Outcome changed = predict({"--hw", "midap", "--set", "dma.bytes_per_cycle=20"});
  INFO(changed.err);
  CHECK(changed.exit_code == 1);
  CHECK(contains(changed.err, "), not of midap (hardware "));
  const Outcome space = run_npusim({"predict", "--model", table, "--space", "s3nas", "-n", "3"});
  INFO(space.err);
  CHECK(space.exit_code == 1);
  CHECK(contains(space.err, "the table has no row for block"));
}
