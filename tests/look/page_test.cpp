// Pages without a browser: what goes into them. run_page_test.py looks at them with one.
#include "sim/look/page.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "hw_models/api/insight.h"
#include "sim/trace/summary.h"
#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

namespace {

struct Run {
  trace::Report report;
  trace::ProgramView view;
  std::size_t commands = 0;
};

Run run(const std::string& chip, const std::string& network) {
  Run result;
  hw::Evaluator evaluator(hw::describe(chip), kernel::KernelKind::run_ahead);
  hw::EvaluateOptions options;
  options.dtype = evaluator.npu().dtypes().front();
  options.spans = true;
  options.inspect = [&](const hw::Compiled& compiled) {
    result.view = trace::view_of(compiled.program, 10);
    result.commands = compiled.program.commands.size();
  };
  result.report = evaluator.evaluate(zoo::build(network), options);
  return result;
}

/// The text between an element's tags.
std::string element(const std::string& html, const std::string& open) {
  const std::size_t from = html.find(open);
  REQUIRE(from != std::string::npos);
  return html.substr(from + open.size(), html.find("</script>", from) - from - open.size());
}

}  // namespace

TEST_CASE("base64 pads as RFC 4648 section 10 shows") {
  CHECK(look::base64("").empty());
  CHECK(look::base64("f") == "Zg==");
  CHECK(look::base64("fo") == "Zm8=");
  CHECK(look::base64("foo") == "Zm9v");
  CHECK(look::base64("foob") == "Zm9vYg==");
  CHECK(look::base64("fooba") == "Zm9vYmE=");
  CHECK(look::base64("foobar") == "Zm9vYmFy");
  CHECK(look::base64("\xff\xfe") == "//4=");
}

TEST_CASE("a name that closes a script stays text") {
  const nlohmann::json data = {{"name", "</script><script>alert(1)</script>"}};
  const std::string html = look::page("<b>", data.dump(), {});
  CHECK(html.find("<title>&lt;b&gt;</title>") != std::string::npos);
  CHECK(html.find("alert(1)</script>") == std::string::npos);
  CHECK(nlohmann::json::parse(element(html, "id=\"data\">")) == data);
}

TEST_CASE("a program's view has what moves, who waits, what is where, and the text's beginning") {
  const Run one = run("ascend310", "resnet8");
  const trace::ProgramView& view = one.view;
  REQUIRE(view.moved.size() == one.commands);
  REQUIRE(view.first_command.size() == one.report.layers.size());
  const std::int64_t moved = std::accumulate(view.moved.begin(), view.moved.end(), std::int64_t{0});
  CHECK(moved == one.report.dram_read_bytes + one.report.dram_write_bytes + one.report.sram_read_bytes +
                     one.report.sram_write_bytes);
  CHECK_FALSE(view.dependences.empty());
  for (const auto& [setter, waiter] : view.dependences) {
    CHECK(setter < waiter);
  }
  for (const trace::SpaceUse& space : view.spaces) {
    REQUIRE(space.used.size() == one.report.layers.size());
    if (space.bytes > 0) CHECK(*std::max_element(space.used.begin(), space.used.end()) <= space.bytes);
  }
  for (std::size_t t = 0; t < view.text.size(); ++t) {
    CHECK(view.text[t].rfind("task ", 0) == 0);
    CHECK(std::count(view.text[t].begin(), view.text[t].end(), '\n') <= 11);
  }
}

TEST_CASE("what would help names its keys, and a row that cannot be built its reason") {
  const auto graph = zoo::build("resnet8");
  const auto rows = hw::what_ifs(hw::describe("ascend310"), graph, ir::DType::f16);
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].label == "double DRAM bandwidth");
  CHECK(rows[0].change == "dram.channels: 8 to 16");
  CHECK(rows.back().change == "launch.host_us: 100.0 to 0, launch.task_us: 10.0 to 0");
  for (const auto& row : rows) CHECK((row.cycles > 0) == row.failure.empty());
  // 64 lanes on 16 CIMs: 32 divide them, too.
  const auto midap = hw::what_ifs(hw::describe("midap"), graph, ir::DType::i8);
  CHECK(midap.front().change == "dma.bytes_per_cycle: 25 to 50");
}

