#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/fit/synthetic.h"

using namespace npusim::test;
using Json = nlohmann::json;

TEST_CASE("fit simulates a space's networks, predict answers for a network and for genomes of the space") {
  const TempFolder folder;
  const std::string model = folder / "m.yaml";
  const std::string data = folder / "data.json";
  const Outcome fitted = run_npusim({"fit", "--hw", "edgetpu-coral-usb", "--space", "mnasnet-edgetpu", "-n",
                                     "40", "--no-store", "-j", "1", "--save-data", data, "-o", model});
  INFO(fitted.err);
  REQUIRE(fitted.exit_code == 0);
  CHECK(contains(fitted.out, "cross-validation"));
  const Json file = Json::parse(read_file(model));
  CHECK(file.at("schema") == "npusim.model/1");
  CHECK(file.at("data").at("networks") == 40);

  const Outcome one = run_npusim({"predict", "--model", model, "mobilenet_edgetpu", "--format", "json"});
  REQUIRE(one.exit_code == 0);
  const Json network = Json::parse(one.out).at("networks").at(0);
  CHECK(network.at("latency_ms") > 1.0);
  CHECK(network.at("latency_ms") < 10.0);
  CHECK(network.at("layers").size() > 40);

  const Outcome many = run_npusim({"predict", "--model", model, "--space", "mnasnet-edgetpu", "-n", "5"});
  REQUIRE(many.exit_code == 0);
  CHECK(std::count(many.out.begin(), many.out.end(), '\n') == 6);
  const std::string small = folder / "small.yaml";
  write_file(small,
             "image: 64\nstem: {kernel: 3, stride: 2, width: 16}\nhead: {width: 64}\nclasses: 10\nstages:\n"
             "  stage0: {width: 32, depth: 1, stride: 2, kernel: [3, 5], expansion: [1, 4]}\n");
  const Outcome all = run_npusim({"predict", "--model", model, "--space", small, "--all"});
  INFO(all.err);
  REQUIRE(all.exit_code == 0);
  CHECK(std::count(all.out.begin(), all.out.end(), '\n') == 1 + 4);
  const Outcome endless = run_npusim({"predict", "--model", model, "--space", "mnasnet-edgetpu", "--all"});
  CHECK(endless.exit_code == 1);
  CHECK(contains(endless.err, "networks; expected at most 5e+06"));

  // The same data, the same model: but for where they came from.
  const Outcome again = run_npusim({"fit", "--data", data, "-o", folder / "again.yaml"});
  REQUIRE(again.exit_code == 0);
  CHECK(Json::parse(read_file(folder / "again.yaml")).at("parameters") == file.at("parameters"));

  const Outcome other = run_npusim({"predict", "--model", model, "--hw", "midap", "mobilenet_edgetpu"});
  CHECK(other.exit_code == 1);
  CHECK(contains(other.err, "not of midap"));
}

TEST_CASE("fit says what it needs") {
  const TempFolder folder;
  CHECK(contains(run_npusim({"fit"}).err, "--data"));
  CHECK(contains(run_npusim({"fit", "--space", "s3nas", "-n", "3"}).err, "--hw"));
  write_file(folder / "a.json", npusim::fit::to_json(synthetic_networks(5, 1)));
  const Outcome few = run_npusim({"fit", "--data", folder / "a.json"});
  CHECK(few.exit_code == 1);
  CHECK(contains(few.err, "too few"));
  auto other = synthetic_networks(20, 2);
  other.hw_hash = "fedcba9876543210";
  write_file(folder / "b.json", npusim::fit::to_json(other));
  const Outcome mixed = run_npusim({"fit", "--data", (folder / "a.json") + "," + (folder / "b.json")});
  CHECK(mixed.exit_code == 1);
  CHECK(contains(mixed.err, "one model is of one chip"));
  CHECK(contains(run_npusim({"predict", "--model", folder / "none.yaml", "resnet50"}).err, "cannot be read"));
}
