// What `run` and `compile` tell, as programs read it.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hw_models/api/npu.h"
#include "sim/program/program.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/zoo.h"

using namespace npusim::test;
using Json = nlohmann::json;

namespace {

/// Standard output of a run that must succeed silently.
std::string output_of(const std::vector<std::string>& arguments) {
  const Outcome outcome = run_npusim(arguments);
  INFO("standard error: " << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

Json report_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"run", "--hw", "ascend310", "--format", "json"});
  return Json::parse(output_of(arguments));
}

std::int64_t stall_sum(const Json& stalls) {
  std::int64_t sum = 0;
  for (const auto& cycles : stalls) sum += cycles.get<std::int64_t>();
  return sum;
}

/// The report without what differs between two runs.
Json without_wall_time(Json report) {
  report["simulation"].erase("wall_s");
  report["simulation"].erase("compile_s");
  return report;
}

}  // namespace

TEST_CASE("the JSON report has the contract's fields, with its types and units") {
  const Json report = report_of({"resnet18"});
  CHECK(report.at("schema") == "npusim.report/1");
  CHECK(report.at("network") == "resnet18");
  CHECK(report.at("batch") == 1);
  CHECK(report.at("dtype") == "fp16");
  CHECK(report.at("clock_mhz") == 680);
  CHECK(report.contains("hw"));
  const auto cycles = report.at("total_cycles").get<std::int64_t>();
  CHECK(cycles > 0);
  CHECK(std::abs(report.at("latency_ms").get<double>() * 680e3 - static_cast<double>(cycles)) < 1);
  CHECK(report.at("macs") == npusim::ir::macs(npusim::zoo::build("resnet18", 1)).count());
  const auto utilization = report.at("mac_utilization").get<double>();
  CHECK(utilization > 0);
  CHECK(utilization < 1);
  for (const auto* field : {"read_bytes", "write_bytes", "row_hit_rate"})
    CHECK(report.at("dram").at(field).is_number());
  for (const auto* field : {"wall_s", "events"}) CHECK(report.at("simulation").at(field).is_number());
}

TEST_CASE("in the JSON report layers follow one another from cycle 0 to the total, and their MACs add up") {
  const Json report = report_of({"resnet18", "--batch", "2"});
  CHECK(report.at("batch") == 2);
  std::int64_t end = 0;
  std::int64_t macs = 0;
  for (const auto& layer : report.at("layers")) {
    INFO("layer " << layer.at("name"));
    CHECK(layer.at("start_cycle") == end);
    end = layer.at("end_cycle").get<std::int64_t>();
    CHECK(layer.at("cycles") == end - layer.at("start_cycle").get<std::int64_t>());
    CHECK(layer.at("op").is_string());
    CHECK(layer.at("engine").is_string());
    CHECK(stall_sum(layer.at("stalls")) <= layer.at("cycles").get<std::int64_t>());
    macs += layer.at("macs").get<std::int64_t>();
  }
  CHECK(end == report.at("total_cycles").get<std::int64_t>());
  CHECK(macs == report.at("macs").get<std::int64_t>());
}

TEST_CASE("in the JSON report every engine's busy and stall cycles add up to the total, exactly") {
  const Json report = report_of({"mobilenet_v2"});
  CHECK(report.at("engines").size() > 2);
  for (const auto& engine : report.at("engines")) {
    INFO("engine " << engine.at("name"));
    CHECK(engine.at("busy_cycles").get<std::int64_t>() + stall_sum(engine.at("stalls")) ==
          report.at("total_cycles").get<std::int64_t>());
  }
}

TEST_CASE("two runs give the same JSON but for the wall time, and so does the other kernel but for events") {
  const Json first = without_wall_time(report_of({"squeezenet1_1"}));
  CHECK(first == without_wall_time(report_of({"squeezenet1_1"})));
  Json slow = without_wall_time(report_of({"squeezenet1_1", "--kernel", "systemc"}));
  CHECK(slow.at("layers") == first.at("layers"));
  CHECK(slow.at("engines") == first.at("engines"));
  CHECK(slow.at("dram") == first.at("dram"));
}

TEST_CASE("an exported network runs as its generator does") {
  const TempFolder folder;
  const std::string file = folder / "squeezenet1_1.onnx";
  output_of({"nets", "export", "squeezenet1_1", file});
  const Json built = report_of({"squeezenet1_1", "--batch", "4"});
  const Json imported = report_of({file, "--batch", "4"});
  CHECK(imported.at("total_cycles") == built.at("total_cycles"));
  CHECK(imported.at("macs") == built.at("macs"));
}

TEST_CASE(
    "--set changes the hardware: half the clock doubles a cycle's time, and the report's hash differs") {
  const Json normal = report_of({"squeezenet1_1"});
  const Json slow = report_of({"--set", "clock_mhz=340", "--set", "launch.task_us=0", "squeezenet1_1"});
  CHECK(slow.at("clock_mhz") == 340);
  CHECK(slow.at("hw_hash") != normal.at("hw_hash"));
}

TEST_CASE("int8 takes fewer cycles than fp16") {
  CHECK(report_of({"resnet18", "--dtype", "int8"}).at("total_cycles").get<std::int64_t>() <
        report_of({"resnet18"}).at("total_cycles").get<std::int64_t>());
}

