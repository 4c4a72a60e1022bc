// The Chrome trace: tracks, slices and their times.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/trace/sample.h"

using namespace npusim;
using namespace npusim::trace;
using npusim::trace::test::sample;
using Json = nlohmann::json;

TEST_CASE("the trace names a track for the layers and one for each engine") {
  const Json trace = Json::parse(to_chrome_trace(sample()));
  std::map<int, std::string> tracks;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M" && event.at("name") == "thread_name") {
      tracks[event.at("tid").get<int>()] = event.at("args").at("name").get<std::string>();
    }
  }
  CHECK(tracks == std::map<int, std::string>{{0, "layers"}, {1, "core0.cube"}, {2, "core0.mte2"}});
}

TEST_CASE(
    "at 500 MHz the multiplication from cycle 200 to 550 is a slice at 0.4 us of 0.7 us after its stall") {
  const Json trace = Json::parse(to_chrome_trace(sample()));
  int found = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X" || event.at("tid") != 1) continue;
    ++found;
    if (event.at("cat") == "stall") {
      CHECK((event.at("name") == "dependency"));
      CHECK((event.at("ts") == 0.12));
      CHECK((event.at("dur") == 0.28));
    } else {
      CHECK((event.at("name") == "mmad"));
      CHECK((event.at("ts") == 0.4));
      CHECK((event.at("dur") == 0.7));
      CHECK((event.at("args").at("cycles") == 350));
    }
  }
  CHECK(found == 2);
}

TEST_CASE(
    "every slice is a complete event, and slices of a track do not overlap at a clock that divides nothing") {
  Report report = sample();
  report.clock_mhz = 333.333;
  std::int64_t at = 0;
  report.spans.clear();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const std::int64_t start = at + i % 3;
    const std::int64_t end = start + 1 + i % 7;
    report.spans.push_back({0, 0, i, start, end, Stall::dram, at});
    at = end;
  }
  const Json trace = Json::parse(to_chrome_trace(report));
  std::int64_t last = 0;  // picoseconds
  int slices = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X" || event.at("tid") != 1) continue;
    ++slices;
    const std::int64_t ts = std::llround(event.at("ts").get<double>() * 1e6);
    const std::int64_t dur = std::llround(event.at("dur").get<double>() * 1e6);
    CHECK(ts == last);
    CHECK(dur > 0);
    last = ts + dur;
  }
  CHECK(slices == 1000 + 666);
}

TEST_CASE("a command without a name is called by its number, and a trace without a clock is refused") {
  Report report = sample();
  report.span_names.clear();
  CHECK(to_chrome_trace(report).find("\"command 2\"") != std::string::npos);
  report.clock_mhz = 0;
  REQUIRE_THROWS_AS(to_chrome_trace(report), InternalError);
}
