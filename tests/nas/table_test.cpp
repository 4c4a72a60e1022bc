// Rows as tables: plans, columns, fronts and sensitivities.
#include "nas/sweep/table.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::sweep;

namespace {

SweepSpec spec(const std::vector<std::string>& chips, const std::vector<std::string>& sets) {
  SweepSpec spec;
  for (const auto& name : chips) spec.chips.push_back({name, hw::describe(name)});
  spec.networks.push_back({"resnet8", zoo::build("resnet8")});
  for (const auto& text : sets) spec.axes.push_back(parse_set(text));
  return spec;
}

/// Latency by (first axis, second axis), without simulating.
template <class Latency>
Plan computed(const std::vector<std::string>& sets, const Latency& latency) {
  Plan plan = make_plan(spec({"ascend310"}, sets));
  for (Row& row : plan.rows) {
    if (row.result.status == jobs::Status::invalid) continue;
    row.result.status = jobs::Status::ok;
    const auto value = [&](std::size_t axis) {
      return std::stod(plan.axes[axis].points[row.point[axis]][0]);
    };
    row.result.summary.latency_ms = latency(value(0), value(1));
  }
  return plan;
}

const Column& column(const std::vector<Column>& table, const std::string& name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Column& c) { return c.name == name; });
  REQUIRE(found != table.end());
  return *found;
}

std::string plan_error(const std::vector<std::string>& chips, const std::vector<std::string>& sets) {
  try {
    make_plan(spec(chips, sets));
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a grid of 2 x 3 gives 6 rows, the last axis changing fastest") {
  const Plan plan = make_plan(spec({"ascend310"}, {"cube.m=8,16", "dram.channels=2,4,8"}));
  REQUIRE(plan.rows.size() == 6);
  CHECK(plan.rows[1].point == std::vector<std::size_t>{0, 1});
  CHECK(plan.rows[3].point == std::vector<std::size_t>{1, 0});
  CHECK(plan.batch.jobs.size() == 6);
  CHECK(plan.invalid.empty());
}

TEST_CASE("combinations out of a chip's limits are listed with the reason and have no job") {
  const Plan plan = make_plan(spec({"ascend310"}, {"cube.m=16,0", "dram.channels=4,8"}));
  CHECK(plan.rows.size() == 4);
  CHECK(plan.batch.jobs.size() == 2);
  REQUIRE(plan.invalid.size() == 2);
  CHECK(plan.invalid[0].combination == "ascend310 cube.m=0 dram.channels=4");
  CHECK(plan.invalid[0].reason.find("cube.m") != std::string::npos);
  CHECK(plan.rows[2].result.status == jobs::Status::invalid);
}

TEST_CASE("a key that one of two chips has is varied on that one; a key of none is an error") {
  const Plan plan = make_plan(spec({"ascend310", "midap"}, {"cube.m=8,16", "clock_mhz=500,600,700"}));
  CHECK(plan.rows.size() == 2 * 3 + 3);
  CHECK(plan.rows[6].hw == "midap");
  CHECK(plan.rows[6].point[0] == kNoPoint);
  CHECK(column(columns(plan), "cube.m").cells[6].empty());
  CHECK(plan_error({"ascend310", "midap"}, {"cube.mm=8"}).find("did you mean 'cube.m'") != std::string::npos);
  CHECK(plan_error({"ascend310"}, {"cube.m=8", "cube.m=9"}).find("set twice") != std::string::npos);
  CHECK(plan_error({"ascend310"}, {"cube.m,cube.q=8"}).find("no key 'cube.q'") != std::string::npos);
}

TEST_CASE("latency in proportion to a / sqrt(b) has elasticities +1 and -0.5") {
  const Plan plan = computed({"cube.m=8,16", "dram.channels=1,2,4,8"},
                             [](double m, double channels) { return m / std::sqrt(channels); });
  const auto list = sensitivities(plan);
  REQUIRE(list.size() == 2);
  CHECK(list[0].elastic);
  CHECK(list[0].pairs == 4);
  CHECK(list[0].elasticity == Approx(1));
  CHECK(list[0].largest_change == Approx(1));
  CHECK(list[1].pairs == 6);
  CHECK(list[1].elasticity == Approx(-0.5));
  CHECK(list[1].lowest == Approx(-0.5));
  CHECK(list[1].highest == Approx(-0.5));
  CHECK(list[1].largest_change == Approx(std::sqrt(8.0) - 1));
  CHECK(sensitivity_text(plan).find("-0.500") != std::string::npos);
}

TEST_CASE("words have no elasticity, only a range") {
  Plan plan = make_plan(spec({"ascend310"}, {"dram.bank_xor=true,false"}));
  for (Row& row : plan.rows) {
    row.result.status = jobs::Status::ok;
    row.result.summary.latency_ms = row.point[0] == 0 ? 2 : 3;
  }
  const auto list = sensitivities(plan);
  REQUIRE(list.size() == 1);
  CHECK(!list[0].elastic);
  CHECK(list[0].largest_change == Approx(0.5));
}

TEST_CASE("the front has the rows that no other beats, equal ones included; '-' turns an objective round") {
  // Latency 8/m; the peak is m: all are on the front of both; with the peak maximised only the best is.
  const Plan plan = computed({"cube.m=4,8,16", "dram.channels=4,8"}, [](double m, double) { return 8 / m; });
  std::vector<Column> table = columns(plan);
  mark_pareto({"latency_ms", "cube.m"}, table);
  CHECK(column(table, "pareto").cells == std::vector<std::string>{"1", "1", "1", "1", "1", "1"});
  CHECK(table.back().name == "status");
  table = columns(plan);
  mark_pareto({"latency_ms", "-cube.m"}, table);
  CHECK(column(table, "pareto").cells == std::vector<std::string>{"0", "0", "0", "0", "1", "1"});
  table = columns(plan);
  CHECK_THROWS_AS(mark_pareto({"latency"}, table), UserError);
}

TEST_CASE("CSV quotes what holds commas and quotes; JSON keeps whole numbers whole and lacks as null") {
  Plan plan = computed({"cube.m=8,16", "dram.channels=4"}, [](double m, double) { return m; });
  plan.rows[1].result = {jobs::Status::invalid, "a, \"b\"\nc", {}};
  plan.rows[0].result.summary.cycles = 1234567;
  const std::string csv = to_csv(columns(plan));
  CHECK(csv.rfind("hw,network,cube.m,cycles,latency_ms,macs,utilisation,", 0) == 0);
  CHECK(csv.find("\nascend310,resnet8,8,1234567,8,") != std::string::npos);
  CHECK(csv.find(",\"invalid: a, \"\"b\"\"; c\"\n") != std::string::npos);
  const auto json = nlohmann::json::parse(to_json(columns(plan)));
  CHECK(json["schema"] == "npusim.sweep/1");
  CHECK(json["rows"][0]["cycles"] == 1234567);
  CHECK(json["rows"][0]["cycles"].is_number_integer());
  CHECK(json["rows"][1]["cycles"].is_null());
  CHECK(json["rows"][1]["cube.m"] == 16);
}
