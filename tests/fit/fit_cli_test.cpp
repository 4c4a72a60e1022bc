#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

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
  CHECK(contains(run_npusim({"predict", "--model", folder / "none.yaml", "resnet50"}).err, "cannot be read"));
}

TEST_CASE("fit refuses data that teach nothing, with exit code 1 and the reason") {
  const TempFolder folder;
  const auto refused = [&](const npusim::fit::Dataset& data, std::vector<std::string> arguments,
                           const std::string& reason) {
    CAPTURE(reason);
    write_file(folder / "data.json", npusim::fit::to_json(data));
    std::vector<std::string> all{"fit", "--data", folder / "data.json", "-o", folder / "m.yaml"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = run_npusim(all);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.err, reason));
  };
  refused(synthetic_networks(5, 1), {}, "5 networks, 0 of them held out, are too few to fit: at least 10");
  const auto data = synthetic_networks(30, 1);
  refused(data, {"--hold-out", "25"}, "30 networks, 25 of them held out, are too few");
  refused(data, {"--model", "ridge", "--features", "m,launch"},
          "feature launch is 0 for all 30 networks: nothing can be learnt from it");
  auto equal = data;
  for (auto& network : equal.networks) network = equal.networks[0];
  refused(equal, {"--model", "linear"}, "all features are the same for all 30 networks");
  auto nan = data;
  nan.operators[4].features[1] = std::nan("");
  refused(nan, {}, "feature v of operator 'op4' is nan: it must be finite");
  auto nothing = data;
  nothing.networks[5].cycles = 0;
  refused(nothing, {}, "network net5 took 0 cycles: they must be positive");
}

TEST_CASE("fit refuses samples of two descriptions of hardware, naming both files and hashes") {
  const TempFolder folder;
  write_file(folder / "a.json", npusim::fit::to_json(synthetic_networks(20, 1)));
  auto other = synthetic_networks(20, 2);
  other.hw_hash = "fedcba9876543210";
  write_file(folder / "b.json", npusim::fit::to_json(other));
  const Outcome mixed = run_npusim({"fit", "--data", (folder / "a.json") + "," + (folder / "b.json")});
  CHECK(mixed.exit_code == 1);
  for (const char* part : {"a.json", "b.json", "0123456789abcdef", "fedcba9876543210"}) {
    CHECK(contains(mixed.err, part));
  }
  CHECK(contains(mixed.err, "one model is of one chip"));
}

TEST_CASE("predict refuses models of another chip, of its description as it was before, and damaged ones") {
  const TempFolder folder;
  const std::string data = folder / "data.json";
  const std::string file = folder / "m.yaml";
  write_file(data, npusim::fit::to_json(synthetic_networks(30, 3)));
  REQUIRE(run_npusim({"fit", "--data", data, "-o", file}).exit_code == 0);
  const std::string good = read_file(file);
  const auto refused = [&](const std::string& text, std::vector<std::string> arguments,
                           const std::string& reason) {
    CAPTURE(reason);
    write_file(file, text);
    std::vector<std::string> all{"predict", "--model", file};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = run_npusim(all);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.err, reason));
    CHECK(contains(outcome.err, "m.yaml"));
  };
  refused(good, {"--hw", "midap", "resnet50"}, "is a model of toy (hardware 0123456789abcdef), not of midap");
  std::string midap = good;
  midap.replace(midap.find("\"toy\""), 5, "\"midap\"");
  refused(midap, {"--space", "s3nas", "-n", "3"}, "its description has changed, fit again");
  std::string damaged = good;
  damaged.replace(damaged.find("\"parameters\""), 12, "\"parametres\"");
  refused(damaged, {"resnet50"}, "parameters");
  refused("{\"schema\": \"npusim.model/0\"}", {"resnet50"}, "npusim.model/1");
}

TEST_CASE("of a kind of layer that costs nothing, fit prints no percentage") {
  const TempFolder folder;
  auto data = synthetic_networks(60, 4);
  data.operators.push_back({"op60", "reshape", {0, 0, 10, 5, 5, 0, 0, 0}});
  for (auto& network : data.networks) network.samples.push_back({60, 0});
  write_file(folder / "data.json", npusim::fit::to_json(data));
  const Outcome fitted = run_npusim({"fit", "--data", folder / "data.json"});
  REQUIRE(fitted.exit_code == 0);
  const std::size_t at = fitted.out.find("\nreshape");
  REQUIRE(at != std::string::npos);
  const std::string line = fitted.out.substr(at + 1, fitted.out.find('\n', at + 1) - at - 1);
  std::istringstream words(line);
  std::vector<std::string> cells;
  for (std::string word; words >> word;) cells.push_back(word);
  CHECK(cells == std::vector<std::string>{"reshape", "60", "0.0", "-", "-", "0.00"});
}
