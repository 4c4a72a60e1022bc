// Reports: sums, ratios, and the four written forms.
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/base/error.h"
#include "sim/trace/summary.h"
#include "tests/catch.h"
#include "tests/golden.h"
#include "tests/trace/sample.h"

using namespace npusim;
using namespace npusim::trace;
using npusim::trace::test::sample;

namespace {

using Json = nlohmann::json;

std::int64_t sum(const Json& stalls) {
  std::int64_t total = 0;
  for (const auto& [reason, cycles] : stalls.items()) total += cycles.get<std::int64_t>();
  return total;
}

std::size_t columns(const std::string& line) {
  std::size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

/// The message of the InternalError that check_sums throws after `change`; "" when it throws none.
template <class Change>
std::string fault(Change change) {
  Report report = sample();
  change(report);
  try {
    check_sums(report);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("stall reasons have the names of the JSON schema") {
  CHECK(to_string(Stall::dependency) == "dependency");
  CHECK(to_string(Stall::dram) == "dram");
  CHECK(to_string(Stall::bank_conflict) == "bank_conflict");
  CHECK(to_string(Stall::queue_full) == "queue_full");
  CHECK(to_string(Stall::launch) == "launch");
  CHECK(to_string(Stall::idle) == "idle");
}

TEST_CASE("stall cycles add by reason: 3 + 4 of dram and 5 of idle are 12") {
  StallCycles a;
  StallCycles b;
  a[Stall::dram] = 3;
  b[Stall::dram] = 4;
  b[Stall::idle] = 5;
  a += b;
  CHECK(a[Stall::dram] == 7);
  CHECK(a.total() == 12);
}

TEST_CASE("1,000 cycles at 500 MHz are 0.002 ms, and 6,000 MACs of 16 a cycle are 37.5 % of the peak") {
  CHECK(sample().latency_ms() == 0.002);
  CHECK(sample().mac_utilization() == 0.375);
  CHECK(Report{}.latency_ms() == 0);
  CHECK(Report{}.mac_utilization() == 0);
}

TEST_CASE("a report whose parts add up passes, and one cycle, MAC or byte too many is named") {
  CHECK(fault([](Report&) {}).empty());
  CHECK(fault([](Report& r) { r.engines[0].busy_cycles += 1; }) ==
        "report: engine 'core0.cube': 351 busy + 650 stalled cycles, expected 1000 in all");
  CHECK(fault([](Report& r) {
          r.engines[0].busy_cycles += 1;
          r.engines[0].stalls[Stall::idle] -= 1;
        }) == "report: engine 'core0.cube': the layers' busy cycles add up to 350, expected 351");
  CHECK(fault([](Report& r) {
          r.engines[1].stalls[Stall::dram] += 1;
          r.engines[1].stalls[Stall::idle] -= 1;
        }) == "report: engine 'core0.mte2': the layers' dram stalls add up to 500, expected 501");
  CHECK(fault([](Report& r) { r.engines[1].commands = 4; }) ==
        "report: engine 'core0.mte2': the layers' commands add up to 3, expected 4");
  CHECK(fault([](Report& r) { r.layers[1].start_cycle = 601; }) ==
        "report: layer 'pool' runs from 601 to 1000, expected to start at 600");
  CHECK(fault([](Report& r) { r.layers[1].end_cycle = 1001; }) ==
        "report: layer 'pool': 140 busy + 260 stalled cycles, expected 401 in all");
  CHECK(fault([](Report& r) { r.total_cycles = 1001; }) ==
        "report: the layers' cycles add up to 1000, expected 1001");
  CHECK(fault([](Report& r) {
          r.layers[1].stalls[Stall::dram] -= 1, r.layers[1].stalls[Stall::idle] += 1;
        }) == "report: layer 'pool', engine 'core0.mte2' differs from the layer's own busy and stall cycles");
  CHECK(fault([](Report& r) { r.layers[1].engines[0].busy_cycles = 1; }) ==
        "report: layer 'pool', engine 'core0.cube': 1 busy + 400 stalled cycles, expected 400 in all");
  CHECK(fault([](Report& r) { r.macs = 5999; }) == "report: the layers' MACs add up to 6000, expected 5999");
  CHECK(fault([](Report& r) { r.dram_read_bytes = 1; }) ==
        "report: the layers' DRAM bytes read add up to 3000, expected 1");
  CHECK(fault([](Report& r) {
          r.layers[1].engines[0].stalls[Stall::idle] = 341;
          r.layers[1].engines[0].stalls[Stall::launch] = 60;
          r.layers[1].engines[0].stalls[Stall::dram] = -1;
        }) ==
        "report: layer 'pool', engine 'core0.cube': 0 busy + 400 stalled cycles, expected none negative");
}

TEST_CASE("joined layers may trade cycles, but an engine's add up to their segment's") {
  constexpr std::size_t kMte2 = 1;
  const auto overlap = [](Report& r) {
    r.layers[1].joined = true;
    // 50 cycles that mte2 waited within the first layer's time belong to the second.
    r.layers[0].engines[kMte2].stalls[Stall::dram] -= 50;
    r.layers[1].engines[kMte2].stalls[Stall::dram] += 50;
    r.layers[1].stalls = r.layers[1].engines[kMte2].stalls;
  };
  const std::string both =
      "report: layers '/stem/a rather long name of a convolution, exported/with/its/scope/Conv' to 'pool', ";
  CHECK(fault(overlap).empty());
  CHECK(fault([&](Report& r) {
          overlap(r);
          r.layers[0].engines[kMte2].stalls[Stall::dram] += 50;
          r.layers[1].joined = false;
        }) == "report: layer 'pool': 140 busy + 310 stalled cycles, expected 400 in all");
  CHECK(fault([&](Report& r) {
          overlap(r);
          r.layers[1].engines[0].stalls[Stall::dram] += 1;
        }) == both + "engine 'core0.cube': 350 busy + 651 stalled cycles, expected 1000 in all");
  CHECK(fault([&](Report& r) {
          overlap(r);
          r.layers[1].engines[0].stalls[Stall::dram] = -1;
        }) ==
        "report: layer 'pool', engine 'core0.cube': 0 busy + 399 stalled cycles, expected none negative");
  Report joined = sample();
  overlap(joined);
  const Json layers = Json::parse(to_json(joined)).at("layers");
  CHECK(!layers.at(0).contains("joined"));
  CHECK((layers.at(1).at("joined") == true));
}

TEST_CASE("the JSON has the contract's top-level fields") {
  const Json json = Json::parse(to_json(sample()));
  CHECK((json.at("schema") == "npusim.report/1"));
  CHECK((json.at("hw") == "toy"));
  CHECK((json.at("hw_hash") == "0123456789abcdef"));
  CHECK((json.at("network") == "two_layers"));
  CHECK((json.at("batch") == 2));
  CHECK((json.at("dtype") == "fp16"));
  CHECK((json.at("clock_mhz") == 500.0));
  CHECK((json.at("total_cycles") == 1000));
  CHECK((json.at("latency_ms") == 0.002));
  CHECK((json.at("macs") == 6000));
  CHECK((json.at("mac_utilization") == 0.375));
  CHECK((json.at("dram").at("read_bytes") == 3000));
  CHECK((json.at("dram").at("write_bytes") == 500));
  CHECK((json.at("dram").at("row_hit_rate") == 0.75));
  CHECK(json.at("layers").size() == 2);
  CHECK(json.at("engines").size() == 2);
  CHECK((json.at("coverage").at("host") == 1));
  CHECK(json.at("notes").size() == 2);
  CHECK((json.at("hardware") == "cube.m: 16\n"));
  CHECK((json.at("simulation").at("wall_s") == 0.002));
  CHECK((json.at("simulation").at("compile_s") == 0.0005));
  CHECK((json.at("simulation").at("events") == 42));
  CHECK((json.at("simulation").at("commands") == 6));
  CHECK((json.at("simulation").at("bursts") == 55));
}

TEST_CASE(
    "in the JSON busy plus stalls is the total for each engine, and the layer's cycles for each layer") {
  const Json json = Json::parse(to_json(sample()));
  for (const Json& engine : json.at("engines")) {
    CHECK(engine.at("busy_cycles").get<std::int64_t>() + sum(engine.at("stalls")) == 1000);
    CHECK(engine.at("stalls").size() == 6);
  }
  std::int64_t cycles = 0;
  std::int64_t macs = 0;
  for (const Json& layer : json.at("layers")) {
    CHECK((layer.at("start_cycle") == cycles));
    cycles += layer.at("cycles").get<std::int64_t>();
    CHECK((layer.at("end_cycle") == cycles));
    macs += layer.at("macs").get<std::int64_t>();
    CHECK(layer.at("busy_cycles").get<std::int64_t>() + sum(layer.at("stalls")) == layer.at("cycles"));
    for (const Json& engine : layer.at("engines")) {
      CHECK(engine.at("busy_cycles").get<std::int64_t>() + sum(engine.at("stalls")) == layer.at("cycles"));
    }
  }
  CHECK(cycles == 1000);
  CHECK(macs == 6000);
}

TEST_CASE("without wall time two runs of different speed give the same JSON") {
  Report slow = sample();
  slow.wall_s = 9;
  slow.compile_s = 8;
  CHECK(to_json(slow, false) == to_json(sample(), false));
  CHECK(to_json(slow, true) != to_json(sample(), true));
  CHECK(!Json::parse(to_json(slow, false)).at("simulation").contains("wall_s"));
}

TEST_CASE("a name that is not UTF-8 does not break the JSON or the trace") {
  Report report = sample();
  report.layers[0].name = "bad \xFF byte";
  CHECK(Json::parse(to_json(report)).at("layers").size() == 2);
  CHECK(Json::parse(to_chrome_trace(report)).contains("traceEvents"));
}

TEST_CASE("the CSV has a header and one row a layer, and quotes a name with a comma") {
  std::istringstream csv(to_csv(sample()));
  std::string line;
  std::getline(csv, line);
  CHECK(line ==
        "name,op,engine,start_cycle,end_cycle,cycles,macs,busy,dependency,dram,bank_conflict,queue_full,"
        "launch,idle,"
        "dram_read_bytes,dram_write_bytes,sram_read_bytes,sram_write_bytes");
  std::getline(csv, line);
  CHECK(line ==
        "\"/stem/a rather long name of a convolution, "
        "exported/with/its/scope/Conv\",conv,core0.cube,0,600,600,6000,"
        "350,100,50,0,0,60,40,2500,0,0,0");
  std::getline(csv, line);
  CHECK(line == "pool,reduce,core0.mte2,600,1000,400,0,140,0,200,0,0,60,0,500,500,64,0");
  CHECK(!std::getline(csv, line));
}

TEST_CASE("the text for people is as approved") {
  INFO(to_text(sample()));
  CHECK(npusim::test::matches_golden(to_text(sample()), "tests/trace/golden/report.txt"));
}

TEST_CASE("no line of the text is longer than 100 columns, whatever the names, numbers and notes") {
  Report report = sample();
  report.network = std::string(300, 'n');
  report.total_cycles = 123456789012345;
  report.macs = 987654321098765;
  report.dram_read_bytes = 987654321098765;
  report.notes.emplace_back(500, 'x');
  report.engines[0].name = "a_rather_long_engine_name_of_a_chip_with_many_cores.core12.vector";
  report.engines[0].commands = 123456789012;
  report.engines[0].stalls[Stall::bank_conflict] = 123456789012345;
  report.layers[0].name = "\xC3\xA9t\xC3\xA9/" + std::string(200, 'q');
  report.layers[0].op = "a_rather_long_operator";
  report.layers[0].engine = report.engines[0].name;
  report.layers[0].end_cycle = 123456789012345;
  report.layers[0].stalls[Stall::bank_conflict] = 123456789012345;
  std::istringstream text(to_text(report));
  std::string line;
  int lines = 0;
  while (std::getline(text, line)) {
    INFO(line);
    CHECK(columns(line) <= 100);
    ++lines;
  }
  CHECK(lines > 15);
}

TEST_CASE("the text of an empty report does not divide by zero") {
  const std::string text = to_text(Report{});
  CHECK(text.find("nan") == std::string::npos);
  CHECK(text.find("inf,") == std::string::npos);
}

TEST_CASE("a layer that waits for other engines names what its mapper says holds them up, advice as well") {
  Report report = sample();
  LayerReport& first = report.layers.front();
  first.busy_cycles = 100;
  first.stalls = {};
  first.stalls[Stall::dependency] = 500;
  CHECK(bound_of(first) == "dependency");
  CHECK(advice(report).find("in layers that the") == std::string::npos);
  first.mapping = "link-bound; stays narrow";
  CHECK(bound_of(first) == "waits for link");
  CHECK(advice(report).find("'dependency' (100.0 % of it in layers that the link bounds): ") !=
        std::string::npos);
  first.busy_cycles = 500;
  CHECK(bound_of(first) == first.engine);
}
