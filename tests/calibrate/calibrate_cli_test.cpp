// npusim calibrate as users run it.
#include <cmath>
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
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us=1..19"}),
                 "rows.csv:3: resnet7: neither a file nor a built-in network; did you mean 'resnet8'?"));
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us"}), "gives no range"));
  CHECK(contains(complaint({"--hw", "ascend310"}), "--free is required"));
  CHECK(contains(complaint({"--hw", "ascend310", "--free", "launch.task_us=1..19", "--method", "bobqa"}),
                 "did you mean 'bobyqa'?"));
}

TEST_CASE("the JSON of 5 rows has keys, errors that are the means of its rows, and the text's warnings") {
  const TempFolder folder;
  write_file(
      folder / "rows.csv", "network,batch,latency_ms,split,weight,who\n" + [] {
        std::string rows = rows_of_seven();
        rows.erase(0, rows.find('\n') + 1);
        std::string with_more;
        std::size_t line = 0;
        for (std::size_t at = 0; at < rows.size(); ++line) {
          const std::size_t end = rows.find('\n', at);
          with_more += rows.substr(at, end - at) + (line == 3 ? ",test,1,me\n" : ",train,1,me\n");
          at = end + 1;
        }
        return with_more + "resnet8,1,0.5,,0,me\n";
      }());
  const auto run = [&](const std::string& format) {
    return run_npusim({"calibrate", "--hw", "ascend310", "--measured", folder / "rows.csv", "--free",
                       "launch.task_us=2..20", "--format", format, "--store", folder / "store.db", "-j",
                       "1"});
  };
  const Outcome outcome = run("json");
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const auto json = nlohmann::json::parse(outcome.out);
  CHECK(json.at("schema") == "npusim.calibration/1");
  CHECK(json.at("hw") == "ascend310");
  CHECK(json.at("measured").at("unit") == "ms");
  CHECK(json.at("measured").at("ignored_columns") == std::vector<std::string>{"who"});
  const auto& key = json.at("keys").at(0);
  CHECK(key.at("key") == "launch.task_us");
  CHECK(key.at("before") == 10);
  CHECK(key.at("fitted").get<double>() == Approx(7).epsilon(0.002));
  CHECK(key.at("low95").get<double>() <= 7);
  CHECK(key.at("high95").get<double>() >= 6.99);
  CHECK(key.at("known") == "determined");
  CHECK(key.at("at_bound").is_null());
  REQUIRE(json.at("rows").size() == 5);
  const auto mean = [&](const char* used, const char* which) {
    double sum = 0;
    int rows = 0;
    for (const auto& row : json.at("rows")) {
      if (row.at("used") != used) continue;
      sum += std::abs(row.at(which).get<double>() / row.at("measured").get<double>() - 1);
      ++rows;
    }
    return std::pair{rows, sum / rows};
  };
  const auto& errors = json.at("errors");
  const auto check = [&](const char* name, const char* used, const char* which) {
    CAPTURE(name);
    const auto [rows, mape] = mean(used, which);
    CHECK(errors.at(name).at("rows") == rows);
    CHECK(errors.at(name).at("mape").get<double>() == Approx(mape).epsilon(1e-9));
  };
  check("before", "fit", "before");
  check("fitted", "fit", "fitted");
  check("cross_validation", "fit", "crossed");
  check("test_before", "test", "before");
  check("test_fitted", "test", "fitted");
  CHECK(errors.at("before").at("mape") > errors.at("fitted").at("mape"));
  CHECK(json.at("rows").at(4).at("used") == "no");
  CHECK(json.at("rows").at(4).at("line") == 6);
  CHECK(json.at("rows").at(4).at("crossed").is_null());
  const std::string text = run("text").out;
  CHECK(json.at("warnings").size() == 0);
  CHECK_FALSE(contains(text, "warning:"));
  CHECK(contains(run("jsn").err, "did you mean 'json'?"));
}

TEST_CASE(
    "latencies in another unit are refused by line, and latencies of one image of a batch are doubted") {
  const TempFolder folder;
  const auto run = [&](const std::string& rows) {
    write_file(folder / "rows.csv", rows);
    return run_npusim({"calibrate", "--hw", "ascend310", "--measured", folder / "rows.csv", "--free",
                       "launch.task_us=2..20", "--folds", "0", "--starts", "0", "--store",
                       folder / "store.db", "-j", "1"});
  };
  const std::string good = rows_of_seven();
  const std::string last = good.substr(good.rfind(',') + 1);
  const Outcome unit = run(good + "resnet8,8," + std::to_string(1000 * std::stod(last)) + "\n");
  CHECK(unit.exit_code == 1);
  CHECK(contains(unit.err, "rows.csv:6: resnet8: measured "));
  CHECK(contains(unit.err, "times less; is the column's unit right"));
  const Outcome image = run(good + "resnet8,8," + std::to_string(std::stod(last) / 8) + "\n");
  INFO(image.err);
  CHECK(image.exit_code == 0);
  CHECK(contains(image.out, "rows.csv:6: resnet8: the latency looks like one image's"));
  CHECK_FALSE(contains(image.out, "rows.csv:5"));
}