TEST_CASE("ceilings are those of the description") {
  const auto description = hw::describe("ascend310");
  const auto found = hw::ceilings(*hw::make_npu(description), description);
  REQUIRE(found.size() == 2);
  // 128 bits at 3200 MT/s are 51.2 GB/s, at 680 MHz 75.3 B a cycle.
  CHECK(found[0].bytes_per_cycle == Approx(51.2e9 / 680e6));
  CHECK(found[1].bytes_per_cycle == Approx(256));
}

TEST_CASE("the summary fits 80 columns and names the longest layer first") {
  for (const char* chip : {"ascend310", "midap", "edgetpu-coral-usb", "vpu-meteorlake"}) {
    const Run one = run(chip, "mobilenet_v2");
    const std::string text = trace::to_summary(one.report);
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = text.find('\n', at);
      CHECK(end - at <= 80);
      at = end + 1;
    }
    const auto longest =
        std::max_element(one.report.layers.begin(), one.report.layers.end(),
                         [](const auto& a, const auto& b) { return a.cycles() < b.cycles(); });
    const std::size_t table = text.find("longest layers");
    REQUIRE(table != std::string::npos);
    const std::size_t known = std::min<std::size_t>(longest->name.size(), 8);
    CHECK(text.compare(text.find('\n', table) + 1, known, longest->name, 0, known) == 0);
    CHECK(text.find(trace::bound_of(*longest)) != std::string::npos);
  }
}

TEST_CASE(
    "the trace's arrows pair up, begin and end inside slices, and go forward; counters end at nothing") {
  for (const char* chip : {"ascend310", "edgetpu-coral-usb", "vpu-meteorlake"}) {
    INFO(chip);
    const Run one = run(chip, "resnet8");
    const auto trace = nlohmann::json::parse(trace::to_chrome_trace(one.report, one.view));
    std::map<int, std::vector<std::pair<double, double>>> slices;  // by track
    std::map<int, std::pair<int, int>> ends;                       // by flow: how many begin, end
    std::map<int, std::pair<double, double>> times;                // by flow
    std::map<std::string, double> counters;                        // the last value
    const auto inside = [&slices](const nlohmann::json& event) {
      const auto& track = slices.at(event.at("tid").get<int>());
      const double at = event.at("ts");
      return std::any_of(track.begin(), track.end(),
                         [at](const auto& slice) { return slice.first <= at && at < slice.second; });
    };
    for (const auto& event : trace.at("traceEvents")) {
      const std::string phase = event.at("ph");
      if (phase == "X" && event.at("cat") == "command") {
        const double at = event.at("ts");
        slices[event.at("tid").get<int>()].emplace_back(at, at + event.at("dur").get<double>());
      } else if (phase == "s" || phase == "f") {
        const int id = event.at("id");
        CHECK(inside(event));
        ++(phase == "s" ? ends[id].first : ends[id].second);
        (phase == "s" ? times[id].first : times[id].second) = event.at("ts");
        if (phase == "f") CHECK(event.at("bp") == "e");
      } else if (phase == "C") {
        REQUIRE(event.at("args").size() == 1);
        counters[event.at("name")] = event.at("args").begin().value();
      }
    }
    CHECK(ends.size() > 5);
    for (const auto& [id, count] : ends) {
      CHECK(count == std::pair(1, 1));
      CHECK(times[id].first < times[id].second);
    }
    CHECK(counters.count("all move") == 1);
    CHECK(counters.size() > 3);
    for (const auto& [name, last] : counters) CHECK(last == 0);
  }
}

TEST_CASE("the trace's bandwidth counter, summed over the run, is all bytes moved") {
  const Run one = run("ascend310", "resnet8");
  const auto trace = nlohmann::json::parse(trace::to_chrome_trace(one.report, one.view));
  double bytes = 0;
  double before = 0;
  double rate = 0;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "C" || event.at("name") != "all move") continue;
    const double at = event.at("ts");
    bytes += rate * 1e9 * (at - before) / 1e6;
    before = at;
    rate = event.at("args").at("GB/s");
  }
  CHECK(bytes == Approx(static_cast<double>(
                            std::accumulate(one.view.moved.begin(), one.view.moved.end(), std::int64_t{0})))
                     .epsilon(1e-4));
}