TEST_CASE("--check passes on a program of ours, and -o writes what standard output would have shown") {
  const TempFolder folder;
  const std::string file = folder / "report.csv";
  CHECK(output_of({"run", "--hw", "ascend310", "squeezenet1_1", "--check", "--format", "csv", "-o", file})
            .empty());
  CHECK(read_file(file) == output_of({"run", "--hw", "ascend310", "squeezenet1_1", "--format", "csv"}));
}

TEST_CASE("the CSV has a row a layer, as many cells in each as in the heading") {
  std::istringstream lines(output_of({"run", "--hw", "ascend310", "squeezenet1_1", "--format", "csv"}));
  std::string heading;
  std::getline(lines, heading);
  CHECK(heading.rfind("name,op,engine,start_cycle,end_cycle,cycles,macs", 0) == 0);
  const auto commas = std::count(heading.begin(), heading.end(), ',');
  std::size_t rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    CHECK(std::count(line.begin(), line.end(), ',') == commas);
  }
  CHECK(rows == report_of({"squeezenet1_1"}).at("layers").size());
}

TEST_CASE("without --format a summary of at most 80 columns tells the cycles, five layers and an advice") {
  const std::string text = output_of({"run", "--hw", "ascend310", "squeezenet1_1"});
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    INFO(line);
    CHECK(line.size() <= 80);
  }
  CHECK(count < 30);
  CHECK(contains(text, "\nadvice "));
  const Json report = report_of({"squeezenet1_1"});
  for (const Json& note : report.at("notes")) CHECK(contains(text, note.get<std::string>().substr(0, 20)));
}

TEST_CASE("the text report tells the total, names every engine and stays within 100 columns") {
  const std::string text = output_of({"run", "--hw", "ascend310", "squeezenet1_1", "--format", "text"});
  const Json report = report_of({"squeezenet1_1"});
  for (const auto& engine : report.at("engines")) CHECK(contains(text, engine.at("name").get<std::string>()));
  CHECK(contains(text, "squeezenet1_1"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 100);
  }
}

TEST_CASE("--trace writes trace events that parse, with a track for each engine and none past the end") {
  const TempFolder folder;
  const std::string file = folder / "trace.json";
  output_of({"run", "--hw", "ascend310", "squeezenet1_1", "--trace", file});
  const Json trace = Json::parse(read_file(file));
  const double latency_us = report_of({"squeezenet1_1"}).at("latency_ms").get<double>() * 1000;
  std::map<std::string, int> slices;
  for (const auto& event : trace.at("traceEvents")) {
    ++slices[event.at("ph").get<std::string>()];
    if (event.at("ph") == "X") {
      CHECK(event.at("ts").get<double>() + event.at("dur").get<double>() <= latency_us * (1 + 1e-9));
    }
  }
  CHECK(slices["M"] > 0);
  CHECK(slices["X"] > 100);
}

TEST_CASE("compile --dump program prints what parses back to the same program, and is sound") {
  const std::string text = output_of({"compile", "--hw", "ascend310", "squeezenet1_1", "--dump", "program"});
  const auto npu = npusim::hw::make_npu(npusim::hw::describe("ascend310"));
  const auto program = npusim::program::parse(text, npu->target(), "dump");
  npusim::program::verify(program);
  std::istringstream lines(text);
  std::string without_comments;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(' ') != line.find('#')) without_comments += line + "\n";
  }
  CHECK(npusim::program::print(program) == without_comments);
}

TEST_CASE("compile --dump graph prints every operator after the passes") {
  const std::string text = output_of({"compile", "--hw", "ascend310", "resnet18", "--dump", "graph"});
  CHECK(contains(text, "conv"));
  CHECK(contains(text, "1x64x56x56"));
  CHECK_FALSE(contains(text, "BatchNormalization "));
}

TEST_CASE("with dram.policy=fr-fcfs the report shows who waited for whom, equal in both kernels") {
  const std::vector<std::string> exact = {"squeezenet1_1", "--set", "dram.policy=fr-fcfs"};
  const Json fast = without_wall_time(report_of(exact));
  const Json& waits = fast.at("dram").at("waits");
  CHECK(waits.at("clock_mhz") == 1600);
  REQUIRE(waits.at("ports").size() == 4);
  std::int64_t behind_others = 0;
  std::int64_t served = 0;
  for (const Json& port : waits.at("ports")) {
    served += port.at("service_clocks").get<std::int64_t>();
    CHECK(port.at("others_clocks").count(port.at("port").get<std::string>()) == 0);
    for (const auto& other : port.at("others_clocks").items())
      behind_others += other.value().get<std::int64_t>();
  }
  CHECK(behind_others > 1000);
  CHECK(served > 1000);
  std::vector<std::string> slow = exact;
  slow.insert(slow.end(), {"--kernel", "systemc"});
  const Json stepped = without_wall_time(report_of(slow));
  CHECK(stepped.at("dram") == fast.at("dram"));
  CHECK(stepped.at("total_cycles") == fast.at("total_cycles"));
  CHECK(report_of({"squeezenet1_1"}).at("dram").count("waits") == 0);
}
