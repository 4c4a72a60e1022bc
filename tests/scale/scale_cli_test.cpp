#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/scale/networks.h"

namespace npusim {
namespace {

using test::contains;
using test::kOursM;
using test::Outcome;
using test::read_file;
using test::run_npusim;
using test::TempFolder;
using Json = nlohmann::json;

/// One family on MIDAP to 1.5 ms.
std::vector<std::string> small(const TempFolder& folder, const std::string& out = "out") {
  return {"scale", "--hw",       "midap",   kOursM,          "--latency-ms",   "1.5",
          "-j",    "2",          "--how",   "s3nas",         "--evaluator",    "proxy:params",
          "-o",    folder / out, "--store", folder / "s.db", "--coefficients", "1.1,1.1,1.2"};
}

TEST_CASE(
    "Every network on the front is within the target, in any order of tries, also when run from its file") {
  const TempFolder folder;
  const Outcome run = run_npusim(small(folder));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "params (a proxy)"));
  const Json json = Json::parse(read_file(folder / "out/scale.json"));
  CHECK(json.at("schema") == "npusim.scale/1");
  CHECK(json.at("evaluator") == "proxy:params");
  double best = 0;
  for (const Json& one : json.at("variants")) {
    if (one.at("latency_ms") <= 1.5) best = std::max(best, one.at("score").get<double>());
    if (one.at("rank") == 0) continue;
    CHECK(one.at("latency_ms") <= 1.5);
    const std::string onnx = folder / ("out/" + one.at("onnx").get<std::string>());
    const Outcome again = run_npusim({"run", "--hw", "midap", onnx, "--format", "json"});
    REQUIRE(again.exit_code == 0);
    CHECK(Json::parse(again.out).at("total_cycles") == one.at("cycles"));
    if (one.at("rank") == 1) CHECK(one.at("score") == best);
  }
  CHECK(best > 0);
}

TEST_CASE("A repeated command simulates nothing and writes the same files") {
  const TempFolder folder;
  const Outcome first = run_npusim(small(folder));
  REQUIRE(first.exit_code == 0);
  const Outcome second = run_npusim(small(folder, "again"));
  CHECK(contains(second.out, "(0 run now)"));
  for (const char* file : {"/scale.json", "/scale.csv", "/1.onnx", "/1.json"}) {
    CHECK(read_file(folder / "out" + file) == read_file(folder / "again" + file));
  }
}

TEST_CASE("A target that nothing meets is an error with the fastest variant and its latency") {
  const TempFolder folder;
  std::vector<std::string> words = small(folder);
  *std::find(words.begin(), words.end(), "1.5") = "0.0001";
  const Outcome run = run_npusim(words);
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "takes 0.0001 ms or less on midap"));
  CHECK(contains(run.err, "The fastest of the"));
  CHECK(contains(run.err, "M weights): d1-2-3-2-5 w0.4665 52x52"));
}

TEST_CASE("An unknown way to scale is refused with the nearest") {
  const TempFolder folder;
  std::vector<std::string> words = small(folder);
  *std::find(words.begin(), words.end(), "s3nas") = "compond";
  const Outcome run = run_npusim(words);
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "--how: 'compond' is none of"));
  CHECK(contains(run.err, "did you mean 'compound'"));
}

}  // namespace
}  // namespace npusim
