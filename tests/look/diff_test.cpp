// Diffs of runs: alignment, sums, clocks, exit codes, bad input.
#include "sim/look/diff.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/look/read_report.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim;
using Json = nlohmann::ordered_json;
using test::contains;
using test::run_npusim;

namespace {

struct Part {
  std::string name;
  std::int64_t busy = 0, dependency = 0, dram = 0;
};

/// Layers one after another on one engine.
trace::Report report_of(const std::vector<Part>& parts, double clock_mhz = 1000) {
  trace::Report report;
  report.hw = "toy";
  report.network = "net";
  report.dtype = "int8";
  report.clock_mhz = clock_mhz;
  trace::EngineReport whole{"mac", 0, {}, 0};
  for (const Part& part : parts) {
    trace::LayerReport layer;
    layer.name = part.name;
    layer.op = "conv";
    layer.engine = "mac";
    layer.start_cycle = report.total_cycles;
    layer.end_cycle = report.total_cycles += part.busy + part.dependency + part.dram;
    layer.busy_cycles = part.busy;
    layer.stalls[trace::Stall::dependency] = part.dependency;
    layer.stalls[trace::Stall::dram] = part.dram;
    layer.engines = {{"mac", part.busy, layer.stalls, 1}};
    whole.busy_cycles += part.busy;
    whole.stalls += layer.stalls;
    whole.commands += 1;
    report.layers.push_back(layer);
  }
  report.engines = {whole};
  check_sums(report);
  return report;
}

std::vector<std::string> names(const look::Diff& diff) {
  std::vector<std::string> list;
  for (const auto& layer : diff.layers)
    list.push_back((layer.before ? "" : "+") + layer.name + (layer.after ? "" : "-"));
  return list;
}

std::int64_t sum(const std::array<std::int64_t, look::kCauses>& parts) {
  return std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
}

constexpr std::size_t kDependency = 1;
constexpr std::size_t kDram = 2;

std::string report_json(const std::vector<std::string>& words) {
  std::vector<std::string> all{"run", "--format", "json"};
  all.insert(all.end(), words.begin(), words.end());
  const auto outcome = run_npusim(all);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out;
}

void check_refused(const std::vector<std::string>& words, const std::vector<std::string>& parts) {
  const auto outcome = run_npusim(words);
  CHECK(outcome.exit_code == 1);
  INFO(outcome.err);
  for (const std::string& part : parts) CHECK(contains(outcome.err, part));
}

}  // namespace

TEST_CASE("layers are aligned by the longest common sequence of names; the others are only in one") {
  const auto before = report_of({{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}, {"z", 9}});
  const auto after = report_of({{"a", 1}, {"c", 3}, {"new", 5}, {"b", 2}, {"d", 6}, {"z", 9}});
  const look::Diff diff = look::diff_of(before, after);
  const std::vector<std::string> expected{"a", "+c", "+new", "b", "c-", "d", "z"};
  const std::vector<std::string> other{"a", "b-", "c", "+new", "+b", "d", "z"};
  CHECK((names(diff) == expected || names(diff) == other));
  CHECK(names(look::diff_of(before, before)) == std::vector<std::string>{"a", "b", "c", "d", "z"});
  CHECK(names(look::diff_of(report_of({}), report_of({{"a", 1}}))) == std::vector<std::string>{"+a"});
}

TEST_CASE(
    "the causes are ranked by size and add up to 7 cycles of 10 more dram, 4 fewer dependency, 1 more work") {
  const auto before = report_of({{"a", 10, 5, 0}, {"b", 20, 0, 3}});
  const auto after = report_of({{"a", 11, 1, 0}, {"b", 20, 0, 13}});
  const look::Diff diff = look::diff_of(before, after);
  CHECK(diff.in_cycles);
  CHECK(diff.difference() == 7);
  CHECK(diff.ranked() == std::vector<std::size_t>{kDram, kDependency, look::kBusy});
  CHECK(diff.causes[kDram] == 10);
  CHECK(diff.causes[kDependency] == -4);
  CHECK(diff.layers[0].causes[look::kBusy] == 1);
  for (const auto& layer : diff.layers) CHECK(sum(layer.causes) == layer.difference());
}

