// Hardware parameters as genes: networks and settings of a chip searched together.
#include <nlohmann/json.hpp>
#include <set>

#include "hw_models/api/npu.h"
#include "nas/search/driver_genes.h"
#include "nas/search/pareto.h"
#include "nas/sweep/area.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/search_cli/errors.h"

namespace npusim::search {
namespace {

using test::error_of;
using test::read_file;
using test::run_npusim;
using test::says;
using test::TempFolder;
using Json = nlohmann::json;

/// 18 networks.
const char* const kSmall = R"(image: 32
stem: {width: 8}
stages:
  stage0: {width: [8, 16], depth: 1, stride: 2, kernel: [3, 5, 7], expansion: [1, 3, 6]}
head: {width: 32}
classes: 10
)";

std::vector<std::string> words_of(const TempFolder& folder, const std::vector<std::string>& more) {
  test::write_file(folder / "small.yaml", kSmall);
  std::vector<std::string> words{
      "search",       "--hw",         "midap",      "--space", folder / "small.yaml",
      "--evaluator",  "proxy:params", "--no-store", "-o",      folder / "out",
      "--population", "10",           "--round",    "20"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_CASE("A space of 18 networks and 2 x 3 settings has 108 pairs, each with its own text and overrides") {
  const TempFolder folder;
  test::write_file(folder / "small.yaml", kSmall);
  const HardwareSpace space(space::make_space(folder / "small.yaml"),
                            {sweep::parse_set("lanes=32,64"), sweep::parse_set("clock_mhz=100..300:100")});
  REQUIRE(space.count() == 108);
  std::set<std::string> texts;
  std::set<std::vector<std::string>> settings;
  for (std::uint64_t i = 0; const auto genome = space.at(i); ++i) {
    texts.insert(space.encode(*genome));
    settings.insert(space.overrides(*genome));
    CHECK(space.decode(space.encode(*genome)) == *genome);
    CHECK(space.canonical(*genome) == *genome);
  }
  CHECK(texts.size() == 108);
  CHECK(settings.size() == 6);
  CHECK(settings.count({"lanes=64", "clock_mhz=200"}) == 1);
  Rng rng(1);
  std::set<std::vector<std::string>> drawn;
  for (int i = 0; i < 200; ++i) drawn.insert(space.overrides(space.mutate(space.sample(rng), rng, 0.3)));
  CHECK(drawn == settings);
  CHECK(says(error_of([&] { static_cast<void>(space.decode("0")); }), {"behind '+'", "2 indices"}));
}

/// Latency, parameters and area of every pair, simulated one by one.
std::vector<Point> by_hand(const TempFolder& folder) {
  const auto space = space::make_space(folder / "small.yaml");
  std::vector<Point> points;
  for (const char* lanes : {"lanes=32", "lanes=64"}) {
    for (const char* banks : {"fmem.bank_kib=64", "fmem.bank_kib=256"}) {
      const Config description = hw::describe("midap", {lanes, banks});
      hw::Evaluator evaluator(description, kernel::KernelKind::run_ahead);
      const double area = sweep::area_proxy(*hw::make_npu(description));
      for (std::uint64_t i = 0; const auto genome = space->at(i); ++i) {
        const ir::Graph graph = space->build(*genome);
        hw::EvaluateOptions how;
        how.dtype = evaluator.npu().dtypes().front();
        points.push_back(
            {-static_cast<double>(ir::parameters(graph)), evaluator.evaluate(graph, how).latency_ms(), area});
      }
    }
  }
  return points;
}

TEST_CASE(
    "The front of 18 networks on 4 settings is that of simulating all 72 by hand, latency and area weighed") {
  const TempFolder folder;
  const test::Outcome run =
      run_npusim(words_of(folder, {"--gene", "lanes=32,64", "--gene", "fmem.bank_kib=64,256", "--objectives",
                                   "score,latency,area", "--budget", "100"}));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  CHECK(search.at("evaluated") == 72);
  const std::vector<Point> all = by_hand(folder);
  std::set<Point> expected, found;
  for (const std::size_t i : nondominated(all)) expected.insert(all[i]);
  for (const Json& member : search.at("front")) {
    const Json& on = member.at("chips").at("midap");
    found.insert({-member.at("score").get<double>(), on.at("latency_ms"), on.at("area_proxy")});
  }
  CHECK(found == expected);
  CHECK(expected.size() > 4);
}

TEST_CASE(
    "A network of such a front takes the same cycles on the hardware of its hash when it is run afresh") {
  const TempFolder folder;
  REQUIRE(run_npusim(words_of(folder, {"--gene", "lanes=32,64", "--budget", "30", "--objectives",
                                       "score,latency,area"}))
              .exit_code == 0);
  std::set<std::string> hashes;
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  for (const Json& member : search.at("front")) {
    const Json& on = member.at("chips").at("midap");
    hashes.insert(on.at("hw_hash").get<std::string>());
    const test::Outcome again = run_npusim(
        {"run", "--hw", "midap", "--set", on.at("set").at(0), member.at("network"), "--format", "json"});
    INFO(again.err);
    REQUIRE(again.exit_code == 0);
    const Json report = Json::parse(again.out);
    CHECK(report.at("total_cycles") == on.at("cycles"));
    const Json written = Json::parse(read_file(folder / ("out/" + on.at("report").get<std::string>())));
    CHECK(written.at("total_cycles") == on.at("cycles"));
    CHECK(written.at("hw_hash") == on.at("hw_hash"));
  }
  CHECK(hashes.size() == 2);
}

TEST_CASE("A setting that makes no chip fails by its reason, the others are searched") {
  const TempFolder folder;
  const test::Outcome run = run_npusim(words_of(folder, {"--gene", "lanes=64,60", "--budget", "40"}));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(says(run.out, {"18 simulated", "18 failed"}));
  CHECK(says(read_file(folder / "out/evaluated.csv"), {"expected a divisor"}));
}

TEST_CASE("Genes of an unknown key, of two chips, of a screen, and area without genes are errors") {
  const TempFolder folder;
  const auto error = [&](const std::vector<std::string>& more) {
    const test::Outcome run = run_npusim(words_of(folder, more));
    CHECK(run.exit_code == 1);
    return run.err;
  };
  CHECK(says(error({"--gene", "lane=32,64"}), {"lane", "lanes"}));
  CHECK(says(error({"--gene", "lanes=32,64", "--gene", "lanes=16"}), {"lanes is there twice"}));
  CHECK(says(error({"--gene", "lanes=32,64", "--hw", "ascend310"}), {"expected one --hw"}));
  CHECK(says(error({"--gene", "lanes=32,64", "--screen", "apm"}), {"leave out --screen or --gene"}));
  CHECK(says(error({"--objectives", "score,latency,area"}), {"without --gene"}));
}

}  // namespace
}  // namespace npusim::search
