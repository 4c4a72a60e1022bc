// npusim run beside others: co-runners, latency against their load, foreign memories.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

namespace {

const char* const kProfile =
    "name: cpu\nkind: random\nburst_bytes: 64\noutstanding: 32\nbase_mib: 1024\nsize_mib: 256\n"
    "read_percent: 67\nrate_gb_s: 6.4\nseed: 1\n";

/// `npusim run` of a small network beside the profile.
std::vector<std::string> beside(const std::string& profile, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"run", "--hw", "ascend310", "squeezenet1_1", "--corunner", profile};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("run reports what a co-runner moved, its rate and what it cost, the same in both kernels") {
  const TempFolder folder;
  const std::string profile = folder / "cpu.yaml";
  write_file(profile, kProfile);
  nlohmann::json first;
  for (const char* const kernel : {"run-ahead", "systemc"}) {
    const Outcome outcome = run_npusim(beside(profile, {"--kernel", kernel, "--format", "json"}));
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    const auto json = nlohmann::json::parse(outcome.out);
    REQUIRE(json["corunners"].size() == 1);
    const auto& cpu = json["corunners"][0];
    CHECK(cpu["name"] == "cpu");
    CHECK(cpu["asked_gb_s"] == 6.4);
    CHECK(cpu["achieved_gb_s"].get<double>() > 1);
    CHECK(cpu["achieved_gb_s"].get<double>() <= 6.41);
    CHECK(cpu["read_bytes"].get<std::int64_t>() > cpu["write_bytes"].get<std::int64_t>());
    CHECK(json["total_cycles"].get<std::int64_t>() > json["alone_cycles"].get<std::int64_t>());
    if (first.is_null()) first = json;
    CHECK(json["total_cycles"] == first["total_cycles"]);
    CHECK(json["corunners"] == first["corunners"]);
    CHECK(json["dram"] == first["dram"]);
  }
  const Outcome text = run_npusim(beside(profile, {"--format", "text"}));
  CHECK(contains(text.out, "beside     cpu: "));
  CHECK(contains(text.out, "cycles more than alone (+"));
  const Outcome summary = run_npusim(beside(profile, {}));
  CHECK(contains(summary.out, "beside    cpu moves "));
  CHECK(contains(summary.out, "cycles more than alone (+"));
}

TEST_CASE("run --corunner-load prints latency against load, from a slowdown of 1 at 0 % on") {
  const TempFolder folder;
  const std::string profile = folder / "cpu.yaml";
  write_file(profile, kProfile);
  const Outcome outcome = run_npusim(beside(profile, {"--corunner-load", "0,30,100", "--format", "csv"}));
  REQUIRE(outcome.exit_code == 0);
  std::istringstream lines(outcome.out);
  std::string line;
  std::getline(lines, line);
  CHECK(line == "load_percent,asked_gb_s,achieved_gb_s,cycles,latency_ms,slowdown,row_hit_rate");
  std::getline(lines, line);
  CHECK(line.rfind("0,0.000000,0.000000,", 0) == 0);
  CHECK(contains(line, ",1.000000,"));
  std::getline(lines, line);
  CHECK(line.rfind("30,1.920000,", 0) == 0);
  std::getline(lines, line);
  CHECK(line.rfind("100,6.400000,", 0) == 0);
  CHECK(!std::getline(lines, line));
  // The same once more, and as JSON.
  CHECK(run_npusim(beside(profile, {"--corunner-load", "0,30,100", "--format", "csv"})).out == outcome.out);
  const Outcome as_json = run_npusim(beside(profile, {"--corunner-load", "100", "--format", "json"}));
  const auto json = nlohmann::json::parse(as_json.out);
  CHECK(json["schema"] == "npusim.load/1");
  CHECK(json["points"].size() == 1);
  CHECK(json["points"][0]["slowdown"].get<double>() > 1);
}

TEST_CASE("run --dram-trace writes what another run's co-runner replays") {
  const TempFolder folder;
  const std::string trace = folder / "squeezenet.csv";
  const Outcome alone =
      run_npusim({"run", "--hw", "ascend310", "squeezenet1_1", "--dram-trace", trace, "--format", "json"});
  REQUIRE(alone.exit_code == 0);
  const auto json = nlohmann::json::parse(alone.out);
  std::istringstream lines(read_file(trace));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "cycle,address,bytes,direction");
  std::int64_t bytes = 0;
  while (std::getline(lines, line)) {
    const auto second = line.find(',', line.find(',') + 1);
    bytes += std::stoll(line.substr(second + 1));
  }
  CHECK(bytes ==
        json["dram"]["read_bytes"].get<std::int64_t>() + json["dram"]["write_bytes"].get<std::int64_t>());
  write_file(folder / "twin.yaml",
             "name: twin\nkind: trace\nburst_bytes: 256\noutstanding: 64\n"
             "trace: squeezenet.csv\n");
  const Outcome both = run_npusim(beside(folder / "twin.yaml", {"--format", "json"}));
  INFO(both.err);
  REQUIRE(both.exit_code == 0);
  const auto twin = nlohmann::json::parse(both.out);
  CHECK(twin["alone_cycles"] == json["total_cycles"]);
  CHECK(twin["total_cycles"].get<std::int64_t>() >= json["total_cycles"].get<std::int64_t>());
  CHECK(twin["corunners"][0]["read_bytes"].get<std::int64_t>() >
        json["dram"]["read_bytes"].get<std::int64_t>() / 2);
}

TEST_CASE("run refuses faulty co-runners, loads and memories") {
  const TempFolder folder;
  const std::string profile = folder / "cpu.yaml";
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& part) {
    const Outcome outcome = run_npusim(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.err, part));
  };
  refused(beside(folder / "none.yaml", {}), "none.yaml");
  write_file(profile, std::string(kProfile) + "raed_percent: 3\n");
  refused(beside(profile, {}), "cpu.yaml:10");
  write_file(profile, kProfile);
  refused(beside(profile, {"--corunner-load", "0,x"}), "expected percentages from 0 to 1000");
  refused(beside(profile, {"--corunner-load", "1001"}), "expected percentages from 0 to 1000");
  refused(beside(profile, {"--corunner-load", "50", "--trace", folder / "t.json"}),
          "--trace: expected one run");
  refused({"run", "--hw", "ascend310", "squeezenet1_1", "--corunner-load", "50"},
          "expected a --corunner, too");
  refused({"run", "--hw", "ascend310", "squeezenet1_1", "--tlm-memory", folder / "none.so"},
          "cannot be loaded");
  write_file(profile,
             "name: far\nkind: constant\nburst_bytes: 64\noutstanding: 8\nbase_mib: 1000000\n"
             "size_mib: 1\nread_percent: 100\nrate_gb_s: 1\n");
  refused(beside(profile, {"--set", "dram.policy=fr-fcfs"}),
          "co-runner 'far': expected a range within the memory");
  write_file(profile,
             "name: big\nkind: constant\nburst_bytes: 512\noutstanding: 8\nbase_mib: 0\n"
             "size_mib: 1\nread_percent: 100\nrate_gb_s: 1\n");
  refused(beside(profile, {}), "'big': expected request_bytes of at most the channels' interleave_bytes");
}
