// The cascade: models decide what is simulated, the simulator decides what is on the front.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

namespace npusim {
namespace {

using test::contains;
using test::Outcome;
using test::read_file;
using test::run_npusim;
using test::TempFolder;
using Json = nlohmann::json;

Outcome screened(const TempFolder& folder, const std::string& out, const std::vector<std::string>& more) {
  std::vector<std::string> words{"search",       "--hw",         "midap",      "--space", "s3nas-mbconv",
                                 "--budget",     "200",          "--strategy", "random",  "--evaluator",
                                 "proxy:params", "-j",           "2",          "-o",      folder / out,
                                 "--store",      folder / "s.db"};
  words.insert(words.end(), more.begin(), more.end());
  return run_npusim(words);
}

TEST_CASE(
    "With the additive table or a fitted model the front of equal candidates is the simulator's alone") {
  const TempFolder folder;
  REQUIRE(screened(folder, "all", {}).exit_code == 0);
  const Json all = Json::parse(read_file(folder / "all/search.json"));
  CHECK(all.at("simulated") == 200);
  for (const char* model : {"additive", "apm", "ridge"}) {
    INFO(model);
    const Outcome run = screened(folder, model, {"--screen", model, "--screen-after", "40"});
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    CHECK(contains(run.out, "screen: "));
    const Json screen = Json::parse(read_file(folder / (std::string(model) + "/search.json")));
    CHECK(screen.at("screen") == model);
    CHECK(screen.at("simulated").get<int>() < 120);
    CHECK(screen.at("simulated").get<int>() + screen.at("predicted").get<int>() == 200);
    CHECK(read_file(folder / (std::string(model) + "/front.csv")) == read_file(folder / "all/front.csv"));
  }
}

TEST_CASE("A screened search that is repeated replays from the store to the same files") {
  const TempFolder folder;
  REQUIRE(screened(folder, "a", {"--screen", "additive"}).exit_code == 0);
  const Outcome again = screened(folder, "b", {"--screen", "additive", "--resume"});
  REQUIRE(again.exit_code == 0);
  CHECK(contains(again.out, "(0 run now)"));
  for (const char* file : {"/search.json", "/front.csv", "/evaluated.csv", "/front.svg", "/1.json"}) {
    CHECK(read_file(folder / (std::string("a") + file)) == read_file(folder / (std::string("b") + file)));
  }
}

TEST_CASE("With a screen and a limit every network of the front keeps it, and none beyond it is judged") {
  const TempFolder folder;
  const Outcome run = screened(folder, "out", {"--screen", "additive", "--latency-ms", "1"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  CHECK(search.at("over_limits") > 0);
  for (const Json& member : search.at("front")) {
    CHECK(member.at("chips").at("midap").at("latency_ms").get<double>() <= 1);
  }
}

TEST_CASE("Where sums of blocks are far off the additive screen gives up and every network is simulated") {
  const TempFolder folder;
  const Outcome run =
      run_npusim({"search", "--hw", "edgetpu-coral-usb", "--space", "mbconv-bench", "--screen", "additive",
                  "--budget", "150", "--strategy", "random", "--evaluator", "proxy:params", "--round", "40",
                  "--store", folder / "s.db", "-o", folder / "out"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "screen: sums of blocks are more than 10 % off"));
  CHECK(Json::parse(read_file(folder / "out/search.json")).at("predicted") == 0);
}

TEST_CASE("Unknown screens, tables that cannot pay and DRAM goals are errors before anything is searched") {
  const TempFolder folder;
  const auto error = [&](const std::vector<std::string>& more) {
    const Outcome run = screened(folder, "out", more);
    CHECK(run.exit_code == 1);
    CHECK_FALSE(contains(run.err, "of 200 networks,"));
    return run.err;
  };
  CHECK(contains(error({"--screen", "aditive"}), "did you mean 'additive'"));
  CHECK(contains(error({"--screen", "apm", "--dram-mb", "20"}), "models predict latency, not DRAM traffic"));
  const Outcome many = run_npusim({"search", "--hw", "midap", "--space", "nb201", "--screen", "additive",
                                   "--budget", "100", "--no-store", "-o", folder / "out"});
  CHECK(many.exit_code == 1);
  CHECK(contains(many.err, "more than the 100 networks"));
}

}  // namespace
}  // namespace npusim