TEST_CASE("chips of 1000 and 500 MHz are compared in picoseconds: equal cycles take twice the time") {
  const look::Diff diff =
      look::diff_of(report_of({{"a", 10, 5, 0}}, 1000), report_of({{"a", 10, 5, 0}}, 500));
  CHECK_FALSE(diff.in_cycles);
  CHECK(diff.before_time == 15'000);
  CHECK(diff.after_time == 30'000);
  CHECK(diff.causes[look::kBusy] == 10'000);
  CHECK(diff.causes[kDependency] == 5'000);
  CHECK(diff.percent() == Approx(100));
}

TEST_CASE("times at clocks that no picosecond divides still add up exactly") {
  const auto before = report_of({{"a", 7, 3, 1}, {"b", 11, 2, 5}, {"c", 13}}, 680);
  const auto after = report_of({{"a", 7, 3, 2}, {"c", 13}, {"d", 17, 1, 1}}, 1300.0 / 3);
  const look::Diff diff = look::diff_of(before, after);
  CHECK(sum(diff.causes) == diff.difference());
  std::int64_t layers = 0;
  for (const auto& layer : diff.layers) {
    CHECK(sum(layer.causes) == layer.difference());
    layers += layer.difference();
  }
  CHECK(layers == diff.difference());
  CHECK(diff.causes[look::kOnlyBefore] < 0);
  CHECK(diff.causes[look::kOnlyAfter] > 0);
}

TEST_CASE("layers that overlap are split in their engine's proportions, exactly") {
  auto before = report_of({{"a", 6, 3, 0}, {"b", 10, 0, 0}});
  before.layers[1].joined = true;
  before.layers[0].end_cycle = before.layers[1].start_cycle = 4;  // 9 engine cycles in 4
  const look::Diff diff = look::diff_of(before, report_of({{"a", 6, 3, 0}, {"b", 10, 0, 0}}));
  CHECK(diff.difference() == 0);
  CHECK(diff.layers[0].before_time == 4);
  // 4 split 6 to 3: 3 and 1.
  CHECK(diff.layers[0].causes[look::kBusy] == 3);
  CHECK(diff.layers[0].causes[kDependency] == 2);
  CHECK(diff.layers[1].causes[look::kBusy] == -5);
}

TEST_CASE("a latency 1 % longer is within 1 % and not within 0.9 %, either way round") {
  const auto a = report_of({{"a", 100}});
  const auto b = report_of({{"a", 101}});
  CHECK(look::within(look::diff_of(a, b), 1.0000001));
  CHECK_FALSE(look::within(look::diff_of(a, b), 0.9));
  CHECK_FALSE(look::within(look::diff_of(b, a), 0.9));
  CHECK(look::within(look::diff_of(a, a), 0));
}

TEST_CASE("npusim diff finds half the channels: the key, dram as the largest cause, exit code 1") {
  const test::TempFolder folder;
  test::write_file(folder / "a.json", report_json({"--hw", "ascend310", "resnet8"}));
  test::write_file(folder / "b.json",
                   report_json({"--hw", "ascend310", "resnet8", "--set", "dram.channels=1"}));
  const auto same = run_npusim({"diff", folder / "a.json", folder / "a.json", "--tolerance", "0"});
  CHECK(same.exit_code == 0);
  CHECK(contains(same.out, "no layer's time differs"));
  const auto text = run_npusim({"diff", folder / "a.json", folder / "b.json"});
  CHECK(text.exit_code == 1);
  CHECK(contains(text.out, "dram.channels: 8, 1"));
  CHECK(contains(text.err, "more than the 1 % allowed"));
  const auto json =
      run_npusim({"diff", folder / "a.json", folder / "b.json", "--format", "json", "--tolerance", "1000"});
  CHECK(json.exit_code == 0);
  const Json diff = Json::parse(json.out);
  CHECK(diff.at("schema") == "npusim.diff/1");
  const Json a = Json::parse(test::read_file(folder / "a.json"));
  const Json b = Json::parse(test::read_file(folder / "b.json"));
  const std::int64_t expected =
      b.at("total_cycles").get<std::int64_t>() - a.at("total_cycles").get<std::int64_t>();
  CHECK(diff.at("difference") == expected);
  std::int64_t causes = 0;
  for (const Json& cause : diff.at("causes")) causes += cause.at("difference").get<std::int64_t>();
  CHECK(causes == expected);
  CHECK(diff.at("layers").size() == a.at("layers").size());
}

TEST_CASE("npusim diff of chips with other clocks adds up in time") {
  const test::TempFolder folder;
  test::write_file(folder / "a.json", report_json({"--hw", "midap", "resnet8"}));
  test::write_file(folder / "b.json", report_json({"--hw", "edgetpu-coral-usb", "resnet8"}));
  const Json diff = Json::parse(
      run_npusim({"diff", folder / "a.json", folder / "b.json", "--format", "json", "--tolerance", "1e9"})
          .out);
  CHECK(diff.at("unit") == "ps");
  std::int64_t layers = 0;
  for (const Json& layer : diff.at("layers")) layers += layer.at("difference").get<std::int64_t>();
  CHECK(layers == diff.at("difference").get<std::int64_t>());
}

TEST_CASE("what is no report is refused by name, with what was expected") {
  const test::TempFolder folder;
  const std::string good = folder / "good.json";
  const std::string bad = folder / "bad.json";
  const std::string text = report_json({"--hw", "ascend310", "resnet8"});
  test::write_file(good, text);
  check_refused({"diff", good, folder / "none.json"}, {"none.json", "No such file"});
  test::write_file(bad, "cycles,1\n");
  check_refused({"diff", good, bad}, {bad, "not valid JSON", "npusim run --format json"});
  test::write_file(bad, "[1, 2]");
  check_refused({"diff", bad, good}, {bad, "no schema", "npusim.report/1"});
  test::write_file(bad, R"({"schema": "npusim.table/1", "rows": []})");
  check_refused({"diff", bad, good}, {bad, "npusim.table/1", "npusim.report/1"});
  const auto broken = [&](auto change) {
    Json json = Json::parse(text);
    change(json);
    test::write_file(bad, json.dump());
  };
  broken([](Json& json) { json["layers"][2].erase("busy_cycles"); });
  check_refused({"diff", good, bad}, {bad, "layers[2].busy_cycles is missing"});
  broken([](Json& json) { json["engines"][0]["stalls"]["dram"] = "many"; });
  check_refused({"diff", good, bad}, {bad, "engines[0].stalls.dram", "whole number"});
  broken([](Json& json) { json["clock_mhz"] = 0; });
  check_refused({"diff", good, bad}, {bad, "clock_mhz", "above 0"});
  broken([](Json& json) { json["total_cycles"] = 17; });
  check_refused({"diff", good, bad}, {bad, "do not add up"});
  check_refused({"diff", good}, {"reports"});
}
